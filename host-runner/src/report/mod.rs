//! Reporters: each turns the stream of events into bytes. A finished run is shown by the same ones
//! ([`journal::read`]).
//!
//! Must not: know the engine, or anything that is not in an event.

mod block;
mod console;
pub mod journal;
mod json;
mod junit;
mod paint;
mod summary;
#[cfg(test)]
mod tests;

use std::io;

pub use console::{Console, Detail, Output};
pub use json::JsonLines;
pub use junit::JUnit;
pub use paint::Paint;

use crate::event::Record;

/// Takes one event after the other.
pub trait Reporter: Send {
    /// Where it writes, for a message when that fails.
    fn name(&self) -> &str;

    /// One event.
    ///
    /// # Errors
    /// Writing failed; the reporter is not asked again.
    fn record(&mut self, record: &Record) -> io::Result<()>;
}

/// Hands every event to every reporter, until the stream ends. One that fails is left out from then on; the
/// failures are returned.
pub fn drive(
    events: impl IntoIterator<Item = Record>,
    mut reporters: Vec<Box<dyn Reporter>>,
) -> Vec<(String, io::Error)> {
    let mut failures = Vec::new();
    for record in events {
        reporters.retain_mut(|reporter| match reporter.record(&record) {
            Ok(()) => true,
            Err(error) => {
                failures.push((reporter.name().to_owned(), error));
                false
            }
        });
    }
    failures
}

/// A time as a person reads it.
pub(crate) fn duration(ms: f64) -> String {
    match ms {
        ms if ms < 9.95 => format!("{ms:.1} ms"),
        ms if ms < 999.5 => format!("{ms:.0} ms"),
        ms if ms < 99_950.0 => format!("{:.1} s", ms / 1e3),
        ms => format!("{:.0} s", ms / 1e3),
    }
}
