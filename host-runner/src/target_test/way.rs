//! The ways to run an image: on the emulator as it is, or through a debug probe.
//!
//! Must not: judge.

use core::time::Duration;
use std::path::Path;

use super::judge::End;
use super::probe::Probe;
use crate::board::qemu::once;
use crate::board::{Attached, BoardError};
use crate::inventory::{Board, BoardKind};

/// How tests are to get to the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// An emulator for each, which does the semihosting itself.
    Emulator,
    /// A debug probe for all of them.
    Probe,
}

/// How tests get to the target.
#[derive(Debug)]
pub enum Way {
    /// An emulator for each.
    Emulator {
        /// The `-machine`.
        machine: String,
    },
    /// A debug probe.
    Probe(Box<Probe>),
}

/// What became of an image that was started once.
#[derive(Clone, Debug)]
pub(super) struct Ran {
    /// How it ended.
    pub end: End,
    /// What it wrote to its standard output, and when, counted from the start.
    pub output: Vec<(Duration, Vec<u8>)>,
    /// What there is to remark about the run itself.
    pub remarks: Vec<String>,
    /// From the start to the end.
    pub took: Duration,
}

impl Ran {
    /// Nothing was run.
    pub(super) const fn nothing(end: End) -> Self {
        Self {
            end,
            output: Vec::new(),
            remarks: Vec::new(),
            took: Duration::ZERO,
        }
    }
}

impl Way {
    /// Gets everything ready.
    ///
    /// # Errors
    /// The board has no such way, or does not start.
    pub async fn start(via: Via, board: &Board, evidence: &Path) -> Result<Self, BoardError> {
        match (via, &board.kind) {
            (Via::Emulator, BoardKind::Qemu { machine }) => Ok(Self::Emulator {
                machine: machine.clone(),
            }),
            (Via::Emulator, _) => Err(BoardError::Qemu {
                board: board.name.clone(),
                problem: format!("this board, of kind {}, is none of its", board.kind.name()),
            }),
            (Via::Probe, _) => {
                let attached = Attached::start(board, evidence).await?;
                Ok(Self::Probe(Box::new(Probe::new(attached))))
            }
        }
    }

    /// The word for it in reports.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Emulator { .. } => "semihosting",
            Self::Probe(_) => "semihosting through a probe",
        }
    }

    /// How many tests may run at a time.
    #[must_use]
    pub const fn width(&self) -> usize {
        match self {
            Self::Emulator { .. } => 2,
            Self::Probe(_) => 1,
        }
    }

    /// Starts `elf` once with these words as its command line. What goes wrong is an end, too.
    pub(super) async fn run(&self, elf: &Path, words: &[String], patience: Duration) -> Ran {
        match self {
            Self::Emulator { machine } => on_emulator(machine, elf, words, patience).await,
            Self::Probe(probe) => probe.run(elf, words, patience).await,
        }
    }
}

async fn on_emulator(machine: &str, elf: &Path, words: &[String], patience: Duration) -> Ran {
    let ran = match once::run(machine, elf, words, patience).await {
        Ok(ran) => ran,
        Err(error) => return Ran::nothing(End::Trouble(error.cause(), error.to_string())),
    };
    let mut remarks = Vec::new();
    if !ran.said.is_empty() {
        remarks.push(format!("QEMU: {}", ran.said));
    }
    if ran.lost > 0 {
        remarks.push(format!("{} bytes of its output were too many", ran.lost));
    }
    let end = match ran.end {
        once::End::Exited(status) => End::Status(status),
        once::End::LockedUp => End::LockedUp,
        once::End::Late(place) => End::Late(patience, place),
        once::End::Died(how) => {
            End::Trouble("emulator", format!("QEMU ended by {how}; {}", ran.said))
        }
    };
    Ran {
        end,
        output: ran.output,
        remarks,
        took: ran.took,
    }
}
