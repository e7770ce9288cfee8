//! What carries the board's frames, and where fixtures must bind so that the IUT reaches them.
//!
//! Must not: know cases, or what the fixtures do.

mod loopback;
mod nic;
mod none;
mod ports;
mod user;
pub mod wire;

use core::fmt;
use core::str::FromStr;

pub use loopback::Loopback;
pub use nic::NicLan;
pub use none::NoLan;
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
    /// An interface of this machine.
    Nic,
    /// No lan at all: nobody is there that the IUT could reach.
    None,
}

impl LanKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Auto,
        Self::Loopback,
        Self::User,
        Self::Wire,
        Self::Nic,
        Self::None,
    ];

    /// The word used in boards.toml and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Loopback => "loopback",
            Self::User => "user",
            Self::Wire => "wire",
            Self::Nic => "nic",
            Self::None => "none",
        }
    }
}

impl fmt::Display for LanKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An interface of this machine that a board hangs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nic {
    /// Its name.
    pub name: String,
    /// Nobody else is on its network: the runner may do what it likes there.
    pub exclusive: bool,
}

/// Which lan is meant: its kind and what that needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lan {
    /// [`LanKind::Auto`].
    Auto,
    /// [`LanKind::Loopback`].
    Loopback,
    /// [`LanKind::User`].
    User,
    /// [`LanKind::Wire`].
    Wire,
    /// [`LanKind::Nic`].
    Nic(Nic),
    /// [`LanKind::None`].
    None,
}

impl Lan {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> LanKind {
        match self {
            Self::Auto => LanKind::Auto,
            Self::Loopback => LanKind::Loopback,
            Self::User => LanKind::User,
            Self::Wire => LanKind::Wire,
            Self::Nic(_) => LanKind::Nic,
            Self::None => LanKind::None,
        }
    }
}

/// As on the command line.
impl fmt::Display for Lan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nic(Nic { name, exclusive }) => {
                write!(
                    f,
                    "nic={name}{}",
                    if *exclusive { ",exclusive" } else { "" }
                )
            }
            other => other.kind().fmt(f),
        }
    }
}

impl FromStr for Lan {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        if let Some(nic) = word.strip_prefix("nic=") {
            let (name, exclusive) = match nic.strip_suffix(",exclusive") {
                Some(name) => (name, true),
                None => (nic, false),
            };
            if !name.is_empty() && !name.contains(',') {
                let name = name.to_owned();
                return Ok(Self::Nic(Nic { name, exclusive }));
            }
        }
        let plain = [
            Self::Auto,
            Self::Loopback,
            Self::User,
            Self::Wire,
            Self::None,
        ];
        plain
            .into_iter()
            .find(|lan| lan.kind().name() == word)
            .ok_or_else(|| UnknownKind {
                what: "lan",
                word: word.into(),
                known: "auto, loopback, user, wire, none, nic=NAME or nic=NAME,exclusive".into(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lans_are_written_as_they_are_shown() {
        for word in [
            "auto",
            "loopback",
            "user",
            "wire",
            "none",
            "nic=eth1",
            "nic=a,exclusive",
        ] {
            let lan: Lan = word.parse().expect("a lan");
            assert_eq!(lan.to_string(), word);
        }
        for word in ["nic", "nic=", "nic=,exclusive", "nic=a,b", ""] {
            assert!(word.parse::<Lan>().is_err(), "{word}");
        }
    }
}
