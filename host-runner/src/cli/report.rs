//! `hil report`: a finished run through the same reporters, from its journal.

use super::args::Report as Arguments;
use super::run::outputs;
use super::{Failure, Shell, locate, say};
use crate::event::{Event, Exit};
use crate::report::{drive, journal};

/// Runs the command. The exit code is that of showing, not that of the run shown.
pub(super) fn report(arguments: &Arguments, shell: &Shell) -> Result<Exit, Failure> {
    let root = match locate::boards_file(arguments.inventory.file.as_deref()) {
        Ok(file) => locate::runs(&file),
        // A run can be named by its directory where there are no boards.
        Err(failure) if !std::path::Path::new(&arguments.run).exists() => return Err(failure),
        Err(_) => ".".into(),
    };
    let records = journal::read(&arguments.run, &root)
        .map_err(|error| Failure::error(Exit::BadConfiguration, error))?;
    let finished = records
        .iter()
        .any(|record| matches!(record.event, Event::RunFinished(_)));
    let reporters = outputs(
        arguments.json.as_deref(),
        arguments.junit.as_deref(),
        arguments.verbose,
        shell,
    )?;
    let failures = drive(records, reporters);
    if !finished {
        say("note: this run has no end: it is still going on, or its runner was killed\n");
    }
    match failures.first() {
        Some((name, error)) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::error(
                Exit::BadConfiguration,
                format!("cannot write {name}: {error}"),
            ))
        }
        _ => Ok(Exit::Conforms),
    }
}
