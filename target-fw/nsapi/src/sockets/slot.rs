//! The state of one socket object. Must not: know of the stack's operations or of time.

use crate::iut::SocketKind;
use crate::{Call, SocketAddress, StackHandle};

/// One object, or room for one.
pub(super) struct Slot {
    /// How often the slot has been given out, modulo 2¹⁶.
    pub(super) generation: u16,
    /// What the object is; `None`: there is none.
    pub(super) kind: Option<SocketKind>,
    pub(super) state: State,
    /// Counts openings and closings: calls of an earlier opening recognise that they are late.
    pub(super) epoch: u32,
    /// Negative: unbounded; 0: non-blocking.
    pub(super) timeout_ms: i32,
    /// Not set: none. Outlives close.
    pub(super) peer: SocketAddress,
    /// Calls blocked in the current opening.
    pub(super) waiting: u16,
    /// Calls of earlier openings that have not noticed yet.
    pub(super) leaving: u16,
    /// Calls that are inside the stack just now.
    pub(super) busy: u16,
    /// Destructed, but still busy.
    pub(super) doomed: bool,
}

/// Where an object stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Not opened yet, or closed.
    Unopened,
    /// The stack is being asked for a socket.
    Opening,
    /// Open.
    Open(StackHandle),
}

impl Slot {
    /// Room for an object, with the state of a new one.
    pub(super) const FREE: Self = Self {
        generation: 0,
        kind: None,
        state: State::Unopened,
        epoch: 0,
        timeout_ms: -1,
        peer: SocketAddress::any(0),
        waiting: 0,
        leaving: 0,
        busy: 0,
        doomed: false,
    };

    pub(super) fn set_open(&mut self, handle: StackHandle) {
        self.state = State::Open(handle);
        self.epoch = self.epoch.wrapping_add(1);
    }

    /// Makes the object unopened; the handle it had.
    pub(super) fn take_handle(&mut self) -> Option<StackHandle> {
        match self.state {
            State::Open(handle) => {
                self.state = State::Unopened;
                Some(handle)
            }
            State::Unopened | State::Opening => None,
        }
    }

    /// Counts a call among the blocked ones.
    pub(super) fn join(&mut self, call: &mut Call) {
        if !call.waiting {
            call.waiting = true;
            self.waiting += 1;
        }
    }

    /// Stops counting it. True if close may have waited for it.
    pub(super) fn leave(&mut self, call: &mut Call) -> bool {
        if !call.waiting {
            return false;
        }
        call.waiting = false;
        let late = call.epoch != Some(self.epoch);
        let count = if late {
            &mut self.leaving
        } else {
            &mut self.waiting
        };
        *count = count.saturating_sub(1);
        late
    }
}
