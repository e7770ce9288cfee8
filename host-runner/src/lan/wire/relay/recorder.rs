//! The recording of a whole board: one bounded file, written by the relay's thread.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;
use std::time::SystemTime;

use hil_kit::wire::Frame;

use super::pcapng::Capture;
use super::tape::{Entry, Tape};

/// Bytes of frames in the file at most.
const MOST_BYTES: u64 = 256 << 20;
/// Bytes handed to the system at once.
const BUFFER: usize = 256 << 10;

/// Writes tapes to a file.
pub(super) struct Recorder {
    capture: Option<Capture<BufWriter<File>>>,
    /// Comments of the next frame.
    remarks: Vec<String>,
    most: u64,
}

impl Recorder {
    /// Nothing is recorded.
    pub(super) const fn none() -> Self {
        Self {
            capture: None,
            remarks: Vec::new(),
            most: 0,
        }
    }

    /// Begins a file.
    pub(super) fn create(path: &Path, epoch: SystemTime) -> io::Result<Self> {
        Self::bounded(path, epoch, MOST_BYTES)
    }

    pub(super) fn bounded(path: &Path, epoch: SystemTime, most: u64) -> io::Result<Self> {
        let file = BufWriter::with_capacity(BUFFER, File::create(path)?);
        Ok(Self {
            capture: Some(Capture::new(file, epoch)?),
            remarks: Vec::new(),
            most,
        })
    }

    /// Writes a tape down.
    ///
    /// # Errors
    /// It cannot be written; nothing more is recorded then.
    pub(super) fn write(&mut self, tape: Tape) -> io::Result<()> {
        for entry in tape.entries {
            let written = match entry {
                Entry::Case { id, lost } => self.case(id, lost),
                Entry::Frame(frame) => self.frame(&frame),
            };
            if written.is_err() {
                self.capture = None;
                return written;
            }
        }
        Ok(())
    }

    fn case(&mut self, id: String, lost: usize) -> io::Result<()> {
        if lost > 0 {
            self.remarks.push(format!(
                "{lost} held or delayed frames of the case before were given up"
            ));
        }
        self.remarks.push(id);
        // So that the file is complete up to here, whatever happens to the runner during the case.
        self.flush()
    }

    fn frame(&mut self, frame: &Frame) -> io::Result<()> {
        let Some(capture) = &mut self.capture else {
            return Ok(());
        };
        let full = capture.written() + frame.bytes.len() as u64 > self.most;
        if full {
            self.remarks.push(format!(
                "the recording ends here: the limit of {} bytes is reached",
                self.most
            ));
        }
        capture.frame(frame, &self.remarks)?;
        self.remarks.clear();
        if full {
            self.flush()?;
            self.capture = None;
        }
        Ok(())
    }

    /// Hands what is buffered to the system.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.capture.as_mut().map_or(Ok(()), Capture::flush)
    }
}
