//! A segment that a ghost is about to send on a connection: right in everything that is not said otherwise.

use super::tcp::GhostTcp;
use crate::wire::{Craft, Flags};

/// A segment in the making. It begins as an honest ACK: at the ghost's place in its stream, acknowledging all that the
/// board sent without gap, with the connection's window. Numbers are relative: 0 is the first data byte of a side.
///
/// Nothing of it goes into the connection's record unless [`Self::advance`] says so.
#[must_use = "it is sent by send()"]
pub struct Seg<'a> {
    tcp: &'a mut GhostTcp,
    flags: Flags,
    seq: i64,
    ack: i64,
    window: u16,
    options: Vec<u8>,
    data: Vec<u8>,
    urgent: u16,
    advance: bool,
    spoil: Vec<Box<dyn FnOnce(Craft) -> Craft + Send + 'a>>,
}

impl<'a> Seg<'a> {
    pub(super) fn new(tcp: &'a mut GhostTcp) -> Self {
        tcp.absorb();
        Self {
            flags: Flags::ACK,
            seq: tcp.record.snd_nxt,
            ack: tcp.record.rcv_nxt(),
            window: tcp.window,
            options: Vec::new(),
            data: Vec::new(),
            urgent: 0,
            advance: false,
            spoil: Vec::new(),
            tcp,
        }
    }

    /// Exactly these flags.
    pub const fn flags(mut self, flags: Flags) -> Self {
        self.flags = flags;
        self
    }

    /// These flags besides those that are set.
    pub fn with(mut self, flags: Flags) -> Self {
        self.flags = self.flags | flags;
        self
    }

    /// Its place in the ghost's stream; may be negative or far out of the window.
    pub const fn seq(mut self, seq: i64) -> Self {
        self.seq = seq;
        self
    }

    /// What it acknowledges of the board's stream.
    pub const fn ack(mut self, ack: i64) -> Self {
        self.ack = ack;
        self
    }

    /// Its window, as on the wire.
    pub const fn window(mut self, window: u16) -> Self {
        self.window = window;
        self
    }

    /// Its options, as they are; filled up with zeros to whole words.
    pub fn options(mut self, options: &[u8]) -> Self {
        self.options = options.into();
        self
    }

    /// Its data.
    pub fn data(mut self, data: &[u8]) -> Self {
        self.data = data.into();
        self
    }

    /// Sets URG with this pointer.
    pub fn urgent(mut self, pointer: u16) -> Self {
        self.urgent = pointer;
        self.with(Flags::URG)
    }

    /// A checksum that is wrong by one.
    pub fn bad_checksum(self) -> Self {
        self.spoil(|craft| craft.checksum_off_by(1))
    }

    /// A data offset (header length in words) of one's own choice.
    pub fn data_offset(self, words: u8) -> Self {
        self.spoil(move |craft| {
            craft.edit_transport(move |segment| {
                if let Some(byte) = segment.get_mut(12) {
                    *byte = words << 4 | *byte & 0xf;
                }
            })
        })
    }

    /// Any change of the frame.
    pub fn spoil(mut self, spoil: impl FnOnce(Craft) -> Craft + Send + 'a) -> Self {
        self.spoil.push(Box::new(spoil));
        self
    }

    /// It counts as sent: the ghost's place in its stream moves behind it.
    pub const fn advance(mut self) -> Self {
        self.advance = true;
        self
    }

    /// The frame, without sending it.
    #[must_use]
    pub fn craft(self) -> Craft {
        self.take().0
    }

    fn take(self) -> (Craft, &'a mut GhostTcp) {
        let record = &self.tcp.record;
        let ack = if self.flags.contains(Flags::ACK) {
            record.ack(self.ack)
        } else {
            0
        };
        let mut craft = self
            .tcp
            .ghost
            .segment(self.tcp.port, self.tcp.board_port)
            .flags(self.flags)
            .seq_ack(record.seq(self.seq), ack)
            .window(self.window)
            .tcp_options(&self.options)
            .urgent(self.urgent)
            .payload(self.data.clone());
        for spoil in self.spoil {
            craft = spoil(craft);
        }
        if self.advance {
            let length = self.data.len() as i64
                + i64::from(self.flags.contains(Flags::SYN))
                + i64::from(self.flags.contains(Flags::FIN));
            let record = &mut self.tcp.record;
            record.snd_nxt = record.snd_nxt.max(self.seq + length);
        }
        (craft, self.tcp)
    }

    /// Sends it.
    pub fn send(self) {
        let (flags, seq, ack, window) = (self.flags, self.seq, self.ack, self.window);
        let (size, spoilt) = (self.data.len(), !self.spoil.is_empty());
        let (craft, tcp) = self.take();
        let mut line = format!("{flags} seq {seq}");
        if flags.contains(Flags::ACK) {
            line += &format!(" ack {ack}");
        }
        line += &format!(" window {window}");
        if size > 0 {
            line += &format!(", {size} bytes");
        }
        if spoilt {
            line += ", spoilt";
        }
        tcp.say(format_args!("sends {line}"));
        if flags.contains(Flags::ACK) {
            tcp.said_ack = tcp.said_ack.max(ack);
        }
        if flags.contains(Flags::RST) && !spoilt {
            tcp.record.over |= tcp.record.acked == Some(seq);
        }
        tcp.inject(&craft);
    }
}
