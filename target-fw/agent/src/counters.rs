//! Event counters: what the agent registers as event callbacks.
//!
//! Must not: do anything but count, because an event may come from an interrupt.

use core::cell::Cell;

use critical_section::Mutex;
use nsapi::{Callback, EventSink};

use crate::limits::COUNTERS;

/// Token of the interface's status listener; the smaller ones are counters.
const STATUS: usize = COUNTERS;

/// The counters of one agent. Lives in a `static`, because callbacks outlive every call.
#[derive(Debug)]
pub struct Counters {
    counts: [Mutex<Cell<u32>>; COUNTERS + 1],
}

impl Default for Counters {
    fn default() -> Self {
        Self::new()
    }
}

impl Counters {
    /// All zero.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            counts: [const { Mutex::new(Cell::new(0)) }; COUNTERS + 1],
        }
    }

    /// The callback that counts in `counter`.
    pub(crate) fn callback(&'static self, counter: u8) -> Callback {
        Callback::new(self, usize::from(counter).min(COUNTERS - 1))
    }

    /// The callback for changes of the interface's status.
    pub(crate) fn status_callback(&'static self) -> Callback {
        Callback::new(self, STATUS)
    }

    /// The count.
    pub(crate) fn get(&self, counter: u8) -> u32 {
        self.with(usize::from(counter), Cell::get)
    }

    /// Zeroes the count; returns what it was.
    pub(crate) fn take(&self, counter: u8) -> u32 {
        self.with(usize::from(counter), Cell::take)
    }

    /// Whether the interface's status has changed since this was last asked.
    pub(crate) fn take_status(&self) -> bool {
        self.with(STATUS, Cell::take) > 0
    }

    fn with(&self, index: usize, look: impl FnOnce(&Cell<u32>) -> u32) -> u32 {
        let Some(count) = self.counts.get(index) else {
            return 0;
        };
        critical_section::with(|cs| look(count.borrow(cs)))
    }
}

impl EventSink for Counters {
    fn event(&self, token: usize) {
        self.with(token, |count| {
            count.set(count.get().saturating_add(1));
            0
        });
    }
}
