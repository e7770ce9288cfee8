//! ICMP errors about segments of ours, which smoltcp does not look at (RFC 1122 §4.2.3.9, RFC 1191).

use core::net::{Ipv4Addr, Ipv6Addr};

use smoltcp::iface::SocketSet;
use smoltcp::socket::tcp::State;

use super::flows::{Ends, Flows, TCP_HEADER, before, field, flag};
use super::frame::{ETHERNET, bytes, put, u8_at, u16_at, u32_at};
use super::packet::{IPV6_HEADER, Packet, protocol};
use super::segments;

/// Type and code of the errors that matter here (RFC 792; RFC 4443 §3.1).
const PROTOCOL_UNREACHABLE: [u8; 2] = [3, 2];
const PORT_UNREACHABLE: [u8; 2] = [3, 3];
const TOO_BIG: [u8; 2] = [3, 4];
const PORT_UNREACHABLE_V6: [u8; 2] = [1, 4];

/// Length of the ICMP header in front of the quoted packet.
const ICMP_HEADER: usize = 8;

/// What an error means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing that has to be acted on.
    Nothing,
    /// The packet has become a reset of an attempt to connect.
    Refused,
    /// Segments do not fit through and must not be cut.
    TooBig,
}

/// What an ICMP message means; only what quotes bytes in flight is believed (RFC 5927 §4.1).
pub(super) fn judge(
    frame: &mut [u8],
    packet: &mut Packet,
    flows: &mut Flows,
    sockets: &SocketSet<'_>,
) -> Meaning {
    let what: [u8; 2] = bytes(frame, packet.payload);
    let known = if packet.is_v6 {
        what == PORT_UNREACHABLE_V6
    } else {
        matches!(what, PROTOCOL_UNREACHABLE | PORT_UNREACHABLE | TOO_BIG)
    };
    let quote = packet.payload + ICMP_HEADER;
    if !known || !is_right(frame, packet) {
        return Meaning::Nothing;
    }
    let (protocol, local, remote, segment) = if packet.is_v6 {
        (
            u8_at(frame, quote + 6),
            Ipv6Addr::from(bytes(frame, quote + 8)),
            Ipv6Addr::from(bytes(frame, quote + 24)),
            quote + IPV6_HEADER,
        )
    } else {
        (
            u8_at(frame, quote + 9),
            Ipv4Addr::from(bytes(frame, quote + 12)).to_ipv6_mapped(),
            Ipv4Addr::from(bytes(frame, quote + 16)).to_ipv6_mapped(),
            quote + usize::from(u8_at(frame, quote) & 0x0f) * 4,
        )
    };
    if protocol != protocol::TCP || segment + 8 > packet.end {
        return Meaning::Nothing;
    }
    let ends = Ends {
        local: (local, u16_at(frame, segment)),
        remote: (remote, u16_at(frame, segment + 2)),
    };
    let sequence = u32_at(frame, segment + field::SEQUENCE);
    let Some(flow) = flows.find(&ends) else {
        return Meaning::Nothing;
    };
    let state = segments::state_of(sockets, &ends);
    if state == Some(State::SynSent) {
        if sequence.wrapping_add(1) != flow.sent || what == TOO_BIG {
            return Meaning::Nothing;
        }
        let sent = flow.sent;
        refuse(frame, packet, &ends, sent);
        return Meaning::Refused;
    }
    let in_flight = !before(sequence, flow.unacknowledged) && before(sequence, flow.sent);
    if state.is_some() && in_flight && what == TOO_BIG {
        Meaning::TooBig
    } else {
        // RFC 5927 §6: an established connection is not given up for what anybody might have sent.
        Meaning::Nothing
    }
}

/// Whether the checksum is right; that of ICMP for IPv4 covers no addresses.
fn is_right(frame: &[u8], packet: &Packet) -> bool {
    if packet.is_v6 {
        return packet.checksum(frame) == 0;
    }
    let message = frame.get(packet.payload..packet.end).unwrap_or(&[]);
    super::frame::fold(super::frame::sum(0, message)) == 0
}

/// Makes of the packet the reset that the other end would have sent (RFC 1122 §4.2.3.9: the attempt should
/// end).
fn refuse(frame: &mut [u8], packet: &mut Packet, ends: &Ends, sent: u32) {
    let ip = ends.remote.0;
    if packet.is_v6 {
        put(frame, ETHERNET + 6, &[protocol::TCP]);
        put(frame, ETHERNET + 8, &ip.octets());
    } else {
        put(frame, ETHERNET + 9, &[protocol::TCP]);
        put(frame, ETHERNET + 12, &ip.octets()[12..]);
    }
    packet.protocol = protocol::TCP;
    packet.source = ip;
    let at = packet.payload;
    put(frame, at, &[0; TCP_HEADER]);
    put(frame, at, &ends.remote.1.to_be_bytes());
    put(frame, at + 2, &ends.local.1.to_be_bytes());
    put(frame, at + field::ACKNOWLEDGEMENT, &sent.to_be_bytes());
    let head = [(TCP_HEADER as u8 / 4) << 4, flag::RST | flag::ACK];
    put(frame, at + field::HEADER_LENGTH, &head);
    packet.set_end(frame, at + TCP_HEADER);
    packet.seal(frame, field::CHECKSUM);
}
