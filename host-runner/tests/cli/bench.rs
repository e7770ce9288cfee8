//! What these tests share: a directory with boards that misbehave, and `hil` started in it under a deadline.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// Far beyond what anything here takes.
const DEADLINE: Duration = Duration::from_secs(90);

/// A directory with a boards.toml.
pub(crate) struct Bench {
    dir: TempDir,
}

/// What a finished `hil` left.
pub(crate) struct Finished {
    pub(crate) exit: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Bench {
    /// Boards whose agents misbehave as their names say.
    pub(crate) fn of(modes: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut text = String::new();
        for mode in modes {
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_bad-agent"), dir.path().join(mode))
                .expect("a link");
            text += &format!(
                "[board.{mode}]\nkind = \"native\"\nfirmware = {{ elf = \"{mode}\" }}\nport = \"bad\"\ndeadline_scale = 0.2\n"
            );
        }
        fs::write(dir.path().join("boards.toml"), text).expect("a file");
        Self { dir }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// `hil` with these arguments, up to its end.
    pub(crate) fn hil(&self, arguments: &[&str]) -> Finished {
        let mut hil = self.start(arguments);
        let mut stdout = hil.stdout.take().expect("a pipe");
        let (done, wait) = mpsc::channel();
        thread::spawn(move || {
            let mut text = String::new();
            let _ = stdout.read_to_string(&mut text);
            let _ = done.send(text);
        });
        let stdout = wait.recv_timeout(DEADLINE);
        finish(hil, stdout.ok())
    }

    /// `hil` with these arguments, running.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_hil"))
            .args(arguments)
            .current_dir(self.path())
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("hil starts")
    }

    /// Processes that were started from this directory and still live.
    pub(crate) fn left_over(&self) -> Vec<String> {
        let here = self.path().display().to_string();
        fs::read_dir("/proc")
            .expect("/proc")
            .flatten()
            .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
            .map(|words| String::from_utf8_lossy(&words).replace('\0', " "))
            .filter(|line| line.contains(&here))
            .collect()
    }
}

/// Waits for the end of `hil`, whose standard output has ended; kills it if it has not.
fn finish(mut hil: Child, stdout: Option<String>) -> Finished {
    let Some(stdout) = stdout else {
        let _ = hil.kill();
        let _ = hil.wait();
        panic!("hil did not end within {DEADLINE:?}");
    };
    let output = hil.wait_with_output().expect("it has ended");
    Finished {
        exit: output.status.code(),
        stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Finished {
    /// Standard output as events.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| {
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))
            })
            .collect()
    }

    /// Verdict with cause of every finished case, in order, on one board.
    pub(crate) fn verdicts(&self, board: &str) -> Vec<String> {
        verdicts(&self.events(), board)
    }
}

/// Verdict with cause of every finished case on one board.
pub(crate) fn verdicts(events: &[Value], board: &str) -> Vec<String> {
    events
        .iter()
        .filter(|event| event["event"] == "case-finished" && event["board"] == board)
        .map(|event| {
            let verdict = event["verdict"].as_str().expect("a word");
            match event["cause"].as_str() {
                Some(cause) => format!("{verdict}({cause})"),
                None => verdict.to_owned(),
            }
        })
        .collect()
}

/// Events of a running `hil --json -`, as they come.
pub(crate) struct Live {
    events: mpsc::Receiver<Value>,
    hil: Child,
    seen: Vec<Value>,
}

impl Live {
    pub(crate) fn of(mut hil: Child) -> Self {
        let stdout: ChildStdout = hil.stdout.take().expect("a pipe");
        let (send, events) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let Ok(event) = serde_json::from_str(&line) else {
                    return;
                };
                if send.send(event).is_err() {
                    return;
                }
            }
        });
        Self {
            events,
            hil,
            seen: Vec::new(),
        }
    }

    /// Reads on until an event fits.
    pub(crate) fn until(&mut self, fits: impl Fn(&Value) -> bool) {
        loop {
            let Ok(event) = self.events.recv_timeout(DEADLINE) else {
                let _ = self.hil.kill();
                panic!("the event never came; seen: {:?}", self.seen);
            };
            self.seen.push(event);
            if self.seen.last().is_some_and(&fits) {
                return;
            }
        }
    }

    /// Sends a signal, as Ctrl-C would.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.hil), signal)
            .expect("it lives");
    }

    /// Reads to the end; the exit code and every event.
    pub(crate) fn end(mut self) -> (Option<i32>, Vec<Value>) {
        while let Ok(event) = self.events.recv_timeout(DEADLINE) {
            self.seen.push(event);
        }
        let status = self.hil.wait().expect("it ends with its output");
        (status.code(), core::mem::take(&mut self.seen))
    }
}
