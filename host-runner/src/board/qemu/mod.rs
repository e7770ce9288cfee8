//! Kind `qemu`: a microcontroller board emulated by `qemu-system-arm`.
//!
//! UART0 is a pseudo-terminal and opened like any serial port; UART1 is the target's log; the NIC hangs on
//! QEMU's user network, where everything is recorded, or on a cable of the runner. The guest starts only after the link is open.

mod command;
pub(super) mod look;
pub(crate) mod once;
mod probe;
mod qmp;
mod serve;

use core::future::Future;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio_serial::SerialStream;

pub(super) use command::BackEnd;
pub(crate) use probe::VirtualProbe;
pub(crate) use qmp::{Qmp, QmpError};
pub(crate) use serve::Served;

use self::command::{Files, Program};
use super::error::at;
use super::process::{Blame, Ended, Process};
use super::{BoardError, Image};
use crate::lan::wire::relay::SetPhy;
use crate::link;
use crate::target_log::TargetLog;

/// The name of the network back end in commands.
pub(crate) const NETDEV: &str = "n0";

/// What a pseudo-terminal does with a baud rate is nothing; a USB adapter would want one.
const BAUD: u32 = 115_200;

/// What QEMU says when the guest's core locks up, before it ends itself.
const LOCKUP: &str = "fatal: Lockup";

/// The monitor of the QEMU that runs now, shared with the lan; changes with every restart.
#[derive(Debug, Default)]
pub(crate) struct Monitor(Mutex<Current>);

/// What [`Monitor`] guards.
#[derive(Debug, Default)]
pub(crate) struct Current {
    /// Counts the starts: what was set up in an earlier QEMU is gone.
    pub(crate) generation: u32,
    /// The connection, while there is one.
    pub(crate) qmp: Option<Qmp>,
}

impl Monitor {
    /// Exclusive use of the monitor.
    pub(crate) async fn current(&self) -> tokio::sync::MutexGuard<'_, Current> {
        self.0.lock().await
    }

    /// A new QEMU.
    async fn connect(&self, qmp: Qmp) {
        let mut current = self.current().await;
        current.generation += 1;
        current.qmp = Some(qmp);
    }
}

/// Starts QEMU with an image, opens the link and lets the guest go.
pub(super) async fn start(
    board: &str,
    machine: &str,
    image: &Image,
    back_end: BackEnd,
    evidence: &Path,
    target_log: &TargetLog,
    monitor: &Arc<Monitor>,
) -> Result<(Process, SerialStream), BoardError> {
    let program = Program::File(&image.elf);
    let (process, mut qmp) = spawn(machine, program, back_end, Some(target_log), evidence).await?;
    let serial = coming_up(board, &process, let_go(board, &mut qmp)).await?;
    monitor.connect(qmp).await;
    Ok((process, serial))
}

/// Starts QEMU without an image and with a debug probe, through which the image gets onto the board as on a real one.
/// The probe can be opened at once; its description of the chip is in `run_dir`.
pub(super) async fn start_probed(
    board: &str,
    machine: &str,
    back_end: BackEnd,
    evidence: &Path,
    monitor: &Arc<Monitor>,
    run_dir: &Path,
) -> Result<(Process, VirtualProbe), BoardError> {
    let trouble = |problem: String| BoardError::Qemu {
        board: board.into(),
        problem,
    };
    probe::check_machine(machine).map_err(trouble)?;
    let (ours, theirs) = probe::connect(machine).map_err(|error| trouble(error.to_string()))?;
    let program = Program::Probe(theirs);
    // The log comes through the probe; that on the UART is the same.
    let (process, mut qmp) = spawn(machine, program, back_end, None, evidence).await?;
    let run_dir = run_dir.to_owned();
    let probe = coming_up(board, &process, async {
        let uart = come_to_life(board, &mut qmp).await?;
        tokio::task::spawn_blocking(move || VirtualProbe::open(ours, None, &run_dir, uart))
            .await
            .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
            .map_err(trouble)
    });
    let probe = probe.await?;
    monitor.connect(qmp).await;
    Ok((process, probe))
}

/// Spawns QEMU; it waits for `x-exit-preconfig`. What the guest writes to its second UART goes to `log`.
async fn spawn(
    machine: &str,
    program: Program<'_>,
    back_end: BackEnd,
    log: Option<&TargetLog>,
    evidence: &Path,
) -> Result<(Process, Qmp), BoardError> {
    let files = Files::next(evidence);
    let output = File::options()
        .create(true)
        .append(true)
        .open(&files.output)
        .map_err(at(&files.output))?;
    let second = output.try_clone().map_err(at(&files.output))?;
    let spawn_error = |source: io::Error| BoardError::Spawn {
        program: command::PROGRAM.into(),
        source,
    };
    let (qmp, theirs) = Qmp::pair().map_err(spawn_error)?;
    let listened = log.map(listen).transpose().map_err(spawn_error)?;
    let mut command = command::line(machine, program, back_end, listened, &files);
    command
        .stdin(Stdio::from(theirs))
        .stdout(Stdio::from(output))
        .stderr(Stdio::from(second));
    let process = Process::spawn("QEMU", command, files.output.clone(), Blame::Words(LOCKUP))
        .await
        .map_err(|source| {
            if source.kind() == io::ErrorKind::NotFound {
                BoardError::QemuMissing
            } else {
                spawn_error(source)
            }
        })?;
    Ok((process, qmp))
}

/// What a board needs to come up, unless it ends meanwhile.
async fn coming_up<T>(
    board: &str,
    process: &Process,
    work: impl Future<Output = Result<T, BoardError>>,
) -> Result<T, BoardError> {
    let done = tokio::select! {
        // Its own words say more than the closed monitor.
        biased;
        ended = process.gone() => return Err(BoardError::Gone { board: board.into(), ended }),
        done = work => done,
    };
    match done {
        Err(BoardError::Gone { board, ended }) => {
            // The monitor closes a moment before the process ends.
            let real = tokio::time::timeout(super::STOP_PATIENCE, process.gone()).await;
            let ended = real.unwrap_or(ended);
            Err(BoardError::Gone { board, ended })
        }
        done => done,
    }
}

/// Tells the guest's network card whether its cable is plugged in.
pub(super) fn phy(monitor: &Arc<Monitor>) -> SetPhy {
    let monitor = Arc::downgrade(monitor);
    Arc::new(move |up| {
        let monitor = monitor.upgrade();
        Box::pin(async move {
            let gone = || io::Error::other("the emulator is not running");
            let monitor = monitor.ok_or_else(gone)?;
            let mut current = monitor.current().await;
            let qmp = current.qmp.as_mut().ok_or_else(gone)?;
            qmp.execute("set_link", json!({ "name": NETDEV, "up": up }))
                .await
                .map_err(|error| io::Error::other(format!("QEMU: {error}")))?;
            Ok(())
        })
    })
}

/// Asks QEMU to end; whether it does is the caller's business.
pub(super) async fn quit(monitor: &Monitor) {
    if let Some(mut qmp) = monitor.current().await.qmp.take() {
        let _ = qmp.execute("quit", json!({})).await;
    }
}

async fn let_go(board: &str, qmp: &mut Qmp) -> Result<SerialStream, BoardError> {
    let terminal = greet(board, qmp).await?;
    let serial = link::serial::open(&terminal, BAUD).map_err(|source| BoardError::Link {
        board: board.into(),
        source,
    })?;
    for command in ["x-exit-preconfig", "cont"] {
        qmp.execute(command, json!({}))
            .await
            .map_err(|error| refused(board, error))?;
    }
    Ok(serial)
}

/// Makes the machine, which stays stopped, and says where its UART is.
async fn come_to_life(board: &str, qmp: &mut Qmp) -> Result<PathBuf, BoardError> {
    let terminal = greet(board, qmp).await?;
    qmp.execute("x-exit-preconfig", json!({}))
        .await
        .map_err(|error| refused(board, error))?;
    Ok(terminal)
}

/// Opens the monitor and asks for the terminal of the link.
async fn greet(board: &str, qmp: &mut Qmp) -> Result<PathBuf, BoardError> {
    let trouble = |error| refused(board, error);
    qmp.greet().await.map_err(trouble)?;
    let devices = qmp
        .execute("query-chardev", json!({}))
        .await
        .map_err(trouble)?;
    pseudo_terminal(&devices).ok_or_else(|| BoardError::Qemu {
        board: board.into(),
        problem: format!("it names no pseudo-terminal for the link: {devices}"),
    })
}

fn refused(board: &str, error: QmpError) -> BoardError {
    match error {
        QmpError::Closed(_) => BoardError::Gone {
            board: board.into(),
            ended: Ended {
                how: "QEMU closed its monitor".into(),
                crashed: false,
            },
        },
        error => BoardError::Qemu {
            board: board.into(),
            problem: error.to_string(),
        },
    }
}

/// Attaches the log to a socket whose other end is for the UART: QEMU holds the guest up while nobody reads it.
fn listen(log: &TargetLog) -> io::Result<OwnedFd> {
    let (ours, theirs) = UnixStream::pair()?;
    log.attach(ours)?;
    Ok(theirs.into())
}

/// `[{"label": "uart0", "filename": "pty:/dev/pts/3"}, …]`
fn pseudo_terminal(devices: &Value) -> Option<PathBuf> {
    let uart = devices
        .as_array()?
        .iter()
        .find(|device| device["label"] == command::LINK_UART)?;
    uart["filename"]
        .as_str()?
        .strip_prefix("pty:")
        .map(PathBuf::from)
}

/// Label and path of everything that QEMU has written.
pub(super) fn evidence_files(evidence: &Path) -> Vec<(&'static str, PathBuf)> {
    Files::written(evidence)
}
