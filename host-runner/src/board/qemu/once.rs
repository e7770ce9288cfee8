//! An image that runs once, from reset until it says by semihosting that it is done.
//!
//! The guest is not stopped by anything: what it writes to its standard output is read as it comes, and its end is
//! the end of the emulator. Must not: know what the image does or what its status means.

use core::time::Duration;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::fs::MemfdFlags;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::process::ChildStdout;
use tokio::time::{Instant, timeout, timeout_at};

use super::command::PROGRAM;
use super::{LOCKUP, Qmp};
use crate::board::BoardError;
use crate::board::process::{spawn_on_lasting_thread, tie_to_runner};

/// What is kept of an image's output; the rest of it is only counted.
const MOST_OUTPUT: usize = 1 << 20;
/// What is kept of what the emulator itself says.
const MOST_WORDS: u64 = 4096;
/// How long a guest that is late may be asked where it is.
const ASKING: Duration = Duration::from_millis(500);
/// What QEMU says of every machine whose network card is not plugged in.
const NO_PEER: &str = "has no peer";

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With this status, as the image wished.
    Exited(i32),
    /// The core locked up, which ends the emulator.
    LockedUp,
    /// The emulator ended without the image's wish.
    Died(String),
    /// Not within its time: the program counter and the link register, if the emulator could still say.
    Late(Option<(u32, u32)>),
}

/// What there is to know of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    /// How it ended.
    pub(crate) end: End,
    /// What the image wrote to its standard output, and when, counted from the start.
    pub(crate) output: Vec<(Duration, Vec<u8>)>,
    /// Bytes of it that were too many.
    pub(crate) lost: usize,
    /// What the emulator itself had to say.
    pub(crate) said: String,
    /// From the start to the end.
    pub(crate) took: Duration,
}

/// Runs `elf` on `machine` with these words as its command line, and ends it after `patience`.
///
/// Dropping the future ends it at once.
///
/// # Errors
/// There is no emulator, or it does not start.
pub(crate) async fn run(
    machine: &str,
    elf: &Path,
    words: &[String],
    patience: Duration,
) -> Result<Ran, BoardError> {
    let trouble = |source: io::Error| BoardError::Spawn {
        program: PROGRAM.into(),
        source,
    };
    let (mut qmp, theirs) = Qmp::pair().map_err(trouble)?;
    let errors = rustix::fs::memfd_create("qemu", MemfdFlags::CLOEXEC)
        .map_err(|error| trouble(error.into()))?;
    let mut errors = File::from(errors);
    let mut command = line(machine, elf, words);
    command
        .stdin(Stdio::from(theirs))
        .stdout(Stdio::piped())
        .stderr(Stdio::from(errors.try_clone().map_err(trouble)?));
    tie_to_runner(&mut command);
    let began = Instant::now();
    let deadline = began + patience;
    let child = spawn_on_lasting_thread(command).await.map_err(|source| {
        if source.kind() == io::ErrorKind::NotFound {
            BoardError::QemuMissing
        } else {
            trouble(source)
        }
    })?;
    let mut child = Emulator(child);
    let stdout = child
        .0
        .stdout
        .take()
        .ok_or_else(|| trouble(io::Error::other("its standard output is not there")))?;
    let mut stdout = ChildStdout::from_std(stdout).map_err(trouble)?;
    let mut collected = Collected::default();
    let end = match timeout_at(deadline, collected.read(&mut stdout, began)).await {
        // The emulator has closed it, so it is ending.
        Ok(()) => {
            let mut emulator = child;
            let status = tokio::task::spawn_blocking(move || emulator.0.wait())
                .await
                .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
                .map_err(trouble)?;
            match (status.code(), status.signal()) {
                (Some(code), _) => End::Exited(code),
                (None, signal) => End::Died(format!("signal {}", signal.unwrap_or_default())),
            }
        }
        Err(_) => {
            let place = timeout(ASKING, registers(&mut qmp)).await.ok().flatten();
            // What it wrote until now is in the pipe.
            let _ = timeout(ASKING / 10, collected.read(&mut stdout, began)).await;
            drop(child);
            End::Late(place)
        }
    };
    let took = began.elapsed();
    let mut said = String::new();
    // Words that cannot be read are no words.
    let _ = errors
        .seek(SeekFrom::Start(0))
        .and_then(|_| errors.take(MOST_WORDS).read_to_string(&mut said));
    let said = said
        .lines()
        .filter(|line| !line.contains(NO_PEER))
        .collect::<Vec<_>>()
        .join("\n");
    let end = match end {
        End::Died(_) if said.contains(LOCKUP) => End::LockedUp,
        end => end,
    };
    Ok(Ran {
        end,
        output: collected.output,
        lost: collected.lost,
        said,
        took,
    })
}

/// Ends with its handle.
struct Emulator(Child);

impl Drop for Emulator {
    fn drop(&mut self) {
        // Both fail only if it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn line(machine: &str, elf: &Path, words: &[String]) -> Command {
    let mut semihosting = "enable=on,target=native".to_owned();
    for word in words {
        semihosting.push_str(",arg=");
        semihosting.push_str(&word.replace(',', ",,"));
    }
    let mut command = Command::new(PROGRAM);
    command
        .args(["-machine", machine, "-display", "none", "-nodefaults"])
        .args(["-accel", "tcg", "-semihosting-config", &semihosting])
        .args(["-chardev", "socket,id=monitor,fd=0"])
        .args(["-mon", "chardev=monitor,mode=control", "-kernel"])
        .arg(elf);
    command
}

/// Program counter and link register.
async fn registers(qmp: &mut Qmp) -> Option<(u32, u32)> {
    qmp.greet().await.ok()?;
    let command = json!({ "command-line": "info registers" });
    let answer = qmp.execute("human-monitor-command", command).await.ok()?;
    parse(answer.as_str()?)
}

/// `… R13=2100fff0 R14=00000123 R15=00000456 …`
fn parse(text: &str) -> Option<(u32, u32)> {
    let register = |name: &str| {
        let digits = text.split(name).nth(1)?.get(..8)?;
        u32::from_str_radix(digits, 16).ok()
    };
    Some((register("R15=")?, register("R14=")?))
}

#[derive(Default)]
struct Collected {
    output: Vec<(Duration, Vec<u8>)>,
    size: usize,
    lost: usize,
}

impl Collected {
    /// Until there is no more to come.
    async fn read(&mut self, from: &mut ChildStdout, began: Instant) {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            if self.size + count > MOST_OUTPUT {
                self.lost += count;
                continue;
            }
            self.size += count;
            self.output.push((began.elapsed(), buffer[..count].into()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registers_are_found_in_what_the_monitor_says() {
        let said = "R12=00000000 R13=2100ffe8 R14=00001a2b R15=000012f0\r\nXPSR=61000000 -ZC- T";
        assert_eq!(parse(said), Some((0x12f0, 0x1a2b)));
        assert_eq!(parse("R15=12"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn the_command_line_comes_in_words() {
        let words = ["run_addr".to_owned(), "a,b".to_owned()];
        let command = line("mps2-an385", Path::new("x.elf"), &words);
        let arguments: Vec<_> = command
            .get_args()
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect();
        assert!(
            arguments
                .iter()
                .any(|argument| argument == "enable=on,target=native,arg=run_addr,arg=a,,b"),
            "{arguments:?}"
        );
    }
}
