//! Kind `native`: the agent is a process of this machine that listens on a Unix socket.

use core::time::Duration;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tokio::net::UnixStream;
use tokio::time::Instant;

use super::error::at;
use super::process::{Blame, Process};
use super::{BoardError, Image};
use crate::link;

/// Time from spawning the agent to its socket.
const PATIENCE: Duration = Duration::from_secs(5);

/// Starts an agent, by a command that says what is special about it, and connects to it.
pub(super) async fn start(
    board: &str,
    image: &Image,
    mut command: Command,
    run_dir: &Path,
    log: &Path,
) -> Result<(Process, UnixStream), BoardError> {
    let socket: PathBuf = run_dir.join("agent");
    // Of an earlier process, after a restart; the new one could not bind it.
    let _ = std::fs::remove_file(&socket);
    let sink = File::options()
        .create(true)
        .append(true)
        .open(log)
        .map_err(at(log))?;
    let second = sink.try_clone().map_err(at(log))?;
    command
        .arg("--link")
        .arg(format!("unix:{}", socket.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::from(sink))
        .stderr(Stdio::from(second));
    let process = Process::spawn("the agent", command, log.into(), Blame::Process)
        .await
        .map_err(|source| BoardError::Spawn {
            program: image.elf.display().to_string(),
            source,
        })?;
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
