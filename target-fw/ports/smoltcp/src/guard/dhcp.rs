//! DHCP around smoltcp's client: long enough messages, and one server (RFC 2131).

use core::net::Ipv4Addr;

use super::Verdict;
use super::frame::{ETHERNET, bytes, put, put_summed, u16_at};
use super::packet::{Packet, protocol};

/// Offsets within a message, and the shortest that relays pass on (RFC 1542 §2.1).
const OPTIONS: usize = 240;
const SHORTEST_MESSAGE: usize = 300;
/// Headers in front of a message: Ethernet, IPv4 without options, UDP.
const HEADERS: usize = ETHERNET + 20 + UDP_HEADER;
const UDP_HEADER: usize = 8;

/// Frames as long as those of smoltcp's client that are too short, and as long as they should be.
pub(super) const SHORT_FRAMES: core::ops::Range<usize> =
    HEADERS + OPTIONS..HEADERS + SHORTEST_MESSAGE;
pub(super) const PADDED_FRAME: usize = HEADERS + SHORTEST_MESSAGE;

const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;

/// Options (RFC 2132).
mod option {
    pub(super) const PAD: u8 = 0;
    pub(super) const ROUTERS: u8 = 3;
    pub(super) const LEASE: u8 = 51;
    pub(super) const MESSAGE_TYPE: u8 = 53;
    pub(super) const SERVER: u8 = 54;
    pub(super) const RENEWAL: u8 = 58;
    pub(super) const REBINDING: u8 = 59;
    pub(super) const END: u8 = 255;
}

/// Message types (RFC 2132 §9.6).
mod message {
    pub(super) const DISCOVER: u8 = 1;
    pub(super) const REQUEST: u8 = 3;
    pub(super) const REFUSAL: u8 = 6;
}

fn is_between(frame: &[u8], packet: &Packet, from: u16, to: u16) -> bool {
    !packet.is_v6
        && packet.protocol == protocol::UDP
        && u16_at(frame, packet.payload) == from
        && u16_at(frame, packet.payload + 2) == to
}

/// An option of a message.
fn find<'a>(frame: &'a [u8], packet: &Packet, wanted: u8) -> Option<&'a [u8]> {
    frame.get(place(frame, packet, wanted)?)
}

/// Where the value of an option lies.
fn place(frame: &[u8], packet: &Packet, wanted: u8) -> Option<core::ops::Range<usize>> {
    let mut at = packet.payload + UDP_HEADER + OPTIONS;
    loop {
        match *frame.get(at..packet.end)? {
            [option::PAD, ..] => at += 1,
            [option::END, ..] | [] | [_] => return None,
            [kind, length, ..] => {
                let value = at + 2..at + 2 + usize::from(length);
                if value.end > packet.end {
                    return None;
                }
                if kind == wanted {
                    return Some(value);
                }
                at = value.end;
            }
        }
    }
}

/// Overwrites an even number of bytes at an even offset, and corrects the checksum, if there is one.
fn rewrite(frame: &mut [u8], packet: &Packet, at: usize, value: &[u8]) {
    let checksum = packet.payload + 6;
    if u16_at(frame, checksum) == 0 {
        put(frame, at, value);
        return;
    }
    put_summed(frame, checksum, at, value);
    // Zero would mean that there is none (RFC 768).
    if u16_at(frame, checksum) == 0 {
        put(frame, checksum, &[0xff, 0xff]);
    }
}

/// Changes any bytes, likewise.
fn edit(
    frame: &mut [u8],
    packet: &Packet,
    range: core::ops::Range<usize>,
    change: impl FnOnce(&mut [u8]),
) {
    // Checksums are about whole words.
    let (from, to) = (range.start & !1, (range.end + 1) & !1);
    let mut changed = [0; 260];
    let (Some(old), Some(changed)) = (frame.get(from..to), changed.get_mut(..to - from)) else {
        return;
    };
    changed.copy_from_slice(old);
    if let Some(inner) = changed.get_mut(range.start - from..range.end - from) {
        change(inner);
    }
    rewrite(frame, packet, from, changed);
}

/// RFC 2132 §3.5: of several routers the first is preferred; smoltcp takes none then.
fn keep_first_router(frame: &mut [u8], packet: &Packet) {
    let Some(routers) = place(frame, packet, option::ROUTERS) else {
        return;
    };
    if routers.len() <= 4 || routers.len() % 4 != 0 {
        return;
    }
    edit(frame, packet, routers.start - 1..routers.end, |value| {
        if let [length, _, _, _, _, others @ ..] = value {
            *length = 4;
            others.fill(option::PAD);
        }
    });
}

/// A time to renew of no time at all: smoltcp would renew as fast as it is answered. Without the option it takes half
/// of the lease (RFC 2131 §4.4.5).
fn drop_no_time(frame: &mut [u8], packet: &Packet, wanted: u8) {
    if let Some(time) = place(frame, packet, wanted)
        && frame.get(time.clone()) == Some(&[0; 4])
    {
        edit(frame, packet, time.start - 2..time.end, |it| {
            it.fill(option::PAD)
        });
    }
}

fn server_in(frame: &[u8], packet: &Packet) -> Option<Ipv4Addr> {
    let value = find(frame, packet, option::SERVER)?.first_chunk::<4>()?;
    Some(Ipv4Addr::from(*value))
}

/// The server whose offer was taken, if there is exactly one that may answer.
#[derive(Debug, Default)]
pub(super) struct Server(Option<Ipv4Addr>);

impl Server {
    /// Takes note of a message of ours, and pads it; `frame` must have room behind the packet. Where the
    /// frame ends now.
    pub(super) fn leaves(&mut self, frame: &mut [u8], packet: &mut Packet) -> usize {
        if !is_between(frame, packet, CLIENT_PORT, SERVER_PORT) {
            return packet.end;
        }
        match find(frame, packet, option::MESSAGE_TYPE) {
            Some([message::DISCOVER]) => self.0 = None,
            Some([message::REQUEST]) => match server_in(frame, packet) {
                Some(server) => self.0 = Some(server),
                // Rebinding: whoever answers (RFC 2131 §4.4.5).
                None if bytes(frame, ETHERNET + 16) == [0xff_u8; 4] => self.0 = None,
                None => {}
            },
            _ => {}
        }
        let end = packet.payload + UDP_HEADER + SHORTEST_MESSAGE;
        if packet.end >= end || end > frame.len() {
            return packet.end;
        }
        packet.set_end(frame, end);
        let length = packet.length() as u16;
        put(frame, packet.payload + 4, &length.to_be_bytes());
        packet.seal(frame, 6);
        end
    }

    /// Judges a message for us.
    pub(super) fn judge(&self, frame: &mut [u8], packet: &Packet) -> Verdict {
        if !is_between(frame, packet, SERVER_PORT, CLIENT_PORT) {
            return Verdict::Pass;
        }
        let Some(server) = server_in(frame, packet) else {
            return Verdict::Pass;
        };
        // RFC 2131 §3.1 (5): another server's refusal is about another offer.
        if find(frame, packet, option::MESSAGE_TYPE) == Some(&[message::REFUSAL])
            && self.0.is_some_and(|ours| ours != server)
        {
            return Verdict::Drop;
        }
        // RFC 2131 §4.4.5: a lease that is over when it begins. smoltcp would ask for the next one at once, for ever.
        if find(frame, packet, option::LEASE) == Some(&[0; 4]) {
            return Verdict::Drop;
        }
        keep_first_router(frame, packet);
        drop_no_time(frame, packet, option::RENEWAL);
        drop_no_time(frame, packet, option::REBINDING);
        // RFC 2131 §4.4.5: renewals go to the server, not to the relay that smoltcp takes for it.
        let source: [u8; 4] = bytes(frame, ETHERNET + 12);
        if source != server.octets() && super::ipv4::is_unicast(server) {
            rewrite(frame, packet, ETHERNET + 12, &server.octets());
            Packet::seal_v4(frame);
        }
        Verdict::Pass
    }
}
