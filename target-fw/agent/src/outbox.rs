//! Frames towards the runner: the queue of what is to be sent, and the store from which a repeated request is
//! answered. One ring of bytes is both: a frame stays where it was written until room is needed.
//!
//! Must not: overwrite a frame that has not been sent, or cut one in two.

use heapless::Deque;
use nsapi_protocol::frame::{self, MAX_FRAME};
use nsapi_protocol::{Answer, Event, FromAgent, Reply};

use crate::Link;
use crate::limits::{OUTBOX, OUTBOX_FRAMES};

/// A frame in the ring.
#[derive(Debug)]
struct Stored {
    /// Request that it answers and may answer again.
    id: Option<u16>,
    start: u16,
    len: u16,
    /// It waits in the queue.
    queued: bool,
}

impl Stored {
    /// Where it begins and where it ends.
    fn place(&self) -> (usize, usize) {
        let start = usize::from(self.start);
        (start, start + usize::from(self.len))
    }
}

// Places in the ring are kept in 16 bits.
const _: () = assert!(OUTBOX <= u16::MAX as usize);

/// See the module.
#[derive(Debug)]
pub(crate) struct Outbox {
    ring: [u8; OUTBOX],
    /// Where the next frame goes.
    head: usize,
    /// Oldest first; their places follow each other around the ring.
    stored: Deque<Stored, OUTBOX_FRAMES>,
    /// Number of the oldest stored frame.
    oldest: u16,
    /// Numbers of the frames to be sent, in order.
    queue: Deque<u16, OUTBOX_FRAMES>,
    /// How much of the first of them has been sent.
    sent: usize,
}

impl Outbox {
    pub(crate) const fn new() -> Self {
        Self {
            ring: [0; OUTBOX],
            head: 0,
            stored: Deque::new(),
            oldest: 0,
            queue: Deque::new(),
            sent: 0,
        }
    }

    /// Whether anything waits to be sent.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Makes room for the largest frame by forgetting the oldest sent ones. `false`: not before more is sent.
    pub(crate) fn make_room(&mut self) -> bool {
        if OUTBOX - self.head < MAX_FRAME {
            // What is left at the end is not used in this turn, so frames there are older than all others.
            if self
                .stored
                .iter()
                .any(|frame| frame.place().0 >= self.head && frame.queued)
            {
                return false;
            }
            while self
                .stored
                .front()
                .is_some_and(|frame| frame.place().0 >= self.head)
            {
                self.forget_oldest();
            }
            self.head = 0;
        }
        let end = self.head + MAX_FRAME;
        let overlaps = |frame: &Stored, head| {
            let (start, stop) = frame.place();
            start < end && stop > head
        };
        while self.stored.is_full()
            || self
                .stored
                .front()
                .is_some_and(|frame| overlaps(frame, self.head))
        {
            if self.stored.front().is_some_and(|frame| frame.queued) {
                return false;
            }
            self.forget_oldest();
        }
        true
    }

    /// Queues the answer to request `id` and keeps it for repeats.
    pub(crate) fn reply(&mut self, id: u16, elapsed_us: u32, answer: Answer<'_>) {
        self.push(
            Some(id),
            &FromAgent::Reply(Reply {
                id,
                elapsed_us,
                answer,
            }),
        );
    }

    /// Queues an answer that is not kept.
    pub(crate) fn reply_once(&mut self, id: u16, answer: Answer<'_>) {
        self.push(
            None,
            &FromAgent::Reply(Reply {
                id,
                elapsed_us: 0,
                answer,
            }),
        );
    }

    /// Queues an event. `false`: there is no room for it now.
    pub(crate) fn event(&mut self, event: Event<'_>) -> bool {
        self.push(None, &FromAgent::Event(event))
    }

    /// Queues the stored answer to request `id` again. `false`: there is none.
    pub(crate) fn repeat(&mut self, id: u16) -> bool {
        let Some(index) = self.stored.iter().position(|frame| frame.id == Some(id)) else {
            return false;
        };
        let number = self.number(index);
        if let Some(frame) = self.stored.get_mut(index).filter(|frame| !frame.queued) {
            // There is a place for every stored frame.
            frame.queued = self.queue.push_back(number).is_ok();
        }
        true
    }

    /// Forgets what belongs to an earlier session; only a frame that is half sent is sent to its end.
    pub(crate) fn forget_session(&mut self) {
        let keep = if self.sent > 0 {
            self.queue.front().copied()
        } else {
            None
        };
        self.queue.clear();
        let mut number = self.oldest;
        for frame in &mut self.stored {
            frame.id = None;
            frame.queued = keep == Some(number);
            number = number.wrapping_add(1);
        }
        if let Some(number) = keep {
            let _ = self.queue.push_back(number);
        }
    }

    /// Hands bytes to the link until it takes no more.
    pub(crate) fn drain(&mut self, link: &mut dyn Link) {
        while let Some(&number) = self.queue.front() {
            let index = usize::from(number.wrapping_sub(self.oldest));
            let Some(frame) = self.stored.get_mut(index) else {
                // Cannot be: what is queued is not forgotten.
                self.queue.pop_front();
                continue;
            };
            let (start, end) = frame.place();
            let rest = self.ring.get(start + self.sent..end).unwrap_or_default();
            let taken = link.write(rest).min(rest.len());
            if taken < rest.len() {
                self.sent += taken;
                if taken == 0 {
                    return;
                }
                continue;
            }
            frame.queued = false;
            self.sent = 0;
            self.queue.pop_front();
        }
    }

    fn push(&mut self, id: Option<u16>, message: &FromAgent<'_>) -> bool {
        if !self.make_room() {
            return false;
        }
        let start = self.head;
        let room = self
            .ring
            .get_mut(start..start + MAX_FRAME)
            .unwrap_or_default();
        let Ok(frame) = frame::encode(message, room) else {
            return false;
        };
        let end = start + frame.len();
        let Ok((start, len)) = place(start, frame.len()) else {
            return false;
        };
        let number = self.number(self.stored.len());
        if self
            .stored
            .push_back(Stored {
                id,
                start,
                len,
                queued: true,
            })
            .is_err()
        {
            return false;
        }
        self.head = end;
        self.queue.push_back(number).is_ok()
    }

    /// The number of the stored frame at `index`.
    fn number(&self, index: usize) -> u16 {
        self.oldest
            .wrapping_add(u16::try_from(index).unwrap_or(u16::MAX))
    }

    fn forget_oldest(&mut self) {
        if self.stored.pop_front().is_some() {
            self.oldest = self.oldest.wrapping_add(1);
        }
    }
}

/// A place in the ring as it is kept.
fn place(start: usize, len: usize) -> Result<(u16, u16), core::num::TryFromIntError> {
    Ok((u16::try_from(start)?, u16::try_from(len)?))
}
