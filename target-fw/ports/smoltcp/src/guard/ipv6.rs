//! IPv6 packets that must not be taken, and what smoltcp does wrong in neighbour discovery (RFC 4291,
//! RFC 8200, RFC 4861).

use core::net::Ipv6Addr;

use smoltcp::iface::SocketSet;

use super::arp::Neighbours;
use super::extensions::Problem;
use super::frame::{ETHERNET, IPV6, bytes, is_host_mac, put, put_summed, u8_at, u16_at};
use super::own::Own;
use super::packet::{IPV6_HEADER, Packet, protocol};
use super::{Verdict, icmp};

/// Types of ICMPv6 messages.
pub(super) mod kind {
    pub(in crate::guard) const SOLICITATION: u8 = 135;
    pub(in crate::guard) const ADVERTISEMENT: u8 = 136;
    pub(in crate::guard) const MLDV2_REPORT: u8 = 143;
}

/// Flags of an advertisement (RFC 4861 §4.4), in its first byte.
const SOLICITED: u8 = 0x40;
pub(super) const OVERRIDE: u8 = 0x20;
/// Option with the target's hardware address: its type and length in units of eight bytes.
const TARGET_ADDRESS: [u8; 2] = [2, 1];
/// Length of a solicitation or advertisement without options, and with one hardware address.
const BARE: usize = 24;
const WITH_ADDRESS: usize = 32;

const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];

/// Judges the addresses of a packet, and neighbour discovery in it.
pub(super) fn judge(
    frame: &mut [u8],
    packet: &mut Packet,
    own: &Own<'_>,
    neighbours: &mut Neighbours,
    sockets: &SocketSet<'_>,
) -> Verdict {
    let (source, destination) = (packet.source, packet.destination);
    if !is_acceptable(frame, source, destination, own) {
        return Verdict::Drop;
    }
    let to_many = destination.is_multicast();
    match packet.protocol {
        // RFC 9293 MUST-57.
        protocol::TCP if to_many => Verdict::Drop,
        // RFC 8200 §8.1: over IPv6 the checksum is not optional.
        protocol::UDP if u16_at(frame, packet.payload + 6) == 0 => Verdict::Drop,
        // RFC 4443 §2.4 (e.3): no error about what was sent to many.
        protocol::UDP if to_many && !icmp::is_udp_open(frame, packet, sockets) => Verdict::Drop,
        protocol::ICMPV6 => discovery(frame, packet, own, neighbours),
        _ => Verdict::Pass,
    }
}

/// Whether a packet may have these addresses and be in this frame.
fn is_acceptable(frame: &[u8], source: Ipv6Addr, destination: Ipv6Addr, own: &Own<'_>) -> bool {
    let to_many = destination.is_multicast();
    let link_to_many = !is_host_mac([u8_at(frame, 0), 0, 0, 0, 0, 0]);
    // RFC 4291 §2.5.3 and §2.7: these never come over a link, and groups of scope 0 and 1 neither.
    !(is_of_v4(source)
        || is_of_v4(destination)
        || source.is_loopback()
        || source.is_multicast()
        || own.has(source)
        || destination.is_loopback()
        || destination.is_unspecified()
        || (to_many && destination.octets()[1] & 0x0f < 2)
        || (!to_many && link_to_many))
}

/// The address to tell the sender of a packet from what is wrong with it, if he may be told (RFC 4443 §2.2,
/// §2.4 e).
pub(super) fn may_be_told(frame: &[u8], problem: Problem, own: &Own<'_>) -> Option<Ipv6Addr> {
    let source = Ipv6Addr::from(bytes(frame, ETHERNET + 8));
    let destination = Ipv6Addr::from(bytes(frame, ETHERNET + 24));
    if source.is_unspecified() || !is_acceptable(frame, source, destination, own) {
        return None;
    }
    if destination.is_multicast() {
        return own.link_local().filter(|_| problem.is_for_many());
    }
    own.has(destination).then_some(destination)
}

/// Solicitations and advertisements (RFC 4861 §7.1, §7.2).
fn discovery(
    frame: &mut [u8],
    packet: &mut Packet,
    own: &Own<'_>,
    neighbours: &mut Neighbours,
) -> Verdict {
    let (source, destination) = (packet.source, packet.destination);
    let message = packet.payload;
    let kind = u8_at(frame, message);
    if !matches!(kind, kind::SOLICITATION | kind::ADVERTISEMENT) {
        return Verdict::Pass;
    }
    let target = Ipv6Addr::from(bytes(frame, message + 8));
    if u8_at(frame, ETHERNET + 7) != 255
        || u8_at(frame, message + 1) != 0
        || packet.length() < BARE
        || target.is_multicast()
        || packet.checksum(frame) != 0
    {
        return Verdict::Drop;
    }
    if kind == kind::SOLICITATION {
        if !own.has(target) {
            // smoltcp would remember whoever asks for anybody.
            return Verdict::Drop;
        }
        if source.is_unspecified() {
            return if solicited_node(target) == destination && packet.length() == BARE {
                Verdict::Advertise(target)
            } else {
                Verdict::Drop
            };
        }
        neighbours.learn(source);
        return Verdict::Pass;
    }
    // RFC 4861 §7.1.2: who was asked does not answer everybody.
    let was_asked = u8_at(frame, message + 4) & SOLICITED != 0;
    // RFC 4861 §7.2.5: it is about its target, which smoltcp takes the sender for, and it is only for
    // those who asked.
    if was_asked && destination.is_multicast() || own.has(target) || !neighbours.knows(target) {
        return Verdict::Drop;
    }
    if source != target {
        put_summed(frame, message + 2, ETHERNET + 8, &target.octets());
        packet.source = target;
    }
    Verdict::Pass
}

/// Writes the advertisement that tells somebody who probes for our address whose it is (RFC 4862 §5.4.3,
/// RFC 4861 §7.2.4). Its length.
pub(super) fn advertise(frame: &mut [u8], target: Ipv6Addr, mac: [u8; 6]) -> usize {
    let message = ETHERNET + IPV6_HEADER;
    let end = message + WITH_ADDRESS;
    put(frame, 0, &ALL_NODES_MAC);
    put(frame, 6, &mac);
    put(frame, 12, &IPV6.to_be_bytes());
    let header = [0x60, 0, 0, 0, 0, WITH_ADDRESS as u8, protocol::ICMPV6, 255];
    put(frame, ETHERNET, &header);
    put(frame, ETHERNET + 8, &target.octets());
    put(frame, ETHERNET + 24, &ALL_NODES.octets());
    let head = [kind::ADVERTISEMENT, 0, 0, 0, OVERRIDE, 0, 0, 0];
    put(frame, message, &head);
    put(frame, message + 8, &target.octets());
    put(frame, message + BARE, &TARGET_ADDRESS);
    put(frame, message + BARE + 2, &mac);
    let packet = Packet {
        is_v6: true,
        source: target,
        destination: ALL_NODES,
        protocol: protocol::ICMPV6,
        payload: message,
        end,
        is_fragment: false,
    };
    packet.seal(frame, 2);
    end
}

/// RFC 4291 §2.5.5.2 only writes addresses of IPv4 down; here they would pass for them.
fn is_of_v4(ip: Ipv6Addr) -> bool {
    ip.to_ipv4_mapped().is_some()
}

/// The group that whoever looks for an address asks (RFC 4291 §2.7.1).
fn solicited_node(ip: Ipv6Addr) -> Ipv6Addr {
    let mut group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 0).octets();
    group[13..].copy_from_slice(&ip.octets()[13..]);
    group.into()
}

/// Corrects an ICMPv6 message that leaves.
pub(super) fn leaves(frame: &mut [u8], packet: &Packet, neighbours: &mut Neighbours) {
    let message = packet.payload;
    match u8_at(frame, message) {
        kind::SOLICITATION => {
            neighbours.learn(Ipv6Addr::from(bytes(frame, message + 8)));
        }
        kind::ADVERTISEMENT => {
            // RFC 4861 §7.2.4: it overrides, the address being nobody else's.
            let flags = u8_at(frame, message + 4) | OVERRIDE;
            if flags & SOLICITED != 0 {
                put_summed(frame, message + 2, message + 4, &[flags, 0]);
            }
        }
        kind::MLDV2_REPORT => reverse_records(frame, packet),
        _ => {}
    }
}

/// RFC 3810 §5.2.12: smoltcp announces joining as a change to "include", leaving as one to "exclude".
fn reverse_records(frame: &mut [u8], packet: &Packet) {
    const CHANGE_TO_INCLUDE: u8 = 3;
    const CHANGE_TO_EXCLUDE: u8 = 4;
    let count = u16_at(frame, packet.payload + 6);
    let mut record = packet.payload + 8;
    for _ in 0..count {
        if record + 20 > packet.end {
            return;
        }
        let [kind, words] = bytes(frame, record);
        let right = match kind {
            CHANGE_TO_INCLUDE => CHANGE_TO_EXCLUDE,
            CHANGE_TO_EXCLUDE => CHANGE_TO_INCLUDE,
            other => other,
        };
        put_summed(frame, packet.payload + 2, record, &[right, words]);
        record += 20 + usize::from(u16_at(frame, record + 2)) * 16 + usize::from(words) * 4;
    }
}
