//! What the headers inside of a frame say, as plain values. Must not: parse frames.

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};

use super::frame::Mac;

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
