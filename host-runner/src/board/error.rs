//! Why a board cannot be started or kept running. Always trouble of the rig, never a verdict.

use core::time::Duration;
use std::path::PathBuf;

use super::process::Ended;
use crate::lan::LanKind;
use crate::lan::wire::Refusal;
use crate::link::{LinkError, LinkKind};

/// Trouble with a board.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BoardError {
    /// Somebody else uses it.
    #[error("board {board} is locked: {holder}")]
    Locked {
        /// Which.
        board: String,
        /// Who has it and since when.
        holder: String,
    },
    /// Somebody else uses the probe or port that reaches it.
    #[error("board {board}: the {device} is locked: {holder}")]
    DeviceLocked {
        /// Which.
        board: String,
        /// The probe or port.
        device: String,
        /// Who has it and since when.
        holder: String,
    },
    /// It has no such link.
    #[error("board {board} has no link \"{link}\"; it has: {known}")]
    NoLink {
        /// Which.
        board: String,
        /// The link asked for.
        link: LinkKind,
        /// The ones it has.
        known: String,
    },
    /// Its kind cannot be attached to such a lan.
    #[error("board {board} cannot use the lan \"{lan}\"; it can use: {known}")]
    NoLan {
        /// Which.
        board: String,
        /// The lan asked for.
        lan: LanKind,
        /// The ones it can use.
        known: String,
    },
    /// There is no wire on this machine, and nothing else will do.
    #[error("board {board}: {refusal}; {}", refusal.advice().join("; "))]
    NoWire {
        /// Which.
        board: String,
        /// Why.
        refusal: Refusal,
    },
    /// It could not be plugged into its lan.
    #[error("board {board} cannot be plugged in: {source}")]
    Plug {
        /// Which.
        board: String,
        /// Why.
        source: std::io::Error,
    },
    /// The image did not build.
    #[error("firmware {name} does not build ({command} in {}: {status}):\n{output}", directory.display())]
    Build {
        /// The crate.
        name: String,
        /// What was run.
        command: String,
        /// Where.
        directory: PathBuf,
        /// How it ended.
        status: String,
        /// The last of what it said.
        output: String,
    },
    /// The image is not there or not an ELF file.
    #[error("image {}: {problem}", path.display())]
    Image {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// There is no emulator.
    #[error("qemu-system-arm is not installed: run ci/setup, which installs it or says how")]
    QemuMissing,
    /// A program did not start.
    #[error("cannot start {program}: {source}")]
    Spawn {
        /// Which.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// It ended by itself.
    #[error("board {board} is gone: {}", ended.how)]
    Gone {
        /// Which.
        board: String,
        /// How.
        ended: Ended,
    },
    /// It did not come up in time.
    #[error("board {board}: no {what} within {} ms", waited.as_millis())]
    Late {
        /// Which.
        board: String,
        /// What was waited for.
        what: &'static str,
        /// How long.
        waited: Duration,
    },
    /// The link does not open.
    #[error("board {board}: {source}")]
    Link {
        /// Which.
        board: String,
        /// Why.
        source: LinkError,
    },
    /// The emulator refused a command.
    #[error("board {board}: QEMU: {problem}")]
    Qemu {
        /// Which.
        board: String,
        /// What it said.
        problem: String,
    },
    /// It was not switched off and on.
    #[error("board {board}: its power command ({command}) failed: {problem}")]
    Power {
        /// Which.
        board: String,
        /// What was run.
        command: String,
        /// How it ended, and what it said.
        problem: String,
    },
    /// A file or directory of the rig.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl BoardError {
    /// One word for summaries: `infra(lock)` and the like.
    #[must_use]
    pub const fn cause(&self) -> &'static str {
        match self {
            Self::Locked { .. } | Self::DeviceLocked { .. } => "lock",
            Self::NoLink { .. } | Self::Link { .. } => "link",
            Self::NoLan { .. } | Self::NoWire { .. } | Self::Plug { .. } => "lan",
            Self::Build { .. } => "build",
            Self::Image { .. } => "image",
            Self::QemuMissing | Self::Qemu { .. } => "qemu",
            Self::Spawn { .. } | Self::Gone { .. } | Self::Late { .. } => "start",
            Self::Power { .. } => "power",
            Self::File { .. } => "file",
        }
    }
}

/// Puts a path to an I/O error.
pub(super) fn at(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> BoardError {
    let path = path.into();
    move |source| BoardError::File { path, source }
}
