//! One JSON object per event and line, flushed line by line: what was said stays said if the runner dies.

use std::io::{self, Write};

use super::Reporter;
use crate::event::Record;

/// Writes every event as it is.
pub struct JsonLines<W> {
    name: String,
    out: W,
}

impl<W: Write + Send> JsonLines<W> {
    /// Writes to `out`, called `name`.
    pub fn new(name: impl Into<String>, out: W) -> Self {
        Self {
            name: name.into(),
            out,
        }
    }
}

impl<W: Write + Send> Reporter for JsonLines<W> {
    fn name(&self) -> &str {
        &self.name
    }

    fn record(&mut self, record: &Record) -> io::Result<()> {
        // One write per line, so that a reader of the growing file never sees half of one for long.
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        self.out.flush()
    }
}
