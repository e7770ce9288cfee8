//! A segment of the board as a ghost's connection reads it.

use core::fmt;
use core::time::Duration;

use crate::wire::{Flags, Segment};

/// A segment of the board. Numbers are relative: 0 is the first data byte of a side, its SYN is −1.
#[derive(Clone, PartialEq, Eq)]
pub struct Got {
    /// When the board sent it, on the cable.
    pub at: Duration,
    /// Its sequence number.
    pub seq: i64,
    /// Its acknowledgement of what the ghost sent; only if [`Flags::ACK`] is set.
    pub ack: i64,
    /// Sequence number as on the wire.
    pub raw_seq: u32,
    /// Acknowledgement number as on the wire.
    pub raw_ack: u32,
    /// Flags.
    pub flags: Flags,
    /// Window as on the wire, not scaled.
    pub window: u16,
    /// MSS that it announces.
    pub mss: Option<u16>,
    /// Window scale that it announces.
    pub window_scale: Option<u8>,
    /// All options as they are.
    pub options: Vec<u8>,
    /// Its data.
    pub data: Vec<u8>,
}

impl Got {
    pub(super) fn new(seq: i64, ack: i64, tcp: &Segment<'_>) -> Self {
        Self {
            at: Duration::ZERO,
            seq,
            ack,
            raw_seq: tcp.seq,
            raw_ack: tcp.ack,
            flags: tcp.flags,
            window: tcp.window,
            mss: tcp.mss(),
            window_scale: tcp.window_scale(),
            options: tcp.options.into(),
            data: tcp.data.into(),
        }
    }

    /// Sequence number behind it: data, SYN and FIN counted.
    #[must_use]
    pub fn end(&self) -> i64 {
        let data = self.data.len() as i64;
        let (syn, fin) = (Flags::SYN, Flags::FIN);
        self.seq + data + i64::from(self.flags.contains(syn)) + i64::from(self.flags.contains(fin))
    }

    /// Whether all these flags are set.
    #[must_use]
    pub const fn has(&self, flags: Flags) -> bool {
        self.flags.contains(flags)
    }

    /// An acknowledgement of everything before `ack`, and no reset.
    #[must_use]
    pub const fn acks(&self, ack: i64) -> bool {
        self.has(Flags::ACK) && !self.has(Flags::RST) && self.ack == ack
    }

    /// Nothing but an acknowledgement.
    #[must_use]
    pub fn is_pure_ack(&self) -> bool {
        self.flags.contains(Flags::ACK)
            && !self.flags.intersects(Flags::SYN | Flags::FIN | Flags::RST)
            && self.data.is_empty()
    }
}

impl fmt::Display for Got {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} seq {}", self.flags, self.seq)?;
        if self.has(Flags::ACK) {
            write!(f, " ack {}", self.ack)?;
        }
        write!(f, " window {}", self.window)?;
        match self.data.len() {
            0 => Ok(()),
            n => write!(f, ", {n} bytes"),
        }
    }
}

impl fmt::Debug for Got {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
