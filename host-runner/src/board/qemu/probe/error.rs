//! What goes wrong between the probe and the emulator.

use std::io;

/// Trouble with the emulated machine. Every wait for it has a bound.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The emulator is gone.
    #[error("the emulator is gone: {0}")]
    Gone(io::Error),
    /// It does not answer in time.
    #[error("the emulator does not answer: {0}")]
    Late(&'static str),
    /// It answers something else than what was asked for.
    #[error("{asked}: the emulator answers {answer:?}")]
    Odd {
        /// What was asked.
        asked: String,
        /// What came.
        answer: String,
    },
    /// Nothing is at this address of the chip, or the core is not in the state for it.
    #[error("the chip refuses it")]
    Fault,
}

impl Trouble {
    /// The error of a socket with a read timeout.
    pub(super) fn from_socket(error: io::Error, waited_for: &'static str) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::Late(waited_for),
            _ => Self::Gone(error),
        }
    }

    /// Nothing more can come from this emulator.
    pub(super) const fn is_end(&self) -> bool {
        matches!(self, Self::Gone(_))
    }
}

/// The other end has closed.
pub(super) fn closed() -> Trouble {
    Trouble::Gone(io::ErrorKind::UnexpectedEof.into())
}
