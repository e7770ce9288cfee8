//! The guard between the device and smoltcp: every frame passes it, in both directions.
//!
//! smoltcp misses some of what the RFCs demand of a host on the wire. What can be mended from outside is
//! mended here: frames that no host may take are dropped, some are answered, and some are put in a form that
//! smoltcp understands. One frame is held at a time, so that it can be changed.
//!
//! Must not: panic on any bytes, allocate, know of sockets' data, or let anything in unseen.

mod arp;
mod device;
mod dhcp;
mod extensions;
mod flows;
pub(crate) mod frame;
mod icmp;
mod ipv4;
mod ipv6;
mod outgoing;
mod own;
mod packet;
mod reports;
mod segments;
#[cfg(test)]
mod tests;

use core::net::{Ipv4Addr, Ipv6Addr};

use smoltcp::iface::{Interface, SocketSet};
use smoltcp::phy::{Device, RxToken as _, TxToken as _};
use smoltcp::time::Instant;

use self::arp::{ARP_FRAME, Neighbours};
pub(crate) use self::device::Guarded;
use self::dhcp::Server;
use self::extensions::{Problem, Refusal};
pub(crate) use self::flows::Flow;
use self::flows::Flows;
use self::frame::{ARP, IPV4, IPV6, SHORTEST, TAGGED, bytes, u16_at};
use self::icmp::Errors;
use self::outgoing::Notes;
use self::own::Own;
use self::packet::{Packet, protocol};
use self::reports::Meaning;
use self::segments::Again;

/// Room for a frame. It begins two bytes behind a boundary of words, so that what follows the headers lies on
/// one: copying it to and from other such places takes a third of the time.
#[repr(C, align(4))]
pub(crate) struct Buffer {
    before: [u8; 2],
    frame: [u8; frame::LONGEST],
}

impl Buffer {
    /// All zero.
    pub(crate) const EMPTY: Self = Self {
        before: [0; 2],
        frame: [0; frame::LONGEST],
    };
}

/// What is to become of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// smoltcp gets it, as it is now.
    Pass,
    /// Nobody gets it.
    Drop,
    /// It has become an answer of this many bytes.
    Answer(usize),
    /// Somebody probes for this address of ours.
    Advertise(Ipv6Addr),
    /// The sender is told, from this address of ours.
    Tell(Problem, Ipv6Addr),
    /// smoltcp gets it twice: first as it is now, then as it was.
    Twice(Again),
}

/// What the buffer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Nothing,
    /// The introduction of the sender of a frame of this length.
    Introduction(usize),
    /// A frame of this length for smoltcp.
    Frame(usize),
    /// One that it has got once.
    Again(usize, Again),
}

/// What became of the call for a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fetched {
    /// There is none.
    Nothing,
    /// There was one, which smoltcp need not see.
    Handled,
    /// There is one for smoltcp.
    Frame,
}

/// The guard.
pub(crate) struct Guard {
    frame: &'static mut [u8; frame::LONGEST],
    introduction: [u8; ARP_FRAME],
    held: Held,
    again: Option<Again>,
    mac: [u8; 6],
    errors: Errors,
    notes: Notes,
}

impl Guard {
    /// A guard for the host with this hardware address, with memory for a frame and for as many
    /// connections as smoltcp has sockets.
    pub(crate) fn new(
        mac: [u8; 6],
        buffer: &'static mut Buffer,
        flows: &'static mut [Option<Flow>],
    ) -> Self {
        Self {
            frame: &mut buffer.frame,
            introduction: [0; ARP_FRAME],
            held: Held::Nothing,
            again: None,
            mac,
            errors: Errors::default(),
            notes: Notes {
                flows: Flows::new(flows),
                neighbours: Neighbours::new(),
                server: Server::default(),
                may_be_cut: false,
                identification: 0,
            },
        }
    }

    /// Guards another hardware address from now on.
    pub(crate) fn set_mac(&mut self, mac: [u8; 6]) {
        self.mac = mac;
    }

    /// The device as smoltcp may see it.
    pub(crate) fn over<'a, D: Device>(&'a mut self, device: &'a mut D) -> Guarded<'a, D> {
        Guarded {
            guard: self,
            device,
        }
    }

    /// smoltcp has forgotten its neighbours. The way that was too narrow for segments may be another one now.
    pub(crate) fn forget_neighbours(&mut self) {
        self.notes.may_be_cut = false;
        self.notes.neighbours.forget();
    }

    /// Takes a frame from the device and judges it, unless one is still held.
    pub(crate) fn fetch<D: Device>(
        &mut self,
        device: &mut D,
        now: Instant,
        interface: &Interface,
        sockets: &SocketSet<'_>,
    ) -> Fetched {
        match self.held {
            Held::Introduction(_) | Held::Frame(_) => return Fetched::Frame,
            Held::Again(length, again) => {
                again.restore(&mut self.frame[..]);
                self.held = Held::Frame(length);
                return Fetched::Frame;
            }
            Held::Nothing => {}
        }
        let Some((received, _)) = device.receive(now) else {
            return Fetched::Nothing;
        };
        let buffer = &mut *self.frame;
        let length = received.consume(|frame| {
            let room = buffer.get_mut(..frame.len())?;
            room.copy_from_slice(frame);
            Some(frame.len())
        });
        let Some(length) = length.map(|length| self.untag(length)) else {
            return Fetched::Handled;
        };
        let own = Own {
            mac: self.mac,
            addresses: interface.ip_addrs(),
            now_us: u64::try_from(now.total_micros()).unwrap_or(0),
        };
        let verdict = self.judge(length, &own, sockets);
        match verdict {
            Verdict::Drop => {}
            Verdict::Answer(length) => self.answer(device, now, length),
            Verdict::Advertise(target) => {
                let length = ipv6::advertise(&mut self.frame[..], target, self.mac);
                self.answer(device, now, length);
            }
            Verdict::Tell(problem, from) => {
                let length = extensions::tell(&mut self.frame[..], problem, from, self.mac);
                self.answer(device, now, length);
            }
            Verdict::Pass => self.held = Held::Frame(length),
            Verdict::Twice(again) => {
                self.held = Held::Frame(length);
                self.again = Some(again);
            }
        }
        if let Held::Frame(length) = self.held {
            if self.introduces(&own) {
                self.held = Held::Introduction(length);
            }
            Fetched::Frame
        } else {
            Fetched::Handled
        }
    }

    /// Whether the sender of the frame has to be introduced first; the introduction is written.
    fn introduces(&mut self, own: &Own<'_>) -> bool {
        let frame = &self.frame[..];
        let (source, destination): ([u8; 4], [u8; 4]) = (bytes(frame, 26), bytes(frame, 30));
        let (source, destination) = (Ipv4Addr::from(source), Ipv4Addr::from(destination));
        let neighbours = &mut self.notes.neighbours;
        if u16_at(frame, 12) != IPV4
            || !own.is_on_link(source)
            || !own.has(destination.to_ipv6_mapped())
            || neighbours.hears(source.to_ipv6_mapped(), own.now_us)
        {
            return false;
        }
        let sender = (bytes(frame, 6), source);
        arp::introduce(&mut self.introduction, sender, own);
        true
    }

    /// IEEE 802.1Q §6.9: a tag without a network in it is only a priority. The frame's new length.
    fn untag(&mut self, length: usize) -> usize {
        let identifier = u16_at(&self.frame[..], 14) & 0x0fff;
        if length < 18 || u16_at(&self.frame[..], 12) != TAGGED || identifier != 0 {
            return length;
        }
        self.frame.copy_within(16..length, 12);
        length - 4
    }

    fn judge(&mut self, length: usize, own: &Own<'_>, sockets: &SocketSet<'_>) -> Verdict {
        let frame = self.frame.get_mut(..length).unwrap_or(&mut []);
        let destination: [u8; 6] = bytes(frame, 0);
        let source: [u8; 6] = bytes(frame, 6);
        if frame::is_host_mac(destination) && destination != own.mac || !frame::is_host_mac(source)
        {
            return Verdict::Drop;
        }
        let notes = &mut self.notes;
        match u16_at(frame, 12) {
            ARP => return notes.neighbours.judge(frame, own),
            IPV4 => {}
            IPV6 => match extensions::strip(frame) {
                Ok(()) => {}
                Err(Refusal::Silent) => return Verdict::Drop,
                Err(Refusal::Told(problem)) => {
                    let from = ipv6::may_be_told(frame, problem, own);
                    let from = from.filter(|_| self.errors.may_send(own.now_us));
                    return from.map_or(Verdict::Drop, |from| Verdict::Tell(problem, from));
                }
            },
            _ => return Verdict::Drop,
        }
        let Some(mut packet) = Packet::parse(frame) else {
            return Verdict::Drop;
        };
        let addresses = if packet.is_v6 {
            ipv6::judge(frame, &mut packet, own, &mut notes.neighbours, sockets)
        } else {
            ipv4::judge(frame, &packet, own)
        };
        if addresses != Verdict::Pass {
            return addresses;
        }
        match packet.protocol {
            protocol::TCP => segments::judge(frame, &mut packet, &mut notes.flows, sockets),
            // Only the first has ports, and none is complete.
            protocol::UDP if packet.is_fragment => Verdict::Pass,
            protocol::UDP => {
                if own.has(packet.destination)
                    && !icmp::is_udp_open(frame, &packet, sockets)
                    && !self.errors.may_send(own.now_us)
                {
                    return Verdict::Drop;
                }
                notes.server.judge(frame, &packet)
            }
            protocol::ICMP | protocol::ICMPV6 => {
                let meaning = reports::judge(frame, &mut packet, &mut notes.flows, sockets);
                notes.may_be_cut |= meaning == Meaning::TooBig;
                Verdict::Pass
            }
            _ => Verdict::Pass,
        }
    }

    /// Sends what the frame has become. If there is no room for it now, it is lost: whoever asked will
    /// ask again.
    fn answer<D: Device>(&mut self, device: &mut D, now: Instant, length: usize) {
        let Some(token) = device.transmit(now) else {
            return;
        };
        token.consume(length.max(SHORTEST), |out| {
            let (answer, padding) = out.split_at_mut(length);
            padding.fill(0);
            answer.copy_from_slice(self.frame.get(..length).unwrap_or(&[]));
        });
    }

    /// Forgets the connections that are no more, when their places are needed.
    pub(crate) fn tidy(&mut self, sockets: &SocketSet<'_>) {
        if !self.notes.flows.has_room() {
            segments::forget_the_dead(&mut self.notes.flows, sockets);
        }
    }
}
