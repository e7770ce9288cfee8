//! Bytes from the runner that nobody has looked at yet.

use crate::limits::INBOX;

/// A queue of bytes.
#[derive(Debug)]
pub(crate) struct Inbox {
    bytes: [u8; INBOX],
    start: usize,
    end: usize,
}

impl Inbox {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; INBOX],
            start: 0,
            end: 0,
        }
    }

    /// How many bytes fit.
    pub(crate) const fn room(&self) -> usize {
        INBOX - (self.end - self.start)
    }

    /// Appends what fits; the rest is lost, as bytes on a link may be.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if INBOX - self.end < bytes.len() && self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let room = self.bytes.get_mut(self.end..).unwrap_or_default();
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.end += room.len().min(bytes.len());
    }

    /// All there is, oldest first.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Keeps only the newest `left` bytes.
    pub(crate) fn keep(&mut self, left: usize) {
        self.start = self.end.saturating_sub(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_in_order_and_the_excess_is_lost() {
        let mut inbox = Inbox::new();
        inbox.push(&[1; INBOX - 2]);
        inbox.keep(1);
        inbox.push(&[2, 3, 4]);
        assert_eq!(inbox.bytes(), [1, 2, 3, 4]);
        inbox.push(&[5; 2 * INBOX]);
        assert_eq!(inbox.bytes().len(), INBOX);
        assert_eq!(inbox.room(), 0);
        inbox.keep(0);
        assert_eq!((inbox.bytes().len(), inbox.room()), (0, INBOX));
    }
}
