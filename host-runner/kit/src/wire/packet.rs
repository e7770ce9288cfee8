//! What the bytes of a frame say, layer by layer, as far as they make sense.
//!
//! Total: any bytes at all can be looked at, and what does not parse is absent. Lengths that promise more than is
//! there are cut to what is there, so that a bad frame can still be described. Must not: judge.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr};

use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};

use super::frame::Mac;
use super::headers::{Arp, Datagram, Flags, Icmp, Segment, protocol};
use super::sum;

/// Bytes of an Ethernet header.
const ETHERNET: usize = 14;

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
