//! Frames made to measure: a [`Craft`] begins as a good frame; each word changes one thing, lengths and checksums
//! follow unless a word spoils them.
//!
//! ```ignore
//! ghost.send(ghost.udp(4000, 7, b"hello").ttl(1).checksum_off_by(1));
//! ```
//!
//! Must not: put anything on a cable.

mod icmp;
mod neighbour;

pub use icmp::IcmpError;
pub use neighbour::Advertised;
#[cfg(test)]
pub(super) use neighbour::solicited_node;

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use etherparse::{
    EtherType, Ethernet2Header, IpFragOffset, IpNumber, Ipv4Header, Ipv4Options, Ipv6FlowLabel,
    Ipv6Header, TcpHeader, UdpHeader,
};

use super::frame::Mac;
use super::packet::{Flags, protocol};
use super::sum;

/// Smallest Ethernet frame without FCS; shorter ones are filled up with zeros (IEEE 802.3 §3.2.8).
pub const MIN_FRAME: usize = 60;

/// Something with a hardware and an IP address: the board, the host, a ghost, a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// Hardware address.
    pub mac: Mac,
    /// IP address.
    pub ip: IpAddr,
}

impl Node {
    /// A node.
    pub fn new(mac: Mac, ip: impl Into<IpAddr>) -> Self {
        Self { mac, ip: ip.into() }
    }

    /// A multicast group with the hardware address that belongs to it (RFC 1112 §6.4, RFC 2464 §7).
    pub fn group(ip: impl Into<IpAddr>) -> Self {
        let ip = ip.into();
        Self {
            mac: Mac::of_group(ip),
            ip,
        }
    }

    /// An IPv4 broadcast address: everybody's hardware address.
    #[must_use]
    pub const fn broadcast(ip: Ipv4Addr) -> Self {
        Self {
            mac: Mac::BROADCAST,
            ip: IpAddr::V4(ip),
        }
    }

    /// The same node under another IP address.
    #[must_use]
    pub fn at(self, ip: impl Into<IpAddr>) -> Self {
        Self {
            ip: ip.into(),
            ..self
        }
    }

    /// The same IP address under another hardware address.
    #[must_use]
    pub const fn with_mac(self, mac: Mac) -> Self {
        Self { mac, ..self }
    }
}

impl Mac {
    /// The hardware address of a multicast group (RFC 1112 §6.4, RFC 2464 §7).
    #[must_use]
    pub fn of_group(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => {
                let [_, b, c, d] = ip.octets();
                Self([0x01, 0x00, 0x5e, b & 0x7f, c, d])
            }
            IpAddr::V6(ip) => {
                let [.., a, b, c, d] = ip.octets();
                Self([0x33, 0x33, a, b, c, d])
            }
        }
    }

    /// The link-local address that is made of this hardware address (RFC 4291 Appendix A).
    #[must_use]
    pub fn link_local(self) -> Ipv6Addr {
        self.address_in(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0))
    }

    /// The address in a prefix of 64 bits that is made of this hardware address (RFC 4291 Appendix A).
    #[must_use]
    pub fn address_in(self, prefix: Ipv6Addr) -> Ipv6Addr {
        let [a, b, c, d, e, g] = self.0;
        let mut octets = prefix.octets();
        octets[8..].copy_from_slice(&[a ^ 2, b, c, 0xff, 0xfe, d, e, g]);
        octets.into()
    }
}

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

    fn addresses(&self) -> Option<(IpAddr, IpAddr)> {
        match &self.net {
            Net::None => None,
            Net::V4(header) => Some((header.source.into(), header.destination.into())),
            Net::V6 { header, .. } => Some((header.source.into(), header.destination.into())),
        }
    }

    /// Transport header and payload, with a checksum.
    fn segment(&self) -> Vec<u8> {
        let length = self.payload.len() + 8;
        let (mut segment, number, at) = match &self.transport {
            Transport::None => (Vec::new(), 0, None),
            Transport::Tcp(header) => (header.to_bytes().to_vec(), protocol::TCP, Some(16)),
            Transport::Udp(header) => {
                let length = u16::try_from(length).unwrap_or(u16::MAX);
                let header = UdpHeader {
                    length: self.udp_length.unwrap_or(length),
                    ..header.clone()
                };
                (header.to_bytes().to_vec(), protocol::UDP, Some(6))
            }
            Transport::Icmp(header) => {
                let number = match self.net {
                    Net::V6 { .. } => protocol::ICMPV6,
                    Net::None | Net::V4(_) => protocol::ICMP,
                };
                (header.clone(), number, Some(2))
            }
        };
        segment.extend_from_slice(&self.payload);
        for edit in &self.transport_edits {
            edit(&mut segment);
        }
        let (Some(at), Some((src, dst))) = (at, self.addresses()) else {
            return segment;
        };
        if let Some(field) = segment.get_mut(at..at + 2) {
            field.fill(0);
            let pseudo = if number == protocol::ICMP {
                Vec::new()
            } else {
                sum::pseudo_header(src, dst, number, segment.len())
            };
            let mut right = sum::internet(&[&pseudo, &segment]);
            if number == protocol::UDP && right == 0 {
                right = 0xffff;
            }
            let value = Sum::of(self.checksum, right);
            segment[at..at + 2].copy_from_slice(&value.to_be_bytes());
        }
        segment
    }

    fn ip_packet(&self) -> Vec<u8> {
        let segment = self.segment();
        let mut packet = match &self.net {
            Net::None => return segment,
            Net::V4(header) => {
                let mut header = header.clone();
                let length = header.header_len() + segment.len();
                let length = u16::try_from(length).unwrap_or(u16::MAX);
                header.total_len = self.total_length.unwrap_or(length);
                header.header_checksum = 0;
                let mut bytes = header.to_bytes().to_vec();
                for edit in &self.ip_edits {
                    edit(&mut bytes);
                }
                if bytes.len() >= 12 {
                    bytes[10..12].fill(0);
                    let value = Sum::of(self.ip_checksum, sum::internet(&[&bytes]));
                    bytes[10..12].copy_from_slice(&value.to_be_bytes());
                }
                bytes
            }
            Net::V6 { header, extensions } => {
                let mut header = header.clone();
                let (first, extra) = match extensions {
                    Some((first, bytes)) => (IpNumber(*first), &bytes[..]),
                    None => (header.next_header, &[][..]),
                };
                header.next_header = first;
                let length = u16::try_from(extra.len() + segment.len()).unwrap_or(u16::MAX);
                header.payload_length = self.total_length.unwrap_or(length);
                let mut bytes = header.to_bytes().to_vec();
                for edit in &self.ip_edits {
                    edit(&mut bytes);
                }
                bytes.extend_from_slice(extra);
                bytes
            }
        };
        packet.extend_from_slice(&segment);
        packet
    }

    /// The frame (Ethernet, without FCS).
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let packet = self.ip_packet();
        let mut frame = self.ethernet.to_bytes().to_vec();
        frame.splice(12..12, self.tags.iter().copied());
        frame.extend_from_slice(&packet);
        match &self.padding {
            Some(padding) => frame.extend_from_slice(padding),
            None => frame.resize(frame.len().max(MIN_FRAME), 0),
        }
        for edit in &self.frame_edits {
            edit(&mut frame);
        }
        frame
    }

    /// The IPv4 packet in fragments with at most `size` bytes of payload each (rounded down to a multiple of 8, at
    /// least 8), in order, under the identification `id`. Anything but an IPv4 packet stays as it is.
    #[must_use]
    pub fn fragments(&self, id: u16, size: usize) -> Vec<Self> {
        let Net::V4(header) = &self.net else {
            return vec![self.clone()];
        };
        let size = (size / 8 * 8).max(8);
        let segment = self.segment();
        let last = segment.len().div_ceil(size).max(1) - 1;
        let piece = |(index, part): (usize, &[u8])| {
            Self {
                transport: Transport::None,
                net: Net::V4(header.clone()),
                transport_edits: Vec::new(),
                ..self.clone()
            }
            .payload(part)
            .ip_id(id)
            .fragment(
                u16::try_from(index * size).unwrap_or(u16::MAX),
                index < last,
            )
        };
        segment.chunks(size).enumerate().map(piece).collect()
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
