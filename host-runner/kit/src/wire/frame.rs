//! A frame on the cable: who put it there, when, and what became of it.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

/// One end of the cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum End {
    /// The board.
    Board,
    /// The host's kernel.
    Host,
}

impl End {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Board => Self::Host,
            Self::Host => Self::Board,
        }
    }
}

/// Who put a frame on the cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The stack at that end.
    Sent(End),
    /// The runner, towards that end.
    Injected(End),
}

impl Origin {
    /// The end it goes to.
    #[must_use]
    pub const fn towards(self) -> End {
        match self {
            Self::Sent(end) => end.other(),
            Self::Injected(end) => end,
        }
    }

    /// Whether the board sent it.
    #[must_use]
    pub const fn is_board(self) -> bool {
        matches!(self, Self::Sent(End::Board))
    }
}

/// What became of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It went on as it was, at once.
    Passed,
    /// It never arrived; the word says why (`rule`, `loss`, `cut`, `rate`).
    Dropped(&'static str),
    /// It arrives later by this much, if nothing else happens to it.
    Delayed(Duration),
    /// It is held until somebody lets it go.
    Held,
    /// It arrives this many times in all.
    Duplicated(u32),
    /// These bytes arrive instead.
    Changed(Arc<[u8]>),
}

/// A frame on the cable (Ethernet, without FCS).
#[derive(Clone, Debug)]
pub struct Frame {
    /// Since the cable was made.
    pub at: Duration,
    /// Who put it there.
    pub origin: Origin,
    /// As the sender put it there.
    pub bytes: Arc<[u8]>,
    /// What became of it.
    pub fate: Fate,
}

impl Frame {
    /// What it says, as its sender put it on the cable.
    #[must_use]
    pub fn packet(&self) -> super::Packet<'_> {
        super::Packet::of(&self.bytes)
    }

    /// The bytes that the other end gets now or later; `None` if none do.
    #[must_use]
    pub fn delivered(&self) -> Option<&[u8]> {
        match &self.fate {
            Fate::Dropped(_) => None,
            Fate::Changed(bytes) => Some(bytes),
            Fate::Passed | Fate::Delayed(_) | Fate::Held | Fate::Duplicated(_) => Some(&self.bytes),
        }
    }
}

/// A hardware address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Everybody.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// Whether it is a group's (everybody is one, too).
    #[must_use]
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 == 1
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
