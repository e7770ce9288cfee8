//! Where the parts of an IP packet are, and making its lengths and checksums right after a change.

use core::net::{Ipv4Addr, Ipv6Addr};

use smoltcp::wire::IpAddress;

use super::frame::{ETHERNET, IPV4, IPV6, bytes, fold, put, sum, u8_at, u16_at};

/// IP protocols.
pub(super) mod protocol {
    pub(in crate::guard) const HOP_BY_HOP: u8 = 0;
    pub(in crate::guard) const ICMP: u8 = 1;
    pub(in crate::guard) const IGMP: u8 = 2;
    pub(in crate::guard) const TCP: u8 = 6;
    pub(in crate::guard) const UDP: u8 = 17;
    pub(in crate::guard) const ICMPV6: u8 = 58;
}

/// An address of either family, those of IPv4 mapped (RFC 4291 §2.5.5.2): one kind is less code than two.
pub(super) type Address = Ipv6Addr;

/// Whether two addresses are the same: asked several times for each frame, and not worth a call each time.
pub(super) fn is_same(one: &Address, other: &Address) -> bool {
    u128::from_ne_bytes(one.octets()) == u128::from_ne_bytes(other.octets())
}

/// The address as smoltcp has it.
pub(super) const fn mapped(ip: IpAddress) -> Address {
    match ip {
        IpAddress::Ipv4(ip) => ip.to_ipv6_mapped(),
        IpAddress::Ipv6(ip) => ip,
    }
}

/// Length of an IPv6 header.
pub(super) const IPV6_HEADER: usize = 40;

/// An IP packet within a frame; offsets are from the beginning of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    pub(super) is_v6: bool,
    pub(super) source: Address,
    pub(super) destination: Address,
    /// What follows at `payload`: over IPv6 behind a hop-by-hop header, if there is one.
    pub(super) protocol: u8,
    pub(super) payload: usize,
    /// Where the packet ends; padding may follow.
    pub(super) end: usize,
    /// A part of a fragmented packet.
    pub(super) is_fragment: bool,
}

impl Packet {
    /// The packet in a frame, if its header is right (RFC 1122 §3.2.1, RFC 8200 §3).
    pub(super) fn parse(frame: &[u8]) -> Option<Self> {
        match u16_at(frame, 12) {
            IPV4 => Self::v4(frame),
            IPV6 => Self::v6(frame),
            _ => None,
        }
    }

    fn v4(frame: &[u8]) -> Option<Self> {
        let first = u8_at(frame, ETHERNET);
        let header = usize::from(first & 0x0f) * 4;
        let total = usize::from(u16_at(frame, ETHERNET + 2));
        let whole = frame.get(ETHERNET..ETHERNET + header)?;
        let fits = header >= 20 && header <= total && ETHERNET + total <= frame.len();
        if first >> 4 != 4 || !fits || fold(sum(0, whole)) != 0 {
            return None;
        }
        Some(Self {
            is_v6: false,
            source: Ipv4Addr::from(bytes(frame, ETHERNET + 12)).to_ipv6_mapped(),
            destination: Ipv4Addr::from(bytes(frame, ETHERNET + 16)).to_ipv6_mapped(),
            protocol: u8_at(frame, ETHERNET + 9),
            payload: ETHERNET + header,
            end: ETHERNET + total,
            is_fragment: u16_at(frame, ETHERNET + 6) & 0x3fff != 0,
        })
    }

    fn v6(frame: &[u8]) -> Option<Self> {
        let end = ETHERNET + IPV6_HEADER + usize::from(u16_at(frame, ETHERNET + 4));
        if u8_at(frame, ETHERNET) >> 4 != 6 || end > frame.len() {
            return None;
        }
        let mut protocol = u8_at(frame, ETHERNET + 6);
        let mut payload = ETHERNET + IPV6_HEADER;
        if protocol == protocol::HOP_BY_HOP {
            protocol = u8_at(frame, payload);
            payload += (usize::from(u8_at(frame, payload + 1)) + 1) * 8;
        }
        (payload <= end).then_some(Self {
            is_v6: true,
            source: Ipv6Addr::from(bytes(frame, ETHERNET + 8)),
            destination: Ipv6Addr::from(bytes(frame, ETHERNET + 24)),
            protocol,
            payload,
            end,
            is_fragment: false,
        })
    }

    /// Bytes above the IP headers.
    pub(super) const fn length(&self) -> usize {
        self.end - self.payload
    }

    /// The checksum of what is above IP, its pseudo-header included (RFC 9293 §3.1, RFC 8200 §8.1): zero if
    /// what the frame says is right.
    pub(super) fn checksum(&self, frame: &[u8]) -> u16 {
        let addresses = if self.is_v6 {
            frame.get(ETHERNET + 8..ETHERNET + 40)
        } else {
            frame.get(ETHERNET + 12..ETHERNET + 20)
        };
        let pseudo = u32::from(self.protocol) + self.length() as u32;
        let pseudo = sum(pseudo, addresses.unwrap_or(&[]));
        fold(sum(
            pseudo,
            frame.get(self.payload..self.end).unwrap_or(&[]),
        ))
    }

    /// Ends the packet elsewhere: sets the lengths and checksums of the IP header.
    pub(super) fn set_end(&mut self, frame: &mut [u8], end: usize) {
        self.end = end;
        let length = end - ETHERNET;
        if self.is_v6 {
            let length = length.saturating_sub(IPV6_HEADER) as u16;
            put(frame, ETHERNET + 4, &length.to_be_bytes());
        } else {
            put(frame, ETHERNET + 2, &(length as u16).to_be_bytes());
            Self::seal_v4(frame);
        }
    }

    /// Computes the checksum of the IPv4 header anew.
    pub(super) fn seal_v4(frame: &mut [u8]) {
        put(frame, ETHERNET + 10, &[0, 0]);
        let header = usize::from(u8_at(frame, ETHERNET) & 0x0f) * 4;
        let checksum = fold(sum(
            0,
            frame.get(ETHERNET..ETHERNET + header).unwrap_or(&[]),
        ));
        put(frame, ETHERNET + 10, &checksum.to_be_bytes());
    }

    /// Computes the checksum above IP anew; `field` is its offset within the payload.
    pub(super) fn seal(&self, frame: &mut [u8], field: usize) {
        put(frame, self.payload + field, &[0, 0]);
        let checksum = self.checksum(frame);
        put(frame, self.payload + field, &checksum.to_be_bytes());
    }
}
