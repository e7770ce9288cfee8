//! What the runner and the process that drives the probe say to each other: a line of JSON each, in turn.

use core::time::Duration;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::link::rtt::Attachment;

/// What the runner wants.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// Opens the probe and attaches to the chip.
    Attach {
        /// Which.
        attachment: Box<Attachment>,
    },
    /// Writes an image, unless the chip has it.
    Write {
        /// The image.
        elf: PathBuf,
    },
    /// Starts what is there.
    Start {
        /// Its command line.
        words: String,
        /// How long it may take.
        patience: Duration,
    },
}

impl Request {
    /// In words, behind "while".
    pub(super) const fn doing(&self) -> &'static str {
        match self {
            Self::Attach { .. } => "it was being opened",
            Self::Write { .. } => "the image was being written",
            Self::Start { .. } => "a test ran",
        }
    }
}

/// What came of it. Some signs of life may come first.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// The image runs, and the probe has just said so.
    Alive,
    /// It is done.
    Done {
        /// The image had to be written.
        written: bool,
    },
    /// What was started has ended.
    Ended {
        /// How.
        end: End,
        /// What it wrote to its standard output, and when.
        output: Vec<(Duration, Vec<u8>)>,
        /// From the reset to the end.
        took: Duration,
    },
    /// It could not be done; why, and what to do.
    Failed(String),
}

/// How an image ended.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum End {
    /// With this status.
    Status(i32),
    /// The core locked up.
    LockedUp,
    /// Not in time; program counter and link register, if they could be read.
    Late(Option<(u32, u32)>),
    /// The core stopped and nobody knows what for.
    Stopped(String),
}
