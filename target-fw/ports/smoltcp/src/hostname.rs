//! The host name, and how it gets into what smoltcp's DHCP client says (RFC 2132 §3.14).
//!
//! The client takes its options for ever, but the name may change. So it is given a place-holder, and the name
//! is written over that when a message leaves. The rest of the place-holder becomes padding, which also makes
//! the message as long as relays want it (RFC 1542 §2.1).

use smoltcp::wire::{
    DhcpOption, EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Packet, UdpPacket,
};

/// Longest name in bytes (contract §2).
const LONGEST: usize = nsapi::interface::HOSTNAME;
/// Option number of the host name.
const NUMBER: u8 = 12;
/// Option of the message's type, which smoltcp writes first, and the one that looks for a server.
const MESSAGE_TYPE: u8 = 53;
const DISCOVER: u8 = 1;
const PAD: u8 = 0;
const END: u8 = 255;
/// Where the options of a message begin, behind its fixed fields and the cookie.
const OPTIONS: usize = 240;
const SERVER_PORT: u16 = 67;

/// What the client is given for the name.
pub(crate) const PLACE_HOLDER: &[DhcpOption<'static>] = &[DhcpOption {
    kind: NUMBER,
    data: &[0; LONGEST],
}];

/// A message of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// Looks for a server.
    Discover,
    /// Talks to one.
    Other,
}

/// A host name; empty for none.
#[derive(Clone, Debug)]
pub(crate) struct HostName {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Default for HostName {
    fn default() -> Self {
        Self {
            bytes: [0; LONGEST],
            length: 0,
        }
    }
}

impl HostName {
    /// `None` if it is too long.
    pub(crate) fn new(name: &str) -> Option<Self> {
        let mut bytes = [0; LONGEST];
        let length = name.len();
        bytes.get_mut(..length)?.copy_from_slice(name.as_bytes());
        Some(Self { bytes, length })
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&[])
    }

    /// Writes the name into a frame that is about to leave, if that is a message of the DHCP client; what kind
    /// of message it is.
    pub(crate) fn write_into(&self, frame: &mut [u8]) -> Option<Message> {
        let mut ethernet = EthernetFrame::new_checked(frame).ok()?;
        if ethernet.ethertype() != EthernetProtocol::Ipv4 {
            return None;
        }
        let mut ip = Ipv4Packet::new_checked(ethernet.payload_mut()).ok()?;
        if ip.next_header() != IpProtocol::Udp {
            return None;
        }
        let (from, to) = (ip.src_addr(), ip.dst_addr());
        let mut udp = UdpPacket::new_checked(ip.payload_mut()).ok()?;
        if udp.dst_port() != SERVER_PORT {
            return None;
        }
        let options = udp.payload_mut().get_mut(OPTIONS..)?;
        let message = match *options {
            [MESSAGE_TYPE, 1, DISCOVER, ..] => Message::Discover,
            _ => Message::Other,
        };
        let place = place_of(options)?;
        let name = self.as_bytes();
        let place = options.get_mut(place..place + 2 + LONGEST)?;
        place.fill(PAD);
        if let ([number, length, rest @ ..], false) = (place, name.is_empty()) {
            *number = NUMBER;
            *length = name.len() as u8;
            rest.get_mut(..name.len())?.copy_from_slice(name);
        }
        udp.fill_checksum(&from.into(), &to.into());
        Some(message)
    }
}

/// Where the place-holder begins.
fn place_of(options: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match *options.get(at..)? {
            [PAD, ..] => at += 1,
            [END, ..] => return None,
            [NUMBER, ..] => return Some(at),
            [_, length, ..] => at += 2 + usize::from(length),
            _ => return None,
        }
    }
}
