//! ICMP messages of both families: echoes, errors that quote a packet, IGMP and MLD queries.

use core::net::{Ipv4Addr, Ipv6Addr};

use super::{Craft, Node};
use crate::wire::headers::protocol;
use crate::wire::packet::Packet;
use crate::wire::sum;

/// Most bytes of a packet that an ICMP error quotes, so that it fits into 576 bytes (RFC 1812 §4.3.2.3).
const QUOTED: usize = 548;
/// The same for IPv6, for 1280 bytes (RFC 4443 §2.4).
const QUOTED_V6: usize = 1232;

/// An ICMP error, in the words of both families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IcmpError {
    /// Destination unreachable with this code (RFC 792: 0 net, 1 host, 2 protocol, 3 port; RFC 4443 §3.1: 0 no route,
    /// 1 prohibited, 3 address, 4 port).
    Unreachable(u8),
    /// Port unreachable, whatever the family's code for it.
    PortUnreachable,
    /// The packet is too big for a link with this MTU (RFC 1191, RFC 8201).
    TooBig(u16),
    /// Time exceeded: 0 in transit, 1 in reassembly.
    TimeExceeded(u8),
    /// Source quench (RFC 792; forbidden since RFC 6633). IPv4 only.
    SourceQuench,
    /// A parameter problem with this code at this byte.
    ParameterProblem(u8, u32),
    /// A redirect with this code to this gateway. IPv4 only.
    Redirect(u8, Ipv4Addr),
    /// Any type, code and rest of the header.
    Raw(u8, u8, [u8; 4]),
}

impl IcmpError {
    fn fields(self, v6: bool) -> (u8, u8, [u8; 4]) {
        let word = |value: u32| value.to_be_bytes();
        match (self, v6) {
            (Self::Unreachable(code), false) => (3, code, [0; 4]),
            (Self::Unreachable(code), true) => (1, code, [0; 4]),
            (Self::PortUnreachable, false) => (3, 3, [0; 4]),
            (Self::PortUnreachable, true) => (1, 4, [0; 4]),
            (Self::TooBig(mtu), false) => (3, 4, word(mtu.into())),
            (Self::TooBig(mtu), true) => (2, 0, word(mtu.into())),
            (Self::TimeExceeded(code), false) => (11, code, [0; 4]),
            (Self::TimeExceeded(code), true) => (3, code, [0; 4]),
            (Self::SourceQuench, _) => (4, 0, [0; 4]),
            (Self::ParameterProblem(code, at), false) => (12, code, [at.to_be_bytes()[3], 0, 0, 0]),
            (Self::ParameterProblem(code, at), true) => (4, code, word(at)),
            (Self::Redirect(code, gateway), _) => (5, code, gateway.octets()),
            (Self::Raw(kind, code, rest), _) => (kind, code, rest),
        }
    }
}

impl Craft {
    /// An echo request.
    #[must_use]
    pub fn echo_request(
        from: Node,
        to: Node,
        id: u16,
        sequence: u16,
        data: impl Into<Vec<u8>>,
    ) -> Self {
        let [a, b] = id.to_be_bytes();
        let [c, d] = sequence.to_be_bytes();
        let kind = if to.ip.is_ipv6() { 128 } else { 8 };
        Self::icmp(from, to, kind, 0, [a, b, c, d], data.into())
    }

    /// Any ICMP message, of the family of `to`.
    #[must_use]
    pub fn icmp_message(
        from: Node,
        to: Node,
        kind: u8,
        code: u8,
        rest: [u8; 4],
        body: impl Into<Vec<u8>>,
    ) -> Self {
        Self::icmp(from, to, kind, code, rest, body.into())
    }

    /// An ICMP error about the IP packet in `frame`: quotes its header and what follows, as much as there may be.
    #[must_use]
    pub fn icmp_error(from: Node, to: Node, error: IcmpError, frame: &[u8]) -> Self {
        let v6 = to.ip.is_ipv6();
        let (kind, code, rest) = error.fields(v6);
        let quoted = Packet::of(frame).ip_packet();
        let most = if v6 { QUOTED_V6 } else { QUOTED };
        Self::icmp(
            from,
            to,
            kind,
            code,
            rest,
            quoted[..quoted.len().min(most)].into(),
        )
    }

    /// An IGMP message with its checksum made right (RFC 2236 §2): TTL 1 and the router alert option.
    #[must_use]
    pub fn igmp(from: Node, to: Node, message: &[u8]) -> Self {
        let mut message = message.to_vec();
        if message.len() >= 4 {
            message[2..4].fill(0);
            let right = sum::internet(&[&message]);
            message[2..4].copy_from_slice(&right.to_be_bytes());
        }
        Self::ip(from, to, protocol::IGMP, message)
            .ttl(1)
            .ip_options(&[0x94, 4, 0, 0])
    }

    /// An IGMPv2 query about one group, or about all of them; to be answered within `tenths` of a second.
    #[must_use]
    pub fn igmp_query(from: Node, group: Option<Ipv4Addr>, tenths: u8) -> Self {
        let to = group.unwrap_or(Ipv4Addr::new(224, 0, 0, 1));
        let [a, b, c, d] = group.unwrap_or(Ipv4Addr::UNSPECIFIED).octets();
        Self::igmp(from, Node::group(to), &[0x11, tenths, 0, 0, a, b, c, d])
    }

    /// An MLDv2 query about one group, or about all of them; to be answered within `millis`. The source must be a
    /// link-local address (RFC 3810 §5.1).
    #[must_use]
    pub fn mld_query(from: Node, group: Option<Ipv6Addr>, millis: u16) -> Self {
        let to = group.unwrap_or(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1));
        let [a, b] = millis.to_be_bytes();
        let mut body = group.unwrap_or(Ipv6Addr::UNSPECIFIED).octets().to_vec();
        // Robustness 2, query interval 125 s, no sources.
        body.extend_from_slice(&[2, 125, 0, 0]);
        Self::icmp(from, Node::group(to), 130, 0, [a, b, 0, 0], body)
            .ttl(1)
            .router_alert_v6()
    }

    /// A hop-by-hop header with the MLD router alert (RFC 2711) in front of an ICMPv6 message.
    fn router_alert_v6(self) -> Self {
        self.extensions(0, [protocol::ICMPV6, 0, 5, 2, 0, 0, 1, 0])
    }
}
