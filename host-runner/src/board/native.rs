//! Kind `native`: the agent is a process of this machine that listens on a Unix socket.

use core::time::Duration;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tokio::net::UnixStream;
use tokio::time::Instant;

use super::process::{Blame, Process};
use super::{BoardError, Image};
use crate::link;
use crate::target_log::TargetLog;

/// Time from spawning the agent to its socket.
const PATIENCE: Duration = Duration::from_secs(5);

/// Starts an agent, by a command that says what is special about it, and connects to it.
pub(super) async fn start(
    board: &str,
    image: &Image,
    mut command: Command,
    run_dir: &Path,
    log: &TargetLog,
) -> Result<(Process, UnixStream), BoardError> {
    let socket: PathBuf = run_dir.join("agent");
    // Of an earlier process, after a restart; the new one could not bind it.
    let _ = std::fs::remove_file(&socket);
    let spawn_error = |source| BoardError::Spawn {
        program: image.elf.display().to_string(),
        source,
    };
    // What it prints is its log. The command holds the writing end only until it has been spawned, so that the log
    // ends with the process.
    let (ours, theirs) = io::pipe().map_err(spawn_error)?;
    let second = theirs.try_clone().map_err(spawn_error)?;
    let attached = log.attach(ours).map_err(spawn_error)?;
    command
        .arg("--link")
        .arg(format!("unix:{}", socket.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::from(theirs))
        .stderr(Stdio::from(second));
    let process = Process::spawn("the agent", command, attached, Blame::Process)
        .await
        .map_err(spawn_error)?;
    let connected = tokio::select! {
        connected = link::unix::connect(&socket, Instant::now() + PATIENCE) => connected,
        ended = process.gone() => return Err(BoardError::Gone { board: board.into(), ended }),
    };
    match connected {
        Some(stream) => Ok((process, stream)),
        None => Err(BoardError::Late {
            board: board.into(),
            what: "socket of the agent",
            waited: PATIENCE,
        }),
    }
}
