//! What is known of each TCP connection from the segments that pass: smoltcp does not tell its sequence
//! numbers.

use super::frame::{u8_at, u16_at, u32_at};
use super::packet::{Address, Packet, is_same, protocol};

/// Flags of a segment.
pub(super) mod flag {
    pub(in crate::guard) const FIN: u8 = 0x01;
    pub(in crate::guard) const SYN: u8 = 0x02;
    pub(in crate::guard) const RST: u8 = 0x04;
    pub(in crate::guard) const ACK: u8 = 0x10;
}

/// Offsets within a TCP header.
pub(super) mod field {
    pub(in crate::guard) const SEQUENCE: usize = 4;
    pub(in crate::guard) const ACKNOWLEDGEMENT: usize = 8;
    pub(in crate::guard) const HEADER_LENGTH: usize = 12;
    pub(in crate::guard) const FLAGS: usize = 13;
    pub(in crate::guard) const WINDOW: usize = 14;
    pub(in crate::guard) const CHECKSUM: usize = 16;
}

/// Length of a TCP header without options.
pub(super) const TCP_HEADER: usize = 20;

/// Whether sequence number `a` lies before `b` (RFC 9293 §3.4).
pub(super) const fn before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

/// The ends of a connection, as seen from here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) local: (Address, u16),
    pub(super) remote: (Address, u16),
}

impl PartialEq for Ends {
    fn eq(&self, other: &Self) -> bool {
        // What differs most often first.
        self.remote.1 == other.remote.1
            && self.local.1 == other.local.1
            && is_same(&self.remote.0, &other.remote.0)
            && is_same(&self.local.0, &other.local.0)
    }
}

/// A segment: the fields that matter here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) flags: u8,
    pub(super) sequence: u32,
    pub(super) acknowledgement: u32,
    pub(super) window: u16,
    /// Offset of the data in the frame.
    pub(super) data: usize,
    /// Bytes of data.
    pub(super) length: u32,
    source: u16,
    destination: u16,
}

impl Segment {
    /// The segment in a packet, if its header fits (RFC 9293 §3.1).
    pub(super) fn parse(frame: &[u8], packet: &Packet) -> Option<Self> {
        let at = packet.payload;
        let header = usize::from(u8_at(frame, at + field::HEADER_LENGTH) >> 4) * 4;
        if packet.protocol != protocol::TCP || header < TCP_HEADER || header > packet.length() {
            return None;
        }
        Some(Self {
            flags: u8_at(frame, at + field::FLAGS),
            sequence: u32_at(frame, at + field::SEQUENCE),
            acknowledgement: u32_at(frame, at + field::ACKNOWLEDGEMENT),
            window: u16_at(frame, at + field::WINDOW),
            data: at + header,
            length: (packet.end - at - header) as u32,
            source: u16_at(frame, at),
            destination: u16_at(frame, at + 2),
        })
    }

    pub(super) const fn has(&self, flags: u8) -> bool {
        self.flags & flags != 0
    }

    /// The sequence number behind the data.
    pub(super) const fn data_end(&self) -> u32 {
        self.sequence.wrapping_add(self.length)
    }

    /// The sequence number behind the segment.
    pub(super) const fn end(&self) -> u32 {
        let controls = self.has(flag::SYN) as u32 + self.has(flag::FIN) as u32;
        self.data_end().wrapping_add(controls)
    }

    /// The ends of a segment that arrived.
    pub(super) const fn ends_in(&self, packet: &Packet) -> Ends {
        Ends {
            local: (packet.destination, self.destination),
            remote: (packet.source, self.source),
        }
    }

    /// The ends of a segment that leaves.
    pub(super) const fn ends_out(&self, packet: &Packet) -> Ends {
        Ends {
            local: (packet.source, self.source),
            remote: (packet.destination, self.destination),
        }
    }
}

/// One connection (names of RFC 9293 §3.3.1 in brackets).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    pub(super) ends: Ends,
    /// First byte the peer has not acknowledged [SND.UNA].
    pub(super) unacknowledged: u32,
    /// Behind the last byte that ever left [SND.NXT].
    pub(super) sent: u32,
    /// Next byte expected from the peer [RCV.NXT]: exact after each segment that leaves.
    pub(super) expected: u32,
    /// Behind the last byte the peer may send [RCV.NXT + RCV.WND].
    pub(super) edge: u32,
    /// Sequence number of the segment the peer's window was taken from [SND.WL1], and that window as
    /// announced; none until the first segment without SYN.
    pub(super) window: Option<(u32, u16)>,
}

impl Flow {
    /// A segment of this connection that smoltcp sends.
    fn leaves(&mut self, segment: &Segment) {
        let is_keepalive = segment.length == 1 && segment.end() == self.unacknowledged;
        let is_probe = segment.length == 1 && matches!(self.window, Some((_, 0)));
        if before(self.sent, segment.end()) {
            self.sent = segment.end();
        }
        if segment.has(flag::ACK) && !segment.has(flag::RST) {
            self.expected = segment.acknowledgement;
            // smoltcp keeps to what it announced last, except that it forgets what these announced.
            if !is_keepalive && !is_probe {
                self.edge = self.expected.wrapping_add(u32::from(segment.window));
            }
        }
    }

    /// Whether a segment begins behind the window: nothing in it counts (RFC 9293 §3.10.7.4, first step).
    pub(super) const fn is_beyond(&self, segment: &Segment) -> bool {
        before(self.edge, segment.sequence)
    }

    /// A segment of this connection that goes to smoltcp.
    pub(super) fn enters(&mut self, segment: &Segment) {
        // smoltcp does not take it, whatever it acknowledges.
        if self.is_beyond(segment) || before(segment.end(), self.expected) {
            return;
        }
        if segment.has(flag::ACK)
            && before(self.unacknowledged, segment.acknowledgement)
            && !before(self.sent, segment.acknowledgement)
        {
            self.unacknowledged = segment.acknowledgement;
        }
        if before(self.expected, segment.sequence) || !before(self.expected, segment.end()) {
            return;
        }
        self.expected = if before(self.edge, segment.end()) {
            self.edge
        } else {
            segment.end()
        };
    }
}

/// The connections, as many as smoltcp has sockets for.
pub(super) struct Flows {
    slots: &'static mut [Option<Flow>],
    next: usize,
}

impl Flows {
    pub(super) const fn new(slots: &'static mut [Option<Flow>]) -> Self {
        Self { slots, next: 0 }
    }

    /// What is known of a connection.
    pub(super) fn find(&mut self, ends: &Ends) -> Option<&mut Flow> {
        self.slots
            .iter_mut()
            .flatten()
            .find(|flow| flow.ends == *ends)
    }

    /// Whether there is room for one more.
    pub(super) fn has_room(&self) -> bool {
        self.slots.iter().any(Option::is_none)
    }

    /// Forgets the connections that are no more.
    pub(super) fn retain(&mut self, lives: impl Fn(&Ends) -> bool) {
        for slot in &mut *self.slots {
            if slot.as_ref().is_some_and(|flow| !lives(&flow.ends)) {
                *slot = None;
            }
        }
    }

    /// Takes note of a segment that smoltcp sends.
    pub(super) fn leaves(&mut self, frame: &[u8], packet: &Packet) {
        let Some(segment) = Segment::parse(frame, packet) else {
            return;
        };
        let ends = segment.ends_out(packet);
        if segment.has(flag::SYN) {
            let edge = segment
                .acknowledgement
                .wrapping_add(u32::from(segment.window));
            let flow = Flow {
                ends,
                unacknowledged: segment.end(),
                sent: segment.end(),
                expected: segment.acknowledgement,
                edge,
                window: None,
            };
            self.insert(flow);
        } else if let Some(flow) = self.find(&ends) {
            flow.leaves(&segment);
        }
    }

    fn insert(&mut self, flow: Flow) {
        let known = |slot: &Option<Flow>| slot.is_some_and(|known| known.ends == flow.ends);
        let place = self
            .slots
            .iter()
            .position(known)
            .or_else(|| self.slots.iter().position(Option::is_none));
        let place = place.unwrap_or_else(|| {
            // Not while there are as many places as sockets and the dead are removed.
            self.next = self.next.wrapping_add(1);
            self.next % self.slots.len().max(1)
        });
        if let Some(slot) = self.slots.get_mut(place) {
            *slot = Some(flow);
        }
    }
}
