//! A small client of QEMU's machine protocol: one command at a time, each with a deadline.
//!
//! The monitor hangs on a socket pair that QEMU inherits, so there is no path to wait for or to remove, and
//! nobody else can reach it. Must not: know what the commands are for.

use core::time::Duration;
use std::io;
use std::os::fd::OwnedFd;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// Time for one command; the slowest takes some milliseconds on an idle machine, seconds on one that is
/// busy building.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest line taken from QEMU, in bytes.
const LONGEST_LINE: usize = 1 << 20;

/// What went wrong with a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QmpError {
    /// The emulator is gone.
    #[error("its monitor is closed: {0}")]
    Closed(io::Error),
    /// It does not answer.
    #[error("no answer to {command} within {} ms", PATIENCE.as_millis())]
    Late {
        /// The command.
        command: String,
    },
    /// It refused.
    #[error("{command}: {answer}")]
    Refused {
        /// The command.
        command: String,
        /// What it said.
        answer: String,
    },
}

/// A connection to one QEMU.
#[derive(Debug)]
pub(crate) struct Qmp {
    stream: BufReader<UnixStream>,
    // Outlives an abandoned read, so that no part of a line is lost.
    line: Vec<u8>,
    next_id: u64,
}

impl Qmp {
    /// A monitor that is not connected yet, and the end that QEMU gets.
    pub(super) fn pair() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = UnixStream::pair()?;
        let theirs = OwnedFd::from(theirs.into_std()?);
        Ok((
            Self {
                stream: BufReader::new(ours),
                line: Vec::new(),
                next_id: 0,
            },
            theirs,
        ))
    }

    /// Awaits the greeting and enters command mode.
    pub(super) async fn greet(&mut self) -> Result<(), QmpError> {
        let late = || QmpError::Late {
            command: "the connection".into(),
        };
        loop {
            let message = timeout(PATIENCE, self.message())
                .await
                .map_err(|_| late())??;
            if message.get("QMP").is_some() {
                break;
            }
        }
        self.execute("qmp_capabilities", json!({})).await.map(drop)
    }

    /// Runs a command and returns its answer.
    pub(crate) async fn execute(
        &mut self,
        command: &str,
        arguments: Value,
    ) -> Result<Value, QmpError> {
        let id = self.next_id;
        self.next_id += 1;
        let mut request =
            json!({ "execute": command, "arguments": arguments, "id": id }).to_string();
        request.push('\n');
        let exchange = async {
            self.stream
                .get_mut()
                .write_all(request.as_bytes())
                .await
                .map_err(QmpError::Closed)?;
            loop {
                let mut message = self.message().await?;
                // Events, and answers to commands that were given up.
                if message.get("id") == Some(&json!(id)) {
                    return match message.get("error") {
                        Some(error) => Err(QmpError::Refused {
                            command: command.into(),
                            answer: error["desc"].as_str().unwrap_or("no reason given").into(),
                        }),
                        None => Ok(message["return"].take()),
                    };
                }
            }
        };
        match timeout(PATIENCE, exchange).await {
            Ok(result) => result,
            Err(_) => Err(QmpError::Late {
                command: command.into(),
            }),
        }
    }

    /// Runs a command of the monitor for people; an empty answer means success for most.
    pub(crate) async fn human(&mut self, line: &str) -> Result<String, QmpError> {
        let answer = self
            .execute("human-monitor-command", json!({ "command-line": line }))
            .await?;
        Ok(answer.as_str().unwrap_or_default().to_owned())
    }

    async fn message(&mut self) -> Result<Value, QmpError> {
        loop {
            let read = self
                .stream
                .read_until(b'\n', &mut self.line)
                .await
                .map_err(QmpError::Closed)?;
            if read == 0 || self.line.len() > LONGEST_LINE {
                return Err(QmpError::Closed(io::ErrorKind::UnexpectedEof.into()));
            }
            let message = serde_json::from_slice(&self.line);
            self.line.clear();
            if let Ok(message) = message {
                return Ok(message);
            }
        }
    }
}
