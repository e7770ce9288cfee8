//! defmt: frames between zero bytes, decoded with the table of messages in the image.
//!
//! A frame that cannot be decoded is left out and counted; the next zero byte begins the next one. The decoder of
//! defmt believes the numbers in a frame, so a frame is looked through first ([`guard`]). Must not: panic.

mod frame;
mod guard;
mod location;
#[cfg(test)]
mod tests;
mod timestamp;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use defmt_decoder::{Encoding, Locations, Table};

use self::guard::Guard;
use super::{printable, remark};
use crate::event::LogLine;

/// Longest frame, in bytes as they come. What a target writes at once is far shorter.
const LONGEST: usize = 4096;

/// What decodes the frames of one image.
#[derive(Debug)]
pub(super) struct Defmt {
    table: Table,
    guard: Guard,
    /// `file:line` by message.
    locations: Locations,
    workspace: String,
    /// Bytes of the frame that has begun.
    frame: Vec<u8>,
    /// The frame is too long: its bytes are not kept.
    overlong: bool,
    malformed: u64,
    /// How many there were when it was said last.
    said: u64,
}

impl Defmt {
    /// For an image, if it logs with defmt.
    ///
    /// # Errors
    /// It does, but not so that it can be decoded here.
    pub(super) fn of_image(elf: &[u8], workspace: &Path) -> Result<Option<Self>, String> {
        let Some(guard) = Guard::of_image(elf) else {
            return Ok(None);
        };
        let Some(table) = Table::parse(elf).map_err(|error| format!("{error:#}"))? else {
            return Ok(None);
        };
        if table.encoding() != Encoding::Rzcobs {
            return Err(
                "it has no frames (defmt's raw encoding): build it with rzCOBS, defmt's default"
                    .into(),
            );
        }
        // An image without debug information has none; its messages can be read all the same.
        let locations = table.get_locations(elf).unwrap_or_default();
        let mut workspace = workspace.display().to_string();
        if !workspace.ends_with('/') {
            workspace.push('/');
        }
        Ok(Some(Self {
            table,
            guard,
            locations,
            workspace,
            frame: Vec::new(),
            overlong: false,
            malformed: 0,
            said: 0,
        }))
    }

    /// More bytes.
    pub(super) fn feed(&mut self, bytes: &[u8], lines: &mut Vec<LogLine>) {
        for &byte in bytes {
            if byte == 0 {
                self.frame_ends(lines);
            } else if self.frame.len() == LONGEST {
                self.overlong = true;
            } else {
                self.frame.push(byte);
            }
        }
    }

    /// No more bytes come.
    pub(super) fn end(&mut self, lines: &mut Vec<LogLine>) {
        // Half a frame is none. A reset in the middle of one is nothing to be told.
        self.frame.clear();
        self.overlong = false;
        if self.malformed > self.said {
            self.said = self.malformed;
            let count = self.malformed;
            lines.push(remark(format!(
                "{count} malformed frames were left out in all"
            )));
        }
    }

    /// How many frames were left out.
    pub(super) const fn malformed(&self) -> u64 {
        self.malformed
    }

    fn frame_ends(&mut self, lines: &mut Vec<LogLine>) {
        let frame = core::mem::take(&mut self.frame);
        let overlong = core::mem::take(&mut self.overlong);
        // A flush writes an empty one.
        if frame.is_empty() {
            return;
        }
        let decoded = if overlong { None } else { self.line(&frame) };
        if let Some(line) = decoded {
            lines.push(line);
            return;
        }
        self.malformed += 1;
        if self.malformed == 1 {
            self.said = 1;
            lines.push(remark(
                "a malformed frame of the log was left out; others are counted".into(),
            ));
        }
    }

    fn line(&self, frame: &[u8]) -> Option<LogLine> {
        let bytes = frame::decode(frame)?;
        self.guard.accepts(&bytes).then_some(())?;
        // The decoder panics at some times of day that are none, and who knows where else.
        let decoded = catch_unwind(AssertUnwindSafe(|| {
            let (frame, _) = self.table.decode(&bytes).ok()?;
            Some(LogLine {
                at_us: frame
                    .display_timestamp()
                    .and_then(|time| timestamp::microseconds(&time.to_string())),
                level: frame.level().map(|level| level.as_str().to_owned()),
                text: printable(frame.display_message().to_string().trim_end()),
                at: self
                    .locations
                    .get(&frame.index())
                    .map(|location| location::shown(location, &self.workspace)),
            })
        }));
        decoded.ok().flatten()
    }
}
