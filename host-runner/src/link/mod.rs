//! Bytes to the agent: one file per kind of link.
//!
//! Must not: know what the bytes mean.

pub mod rtt;
pub mod serial;
pub mod unix;

use core::fmt;
use core::str::FromStr;
use std::path::PathBuf;

/// A kind of link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LinkKind {
    /// A Unix socket of an agent that runs as a process of this machine.
    Unix,
    /// A serial port: a USB adapter, or the pseudo-terminal of an emulated UART.
    Serial,
    /// The memory of the board, through a debug probe.
    Rtt,
}

impl LinkKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Unix, Self::Serial, Self::Rtt];

    /// The word used in boards.toml and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unix => "unix",
            Self::Serial => "serial",
            Self::Rtt => "rtt",
        }
    }
}

impl fmt::Display for LinkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that names no kind; the message lists the ones there are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown kind of {what} \"{word}\"; known: {known}")]
pub struct UnknownKind {
    /// Kind of what.
    pub what: &'static str,
    /// The word.
    pub word: String,
    /// The known words, separated by commas.
    pub known: String,
}

impl FromStr for LinkKind {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == word)
            .ok_or_else(|| UnknownKind {
                what: "link",
                word: word.into(),
                known: Self::ALL.map(Self::name).join(", "),
            })
    }
}

/// Why a link does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// There is no such port.
    #[error("there is no serial port {}: is the board plugged in?", port.display())]
    NoPort {
        /// Which.
        port: PathBuf,
    },
    /// The user may not open it.
    #[error("you may not open {}: add yourself to the group it belongs to (usually: sudo usermod -aG dialout $USER, then log in again)", port.display())]
    Forbidden {
        /// Which.
        port: PathBuf,
    },
    /// Somebody else has it.
    #[error("{} is in use by another program, for example a terminal: {problem}", port.display())]
    Busy {
        /// Which.
        port: PathBuf,
        /// What the system said.
        problem: String,
    },
    /// It cannot be set up as a serial port.
    #[error("{} cannot be used as a serial port: {problem}", port.display())]
    NotSerial {
        /// Which.
        port: PathBuf,
        /// What the system said.
        problem: String,
    },
    /// Trouble with a debug probe, the chip behind it, or its image.
    #[error(transparent)]
    Probe(#[from] rtt::ProbeError),
}
