//! The narration of a case: what both sides did, in order.

use core::time::Duration;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Longest narration that is kept, in lines; a case with more of them is a benchmark.
const MOST: usize = 2000;

/// Lines with their time since the case began.
#[derive(Debug)]
pub(crate) struct Steps {
    began: Instant,
    lines: Mutex<Vec<(Duration, String)>>,
}

impl Steps {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            lines: Mutex::default(),
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub(crate) fn say(&self, line: impl Into<String>) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() < MOST {
            lines.push((self.began.elapsed(), line.into()));
        }
    }

    pub(crate) fn last(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines
            .last()
            .map_or_else(|| "none".into(), |(_, line)| line.clone())
    }

    pub(crate) fn take(&self) -> Vec<(Duration, String)> {
        core::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
