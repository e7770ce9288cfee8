//! What the bytes of a frame say, layer by layer, as far as they make sense.
//!
//! Total: any bytes at all can be looked at, and what does not parse is absent. Lengths that promise more than is
//! there are cut to what is there, so that a bad frame can still be described. Must not: judge.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};

use super::frame::Mac;
use super::sum;

/// Bytes of an Ethernet header.
const ETHERNET: usize = 14;

/// IP protocol numbers that have accessors of their own.
pub mod protocol {
    /// Internet Control Message Protocol (RFC 792).
    pub const ICMP: u8 = 1;
    /// Internet Group Management Protocol (RFC 2236).
    pub const IGMP: u8 = 2;
    /// Transmission Control Protocol (RFC 9293).
    pub const TCP: u8 = 6;
    /// User Datagram Protocol (RFC 768).
    pub const UDP: u8 = 17;
    /// ICMP for IPv6 (RFC 4443).
    pub const ICMPV6: u8 = 58;
}

/// Flags of a TCP segment; join them with `|`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(pub u8);

impl Flags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// No more data.
    pub const FIN: Self = Self(1);
    /// Opens.
    pub const SYN: Self = Self(2);
    /// Resets.
    pub const RST: Self = Self(4);
    /// Deliver at once.
    pub const PSH: Self = Self(8);
    /// The acknowledgement number counts.
    pub const ACK: Self = Self(16);
    /// The urgent pointer counts.
    pub const URG: Self = Self(32);
    /// Congestion seen (RFC 3168).
    pub const ECE: Self = Self(64);
    /// Congestion window reduced (RFC 3168).
    pub const CWR: Self = Self(128);

    /// Whether all of `others` are set.
    #[must_use]
    pub const fn contains(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Whether any of `others` is set.
    #[must_use]
    pub const fn intersects(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }
}

impl core::ops::BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 8] = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];
        let mut first = true;
        for (bit, name) in NAMES.iter().enumerate() {
            if self.0 >> bit & 1 == 1 {
                f.write_str(if first { "" } else { "+" })?;
                f.write_str(name)?;
                first = false;
            }
        }
        f.write_str(if first { "no flags" } else { "" })
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An ARP packet for Ethernet and IPv4 (RFC 826).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// 1 request, 2 reply.
    pub operation: u16,
    /// Hardware address of who says it.
    pub sender_mac: Mac,
    /// Protocol address of who says it; 0.0.0.0 in a probe.
    pub sender_ip: Ipv4Addr,
    /// Hardware address of whom it is for; zero in a request.
    pub target_mac: Mac,
    /// Protocol address asked for.
    pub target_ip: Ipv4Addr,
}

/// A TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Sequence number as on the wire.
    pub seq: u32,
    /// Acknowledgement number as on the wire.
    pub ack: u32,
    /// Flags.
    pub flags: Flags,
    /// Window as on the wire, not scaled.
    pub window: u16,
    /// Checksum as on the wire.
    pub checksum: u16,
    /// Urgent pointer.
    pub urgent: u16,
    /// All options, as on the wire.
    pub options: &'a [u8],
    /// Payload.
    pub data: &'a [u8],
}

impl<'a> Segment<'a> {
    /// Its options, kind and value each; padding left out. Stops at the first that is malformed.
    pub fn options(&self) -> impl Iterator<Item = (u8, &'a [u8])> + use<'a> {
        let mut rest = self.options;
        core::iter::from_fn(move || {
            loop {
                match *rest {
                    [1, ..] => rest = &rest[1..],
                    [kind, length, ..]
                        if kind > 1 && length >= 2 && rest.len() >= length.into() =>
                    {
                        let (option, more) = rest.split_at(length.into());
                        rest = more;
                        return Some((kind, &option[2..]));
                    }
                    _ => return None,
                }
            }
        })
    }

    /// Value of the option `kind`.
    #[must_use]
    pub fn option(&self, kind: u8) -> Option<&'a [u8]> {
        self.options()
            .find(|(found, _)| *found == kind)
            .map(|(_, value)| value)
    }

    /// Maximum segment size that it announces (RFC 9293 §3.7.1).
    #[must_use]
    pub fn mss(&self) -> Option<u16> {
        match self.option(2) {
            Some(&[a, b]) => Some(u16::from_be_bytes([a, b])),
            _ => None,
        }
    }

    /// Window scale that it announces (RFC 7323 §2).
    #[must_use]
    pub fn window_scale(&self) -> Option<u8> {
        match self.option(3) {
            Some(&[shift]) => Some(shift),
            _ => None,
        }
    }

    /// Sequence numbers that it takes up: payload, SYN and FIN.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.data.len() as u32
            + u32::from(self.flags.contains(Flags::SYN))
            + u32::from(self.flags.contains(Flags::FIN))
    }

    /// Whether it takes up none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A UDP datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Length field.
    pub length: u16,
    /// Checksum as on the wire; 0 says none.
    pub checksum: u16,
    /// Payload, as much as the length field says and is there.
    pub data: &'a [u8],
}

/// An ICMP message of either family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Icmp<'a> {
    /// ICMP for IPv6.
    pub v6: bool,
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// Checksum as on the wire.
    pub checksum: u16,
    /// The four bytes after the checksum: identifier and sequence number of an echo, MTU, pointer.
    pub rest: [u8; 4],
    /// What follows those: the data of an echo, the quoted packet of an error.
    pub body: &'a [u8],
}

impl Icmp<'_> {
    /// An echo request.
    #[must_use]
    pub const fn is_echo_request(&self) -> bool {
        self.kind == if self.v6 { 128 } else { 8 }
    }

    /// An echo reply.
    #[must_use]
    pub const fn is_echo_reply(&self) -> bool {
        self.kind == if self.v6 { 129 } else { 0 }
    }

    /// An error message: it quotes a packet (RFC 1122 §3.2.2, RFC 4443 §2.1).
    #[must_use]
    pub const fn is_error(&self) -> bool {
        if self.v6 {
            self.kind < 128
        } else {
            matches!(self.kind, 3 | 4 | 5 | 11 | 12)
        }
    }

    /// Identifier and sequence number of an echo.
    #[must_use]
    pub const fn echo_id(&self) -> (u16, u16) {
        let [a, b, c, d] = self.rest;
        (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
    }

    /// The address that a neighbour solicitation or advertisement is about (RFC 4861 §4.3, §4.4).
    #[must_use]
    pub fn nd_target(&self) -> Option<Ipv6Addr> {
        let target: [u8; 16] = self.body.get(..16)?.try_into().ok()?;
        (self.v6 && matches!(self.kind, 135 | 136)).then(|| target.into())
    }

    /// An option of a neighbour or router message by its type: all but type and length (RFC 4861 §4.6).
    #[must_use]
    pub fn nd_option(&self, kind: u8) -> Option<&[u8]> {
        let mut rest = self.body.get(match (self.v6, self.kind) {
            (true, 133) => 0..,
            (true, 134) => 8..,
            (true, 135 | 136) => 16..,
            _ => return None,
        })?;
        while let [found, units, ..] = *rest {
            if units == 0 {
                return None;
            }
            let length = usize::from(units) * 8;
            let option = rest.get(..length)?;
            if found == kind {
                return Some(&option[2..]);
            }
            rest = &rest[length..];
        }
        None
    }
}

/// A frame seen through its headers.
#[derive(Clone)]
pub struct Packet<'a> {
    bytes: &'a [u8],
    sliced: Option<LaxSlicedPacket<'a>>,
}

impl<'a> Packet<'a> {
    /// Looks at a frame; `None` if it is too short for an Ethernet header.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let packet = Self::of(bytes);
        packet.sliced.is_some().then_some(packet)
    }

    /// Looks at a frame; of one that is too short for an Ethernet header nothing is known.
    #[must_use]
    pub fn of(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            sliced: LaxSlicedPacket::from_ethernet(bytes).ok(),
        }
    }

    /// All of it.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    fn mac(&self, at: usize) -> Mac {
        let bytes = self.bytes.get(at..at + 6);
        Mac(bytes
            .and_then(|bytes| bytes.try_into().ok())
            .unwrap_or_default())
    }

    /// Whom the frame is for.
    #[must_use]
    pub fn destination(&self) -> Mac {
        self.mac(0)
    }

    /// Who sent the frame.
    #[must_use]
    pub fn source(&self) -> Mac {
        self.mac(6)
    }

    /// VLAN ids, outermost first (IEEE 802.1Q).
    #[must_use]
    pub fn vlans(&self) -> Vec<u16> {
        let sliced = self.sliced.as_ref();
        sliced.map_or_else(Vec::new, |sliced| {
            sliced.vlan_ids().iter().map(|id| id.value()).collect()
        })
    }

    /// EtherType, that of what is inside of VLAN tags.
    #[must_use]
    pub fn ether_type(&self) -> u16 {
        let payload = self.sliced.as_ref().and_then(|it| it.ether_payload());
        payload.map_or(0, |payload| payload.ether_type.0)
    }

    /// What follows the Ethernet header and VLAN tags, padding included.
    #[must_use]
    pub fn ether_payload(&self) -> &'a [u8] {
        let payload = self.sliced.as_ref().and_then(|it| it.ether_payload());
        payload.map_or(&[], |payload| payload.payload)
    }

    fn net(&self) -> Option<&LaxNetSlice<'a>> {
        self.sliced.as_ref()?.net.as_ref()
    }

    /// The ARP packet, if it is one for Ethernet and IPv4.
    #[must_use]
    pub fn arp(&self) -> Option<Arp> {
        let Some(LaxNetSlice::Arp(arp)) = self.net() else {
            return None;
        };
        if arp.hw_addr_type().0 != 1 || arp.proto_addr_type().0 != 0x0800 {
            return None;
        }
        let ip = |bytes: &[u8]| <[u8; 4]>::try_from(bytes).ok().map(Ipv4Addr::from);
        Some(Arp {
            operation: arp.operation().0,
            sender_mac: Mac(arp.sender_hw_addr().try_into().ok()?),
            sender_ip: ip(arp.sender_protocol_addr())?,
            target_mac: Mac(arp.target_hw_addr().try_into().ok()?),
            target_ip: ip(arp.target_protocol_addr())?,
        })
    }

    /// Whether it has an IPv4 header.
    #[must_use]
    pub fn is_ipv4(&self) -> bool {
        matches!(self.net(), Some(LaxNetSlice::Ipv4(_)))
    }

    /// Whether it has an IPv6 header.
    #[must_use]
    pub fn is_ipv6(&self) -> bool {
        matches!(self.net(), Some(LaxNetSlice::Ipv6(_)))
    }

    /// The IP header as it is, IPv4 options included, IPv6 extension headers not; empty if there is none.
    #[must_use]
    pub fn ip_header(&self) -> &'a [u8] {
        let payload = self.ether_payload();
        let length = match self.net() {
            Some(LaxNetSlice::Ipv4(ip)) => ip.header().slice().len(),
            Some(LaxNetSlice::Ipv6(_)) => 40,
            _ => 0,
        };
        payload.get(..length).unwrap_or_default()
    }

    /// The IP packet without link padding: header and as much payload as its length says and is there.
    #[must_use]
    pub fn ip_packet(&self) -> &'a [u8] {
        let payload = self.ether_payload();
        let length = match self.net() {
            Some(LaxNetSlice::Ipv4(ip)) => ip.header().total_len().into(),
            Some(LaxNetSlice::Ipv6(ip)) => 40 + usize::from(ip.header().payload_length()),
            _ => 0,
        };
        &payload[..length.min(payload.len())]
    }

    /// Bytes after the IP or ARP packet that fill the frame up.
    #[must_use]
    pub fn padding(&self) -> &'a [u8] {
        let payload = self.ether_payload();
        let used = match self.net() {
            Some(LaxNetSlice::Ipv4(_) | LaxNetSlice::Ipv6(_)) => self.ip_packet().len(),
            Some(LaxNetSlice::Arp(arp)) => arp.slice().len(),
            None => payload.len(),
        };
        payload.get(used..).unwrap_or_default()
    }

    /// Source address, of IP.
    #[must_use]
    pub fn src_ip(&self) -> Option<IpAddr> {
        match self.net()? {
            LaxNetSlice::Ipv4(ip) => Some(ip.header().source_addr().into()),
            LaxNetSlice::Ipv6(ip) => Some(ip.header().source_addr().into()),
            LaxNetSlice::Arp(_) => None,
        }
    }

    /// Destination address, of IP.
    #[must_use]
    pub fn dst_ip(&self) -> Option<IpAddr> {
        match self.net()? {
            LaxNetSlice::Ipv4(ip) => Some(ip.header().destination_addr().into()),
            LaxNetSlice::Ipv6(ip) => Some(ip.header().destination_addr().into()),
            LaxNetSlice::Arp(_) => None,
        }
    }

    /// Time to live, or hop limit.
    #[must_use]
    pub fn ttl(&self) -> Option<u8> {
        match self.net()? {
            LaxNetSlice::Ipv4(ip) => Some(ip.header().ttl()),
            LaxNetSlice::Ipv6(ip) => Some(ip.header().hop_limit()),
            LaxNetSlice::Arp(_) => None,
        }
    }

    /// Whether it is a fragment of an IP packet: not all of it, so without a transport header here.
    #[must_use]
    pub fn is_fragment(&self) -> bool {
        self.sliced
            .as_ref()
            .and_then(LaxSlicedPacket::ip_payload)
            .is_some_and(|payload| payload.fragmented)
    }

    /// Number of the IP protocol inside, extension headers skipped.
    #[must_use]
    pub fn ip_protocol(&self) -> Option<u8> {
        let payload = self.sliced.as_ref()?.ip_payload()?;
        Some(payload.ip_number.0)
    }

    /// What the IP packet carries behind its headers and extension headers.
    #[must_use]
    pub fn ip_payload(&self) -> &'a [u8] {
        let payload = self.sliced.as_ref().and_then(LaxSlicedPacket::ip_payload);
        payload.map_or(&[], |payload| payload.payload)
    }

    /// The TCP segment.
    #[must_use]
    pub fn tcp(&self) -> Option<Segment<'a>> {
        let Some(TransportSlice::Tcp(tcp)) = self.sliced.as_ref()?.transport.as_ref() else {
            return None;
        };
        let header = tcp.header_slice();
        Some(Segment {
            src_port: tcp.source_port(),
            dst_port: tcp.destination_port(),
            seq: tcp.sequence_number(),
            ack: tcp.acknowledgment_number(),
            flags: Flags(header[13]),
            window: tcp.window_size(),
            checksum: tcp.checksum(),
            urgent: tcp.urgent_pointer(),
            options: &header[20..],
            data: tcp.payload(),
        })
    }

    /// The UDP datagram.
    #[must_use]
    pub fn udp(&self) -> Option<Datagram<'a>> {
        let Some(TransportSlice::Udp(udp)) = self.sliced.as_ref()?.transport.as_ref() else {
            return None;
        };
        Some(Datagram {
            src_port: udp.source_port(),
            dst_port: udp.destination_port(),
            length: udp.length(),
            checksum: udp.checksum(),
            data: udp.payload(),
        })
    }

    /// Source and destination port of TCP or UDP.
    #[must_use]
    pub fn ports(&self) -> Option<(u16, u16)> {
        let tcp = self.tcp().map(|it| (it.src_port, it.dst_port));
        tcp.or_else(|| self.udp().map(|it| (it.src_port, it.dst_port)))
    }

    /// The ICMP message, of either family.
    #[must_use]
    pub fn icmp(&self) -> Option<Icmp<'a>> {
        let v6 = match self.ip_protocol()? {
            protocol::ICMP if self.is_ipv4() => false,
            protocol::ICMPV6 if self.is_ipv6() => true,
            _ => return None,
        };
        if self.is_fragment() {
            return None;
        }
        let [kind, code, a, b, rest @ ..] = self.ip_payload() else {
            return None;
        };
        let (rest, body) = rest.split_first_chunk()?;
        Some(Icmp {
            v6,
            kind: *kind,
            code: *code,
            checksum: u16::from_be_bytes([*a, *b]),
            rest: *rest,
            body,
        })
    }

    /// The IGMP message as it is.
    #[must_use]
    pub fn igmp(&self) -> Option<&'a [u8]> {
        (self.is_ipv4() && self.ip_protocol() == Some(protocol::IGMP) && !self.is_fragment())
            .then(|| self.ip_payload())
    }

    /// What an application would get of it: the payload of TCP or UDP, the data of an ICMP message; else nothing.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        let tcp = self.tcp().map(|it| it.data);
        tcp.or_else(|| self.udp().map(|it| it.data))
            .or_else(|| self.icmp().map(|it| it.body))
            .unwrap_or_default()
    }

    /// Whether the checksum of the IPv4 header is right; `None` if it has none.
    #[must_use]
    pub fn ip_checksum_ok(&self) -> Option<bool> {
        self.is_ipv4()
            .then(|| sum::internet(&[self.ip_header()]) == 0)
    }

    /// Whether the checksum of TCP, UDP, ICMP or IGMP is right; `None` if there is none to check (another protocol,
    /// a fragment, a packet cut short). UDP over IPv4 without checksum is right.
    #[must_use]
    pub fn checksum_ok(&self) -> Option<bool> {
        let payload = self.sliced.as_ref()?.ip_payload()?;
        if payload.fragmented || payload.incomplete {
            return None;
        }
        let bytes = payload.payload;
        let number = payload.ip_number.0;
        let pseudo = || {
            Some(sum::pseudo_header(
                self.src_ip()?,
                self.dst_ip()?,
                number,
                bytes.len(),
            ))
        };
        match number {
            protocol::UDP => {
                let udp = self.udp()?;
                if udp.checksum == 0 {
                    return Some(self.is_ipv4());
                }
                let covered = bytes.get(..udp.length.into())?;
                let header =
                    sum::pseudo_header(self.src_ip()?, self.dst_ip()?, number, covered.len());
                Some(sum::internet(&[&header, covered]) == 0)
            }
            protocol::TCP => Some(sum::internet(&[&pseudo()?, bytes]) == 0),
            protocol::ICMPV6 if self.is_ipv6() => Some(sum::internet(&[&pseudo()?, bytes]) == 0),
            protocol::ICMP | protocol::IGMP if self.is_ipv4() => Some(sum::internet(&[bytes]) == 0),
            _ => None,
        }
    }

    /// Whether more than an Ethernet header is there.
    #[must_use]
    pub const fn has_body(&self) -> bool {
        self.bytes.len() > ETHERNET
    }
}

impl fmt::Debug for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One line that says what the frame is: `tcp 192.0.2.15:49152 → 192.0.2.1:7 SYN seq 1 ack 0 window 512`.
impl fmt::Display for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::describe::packet(self, f)
    }
}

#[cfg(test)]
mod tests;
