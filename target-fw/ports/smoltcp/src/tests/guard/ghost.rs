//! A host that is not there: it says exactly what a case tells it to, to the stack `a` of a bench.

use alloc::vec::Vec;

use super::super::alloc;
use super::super::bench::{Bench, Frame};
use nsapi::StackHandle;

pub(super) const FIN: u8 = 0x01;
pub(super) const SYN: u8 = 0x02;
pub(super) const RST: u8 = 0x04;
pub(super) const PSH: u8 = 0x08;
pub(super) const ACK: u8 = 0x10;

pub(super) const ETHERNET_BROADCAST: [u8; 6] = [0xff; 6];
/// The hardware address of the stack under test.
pub(super) const BOARD_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
pub(super) const BOARD_IP: [u8; 4] = [10, 0, 0, 1];
pub(super) const GHOST_MAC: [u8; 6] = [2, 0, 0, 0, 0, 9];
pub(super) const GHOST_IP: [u8; 4] = [10, 0, 0, 9];
/// The first sequence number of a ghost.
pub(super) const FIRST: u32 = 0xffff_ff00;

pub(super) fn checksum(parts: &[&[u8]]) -> [u8; 2] {
    let mut sum = 0_u32;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}

pub(super) fn ethernet(to: [u8; 6], from: [u8; 6], kind: u16, payload: &[u8]) -> Frame {
    [&to[..], &from, &kind.to_be_bytes(), payload].concat()
}

/// An IPv4 packet from a ghost.
#[derive(Clone, Copy)]
pub(super) struct Ip {
    pub(super) from: [u8; 4],
    pub(super) to: [u8; 4],
    pub(super) mac: [u8; 6],
    pub(super) protocol: u8,
}

impl Ip {
    pub(super) const TO_BOARD: Self = Self {
        from: GHOST_IP,
        to: BOARD_IP,
        mac: BOARD_MAC,
        protocol: 6,
    };

    pub(super) fn frame(self, payload: &[u8]) -> Frame {
        let length = (20 + payload.len()) as u16;
        let mut header = [0; 20];
        header[..2].copy_from_slice(&[0x45, 0]);
        header[2..4].copy_from_slice(&length.to_be_bytes());
        header[8..10].copy_from_slice(&[64, self.protocol]);
        header[12..16].copy_from_slice(&self.from);
        header[16..].copy_from_slice(&self.to);
        let sum = checksum(&[&header]);
        header[10..12].copy_from_slice(&sum);
        ethernet(
            self.mac,
            GHOST_MAC,
            0x0800,
            &[&header[..], payload].concat(),
        )
    }

    fn pseudo(self, length: usize) -> [u8; 12] {
        let mut pseudo = [0; 12];
        pseudo[..4].copy_from_slice(&self.from);
        pseudo[4..8].copy_from_slice(&self.to);
        pseudo[9] = self.protocol;
        pseudo[10..].copy_from_slice(&(length as u16).to_be_bytes());
        pseudo
    }

    pub(super) fn udp(mut self, source: u16, destination: u16, data: &[u8]) -> Frame {
        self.protocol = 17;
        let length = (8 + data.len()) as u16;
        let mut datagram = [
            source.to_be_bytes(),
            destination.to_be_bytes(),
            length.to_be_bytes(),
            [0; 2],
        ]
        .concat();
        datagram.extend(data);
        let sum = checksum(&[&self.pseudo(datagram.len()), &datagram]);
        datagram[6..8].copy_from_slice(&sum);
        self.frame(&datagram)
    }

    pub(super) fn echo(mut self, data: &[u8]) -> Frame {
        self.protocol = 1;
        let mut message = [&[8, 0, 0, 0, 1, 2, 3, 4], data].concat();
        let sum = checksum(&[&message]);
        message[2..4].copy_from_slice(&sum);
        self.frame(&message)
    }

    pub(super) fn tcp(self, segment: &Segment) -> Frame {
        let header = [
            &segment.source.to_be_bytes()[..],
            &segment.destination.to_be_bytes(),
            &segment.sequence.to_be_bytes(),
            &segment.acknowledgement.to_be_bytes(),
            &[((20 + segment.options.len()) as u8 / 4) << 4, segment.flags],
            &segment.window.to_be_bytes(),
            &[0, 0, 0, 0],
            &segment.options,
            &segment.data,
        ];
        let mut bytes = header.concat();
        let sum = checksum(&[&self.pseudo(bytes.len()), &bytes]);
        bytes[16..18].copy_from_slice(&sum);
        self.frame(&bytes)
    }
}

/// A TCP segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) source: u16,
    pub(super) destination: u16,
    pub(super) sequence: u32,
    pub(super) acknowledgement: u32,
    pub(super) flags: u8,
    pub(super) window: u16,
    pub(super) options: Vec<u8>,
    pub(super) data: Vec<u8>,
}

impl Segment {
    /// The segment in a frame over IPv4, its checksums verified.
    pub(super) fn parse(frame: &Frame) -> Option<Self> {
        let number = |at: usize| u32::from_be_bytes(frame[at..at + 4].try_into().unwrap());
        let short = |at: usize| u16::from_be_bytes(frame[at..at + 2].try_into().unwrap());
        if frame.get(12..14) != Some(&[8, 0]) || frame.get(23) != Some(&6) {
            return None;
        }
        let end = 14 + usize::from(short(16));
        let header = usize::from(frame[46] >> 4) * 4;
        let pseudo = [
            &frame[26..34],
            &[0, 6],
            &((end - 34) as u16).to_be_bytes()[..],
        ]
        .concat();
        assert_eq!(checksum(&[&frame[14..34]]), [0, 0], "IP checksum");
        assert_eq!(
            checksum(&[&pseudo, &frame[34..end]]),
            [0, 0],
            "TCP checksum"
        );
        assert!(frame[end..].iter().all(|byte| *byte == 0), "padding");
        assert!(frame.len() >= 60, "short frame");
        Some(Self {
            source: short(34),
            destination: short(36),
            sequence: number(38),
            acknowledgement: number(42),
            flags: frame[47],
            window: short(48),
            options: frame[54..34 + header].to_vec(),
            data: frame[34 + header..end].to_vec(),
        })
    }
}

impl Bench {
    /// Gives `a` frames; what it sends then.
    pub(in crate::tests) fn exchange(&self, frames: impl IntoIterator<Item = Frame>) -> Vec<Frame> {
        self.a.inbox.borrow_mut().extend(frames);
        self.settle_a()
    }

    /// Lets `a` work; what it sends, except that it looks for routers all the time.
    pub(super) fn settle_a(&self) -> Vec<Frame> {
        let is_due = |next: Option<u64>| next.is_some_and(|next| next <= self.now.get());
        let rests = (0..1_000).any(|_| !is_due(self.a.poll()));
        assert!(rests && self.a.inbox.borrow().is_empty(), "without end");
        let sent = self.b.inbox.borrow_mut().drain(..).collect::<Vec<_>>();
        let asks_for_routers = |frame: &Frame| frame[..2] == [0x33, 0x33] && frame[54] == 133;
        let rest = sent.into_iter().filter(|frame| !asks_for_routers(frame));
        rest.collect()
    }

    /// The segments among what `a` sends when given a frame.
    pub(super) fn segments(&self, frame: Frame) -> Vec<Segment> {
        let frames = self.exchange([frame]);
        frames.iter().filter_map(Segment::parse).collect()
    }

    /// Tells `a` the ghost's hardware address.
    pub(super) fn introduce_ghost(&self) {
        let request = arp(1, GHOST_MAC, GHOST_IP, [0; 6], BOARD_IP);
        let reply = ethernet(ETHERNET_BROADCAST, GHOST_MAC, 0x0806, &request);
        assert_eq!(self.exchange([reply]).len(), 1, "an ARP reply");
    }
}

pub(super) fn arp(
    operation: u8,
    sender_mac: [u8; 6],
    sender: [u8; 4],
    target_mac: [u8; 6],
    target: [u8; 4],
) -> Vec<u8> {
    [
        &[0, 1, 8, 0, 6, 4, 0, operation][..],
        &sender_mac,
        &sender,
        &target_mac,
        &target,
    ]
    .concat()
}

/// One end of a connection with `a`.
pub(super) struct Ghost<'a> {
    pub(super) bench: &'a Bench,
    pub(super) port: u16,
    pub(super) board_port: u16,
    /// Next sequence number to send, unless a case says otherwise.
    pub(super) next: u32,
    /// What to acknowledge.
    pub(super) seen: u32,
    pub(super) window: u16,
}

impl<'a> Ghost<'a> {
    /// A connection to a listener on `a`, and its socket.
    pub(super) fn connected(bench: &'a Bench, listener: StackHandle) -> (Self, StackHandle) {
        bench.introduce_ghost();
        let mut ghost = Self {
            bench,
            port: 5000,
            board_port: 80,
            next: FIRST,
            seen: 0,
            window: 8000,
        };
        ghost.open();
        let (child, _) = bench.a.accept(listener).unwrap();
        (ghost, child)
    }

    /// The handshake from its own side.
    pub(super) fn open(&mut self) {
        let answers = self.say(SYN, 0, 0, b"");
        let [answer] = &answers[..] else {
            panic!("{answers:?}");
        };
        assert_eq!(answer.flags, SYN | ACK);
        assert_eq!(answer.acknowledgement, self.next.wrapping_add(1));
        self.next = answer.acknowledgement;
        self.seen = answer.sequence.wrapping_add(1);
        assert_eq!(self.say(ACK, 0, 0, b""), []);
    }

    /// A segment so many bytes from the next in sequence and acknowledgement.
    pub(super) fn segment(&self, flags: u8, offset: i32, seen: i32, data: &[u8]) -> Segment {
        Segment {
            source: self.port,
            destination: self.board_port,
            sequence: self.next.wrapping_add_signed(offset),
            acknowledgement: if flags & ACK == 0 {
                0
            } else {
                self.seen.wrapping_add_signed(seen)
            },
            flags,
            window: self.window,
            options: Vec::new(),
            data: data.to_vec(),
        }
    }

    /// Sends such a segment; the segments that come back.
    pub(super) fn say(&self, flags: u8, offset: i32, seen: i32, data: &[u8]) -> Vec<Segment> {
        let segment = self.segment(flags, offset, seen, data);
        self.bench.segments(Ip::TO_BOARD.tcp(&segment))
    }

    /// Whether a segment is an acknowledgement without data, at the given distances from what this end
    /// has seen and will send next.
    pub(super) fn is_ack(&self, segment: &Segment, sent: i32, expected: i32) -> bool {
        segment.flags == ACK
            && segment.data.is_empty()
            && segment.sequence == self.seen.wrapping_add_signed(sent)
            && segment.acknowledgement == self.next.wrapping_add_signed(expected)
    }

    /// Demands exactly one such acknowledgement.
    pub(super) fn expect_ack(&self, answers: &[Segment], sent: i32, expected: i32) {
        assert!(
            matches!(answers, [one] if self.is_ack(one, sent, expected)),
            "{answers:?}"
        );
    }
}
