//! Where the engine puts its events: stamps the time, counts, and hands them on without ever waiting.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::event::{Event, Record, Tally};

/// The engine's end.
#[derive(Clone, Debug)]
pub struct Emitter {
    began: Instant,
    out: Sender<Record>,
    tally: Arc<Mutex<Tally>>,
}

/// The reporters' end: ends after the last event.
pub type Events = Receiver<Record>;

impl Emitter {
    /// A new stream.
    #[must_use]
    pub fn new() -> (Self, Events) {
        let (out, events) = channel();
        (
            Self {
                began: Instant::now(),
                out,
                tally: Arc::default(),
            },
            events,
        )
    }

    /// Something happened now.
    pub fn emit(&self, event: Event) {
        self.with_tally(|tally| tally.count(&event));
        // Without a reader there is nobody to tell; the tally is right all the same.
        let _ = self.out.send(Record {
            event,
            at_ms: self.elapsed_ms(),
        });
    }

    /// Milliseconds since the run began.
    #[must_use]
    pub fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Looks at the count so far.
    pub fn with_tally<T>(&self, look: impl FnOnce(&mut Tally) -> T) -> T {
        look(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
