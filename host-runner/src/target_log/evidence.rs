//! The file `target.log`: every line of the target, under the case that it belongs to.
//!
//! Must not: fail. A full disk costs the log, not the verdicts.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::event::LogLine;

/// The file.
#[derive(Debug)]
pub(super) struct Evidence {
    file: BufWriter<File>,
    /// What the next line is the first one of.
    heading: Option<String>,
}

impl Evidence {
    /// Goes on where an earlier start has ended.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(path)?;
        Ok(Self {
            file: BufWriter::new(file),
            heading: None,
        })
    }

    /// The lines from here on belong to this; without lines it is not mentioned.
    pub(super) fn heading(&mut self, text: &str) {
        self.heading = Some(text.to_owned());
    }

    pub(super) fn write(&mut self, lines: &[LogLine]) {
        if lines.is_empty() {
            return;
        }
        if let Some(heading) = self.heading.take() {
            let _ = writeln!(self.file, "== {heading}");
        }
        for line in lines {
            let _ = writeln!(self.file, "{line}");
        }
        // So that the file is complete, whatever happens to the runner next.
        let _ = self.file.flush();
    }
}
