//! Patterns of frames, to be put together like a sentence: `from_board().tcp().flags(SYN | ACK).port(7)`.
//!
//! Every word narrows the pattern; [`Pattern::or`] and [`Pattern::not`] join what words cannot.

use core::net::IpAddr;

use super::frame::{Mac, Origin};
use super::headers::{Flags, protocol};
use super::packet::Packet;
use super::rule::Pattern;

/// Every frame.
#[must_use]
pub fn any() -> Pattern {
    Pattern::new("any frame", |_, _| true)
}

/// Frames that the board sent.
#[must_use]
pub fn from_board() -> Pattern {
    Pattern::from_board()
}

/// Frames on their way to the board: the host's, and injected ones.
#[must_use]
pub fn to_board() -> Pattern {
    Pattern::to_board()
}

/// TCP segments, of both ends.
#[must_use]
pub fn tcp() -> Pattern {
    any().tcp()
}

/// UDP datagrams, of both ends.
#[must_use]
pub fn udp() -> Pattern {
    any().udp()
}

/// ARP packets, of both ends.
#[must_use]
pub fn arp() -> Pattern {
    any().arp()
}

/// ICMP messages of either family, of both ends.
#[must_use]
pub fn icmp() -> Pattern {
    any().icmp()
}

impl Pattern {
    /// Frames that the board sent.
    #[must_use]
    pub fn from_board() -> Self {
        Self::new("from the board", |origin, _| origin.is_board())
    }

    /// Frames that the host's stack sent.
    #[must_use]
    pub fn from_host() -> Self {
        let host = Origin::Sent(super::End::Host);
        Self::new("from the host", move |origin, _| origin == host)
    }

    /// Frames on their way to the board: the host's, and injected ones.
    #[must_use]
    pub fn to_board() -> Self {
        Self::new("to the board", |origin, _| {
            origin.towards() == super::End::Board
        })
    }

    /// Frames that the runner injected, to either end.
    #[must_use]
    pub fn injected() -> Self {
        Self::new("injected", |origin, _| {
            matches!(origin, Origin::Injected(_))
        })
    }

    /// Of these, frames about which `holds` says yes; `words` say what that is.
    #[must_use]
    pub fn that(
        self,
        words: impl AsRef<str>,
        holds: impl Fn(&Packet<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        let words = join(self.words(), words.as_ref());
        Self::new(words, move |origin, frame| {
            self.matches(origin, frame) && holds(&Packet::of(frame))
        })
    }

    /// Frames that both patterns match.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::new(join(self.words(), other.words()), move |origin, frame| {
            self.matches(origin, frame) && other.matches(origin, frame)
        })
    }

    /// Frames that one of the patterns matches.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let words = format!("({}) or ({})", self.words(), other.words());
        Self::new(words, move |origin, frame| {
            self.matches(origin, frame) || other.matches(origin, frame)
        })
    }

    /// Of these, frames that `other` does not match.
    #[must_use]
    pub fn but_not(self, other: Self) -> Self {
        let words = join(self.words(), &format!("not ({})", other.words()));
        Self::new(words, move |origin, frame| {
            self.matches(origin, frame) && !other.matches(origin, frame)
        })
    }

    /// Frames that this does not match.
    #[expect(clippy::should_implement_trait, reason = "reads as the other words do")]
    #[must_use]
    pub fn not(self) -> Self {
        let words = format!("not ({})", self.words());
        Self::new(words, move |origin, frame| !self.matches(origin, frame))
    }

    /// TCP segments.
    #[must_use]
    pub fn tcp(self) -> Self {
        self.that("tcp", |packet| packet.tcp().is_some())
    }

    /// UDP datagrams.
    #[must_use]
    pub fn udp(self) -> Self {
        self.that("udp", |packet| packet.udp().is_some())
    }

    /// ICMP messages, of either family.
    #[must_use]
    pub fn icmp(self) -> Self {
        self.that("icmp", |packet| packet.icmp().is_some())
    }

    /// ICMP messages of this type and code, for the family that `v6` says.
    #[must_use]
    pub fn icmp_type(self, v6: bool, kind: u8, code: u8) -> Self {
        let family = if v6 { "icmpv6" } else { "icmp" };
        self.that(format!("{family} type {kind} code {code}"), move |packet| {
            packet
                .icmp()
                .is_some_and(|it| (it.v6, it.kind, it.code) == (v6, kind, code))
        })
    }

    /// ICMP errors, of either family.
    #[must_use]
    pub fn icmp_error(self) -> Self {
        self.that("icmp error", |packet| {
            packet.icmp().is_some_and(|icmp| icmp.is_error())
        })
    }

    /// Echo requests, of either family.
    #[must_use]
    pub fn echo_request(self) -> Self {
        self.that("echo request", |packet| {
            packet.icmp().is_some_and(|icmp| icmp.is_echo_request())
        })
    }

    /// Echo replies, of either family.
    #[must_use]
    pub fn echo_reply(self) -> Self {
        self.that("echo reply", |packet| {
            packet.icmp().is_some_and(|icmp| icmp.is_echo_reply())
        })
    }

    /// ARP packets (also such that are not for Ethernet and IPv4).
    #[must_use]
    pub fn arp(self) -> Self {
        self.that("arp", |packet| packet.ether_type() == 0x0806)
    }

    /// ARP requests.
    #[must_use]
    pub fn arp_request(self) -> Self {
        self.that("arp request", |packet| {
            packet.arp().is_some_and(|arp| arp.operation == 1)
        })
    }

    /// ARP replies.
    #[must_use]
    pub fn arp_reply(self) -> Self {
        self.that("arp reply", |packet| {
            packet.arp().is_some_and(|arp| arp.operation == 2)
        })
    }

    /// Requests for the hardware address of `ip`: ARP or neighbour solicitation.
    #[must_use]
    pub fn asks_for(self, ip: impl Into<IpAddr>) -> Self {
        let ip = ip.into();
        self.that(format!("asks who has {ip}"), move |packet| match ip {
            IpAddr::V4(ip) => packet
                .arp()
                .is_some_and(|arp| arp.operation == 1 && arp.target_ip == ip),
            IpAddr::V6(ip) => packet
                .icmp()
                .is_some_and(|icmp| icmp.kind == 135 && icmp.nd_target() == Some(ip)),
        })
    }

    /// Answers that tell the hardware address of `ip`: ARP reply or neighbour advertisement.
    #[must_use]
    pub fn tells_of(self, ip: impl Into<IpAddr>) -> Self {
        let ip = ip.into();
        self.that(format!("tells who has {ip}"), move |packet| match ip {
            IpAddr::V4(ip) => packet
                .arp()
                .is_some_and(|arp| arp.operation == 2 && arp.sender_ip == ip),
            IpAddr::V6(ip) => packet
                .icmp()
                .is_some_and(|icmp| icmp.kind == 136 && icmp.nd_target() == Some(ip)),
        })
    }

    /// IGMP messages.
    #[must_use]
    pub fn igmp(self) -> Self {
        self.that("igmp", |packet| packet.igmp().is_some())
    }

    /// MLD messages: queries, reports of both versions, done (RFC 2710, RFC 3810).
    #[must_use]
    pub fn mld(self) -> Self {
        self.that("mld", |packet| {
            packet
                .icmp()
                .is_some_and(|it| it.v6 && matches!(it.kind, 130..=132 | 143))
        })
    }

    /// DHCP: UDP between the ports 67 and 68.
    #[must_use]
    pub fn dhcp(self) -> Self {
        self.that("dhcp", |packet| {
            packet
                .udp()
                .is_some_and(|udp| matches!((udp.src_port, udp.dst_port), (67, 68) | (68, 67)))
        })
    }

    /// IPv4 packets.
    #[must_use]
    pub fn ipv4(self) -> Self {
        self.that("ipv4", |packet| packet.is_ipv4())
    }

    /// IPv6 packets.
    #[must_use]
    pub fn ipv6(self) -> Self {
        self.that("ipv6", |packet| packet.is_ipv6())
    }

    /// Fragments of IP packets.
    #[must_use]
    pub fn fragment(self) -> Self {
        self.that("fragment", |packet| packet.is_fragment())
    }

    /// IP packets that carry this protocol, fragments among them.
    #[must_use]
    pub fn ip_protocol(self, number: u8) -> Self {
        let words = match number {
            protocol::TCP => "ip carrying tcp".into(),
            protocol::UDP => "ip carrying udp".into(),
            number => format!("ip protocol {number}"),
        };
        self.that(words, move |packet| packet.ip_protocol() == Some(number))
    }

    /// One of the two ports is this one.
    #[must_use]
    pub fn port(self, port: u16) -> Self {
        self.that(format!("port {port}"), move |packet| {
            packet
                .ports()
                .is_some_and(|(src, dst)| src == port || dst == port)
        })
    }

    /// From this port.
    #[must_use]
    pub fn src_port(self, port: u16) -> Self {
        self.that(format!("from port {port}"), move |packet| {
            packet.ports().is_some_and(|(src, _)| src == port)
        })
    }

    /// To this port.
    #[must_use]
    pub fn dst_port(self, port: u16) -> Self {
        self.that(format!("to port {port}"), move |packet| {
            packet.ports().is_some_and(|(_, dst)| dst == port)
        })
    }

    /// From this IP address.
    #[must_use]
    pub fn src_ip(self, ip: impl Into<IpAddr>) -> Self {
        let ip = ip.into();
        self.that(format!("from {ip}"), move |packet| {
            packet.src_ip() == Some(ip)
        })
    }

    /// To this IP address.
    #[must_use]
    pub fn dst_ip(self, ip: impl Into<IpAddr>) -> Self {
        let ip = ip.into();
        self.that(format!("to {ip}"), move |packet| {
            packet.dst_ip() == Some(ip)
        })
    }

    /// From this hardware address.
    #[must_use]
    pub fn src_mac(self, mac: Mac) -> Self {
        self.that(format!("from {mac}"), move |packet| packet.source() == mac)
    }

    /// To this hardware address.
    #[must_use]
    pub fn dst_mac(self, mac: Mac) -> Self {
        self.that(format!("to {mac}"), move |packet| {
            packet.destination() == mac
        })
    }

    /// TCP segments with all of these flags; others may be set, too.
    #[must_use]
    pub fn flags(self, flags: Flags) -> Self {
        self.that(format!("with {flags}"), move |packet| {
            packet.tcp().is_some_and(|tcp| tcp.flags.contains(flags))
        })
    }

    /// TCP segments with none of these flags.
    #[must_use]
    pub fn without_flags(self, flags: Flags) -> Self {
        self.that(format!("without {flags}"), move |packet| {
            packet.tcp().is_some_and(|tcp| !tcp.flags.intersects(flags))
        })
    }

    /// The first segment of an opening: SYN without ACK.
    #[must_use]
    pub fn syn(self) -> Self {
        self.that("SYN", |packet| {
            packet.tcp().is_some_and(|tcp| {
                tcp.flags.contains(Flags::SYN) && !tcp.flags.intersects(Flags::ACK)
            })
        })
    }

    /// The second segment of an opening: SYN and ACK.
    #[must_use]
    pub fn syn_ack(self) -> Self {
        self.that("SYN+ACK", |packet| {
            packet
                .tcp()
                .is_some_and(|tcp| tcp.flags.contains(Flags::SYN | Flags::ACK))
        })
    }

    /// Segments with FIN.
    #[must_use]
    pub fn fin(self) -> Self {
        self.flags(Flags::FIN)
    }

    /// Segments with RST.
    #[must_use]
    pub fn rst(self) -> Self {
        self.flags(Flags::RST)
    }

    /// Segments that are nothing but an acknowledgement: ACK without SYN, FIN, RST and data.
    #[must_use]
    pub fn pure_ack(self) -> Self {
        self.that("pure ACK", |packet| {
            packet.tcp().is_some_and(|tcp| {
                tcp.flags.contains(Flags::ACK)
                    && !tcp.flags.intersects(Flags::SYN | Flags::FIN | Flags::RST)
                    && tcp.data.is_empty()
            })
        })
    }

    /// TCP segments, UDP datagrams or ICMP messages that carry data.
    #[must_use]
    pub fn with_payload(self) -> Self {
        self.that("with payload", |packet| !packet.payload().is_empty())
    }

    /// Those that carry exactly this data.
    #[must_use]
    pub fn payload(self, data: impl Into<Vec<u8>>) -> Self {
        let data = data.into();
        let words = format!("carrying {}", crate::text::bytes(&data));
        self.that(words, move |packet| packet.payload() == data)
    }

    /// Those whose data contain this.
    #[must_use]
    pub fn payload_contains(self, part: impl Into<Vec<u8>>) -> Self {
        let part = part.into();
        let words = format!("with {} in it", crate::text::bytes(&part));
        self.that(words, move |packet| {
            part.is_empty() || packet.payload().windows(part.len()).any(|it| it == part)
        })
    }
}

fn join(one: &str, other: &str) -> String {
    if one == "any frame" {
        other.into()
    } else {
        format!("{one}, {other}")
    }
}
