//! Frames in words, for narrations and violations.

use core::fmt;

use super::packet::Packet;

/// One line about a packet.
pub(super) fn packet(packet: &Packet<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if !packet.has_body() {
        return write!(f, "{} bytes that are no frame", packet.bytes().len());
    }
    if let Some(arp) = packet.arp() {
        return match arp.operation {
            1 => write!(
                f,
                "arp who has {}, {} at {} asks",
                arp.target_ip, arp.sender_ip, arp.sender_mac
            ),
            2 => write!(
                f,
                "arp {} is at {}, to {}",
                arp.sender_ip,
                arp.sender_mac,
                packet.destination()
            ),
            other => write!(f, "arp operation {other} of {}", arp.sender_mac),
        };
    }
    let (Some(src), Some(dst)) = (packet.src_ip(), packet.dst_ip()) else {
        return write!(
            f,
            "type {:#06x}, {} bytes, {} → {}",
            packet.ether_type(),
            packet.bytes().len(),
            packet.source(),
            packet.destination()
        );
    };
    if let Some(tcp) = packet.tcp() {
        write!(
            f,
            "tcp {src}.{} → {dst}.{} {} seq {} ack {} window {}",
            tcp.src_port, tcp.dst_port, tcp.flags, tcp.seq, tcp.ack, tcp.window
        )?;
        return match tcp.data.len() {
            0 => Ok(()),
            n => write!(f, ", {n} bytes"),
        };
    }
    if let Some(udp) = packet.udp() {
        let (from, to, size) = (udp.src_port, udp.dst_port, udp.data.len());
        return write!(f, "udp {src}.{from} → {dst}.{to}, {size} bytes");
    }
    if let Some(icmp) = packet.icmp() {
        let name = if icmp.v6 { "icmpv6" } else { "icmp" };
        write!(f, "{name} {src} → {dst} ")?;
        if icmp.is_echo_request() || icmp.is_echo_reply() {
            let word = if icmp.is_echo_request() {
                "request"
            } else {
                "reply"
            };
            let (id, seq) = icmp.echo_id();
            return write!(f, "echo {word} {id}/{seq}, {} bytes", icmp.body.len());
        }
        return match (icmp.kind, icmp.nd_target()) {
            (135, Some(target)) => write!(f, "neighbour solicitation for {target}"),
            (136, Some(target)) => write!(f, "neighbour advertisement of {target}"),
            (133, _) if icmp.v6 => f.write_str("router solicitation"),
            (134, _) if icmp.v6 => f.write_str("router advertisement"),
            (kind, _) => write!(f, "type {kind} code {}", icmp.code),
        };
    }
    let what = if packet.is_fragment() {
        "fragment of "
    } else {
        ""
    };
    write!(
        f,
        "{what}ip protocol {} {src} → {dst}, {} bytes",
        packet.ip_protocol().unwrap_or_default(),
        packet.ip_payload().len()
    )
}
