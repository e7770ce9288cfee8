//! Frames that arrive later, in the order in which they are due.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Instant;

use hil_kit::wire::End;

/// Bytes kept at most; what comes beyond is dropped, and counted as such.
pub(super) const MOST_BYTES: usize = 64 << 20;

/// A queue by time.
#[derive(Default)]
pub(super) struct Later {
    waiting: BinaryHeap<Reverse<Waiting>>,
    sequence: u64,
    bytes: usize,
}

struct Waiting {
    due: Instant,
    sequence: u64,
    towards: End,
    bytes: Arc<[u8]>,
}

impl Later {
    /// Keeps a frame until `due`. `false` if there is no room for it.
    #[must_use]
    pub(super) fn push(&mut self, due: Instant, towards: End, bytes: Arc<[u8]>) -> bool {
        let size = super::size(&bytes);
        if self.bytes + size > MOST_BYTES {
            return false;
        }
        self.bytes += size;
        self.sequence += 1;
        self.waiting.push(Reverse(Waiting {
            due,
            sequence: self.sequence,
            towards,
            bytes,
        }));
        true
    }

    /// The next frame that is due.
    pub(super) fn pop(&mut self, now: Instant) -> Option<(End, Arc<[u8]>)> {
        if self.next().is_none_or(|due| due > now) {
            return None;
        }
        let Reverse(it) = self.waiting.pop()?;
        self.bytes -= super::size(&it.bytes);
        Some((it.towards, it.bytes))
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.waiting.peek().map(|Reverse(it)| it.due)
    }

    /// Forgets all, and says how many there were.
    pub(super) fn clear(&mut self) -> usize {
        let count = self.waiting.len();
        self.waiting.clear();
        self.bytes = 0;
        count
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        (self.due, self.sequence).cmp(&(other.due, other.sequence))
    }
}
