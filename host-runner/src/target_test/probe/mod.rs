//! Tests through a debug probe: a process of our own drives probe-rs, which waits for a probe for ever and so has to
//! be one that can be killed.
//!
//! The process writes an image once and starts it as often as there are tests; it answers the semihosting calls of
//! the target. Must not: know what a test is or what its status means.

mod child;
mod message;

use core::time::Duration;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::Mutex;
use tokio::time::timeout;

pub use child::serve_if_asked;

use self::message::{Answer, End, Request};
use super::judge;
use super::way::Ran;
use crate::board::{Attached, spawn_lasting};
use crate::helper;

/// Opening the probe and attaching to the chip.
const ATTACHING: Duration = Duration::from_secs(15);
/// Writing an image and reading it back.
const WRITING: Duration = Duration::from_secs(60);
/// How long the process may be silent while a test runs; it says something four times a second.
const SILENCE: Duration = Duration::from_secs(3);
/// What the process may need for a test beyond the time of the test itself.
const AROUND: Duration = Duration::from_secs(5);
/// After how many failures in a row the probe is given up.
const MOST_FAILURES: u32 = 2;
/// Longest line of an answer.
const LONGEST: usize = 16 << 20;

/// A board behind a probe.
#[derive(Debug)]
pub struct Probe {
    state: Mutex<State>,
    // Freed last.
    attached: Attached,
}

#[derive(Debug, Default)]
struct State {
    driver: Option<Driver>,
    /// How often in a row it did not work.
    failures: u32,
    /// What was wrong the last time.
    last: String,
}

/// The process, and the image that is on the board as far as it knows.
#[derive(Debug)]
struct Driver {
    process: Process,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    elf: Option<PathBuf>,
}

#[derive(Debug)]
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Probe {
    /// Has nothing been started yet; the first test does.
    pub(crate) fn new(attached: Attached) -> Self {
        Self {
            state: Mutex::default(),
            attached,
        }
    }

    /// Starts `elf` once, with these words as its command line; writes it first if it is not there.
    pub(super) async fn run(&self, elf: &Path, words: &[String], patience: Duration) -> Ran {
        let mut state = self.state.lock().await;
        if state.failures >= MOST_FAILURES {
            let end = trouble(format!("given up: {}", state.last));
            return Ran::nothing(end);
        }
        let (end, output, took) = match self.try_run(&mut state, elf, words, patience).await {
            Ok(Answer::Ended { end, output, took }) => {
                state.failures = 0;
                (end.into_end(patience), output, took)
            }
            Ok(Answer::Done { .. } | Answer::Alive) => state.failed("it answered something else"),
            Ok(Answer::Failed(problem)) => state.failed(problem),
            Err(error) => state.failed(error.to_string()),
        };
        Ran {
            end,
            output,
            remarks: Vec::new(),
            took,
        }
    }

    async fn try_run(
        &self,
        state: &mut State,
        elf: &Path,
        words: &[String],
        patience: Duration,
    ) -> io::Result<Answer> {
        if state.driver.is_none() {
            let mut driver = Driver::spawn()?;
            let attachment = Box::new(self.attached.attachment().clone());
            let attach = Request::Attach { attachment };
            let answer = driver.ask(&attach, ATTACHING, ATTACHING).await?;
            if let Answer::Failed(_) = answer {
                return Ok(answer);
            }
            state.driver = Some(driver);
        }
        let Some(driver) = &mut state.driver else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        if driver.elf.as_deref() != Some(elf) {
            let write = Request::Write { elf: elf.into() };
            let answer = driver.ask(&write, WRITING, WRITING).await?;
            if let Answer::Failed(_) = answer {
                return Ok(answer);
            }
            driver.elf = Some(elf.into());
        }
        let request = Request::Start {
            words: words.join(" "),
            patience,
        };
        driver.ask(&request, SILENCE, patience + AROUND).await
    }
}

impl State {
    /// Whatever the process is waiting for: the next test gets a new one.
    fn failed(
        &mut self,
        problem: impl Into<String>,
    ) -> (judge::End, Vec<(Duration, Vec<u8>)>, Duration) {
        self.driver = None;
        self.failures += 1;
        self.last = problem.into();
        (trouble(self.last.clone()), Vec::new(), Duration::ZERO)
    }
}

fn trouble(what: impl Into<String>) -> judge::End {
    judge::End::Trouble("probe", what.into())
}

impl End {
    fn into_end(self, patience: Duration) -> judge::End {
        match self {
            Self::Status(status) => judge::End::Status(status),
            Self::LockedUp => judge::End::LockedUp,
            Self::Late(place) => judge::End::Late(patience, place),
            Self::Stopped(how) => trouble(format!("the core has stopped: {how}")),
        }
    }
}

impl Driver {
    fn spawn() -> io::Result<Self> {
        let mut command = helper::command("hil-probe-tests", child::ARGUMENT);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process(spawn_lasting(command)?);
        let missing = || io::Error::other("a pipe of a new process is not there");
        let requests = process.0.stdin.take().ok_or_else(missing)?;
        let answers = process.0.stdout.take().ok_or_else(missing)?;
        Ok(Self {
            process,
            requests: ChildStdin::from_std(requests)?,
            answers: BufReader::new(ChildStdout::from_std(answers)?),
            elf: None,
        })
    }

    /// Asks for something, and waits for the answer: between two signs of life no longer than `silence`, and no longer
    /// than `patience` in all.
    async fn ask(
        &mut self,
        request: &Request,
        silence: Duration,
        patience: Duration,
    ) -> io::Result<Answer> {
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        let asked = timeout(patience, async {
            self.requests.write_all(&line).await?;
            loop {
                let answer = timeout(silence, self.answer()).await;
                match answer.unwrap_or_else(|_| Err(silent(silence, request)))? {
                    Answer::Alive => {}
                    answer => return Ok(answer),
                }
            }
        });
        asked
            .await
            .unwrap_or_else(|_| Err(silent(patience, request)))
    }

    /// The next line.
    async fn answer(&mut self) -> io::Result<Answer> {
        let mut answer = Vec::new();
        loop {
            let more = self.answers.fill_buf().await?;
            if more.is_empty() || answer.len() > LONGEST {
                return Err(io::Error::other(format!(
                    "the process that drives the probe ({}) has ended",
                    self.process.0.id()
                )));
            }
            let end = more.iter().position(|byte| *byte == b'\n');
            answer.extend_from_slice(&more[..end.unwrap_or(more.len())]);
            let used = end.map_or(more.len(), |end| end + 1);
            self.answers.consume(used);
            if end.is_some() {
                return Ok(serde_json::from_slice(&answer)?);
            }
        }
    }
}

fn silent(waited: Duration, request: &Request) -> io::Error {
    io::Error::other(format!(
        "the probe has not answered within {:.1} s, while {}",
        waited.as_secs_f64(),
        request.doing()
    ))
}
