//! Extension headers of IPv6: smoltcp knows the hop-by-hop header only. They are looked at and taken off here
//! (RFC 8200 §4).

use core::net::Ipv6Addr;

use super::frame::{ETHERNET, IPV6, bytes, put, u8_at, u16_at};
use super::packet::{IPV6_HEADER, Packet, protocol};

/// Extension headers, and the header that says that nothing follows.
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const NO_NEXT: u8 = 59;
const DESTINATION: u8 = 60;

/// Offset of the next-header field in a frame, and of what follows the header.
const NEXT: usize = ETHERNET + 6;
const PAYLOAD: usize = ETHERNET + IPV6_HEADER;

/// Options (RFC 8200 §4.2, RFC 2711).
const PAD_1: u8 = 0;
const PAD_N: u8 = 1;
const ROUTER_ALERT: u8 = 5;

/// Codes of the parameter problem (RFC 4443 §3.4).
const ERRONEOUS_FIELD: u8 = 0;
const UNKNOWN_HEADER: u8 = 1;
const UNKNOWN_OPTION: u8 = 2;
/// The most of a packet that an error may be (RFC 4443 §2.4 c).
const LONGEST_ERROR: usize = 1280;
const ICMP_HEADER: usize = 8;

/// What is wrong with a packet, and where in the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    code: u8,
    at: usize,
}

/// Why a packet cannot be taken.
pub(super) enum Refusal {
    /// Nobody is told.
    Silent,
    /// The sender is.
    Told(Problem),
}

impl Refusal {
    const fn told(code: u8, at: usize) -> Self {
        Self::Told(Problem { code, at })
    }
}

/// Takes the extension headers off a packet.
pub(super) fn strip(frame: &mut [u8]) -> Result<(), Refusal> {
    let end = PAYLOAD + usize::from(u16_at(frame, ETHERNET + 4));
    if end > frame.len() {
        return Err(Refusal::Silent);
    }
    let (mut field, mut at) = (NEXT, PAYLOAD);
    loop {
        let next = u8_at(frame, field);
        let length = match next {
            protocol::TCP | protocol::UDP | protocol::ICMPV6 => break,
            NO_NEXT => return Err(Refusal::Silent),
            FRAGMENT => 8,
            protocol::HOP_BY_HOP if at == PAYLOAD => extension_length(frame, at),
            ROUTING | DESTINATION => extension_length(frame, at),
            _ => return Err(Refusal::told(UNKNOWN_HEADER, field)),
        };
        if at + length > end {
            return Err(Refusal::Silent);
        }
        match next {
            // A whole packet (RFC 6946); parts of one cannot be put together here.
            FRAGMENT if u16_at(frame, at + 2) & 0xfff9 != 0 => return Err(Refusal::Silent),
            FRAGMENT => {}
            // There is nothing left to visit, or it is of no known kind (RFC 8200 §4.4, RFC 5095).
            ROUTING if u8_at(frame, at + 3) != 0 => {
                return Err(Refusal::told(ERRONEOUS_FIELD, at + 2));
            }
            ROUTING => {}
            _ => check_options(frame, at + 2, at + length)?,
        }
        field = at;
        at += length;
    }
    let last = u8_at(frame, field);
    // Questions about groups have to have one (RFC 3810 §5), and smoltcp knows it.
    let is_usual =
        field == PAYLOAD && u8_at(frame, NEXT) == protocol::HOP_BY_HOP && last == protocol::ICMPV6;
    if at > PAYLOAD && !is_usual {
        put(frame, NEXT, &[last]);
        put(frame, ETHERNET + 4, &((end - at) as u16).to_be_bytes());
        frame.copy_within(at..end, PAYLOAD);
    }
    Ok(())
}

fn extension_length(frame: &[u8], at: usize) -> usize {
    (usize::from(u8_at(frame, at + 1)) + 1) * 8
}

/// Whether the options between two offsets can be passed over (RFC 8200 §4.2).
fn check_options(frame: &[u8], mut at: usize, end: usize) -> Result<(), Refusal> {
    let to_many = u8_at(frame, ETHERNET + 24) == 0xff;
    while at < end {
        let kind = u8_at(frame, at);
        if kind == PAD_1 {
            at += 1;
            continue;
        }
        let next = at + 2 + usize::from(u8_at(frame, at + 1));
        if next > end {
            return Err(Refusal::Silent);
        }
        match (kind, kind >> 6) {
            (PAD_N | ROUTER_ALERT, _) | (_, 0) => {}
            (_, 2) => return Err(Refusal::told(UNKNOWN_OPTION, at)),
            (_, 3) if !to_many => return Err(Refusal::told(UNKNOWN_OPTION, at)),
            _ => return Err(Refusal::Silent),
        }
        at = next;
    }
    Ok(())
}

/// Makes of a packet the error that tells its sender about it, if he may be told (RFC 4443 §2.4 e). The
/// length of the frame then.
pub(super) fn tell(frame: &mut [u8], problem: Problem, own: Ipv6Addr, mac: [u8; 6]) -> usize {
    let whole = IPV6_HEADER + usize::from(u16_at(frame, ETHERNET + 4));
    let quoted = whole.min(LONGEST_ERROR - IPV6_HEADER - ICMP_HEADER);
    let message = PAYLOAD;
    let quote = message + ICMP_HEADER;
    frame.copy_within(ETHERNET..ETHERNET + quoted, quote);
    let sender: [u8; 16] = bytes(frame, quote + 8);
    let sender_mac: [u8; 6] = bytes(frame, 6);
    put(frame, 0, &sender_mac);
    put(frame, 6, &mac);
    put(frame, 12, &IPV6.to_be_bytes());
    put(
        frame,
        ETHERNET,
        &[0x60, 0, 0, 0, 0, 0, protocol::ICMPV6, 64],
    );
    put(frame, ETHERNET + 8, &own.octets());
    put(frame, ETHERNET + 24, &sender);
    put(frame, message, &[4, problem.code, 0, 0]);
    let pointer = (problem.at - ETHERNET) as u32;
    put(frame, message + 4, &pointer.to_be_bytes());
    let mut packet = Packet {
        is_v6: true,
        source: own,
        destination: sender.into(),
        protocol: protocol::ICMPV6,
        payload: message,
        end: quote,
        is_fragment: false,
    };
    packet.set_end(frame, quote + quoted);
    packet.seal(frame, 2);
    quote + quoted
}

impl Problem {
    /// Whether it may be told about a packet to many (RFC 4443 §2.4 e.3).
    pub(super) const fn is_for_many(self) -> bool {
        self.code == UNKNOWN_OPTION
    }
}
