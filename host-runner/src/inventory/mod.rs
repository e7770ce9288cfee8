//! Which boards there are: boards.toml as data.
//!
//! Must not: start anything, or look at what a board needs beyond "does this file name it correctly".

mod diagnostic;
mod links;
mod load;
mod reader;
#[cfg(test)]
mod tests;

use core::time::Duration;
use std::path::{Path, PathBuf};

pub use diagnostic::{InventoryError, Problem, UnknownBoard};

use crate::lan::{Lan, LanKind};
use crate::link::LinkKind;
use crate::link::rtt::Attachment;

/// All boards of one boards.toml.
#[derive(Clone, Debug)]
pub struct Inventory {
    /// The file.
    pub path: PathBuf,
    /// The board that is meant when none is named.
    pub default: Option<String>,
    /// In the order of their names.
    pub boards: Vec<Board>,
}

/// One `[board.NAME]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Board {
    /// Its name.
    pub name: String,
    /// What drives it.
    pub kind: BoardKind,
    /// The image it runs.
    pub firmware: Firmware,
    /// Cargo features that a crate's image is built with, besides its usual ones.
    pub features: Vec<String>,
    /// The port it runs; selects the deviations.
    pub port: String,
    /// Deviations of its own instead of the port's.
    pub deviations: Option<PathBuf>,
    /// The links it has.
    pub links: Vec<Link>,
    /// The one used unless another is asked for.
    pub default_link: LinkKind,
    /// The lan.
    pub lan: Lan,
    /// Slack for network and link of this board.
    pub rtt_allowance: Duration,
    /// Factor on every deadline; at least 1 for boards slower than the reference.
    pub deadline_scale: f64,
    /// What the process of a native board is told besides.
    pub arguments: Vec<String>,
    /// A command that switches the board off and on again: the last thing that is tried to get it back.
    pub power: Option<String>,
    /// Directory of the workspace that `firmware` crates are built in.
    pub workspace: PathBuf,
    /// The boards.toml it stands in: part of the name of its lock.
    pub file: PathBuf,
}

/// What drives a board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BoardKind {
    /// A process of this machine.
    Native {
        /// Whose network stack it uses.
        stack: Stack,
    },
    /// `qemu-system-arm`.
    Qemu {
        /// The `-machine`.
        machine: String,
    },
    /// A board behind a debug probe.
    Probe,
    /// A board behind a serial port, flashed and switched on by somebody else.
    Serial,
}

impl BoardKind {
    /// The word used in boards.toml.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Native { .. } => "native",
            Self::Qemu { .. } => "qemu",
            Self::Probe => "probe",
            Self::Serial => "serial",
        }
    }

    /// The lans that a board of this kind can be attached to.
    #[must_use]
    pub const fn lans(&self) -> &'static [LanKind] {
        match self {
            Self::Native { stack: Stack::Own } => &[LanKind::Auto, LanKind::Wire, LanKind::Nic],
            Self::Native { .. } => &[LanKind::Auto, LanKind::Loopback, LanKind::Wire],
            Self::Qemu { .. } => &[LanKind::Auto, LanKind::User, LanKind::Wire],
            Self::Probe | Self::Serial => &[LanKind::None, LanKind::Nic],
        }
    }

    /// The links that a board of this kind can have; the first is the one it has unless it names others.
    #[must_use]
    pub const fn links(&self) -> &'static [LinkKind] {
        match self {
            Self::Native { .. } => &[LinkKind::Unix],
            Self::Qemu { .. } => &[LinkKind::Serial, LinkKind::Rtt],
            Self::Probe => &[LinkKind::Rtt],
            Self::Serial => &[LinkKind::Serial],
        }
    }
}

/// Whose network stack a board uses that is a process of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stack {
    /// That of the kernel, through sockets.
    Kernel,
    /// Its own: it takes frames.
    Own,
    /// Nobody's.
    None,
}

impl Stack {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Kernel, Self::Own, Self::None];

    /// The word used in boards.toml.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Own => "own",
            Self::None => "none",
        }
    }
}

/// The image of a board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Firmware {
    /// A crate under `target-fw/boards`, built when it is needed.
    Crate(String),
    /// A finished ELF file.
    Elf(PathBuf),
}

/// One link of a board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// The agent listens on a Unix socket.
    Unix,
    /// The agent talks through a UART of an emulated machine.
    Serial {
        /// Which UART.
        uart: u8,
    },
    /// The agent talks through a serial port of this machine.
    Port(SerialPort),
    /// The agent talks through the memory of the board, and a probe that reads and writes it.
    Rtt {
        /// Probe and chip. Of a board that the runner emulates it is empty: it brings its own.
        attachment: Attachment,
    },
}

/// A serial port of this machine that a board hangs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SerialPort {
    /// Its device.
    pub port: PathBuf,
    /// Bits per second.
    pub baud: u32,
    /// The device at which the board writes its log, if it does.
    pub log: Option<PathBuf>,
}

impl Link {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> LinkKind {
        match self {
            Self::Unix => LinkKind::Unix,
            Self::Serial { .. } | Self::Port(_) => LinkKind::Serial,
            Self::Rtt { .. } => LinkKind::Rtt,
        }
    }
}

impl Inventory {
    /// Reads and checks a boards.toml.
    ///
    /// # Errors
    /// Everything that is wrong with the file, each with its place and what would be right.
    pub fn load(path: &Path) -> Result<Self, InventoryError> {
        load::load(path)
    }

    /// A board by name.
    ///
    /// # Errors
    /// There is none of that name; lists those there are.
    pub fn board(&self, name: &str) -> Result<&Board, UnknownBoard> {
        self.boards
            .iter()
            .find(|board| board.name == name)
            .ok_or_else(|| {
                UnknownBoard::new(
                    name,
                    &self.path,
                    self.boards.iter().map(|board| board.name.as_str()),
                )
            })
    }
}

impl Board {
    /// The link that `wanted`, or else the board's default, stands for.
    #[must_use]
    pub fn link(&self, wanted: Option<LinkKind>) -> Option<&Link> {
        let kind = wanted.unwrap_or(self.default_link);
        self.links.iter().find(|link| link.kind() == kind)
    }
}
