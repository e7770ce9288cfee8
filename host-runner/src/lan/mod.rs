//! What carries the board's frames, and where fixtures must bind so that the IUT reaches them.
//!
//! Must not: know cases, or what the fixtures do.

mod loopback;
mod ports;
mod user;
pub mod wire;

use core::fmt;
use core::str::FromStr;

pub use loopback::Loopback;
pub use user::UserNet;
pub use wire::Wire;

use crate::link::UnknownKind;

/// A kind of lan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LanKind {
    /// The best that works for the board.
    Auto,
    /// The host's own loopback interface, for an IUT that is a process of this machine.
    Loopback,
    /// QEMU's user network.
    User,
    /// A cable that the runner owns.
    Wire,
}

impl LanKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Auto, Self::Loopback, Self::User, Self::Wire];

    /// The word used in boards.toml and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Loopback => "loopback",
            Self::User => "user",
            Self::Wire => "wire",
        }
    }
}

impl fmt::Display for LanKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for LanKind {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == word)
            .ok_or_else(|| UnknownKind {
                what: "lan",
                word: word.into(),
                known: Self::ALL.map(Self::name).join(", "),
            })
    }
}
