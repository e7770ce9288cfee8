//! Event counters: what the agent registers as event callbacks.
//!
//! Must not: do anything but count, because an event may come from an interrupt.

use core::cell::{Cell, RefCell};

use critical_section::Mutex;
use heapless::Deque;
use nsapi::{Callback, EventSink};

use crate::limits::COUNTERS;

/// Token of the interface's status listener; the smaller ones are counters.
const STATUS: usize = COUNTERS;

/// Events of the interface that wait for the agent's next poll.
const TOLD: usize = 16;

/// What the interface has told its status listener since the agent looked.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Number and value of each event, oldest first; `None` for one without.
    pub(crate) events: Deque<Option<(i32, i32)>, TOLD>,
    /// How many there was no room for.
    pub(crate) missed: u32,
}

impl Told {
    const fn new() -> Self {
        Self {
            events: Deque::new(),
            missed: 0,
        }
    }

    fn add(&mut self, event: Option<(i32, i32)>) {
        if self.events.push_back(event).is_err() {
            self.missed = self.missed.saturating_add(1);
        }
    }
}

/// The counters of one agent. Lives in a `static`, because callbacks outlive every call.
#[derive(Debug)]
pub struct Counters {
    counts: [Mutex<Cell<u32>>; COUNTERS],
    told: Mutex<RefCell<Told>>,
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
            counts: [const { Mutex::new(Cell::new(0)) }; COUNTERS],
            told: Mutex::new(RefCell::new(Told::new())),
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

    /// What the interface has told since this was last asked.
    pub(crate) fn take_told(&self) -> Told {
        critical_section::with(|cs| self.told.borrow(cs).take())
    }

    fn told(&self, event: Option<(i32, i32)>) {
        critical_section::with(|cs| self.told.borrow(cs).borrow_mut().add(event));
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
        if token == STATUS {
            return self.told(None);
        }
        self.with(token, |count| {
            count.set(count.get().saturating_add(1));
            0
        });
    }

    fn interface_event(&self, token: usize, event: i32, value: i32) {
        if token == STATUS {
            self.told(Some((event, value)));
        } else {
            self.event(token);
        }
    }
}
