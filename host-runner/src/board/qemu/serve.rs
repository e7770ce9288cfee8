//! An emulated board with its debug probe, for other programs: flashed and driven by whoever connects.
//!
//! Must not: talk to what runs on the board.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::mpsc;

use super::probe::{self, Replacement};
use super::{BackEnd, Monitor, Program, VirtualProbe, come_to_life, coming_up, spawn};
use crate::board::error::at;
use crate::board::lock::BoardLock;
use crate::board::process::{Ended, Process};
use crate::board::rundir::RunDir;
use crate::board::{BoardError, STOP_PATIENCE};
use crate::inventory::{Board, BoardKind};
use crate::link::rtt::Attachment;

/// Directory of what the emulator writes, in that of the run.
const LOGS: &str = "logs";

/// A board that is served. Dropping it kills and removes everything that belongs to it.
#[derive(Debug)]
pub(crate) struct Served {
    name: String,
    machine: String,
    probe: VirtualProbe,
    process: Process,
    monitor: Arc<Monitor>,
    wishes: mpsc::Receiver<Replacement>,
    logs: PathBuf,
    // In this order: the directory is removed before the lock is freed.
    _run_dir: RunDir,
    _lock: BoardLock,
}

impl Served {
    /// Why a board cannot be served, if it cannot: only those that are emulated, and have a chip that is known here.
    pub(crate) fn why_not(board: &Board) -> Option<String> {
        match &board.kind {
            BoardKind::Qemu { machine } => probe::check_machine(machine).err(),
            kind => Some(format!(
                "it is of kind {}, and only emulated boards (kind \"qemu\") have an emulated debug probe",
                kind.name()
            )),
        }
    }

    /// Takes the board's lock and starts it, without an image and in QEMU's user network.
    pub(crate) async fn start(board: &Board) -> Result<Self, BoardError> {
        let refuse = |problem: String| BoardError::Qemu {
            board: board.name.clone(),
            problem,
        };
        let machine = match (&board.kind, Self::why_not(board)) {
            (BoardKind::Qemu { machine }, None) => machine.clone(),
            (_, why) => return Err(refuse(why.unwrap_or_default())),
        };
        let lock = BoardLock::take(board)?;
        let run_dir = RunDir::create()?;
        let logs = run_dir.path().join(LOGS);
        std::fs::create_dir(&logs).map_err(at(&logs))?;
        let monitor = Arc::<Monitor>::default();
        let (wish, wishes) = mpsc::channel(1);
        let (ours, theirs) = probe::connect(&machine).map_err(|error| refuse(error.to_string()))?;
        let program = Program::Probe(theirs);
        let (process, mut qmp) = spawn(&machine, program, BackEnd::User, None, &logs).await?;
        let directory = run_dir.path().to_owned();
        let probe = coming_up(&board.name, &process, async {
            let uart = come_to_life(&board.name, &mut qmp).await?;
            tokio::task::spawn_blocking(move || {
                VirtualProbe::open(ours, Some(wish), &directory, uart)
            })
            .await
            .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
            .map_err(refuse)
        });
        let probe = probe.await?;
        monitor.connect(qmp).await;
        Ok(Self {
            name: board.name.clone(),
            machine,
            probe,
            process,
            monitor,
            wishes,
            logs,
            _run_dir: run_dir,
            _lock: lock,
        })
    }

    /// How clients name the probe and the chip.
    pub(crate) fn attachment(&self) -> Attachment {
        self.probe.attachment()
    }

    /// The pseudo-terminal behind UART0.
    pub(crate) fn uart(&self) -> &Path {
        self.probe.uart()
    }

    /// Serves until the emulator ends otherwise than by a lockup of the core, and says how. After a lockup there is
    /// another emulator, which seems locked up until its next reset, and `tell` is called.
    pub(crate) async fn last(&mut self, tell: impl Fn(&Ended, &Path)) -> Result<Ended, BoardError> {
        loop {
            let Some(wish) = self.wishes.recv().await else {
                return Ok(self.process.gone().await);
            };
            let ended = self.process.gone().await;
            if !ended.crashed {
                return Ok(ended);
            }
            self.replace(wish).await?;
            tell(&ended, self.uart());
        }
    }

    /// Another emulator with the same memory.
    async fn replace(&mut self, wish: Replacement) -> Result<(), BoardError> {
        let connected = wish.connect();
        let (ours, theirs) = connected.map_err(|error| BoardError::Qemu {
            board: self.name.clone(),
            problem: error.to_string(),
        })?;
        let program = Program::Probe(theirs);
        let (process, mut qmp) =
            spawn(&self.machine, program, BackEnd::User, None, &self.logs).await?;
        let uart = coming_up(&self.name, &process, come_to_life(&self.name, &mut qmp)).await?;
        self.monitor.connect(qmp).await;
        self.process = process;
        self.probe.moved_to(uart);
        wish.hand_over(ours);
        Ok(())
    }

    /// Ends the board in order; kills what does not end.
    pub(crate) async fn stop(self) {
        let _ = tokio::time::timeout(STOP_PATIENCE, super::quit(&self.monitor)).await;
        self.process.finish(STOP_PATIENCE).await;
    }
}
