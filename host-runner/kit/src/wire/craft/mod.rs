//! Frames made to measure: a [`Craft`] begins as a good frame; each word changes one thing, lengths and checksums
//! follow unless a word spoils them.
//!
//! ```ignore
//! ghost.send(ghost.udp(4000, 7, b"hello").ttl(1).checksum_off_by(1));
//! ```
//!
//! Must not: put anything on a cable.

mod assemble;
mod icmp;
mod neighbour;
mod node;

pub use icmp::IcmpError;
pub use neighbour::Advertised;
#[cfg(test)]
pub(super) use neighbour::solicited_node;
pub use node::Node;

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use etherparse::{
    EtherType, Ethernet2Header, IpFragOffset, IpNumber, Ipv4Header, Ipv4Options, Ipv6FlowLabel,
    Ipv6Header, TcpHeader, UdpHeader,
};

use super::frame::Mac;
use super::headers::{Flags, protocol};

/// Smallest Ethernet frame without FCS; shorter ones are filled up with zeros (IEEE 802.3 §3.2.8).
pub const MIN_FRAME: usize = 60;

/// Changes bytes at one stage of the making.
type Edit = Arc<dyn Fn(&mut Vec<u8>) + Send + Sync>;

#[derive(Clone)]
enum Net {
    None,
    V4(Box<Ipv4Header>),
    V6 {
        header: Ipv6Header,
        /// Extension headers as they are, and the number of the first one.
        extensions: Option<(u8, Vec<u8>)>,
    },
}

#[derive(Clone)]
enum Transport {
    None,
    Tcp(Box<TcpHeader>),
    Udp(UdpHeader),
    /// First four bytes (type, code, checksum) and the rest; the checksum is that of the family.
    Icmp(Vec<u8>),
}

/// A frame in the making. Every function changes it and gives it back; [`Self::bytes`] is the frame.
#[derive(Clone)]
pub struct Craft {
    ethernet: Ethernet2Header,
    tags: Vec<u8>,
    net: Net,
    transport: Transport,
    payload: Vec<u8>,
    padding: Option<Vec<u8>>,
    total_length: Option<u16>,
    ip_checksum: Option<Sum>,
    checksum: Option<Sum>,
    udp_length: Option<u16>,
    ip_edits: Vec<Edit>,
    transport_edits: Vec<Edit>,
    frame_edits: Vec<Edit>,
}

/// A checksum that is not left to be the right one.
#[derive(Clone, Copy)]
enum Sum {
    Is(u16),
    OffBy(u16),
}

impl Sum {
    const fn of(spoil: Option<Self>, right: u16) -> u16 {
        match spoil {
            None => right,
            Some(Self::Is(value)) => value,
            Some(Self::OffBy(by)) => right.wrapping_add(by),
        }
    }
}

impl Craft {
    /// An Ethernet frame with any payload.
    #[must_use]
    pub fn ethernet(from: Mac, to: Mac, ether_type: u16, payload: impl Into<Vec<u8>>) -> Self {
        Self {
            ethernet: Ethernet2Header {
                source: from.0,
                destination: to.0,
                ether_type: EtherType(ether_type),
            },
            tags: Vec::new(),
            net: Net::None,
            transport: Transport::None,
            payload: payload.into(),
            padding: None,
            total_length: None,
            ip_checksum: None,
            checksum: None,
            udp_length: None,
            ip_edits: Vec::new(),
            transport_edits: Vec::new(),
            frame_edits: Vec::new(),
        }
    }

    /// An IP packet with any payload, of the family of `to`; TTL 64. A `from` of the other family counts as
    /// unspecified.
    #[must_use]
    pub fn ip(from: Node, to: Node, protocol: u8, payload: impl Into<Vec<u8>>) -> Self {
        let (ether_type, net) = match to.ip {
            IpAddr::V4(ip) => {
                let source = match from.ip {
                    IpAddr::V4(source) => source,
                    IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
                };
                let header = Ipv4Header {
                    time_to_live: 64,
                    protocol: IpNumber(protocol),
                    dont_fragment: true,
                    source: source.octets(),
                    destination: ip.octets(),
                    ..Ipv4Header::default()
                };
                (EtherType::IPV4, Net::V4(Box::new(header)))
            }
            IpAddr::V6(ip) => {
                let source = match from.ip {
                    IpAddr::V6(source) => source,
                    IpAddr::V4(_) => Ipv6Addr::UNSPECIFIED,
                };
                let header = Ipv6Header {
                    hop_limit: 64,
                    next_header: IpNumber(protocol),
                    flow_label: Ipv6FlowLabel::ZERO,
                    source: source.octets(),
                    destination: ip.octets(),
                    ..Ipv6Header::default()
                };
                let extensions = None;
                (EtherType::IPV6, Net::V6 { header, extensions })
            }
        };
        Self {
            net,
            ..Self::ethernet(from.mac, to.mac, ether_type.0, payload)
        }
    }

    /// A UDP datagram.
    #[must_use]
    pub fn udp(
        from: Node,
        src_port: u16,
        to: Node,
        dst_port: u16,
        payload: impl Into<Vec<u8>>,
    ) -> Self {
        let udp = UdpHeader {
            source_port: src_port,
            destination_port: dst_port,
            length: 0,
            checksum: 0,
        };
        Self {
            transport: Transport::Udp(udp),
            ..Self::ip(from, to, protocol::UDP, payload)
        }
    }

    /// A TCP segment: no flags, no options, sequence and acknowledgement number 0, window 65535.
    #[must_use]
    pub fn tcp(from: Node, src_port: u16, to: Node, dst_port: u16) -> Self {
        Self {
            transport: Transport::Tcp(Box::new(TcpHeader::new(src_port, dst_port, 0, 65535))),
            ..Self::ip(from, to, protocol::TCP, Vec::new())
        }
    }

    fn icmp(from: Node, to: Node, kind: u8, code: u8, rest: [u8; 4], body: Vec<u8>) -> Self {
        let number = match to.ip {
            IpAddr::V4(_) => protocol::ICMP,
            IpAddr::V6(_) => protocol::ICMPV6,
        };
        let [a, b, c, d] = rest;
        Self {
            transport: Transport::Icmp(vec![kind, code, 0, 0, a, b, c, d]),
            ..Self::ip(from, to, number, body)
        }
    }

    fn tcp_header(mut self, change: impl FnOnce(&mut TcpHeader)) -> Self {
        if let Transport::Tcp(header) = &mut self.transport {
            change(header);
        }
        self
    }

    /// Sequence and acknowledgement number of a TCP segment.
    #[must_use]
    pub fn seq_ack(self, seq: u32, ack: u32) -> Self {
        self.tcp_header(|tcp| (tcp.sequence_number, tcp.acknowledgment_number) = (seq, ack))
    }

    /// Flags of a TCP segment.
    #[must_use]
    pub fn flags(self, flags: Flags) -> Self {
        self.tcp_header(|tcp| {
            tcp.fin = flags.contains(Flags::FIN);
            tcp.syn = flags.contains(Flags::SYN);
            tcp.rst = flags.contains(Flags::RST);
            tcp.psh = flags.contains(Flags::PSH);
            tcp.ack = flags.contains(Flags::ACK);
            tcp.urg = flags.contains(Flags::URG);
            tcp.ece = flags.contains(Flags::ECE);
            tcp.cwr = flags.contains(Flags::CWR);
        })
    }

    /// Window of a TCP segment.
    #[must_use]
    pub fn window(self, window: u16) -> Self {
        self.tcp_header(|tcp| tcp.window_size = window)
    }

    /// Urgent pointer of a TCP segment; the flag is [`Flags::URG`].
    #[must_use]
    pub fn urgent(self, pointer: u16) -> Self {
        self.tcp_header(|tcp| tcp.urgent_pointer = pointer)
    }

    /// Options of a TCP segment, as they are; filled up with zeros to whole words, cut to 40 bytes.
    #[must_use]
    pub fn tcp_options(self, options: &[u8]) -> Self {
        let options = &options[..options.len().min(40)];
        self.tcp_header(|tcp| {
            let set = tcp.set_options_raw(options);
            debug_assert!(set.is_ok(), "40 bytes fit");
        })
    }

    /// Payload of whatever it is.
    #[must_use]
    pub fn payload(mut self, payload: impl Into<Vec<u8>>) -> Self {
        self.payload = payload.into();
        self
    }

    /// Time to live, or hop limit.
    #[must_use]
    pub fn ttl(mut self, ttl: u8) -> Self {
        match &mut self.net {
            Net::V4(header) => header.time_to_live = ttl,
            Net::V6 { header, .. } => header.hop_limit = ttl,
            Net::None => {}
        }
        self
    }

    /// Another IP source address than that of the sender, of the same family.
    #[must_use]
    pub fn src_ip(mut self, ip: impl Into<IpAddr>) -> Self {
        match (&mut self.net, ip.into()) {
            (Net::V4(header), IpAddr::V4(ip)) => header.source = ip.octets(),
            (Net::V6 { header, .. }, IpAddr::V6(ip)) => header.source = ip.octets(),
            _ => {}
        }
        self
    }

    /// Another IP destination address than that of the receiver, of the same family.
    #[must_use]
    pub fn dst_ip(mut self, ip: impl Into<IpAddr>) -> Self {
        match (&mut self.net, ip.into()) {
            (Net::V4(header), IpAddr::V4(ip)) => header.destination = ip.octets(),
            (Net::V6 { header, .. }, IpAddr::V6(ip)) => header.destination = ip.octets(),
            _ => {}
        }
        self
    }

    /// Another hardware address to send to.
    #[must_use]
    pub const fn dst_mac(mut self, mac: Mac) -> Self {
        self.ethernet.destination = mac.0;
        self
    }

    /// Another hardware address to send from.
    #[must_use]
    pub const fn src_mac(mut self, mac: Mac) -> Self {
        self.ethernet.source = mac.0;
        self
    }

    /// One more VLAN tag inside of those that are there: id and priority (IEEE 802.1Q).
    #[must_use]
    pub fn vlan(mut self, id: u16, priority: u8) -> Self {
        let control = u16::from(priority & 7) << 13 | id & 0xfff;
        self.tags.extend_from_slice(&[0x81, 0x00]);
        self.tags.extend_from_slice(&control.to_be_bytes());
        self
    }

    /// Identification of an IPv4 packet.
    #[must_use]
    pub fn ip_id(mut self, id: u16) -> Self {
        if let Net::V4(header) = &mut self.net {
            header.identification = id;
        }
        self
    }

    /// Makes an IPv4 packet a fragment: offset in bytes (a multiple of 8), and whether more follow. What is
    /// behind the header stays as it is: use [`Self::fragments`] for true fragments.
    #[must_use]
    pub fn fragment(mut self, offset: u16, more: bool) -> Self {
        if let Net::V4(header) = &mut self.net {
            header.dont_fragment = false;
            header.more_fragments = more;
            if let Ok(offset) = IpFragOffset::try_new(offset / 8) {
                header.fragment_offset = offset;
            }
        }
        self
    }

    /// Options of an IPv4 packet, as they are; filled up with zeros to whole words, cut to 40 bytes.
    #[must_use]
    pub fn ip_options(mut self, options: &[u8]) -> Self {
        if let Net::V4(header) = &mut self.net {
            let mut words = options[..options.len().min(40)].to_vec();
            words.resize(words.len().next_multiple_of(4), 0);
            if let Ok(options) = Ipv4Options::try_from(&words[..]) {
                header.options = options;
            }
        }
        self
    }

    /// Extension headers of an IPv6 packet, as they are: number of the first, and their bytes (the last one's next
    /// header is up to you).
    #[must_use]
    pub fn extensions(mut self, first: u8, bytes: impl Into<Vec<u8>>) -> Self {
        if let Net::V6 { extensions, .. } = &mut self.net {
            *extensions = Some((first, bytes.into()));
        }
        self
    }

    /// Another IPv4 total length, or IPv6 payload length, than the right one.
    #[must_use]
    pub const fn total_length(mut self, length: u16) -> Self {
        self.total_length = Some(length);
        self
    }

    /// Another UDP length than the right one.
    #[must_use]
    pub const fn udp_length(mut self, length: u16) -> Self {
        self.udp_length = Some(length);
        self
    }

    /// This checksum in the IPv4 header.
    #[must_use]
    pub const fn ip_checksum(mut self, sum: u16) -> Self {
        self.ip_checksum = Some(Sum::Is(sum));
        self
    }

    /// A checksum in the IPv4 header that is wrong by this much.
    #[must_use]
    pub const fn ip_checksum_off_by(mut self, by: u16) -> Self {
        self.ip_checksum = Some(Sum::OffBy(by));
        self
    }

    /// This checksum in the TCP, UDP or ICMP header.
    #[must_use]
    pub const fn checksum(mut self, sum: u16) -> Self {
        self.checksum = Some(Sum::Is(sum));
        self
    }

    /// A checksum in the TCP, UDP or ICMP header that is wrong by this much.
    #[must_use]
    pub const fn checksum_off_by(mut self, by: u16) -> Self {
        self.checksum = Some(Sum::OffBy(by));
        self
    }

    /// These bytes behind the packet, instead of zeros up to 60 bytes of frame; empty for a frame that may be short.
    #[must_use]
    pub fn padding(mut self, padding: impl Into<Vec<u8>>) -> Self {
        self.padding = Some(padding.into());
        self
    }

    /// Changes the IP header (without extension headers) before its checksum is made.
    #[must_use]
    pub fn edit_ip(mut self, edit: impl Fn(&mut Vec<u8>) + Send + Sync + 'static) -> Self {
        self.ip_edits.push(Arc::new(edit));
        self
    }

    /// Changes transport header and payload before their checksum is made.
    #[must_use]
    pub fn edit_transport(mut self, edit: impl Fn(&mut Vec<u8>) + Send + Sync + 'static) -> Self {
        self.transport_edits.push(Arc::new(edit));
        self
    }

    /// Changes the whole frame, as the last thing that happens to it.
    #[must_use]
    pub fn edit(mut self, edit: impl Fn(&mut Vec<u8>) + Send + Sync + 'static) -> Self {
        self.frame_edits.push(Arc::new(edit));
        self
    }

    /// Cuts the frame to this many bytes, as the last thing that happens to it.
    #[must_use]
    pub fn cut(self, length: usize) -> Self {
        self.padding(Vec::new())
            .edit(move |frame| frame.truncate(length))
    }
}

impl From<Craft> for Vec<u8> {
    fn from(craft: Craft) -> Self {
        craft.bytes()
    }
}

impl fmt::Debug for Craft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&super::Packet::of(&self.bytes()), f)
    }
}

#[cfg(test)]
mod tests;
