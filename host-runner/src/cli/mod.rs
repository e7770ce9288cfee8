//! The command line: arguments in, wiring, diagnostics, exit code out.
//!
//! Must not: contain logic that a test would want without a command line.

mod args;
mod bench;
mod boards;
mod codes;
mod discover;
mod doctor;
mod explain;
mod list;
mod locate;
mod probe;
mod report;
mod run;
mod signals;
mod target_test;
mod words;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};

use clap::Parser;
use clap::error::ErrorKind;

use self::args::{Cli, Colour, Command};
use crate::event::Exit;
use crate::report::Paint;

/// A command that ended early: what to say, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
        }
    }

    /// One line: `error: …`.
    fn error(exit: Exit, error: impl core::fmt::Display) -> Self {
        Self::new(exit, format!("error: {error}\n"))
    }
}

/// Runs the command line; never panics on what a user wrote.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Nobody can be told if this cannot be printed.
            let _ = error.print();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Conforms,
                _ => Exit::BadConfiguration,
            };
        }
    };
    let shell = Shell::new(cli.color);
    let ended = match &cli.command {
        Command::Run(run) => run::run(run, &shell, &arguments[1..]),
        Command::List(list) => list::list(list, &shell),
        Command::Boards(boards) => boards::boards(boards, &shell),
        Command::Doctor(doctor) => doctor::doctor(doctor, &shell),
        Command::Explain(explain) => explain::explain(explain, &shell),
        Command::Report(report) => report::report(report, &shell),
        Command::Bench(bench) => bench::bench(bench, &shell),
        Command::Probe(arguments) => probe::probe(arguments, &shell),
        Command::TargetTest(tests) => target_test::target_test(tests, &shell, &arguments[1..]),
    };
    match ended {
        Ok(exit) => exit,
        Err(failure) => {
            say(&failure.message);
            failure.exit
        }
    }
}

/// What is known about whoever reads the output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shell {
    colour: Colour,
}

impl Shell {
    const fn new(colour: Colour) -> Self {
        Self { colour }
    }

    /// Colours for standard output.
    fn paint(self) -> Paint {
        Paint::new(self.colour.on(io::stdout().is_terminal()))
    }

    /// Colours for standard error.
    fn paint_errors(self) -> Paint {
        Paint::new(self.colour.on(io::stderr().is_terminal()))
    }

    /// Whether diagnostics on standard error may be drawn.
    fn draws_errors(self) -> bool {
        self.colour.on(io::stderr().is_terminal())
    }
}

/// Prints to standard output; a reader that has left (`hil list | head`) is no error.
fn print(text: &str) -> Result<(), Failure> {
    match io::stdout()
        .write_all(text.as_bytes())
        .and_then(|()| io::stdout().flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::error(
            Exit::RigTrouble,
            format!("cannot write to standard output: {error}"),
        )),
        _ => Ok(()),
    }
}

/// Prints to standard error; when nobody reads that either, nobody can be told.
fn say(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Every case, in the order of their ids.
fn cases() -> Vec<&'static hil_kit::Case> {
    let mut cases: Vec<_> = hil_suites::cases().iter().collect();
    cases.sort_by_cached_key(|case| case.id());
    cases
}
