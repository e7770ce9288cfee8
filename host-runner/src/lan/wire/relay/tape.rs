//! What has to be written down, on its way from whoever holds the lock to the thread that writes.

use hil_kit::wire::Frame;

/// Entries in order; empty and without cost if nothing is recorded.
#[derive(Debug)]
pub(super) struct Tape {
    recorded: bool,
    pub(super) entries: Vec<Entry>,
}

/// Something to write down.
#[derive(Debug)]
pub(super) enum Entry {
    /// A case began; so many frames of the one before were still under way and will never arrive.
    Case {
        /// Its id.
        id: String,
        /// Frames of the case before.
        lost: usize,
    },
    /// A frame.
    Frame(Frame),
}

impl Tape {
    pub(super) const fn new(recorded: bool) -> Self {
        Self {
            recorded,
            entries: Vec::new(),
        }
    }

    pub(super) fn frame(&mut self, frame: &Frame) {
        if self.recorded {
            self.entries.push(Entry::Frame(frame.clone()));
        }
    }

    pub(super) fn case(&mut self, id: &str, lost: usize) {
        if self.recorded {
            self.entries.push(Entry::Case {
                id: id.to_owned(),
                lost,
            });
        }
    }

    pub(super) const fn take(&mut self) -> Self {
        core::mem::replace(self, Self::new(self.recorded))
    }
}
