//! A board restarts: the program begins anew in its own process, and keeps nothing but its link.

use std::env;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::args::RESTARTED;
use crate::link::RunnerLink;

/// Starts the program again, with this flag or without it; returns only if that fails, with the reason.
pub(crate) fn begin_anew(link: RunnerLink, keeps: Option<(&str, bool)>) -> io::Error {
    if let Err(error) = link.leave_at_standard_input() {
        return error;
    }
    let mut arguments = env::args_os();
    let name = arguments.next().unwrap_or_default();
    let flags = [Some((RESTARTED, true)), keeps];
    let flags = flags.map(|it| it.map(|(name, holds)| (format!("--{name}"), holds)));
    let flags = || flags.iter().flatten();
    let arguments = arguments.filter(|it| flags().all(|(flag, _)| *it != **flag));
    let holding = flags().filter(|(_, holds)| *holds).map(|(flag, _)| flag);
    // By this name, because the file may have been replaced meanwhile.
    Command::new("/proc/self/exe")
        .arg0(name)
        .args(arguments)
        .args(holding)
        .exec()
}
