//! Puts a craft together: headers, lengths, checksums, padding, fragments.

use core::net::IpAddr;

use etherparse::{IpNumber, UdpHeader};

use super::{Craft, MIN_FRAME, Net, Sum, Transport};
use crate::wire::headers::protocol;
use crate::wire::sum;

impl Craft {
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
