//! Rules about a single frame: well-formed, checksums, addresses, TTL, ICMP errors.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use etherparse::{LaxNetSlice, LaxSlicedPacket};

use super::{PassiveViolation, View};
use crate::wire::{Mac, Packet, WirePlan, protocol};

/// Largest IP packet on Ethernet.
const MTU: usize = 1500;
/// Last ghost; the first is 0.
const LAST_GHOST: u8 = 127;

pub(super) fn check(view: &View<'_>, plan: &WirePlan) -> Vec<PassiveViolation> {
    // What is not well-formed has no more to say.
    if let Some(malformed) = well_formed(view) {
        return vec![malformed];
    }
    let mut broken = Vec::new();
    broken.extend(checksums(view));
    broken.extend(padding(view));
    broken.extend(addresses(view, plan));
    broken.extend(hop_limits(view));
    broken.extend(icmp_errors(view, plan));
    broken
}

/// RFC 791, RFC 8200, RFC 768: lengths agree with each other and with the frame.
fn well_formed(view: &View<'_>) -> Option<PassiveViolation> {
    let packet = &view.packet;
    let says = |observed: String| Some(view.breaks("malformed", "a well-formed packet", observed));
    let inside = packet.ether_payload().len();
    match packet.ether_type() {
        0x0800 if !packet.is_ipv4() => return says("no IPv4 header".into()),
        0x86dd if !packet.is_ipv6() => return says("no IPv6 header".into()),
        0x0806 if inside < 28 => return says(format!("ARP of {inside} bytes")),
        0x0800 | 0x86dd => {}
        _ => return None,
    }
    let header = packet.ip_header();
    let total = if packet.is_ipv4() {
        u16::from_be_bytes([header[2], header[3]]).into()
    } else {
        40 + usize::from(u16::from_be_bytes([header[4], header[5]]))
    };
    if total < header.len() || total > inside {
        return says(format!("a length of {total} in a frame with {inside}"));
    }
    if total > MTU {
        return Some(view.breaks("mtu", format!("at most {MTU} bytes"), format!("{total}")));
    }
    if packet.is_fragment() {
        return None;
    }
    let payload = packet.ip_payload().len();
    match packet.ip_protocol() {
        Some(protocol::TCP) if packet.tcp().is_none() => says("no TCP header".into()),
        Some(protocol::UDP) => match packet.udp() {
            None => says("no UDP header".into()),
            Some(udp) if usize::from(udp.length) != payload => {
                says(format!("UDP length {} of {payload} bytes", udp.length))
            }
            Some(_) => None,
        },
        Some(protocol::ICMP | protocol::ICMPV6) if packet.icmp().is_none() => {
            says("no ICMP header".into())
        }
        _ => None,
    }
}

/// IP4-W-01, TCP-W-02, UDP-W-03: whatever is sent has the right checksum.
fn checksums(view: &View<'_>) -> Option<PassiveViolation> {
    let packet = &view.packet;
    if packet.ip_checksum_ok() == Some(false) {
        return Some(view.breaks("ip-checksum", "a right header checksum", "a wrong one"));
    }
    if packet.checksum_ok() == Some(false) {
        return Some(view.breaks("checksum", "a right checksum", "a wrong one"));
    }
    let missing = packet.udp().is_some_and(|udp| udp.checksum == 0);
    missing.then(|| view.breaks("udp-checksum", "a checksum", "none"))
}

/// DRV-W-02: what fills a frame up is zero.
fn padding(view: &View<'_>) -> Option<PassiveViolation> {
    let padding = view.packet.padding();
    let dirty = padding.iter().any(|&byte| byte != 0);
    dirty.then(|| {
        let observed = crate::text::bytes(padding);
        view.breaks("padding", "padding of zeros", observed)
    })
}

fn is_ghost(mac: Mac) -> bool {
    (0..=LAST_GHOST).any(|n| WirePlan::ghost_mac(n) == mac)
}

/// IP4-W-05, DRV-W-15, TCP-W-24: the board speaks for itself only, and TCP to one host only.
fn addresses(view: &View<'_>, plan: &WirePlan) -> Option<PassiveViolation> {
    let packet = &view.packet;
    let mac = packet.source();
    if mac.is_group() || mac == Mac([0; 6]) || mac == plan.host_mac || is_ghost(mac) {
        let expected = "the board's own hardware address";
        return Some(view.breaks("source-mac", expected, mac.to_string()));
    }
    let (src, dst) = (packet.src_ip()?, packet.dst_ip()?);
    let wrong = match src {
        IpAddr::V4(ip) => wrong_v4(ip, packet, plan),
        IpAddr::V6(ip) => wrong_v6(ip, packet, plan),
    };
    if wrong {
        let expected = "an address of the board";
        return Some(view.breaks("source-ip", expected, src.to_string()));
    }
    let to_many = dst.is_multicast() || packet.destination().is_group() || is_broadcast(dst, plan);
    if packet.ip_protocol() == Some(protocol::TCP) && to_many {
        let observed = format!("{dst} at {}", packet.destination());
        return Some(view.breaks("tcp-to-group", "TCP to one host", observed));
    }
    None
}

fn is_broadcast(ip: IpAddr, plan: &WirePlan) -> bool {
    let IpAddr::V4(ip) = ip else { return false };
    let hosts = u32::MAX.checked_shr(plan.ipv4_prefix.into()).unwrap_or(0);
    let directed = Ipv4Addr::from(plan.host_ipv4[0].to_bits() | hosts);
    ip.is_broadcast() || ip == directed
}

fn wrong_v4(ip: Ipv4Addr, packet: &Packet<'_>, plan: &WirePlan) -> bool {
    if ip.is_unspecified() {
        // Who has no address yet asks for one, or tells its groups (RFC 2131 §4.1, RFC 3376 §4.2.13).
        let dhcp = packet
            .udp()
            .is_some_and(|udp| (udp.src_port, udp.dst_port) == (68, 67));
        return !dhcp && packet.igmp().is_none();
    }
    ip.is_multicast()
        || ip.is_loopback()
        || is_broadcast(ip.into(), plan)
        || plan.host_ipv4.contains(&ip)
}

fn wrong_v6(ip: Ipv6Addr, packet: &Packet<'_>, plan: &WirePlan) -> bool {
    if ip.is_unspecified() {
        // Detection of duplicates, router solicitations, reports of groups (RFC 4861 §4.1, §4.3; RFC 3810 §5.2.13).
        let kind = packet.icmp().map(|icmp| icmp.kind);
        return !matches!(kind, Some(131 | 132 | 133 | 135 | 143));
    }
    ip.is_multicast()
        || ip.is_loopback()
        || plan.host_ipv6.contains(&ip)
        || plan.host_link_local == ip
}

/// IP4-W-16, RFC 4861, RFC 2236 §2, RFC 3810 §5: hop limits that mean something.
fn hop_limits(view: &View<'_>) -> Option<PassiveViolation> {
    let ttl = view.packet.ttl()?;
    let kind = view.packet.icmp().filter(|icmp| icmp.v6).map(|it| it.kind);
    let wanted = match kind {
        Some(133..=137) => Some((255, "hop limit 255 of neighbour discovery")),
        Some(130..=132 | 143) => Some((1, "hop limit 1 of MLD")),
        _ if view.packet.igmp().is_some() => Some((1, "TTL 1 of IGMP")),
        _ => None,
    };
    match wanted {
        Some((value, words)) if ttl != value => Some(view.breaks("ttl", words, ttl.to_string())),
        None if ttl == 0 => Some(view.breaks("ttl", "a TTL of at least 1", "0")),
        _ => None,
    }
}

/// ICM-W-05, IP6-W-09: no error about an error, or about what went to many.
fn icmp_errors(view: &View<'_>, plan: &WirePlan) -> Option<PassiveViolation> {
    let icmp = view.packet.icmp().filter(|icmp| icmp.is_error())?;
    let quoted = LaxSlicedPacket::from_ip(icmp.body).ok()?;
    let (dst, fragment) = match quoted.net.as_ref()? {
        LaxNetSlice::Ipv4(ip) => (
            IpAddr::from(ip.header().destination_addr()),
            ip.header().fragments_offset().value() != 0,
        ),
        LaxNetSlice::Ipv6(ip) => (IpAddr::from(ip.header().destination_addr()), false),
        LaxNetSlice::Arp(_) => return None,
    };
    // Packet too big, and an unknown option that asks for it, are told to senders to groups, too (RFC 4443 §2.4).
    let exception = icmp.v6 && matches!((icmp.kind, icmp.code), (2, _) | (4, 2));
    if (dst.is_multicast() || is_broadcast(dst, plan)) && !exception {
        let observed = format!("an error about a packet to {dst}");
        return Some(view.breaks("icmp-error", "no error about groups", observed));
    }
    if fragment {
        let expected = "no error about later fragments";
        return Some(view.breaks("icmp-error", expected, "one about a fragment"));
    }
    let payload = quoted.ip_payload()?;
    let kind = *payload.payload.first()?;
    let about_error = match payload.ip_number.0 {
        protocol::ICMP if !icmp.v6 => matches!(kind, 3 | 4 | 5 | 11 | 12),
        protocol::ICMPV6 if icmp.v6 => kind < 128,
        _ => false,
    };
    about_error.then(|| {
        let observed = format!("an error about an error of type {kind}");
        view.breaks("icmp-error", "no error about errors", observed)
    })
}
