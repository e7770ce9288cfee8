//! A board with a debug probe at it and nothing running through it yet: for whoever flashes and starts images himself.
//!
//! Must not: know what the images are; or, beyond starting it, whether the probe is a program.

use std::path::Path;
use std::sync::Arc;

use super::BoardError;
use super::error::at;
use super::lock::BoardLock;
use super::process::Process;
use super::qemu::{self, BackEnd, Monitor, VirtualProbe};
use super::rundir::RunDir;
use crate::inventory::{Board, BoardKind, Link};
use crate::link::LinkKind;
use crate::link::rtt::Attachment;

/// The board, for as long as this lives. Nobody else can use it meanwhile.
#[derive(Debug)]
pub(crate) struct Attached {
    attachment: Attachment,
    // In this order: the probe, the emulator, the directory, the lock.
    _emulator: Option<(VirtualProbe, Process, Arc<Monitor>)>,
    _run_dir: RunDir,
    _lock: BoardLock,
}

impl Attached {
    /// Takes the board's lock, and starts it if it is an emulator.
    ///
    /// # Errors
    /// Somebody else has the board, it has no probe, or it does not start.
    pub(crate) async fn start(board: &Board, evidence: &Path) -> Result<Self, BoardError> {
        let lock = BoardLock::take(board)?;
        std::fs::create_dir_all(evidence).map_err(at(evidence))?;
        let run_dir = RunDir::create()?;
        let (attachment, emulator) = match &board.kind {
            BoardKind::Qemu { machine } => {
                let monitor = Arc::default();
                let (process, probe) = qemu::start_probed(
                    &board.name,
                    machine,
                    BackEnd::User,
                    evidence,
                    &monitor,
                    run_dir.path(),
                )
                .await?;
                (probe.attachment(), Some((probe, process, monitor)))
            }
            _ => match board.link(Some(LinkKind::Rtt)) {
                Some(Link::Rtt { attachment, .. }) => (attachment.clone(), None),
                _ => {
                    let known: Vec<_> = board.links.iter().map(|link| link.kind().name()).collect();
                    return Err(BoardError::NoLink {
                        board: board.name.clone(),
                        link: LinkKind::Rtt,
                        known: known.join(", "),
                    });
                }
            },
        };
        Ok(Self {
            attachment,
            _emulator: emulator,
            _run_dir: run_dir,
            _lock: lock,
        })
    }

    /// The probe and the chip.
    pub(crate) const fn attachment(&self) -> &Attachment {
        &self.attachment
    }
}
