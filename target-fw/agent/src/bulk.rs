//! Source and sink: many calls on the IUT for one request.
//!
//! Must not: keep the other lanes waiting; a step makes a few calls and then lets the others have their turn.

use core::task::Poll;

use nsapi::{Call, Error, Iut, SocketId};
use nsapi_protocol::pattern::Pattern;
use nsapi_protocol::{BulkReport, Then};

use crate::Counters;
use crate::limits::BULK_CALLS;
use crate::scratch::Scratch;

/// Which way the bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Source,
    Sink,
}

/// What it is doing.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Making a call.
    Calling,
    /// Waiting for the event counter to leave `seen`.
    Awaiting { seen: u32, until_us: u64 },
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// There is more to do at once.
    More,
    /// Something must happen first.
    Waiting,
    /// Finished.
    Done,
}

/// One bulk operation.
#[derive(Clone, Debug)]
pub(crate) struct Bulk {
    direction: Direction,
    total: u32,
    /// At least 1.
    chunk: u32,
    seed: u32,
    then: Then,
    /// The socket's event counter, if it has one.
    counter: Option<u8>,
    phase: Phase,
    pub(crate) report: BulkReport,
}

impl Bulk {
    pub(crate) fn new(
        direction: Direction,
        total: u32,
        chunk: u32,
        seed: u32,
        then: Then,
        counter: Option<u8>,
    ) -> Self {
        let phase = Phase::Calling;
        Self {
            direction,
            total,
            chunk,
            seed,
            then,
            counter,
            phase,
            report: BulkReport::default(),
        }
    }

    /// When it must be stepped again at the latest, apart from what its call says.
    pub(crate) fn wake_at_us(&self) -> Option<u64> {
        match self.phase {
            Phase::Calling => None,
            Phase::Awaiting { until_us, .. } => Some(until_us),
        }
    }

    /// Goes on.
    pub(crate) fn step<I: Iut + ?Sized>(
        &mut self,
        iut: &I,
        id: SocketId,
        call: &mut Call,
        scratch: &mut Scratch,
        counters: &Counters,
    ) -> Step {
        for _ in 0..BULK_CALLS {
            if let Phase::Awaiting { seen, until_us } = self.phase {
                if self.count(counters) != seen {
                    self.phase = Phase::Calling;
                } else if iut.now_us() >= until_us {
                    return Step::Done;
                } else {
                    return Step::Waiting;
                }
            }
            let left = self.total.saturating_sub(self.report.bytes);
            if left == 0 {
                return Step::Done;
            }
            // Taken before the call, so that an event during it is not missed.
            let seen = self.count(counters);
            let want = left.min(self.chunk);
            let Poll::Ready(result) = self.call(iut, id, call, scratch, want) else {
                return Step::Waiting;
            };
            *call = Call::new();
            self.report.calls = self.report.calls.saturating_add(1);
            match result {
                Ok(size) => {
                    if self.moved(size, want, scratch) {
                        return Step::Done;
                    }
                }
                Err(error) => {
                    self.report.code = error.code();
                    if error != Error::WOULD_BLOCK {
                        return Step::Done;
                    }
                    self.report.would_block = self.report.would_block.saturating_add(1);
                    let Then::AwaitSigio(timeout_ms) = self.then else {
                        return Step::Done;
                    };
                    let until_us = iut.now_us().saturating_add(u64::from(timeout_ms) * 1000);
                    self.phase = Phase::Awaiting { seen, until_us };
                }
            }
        }
        Step::More
    }

    fn call<I: Iut + ?Sized>(
        &self,
        iut: &I,
        id: SocketId,
        call: &mut Call,
        scratch: &mut Scratch,
        want: u32,
    ) -> Poll<nsapi::Result<usize>> {
        let (seed, offset, len) = (self.seed, self.report.bytes, to_usize(want));
        match self.direction {
            Direction::Source => iut.poll_send(id, call, scratch.pattern(seed, offset, len)),
            Direction::Sink => iut.poll_recv(id, call, scratch.primed(seed, offset, len)),
        }
    }

    /// Enters a call that moved `size` bytes of the `want`ed ones. `true`: that was the last one.
    fn moved(&mut self, size: usize, want: u32, scratch: &Scratch) -> bool {
        self.report.code = i32::try_from(size).unwrap_or(i32::MAX);
        let real = u32::try_from(size).unwrap_or(u32::MAX).min(want);
        if self.direction == Direction::Sink && self.report.mismatch_at.is_none() {
            let data = scratch.received(to_usize(real));
            let at = Pattern::new(self.seed).first_mismatch(self.report.bytes.into(), data);
            self.report.mismatch_at = at
                .and_then(|at| u32::try_from(at).ok())
                .map(|at| self.report.bytes.saturating_add(at));
        }
        self.report.bytes = self.report.bytes.saturating_add(real);
        self.report.oversize = size > to_usize(want);
        size == 0 || self.report.oversize
    }

    fn count(&self, counters: &Counters) -> u32 {
        self.counter.map_or(0, |counter| counters.get(counter))
    }
}

/// As a size on the target; what does not fit is beyond every buffer anyway.
pub(crate) fn to_usize(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
