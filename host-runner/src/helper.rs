//! This program again, as a process for one purpose: told by its first argument, killable, and gone with the runner.
//!
//! Must not: know the purposes.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The program that helpers are started from, if not the running one.
static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Tells a program that is not `hil` itself, a test for one, where that is.
pub fn use_program(path: impl Into<PathBuf>) {
    // Whoever came first has said the same.
    let _ = PROGRAM.set(path.into());
}

/// The command of a helper: it shows up in a list of processes under `name`, and does what `argument` says.
pub(crate) fn command(name: &str, argument: &str) -> Command {
    let program = PROGRAM.get().cloned();
    let mut command = Command::new(program.unwrap_or_else(|| "/proc/self/exe".into()));
    command
        .arg0(name)
        .arg(argument)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C on the terminal is for the runner.
        .process_group(0);
    command
}
