//! One wait of one call (contract §4): when to ask the stack again, when to give up.
//!
//! A timeout bounds a *wait*, not a call: every event of the socket ends the wait, the stack is asked, and
//! if it still would block a new wait begins with the timeout then in force. So
//!
//! ```text
//!          first poll             event               would block, timeout ≠ 0
//!   Call ─────────────▶ ask the ◀─────────── waiting ◀──────────────┐
//!                       stack ──────────────────────────────────────┘
//!                         │ answer                │ timeout: last answer · closed: NO_SOCKET
//!                         ▼                       ▼
//!                       ready                   ready
//! ```
//!
//! Must not: retry after a timeout without an event.

use core::task::Poll;

use crate::{Call, Clock, Error, NetworkStack, Result, SocketId, StackHandle};

use super::Sockets;
use super::slot::State;

/// What a poll has to do.
pub(super) enum Turn {
    /// Ask the stack about this handle, then `settle`, `wait` or `end`.
    Ask(StackHandle),
    /// Nothing happened yet.
    Wait,
    /// The call has ended.
    Over(Error),
}

impl<S: NetworkStack, C: Clock, const N: usize> Sockets<S, C, N> {
    /// Begins a poll.
    pub(super) fn turn(&self, id: SocketId, call: &mut Call) -> Turn {
        let now = if call.waiting { self.clock.now_us() } else { 0 };
        let turn = self.slot(id, |slot| {
            let State::Open(handle) = slot.state else {
                return None;
            };
            if *call.epoch.get_or_insert(slot.epoch) != slot.epoch {
                return None;
            }
            if call.waiting && !call.again && self.events.count(id.index) == call.events_seen {
                let until = call.wake_at_us();
                if until.is_some_and(|until| until <= now) {
                    return Some(Turn::Over(call.answer.unwrap_or(Error::WOULD_BLOCK)));
                }
                return Some(Turn::Wait);
            }
            call.again = false;
            call.events_seen = self.events.attempt(id.index);
            slot.busy += 1;
            Some(Turn::Ask(handle))
        });
        let turn = turn.flatten().unwrap_or(Turn::Over(Error::NO_SOCKET));
        match turn {
            Turn::Wait => self.park(id, call),
            Turn::Over(_) => self.leave(id, call),
            Turn::Ask(_) => {}
        }
        turn
    }

    /// Before asking the stack once more in the same poll.
    pub(super) fn attempt_again(&self, id: SocketId, call: &mut Call) {
        call.events_seen = self.events.attempt(id.index);
    }

    /// The stack has answered: would block means wait, anything else is the end.
    pub(super) fn settle<T>(
        &self,
        id: SocketId,
        call: &mut Call,
        answer: Result<T>,
    ) -> Poll<Result<T>> {
        match answer {
            Err(Error::WOULD_BLOCK) => self.wait(id, call, Error::WOULD_BLOCK).map(Err),
            answer => {
                self.end(id, call);
                Poll::Ready(answer)
            }
        }
    }

    /// The stack has answered `answer` and may say something else later: begins a wait, or returns the
    /// answer in non-blocking mode.
    pub(super) fn wait(&self, id: SocketId, call: &mut Call, answer: Error) -> Poll<Error> {
        call.answer = Some(answer);
        self.pause(id, call, false)
    }

    /// The call has worked enough for one poll but is not done, whatever the mode: asks to be polled again.
    pub(super) fn yield_now(&self, id: SocketId, call: &mut Call) -> Poll<Error> {
        self.pause(id, call, true)
    }

    fn pause(&self, id: SocketId, call: &mut Call, at_once: bool) -> Poll<Error> {
        // After the stack was asked, so that a wait is never shorter than its timeout.
        let now = self.clock.now_us();
        let blocks = self.slot(id, |slot| {
            if slot.timeout_ms == 0 && !at_once {
                return false;
            }
            slot.join(call);
            call.wait_began_us = now;
            call.timeout_ms = slot.timeout_ms;
            call.again = at_once;
            true
        });
        let over = match blocks {
            Some(true) => None,
            Some(false) => call.answer.or(Some(Error::WOULD_BLOCK)),
            None => Some(Error::NO_SOCKET),
        };
        if let Some(error) = over {
            self.end(id, call);
            return Poll::Ready(error);
        }
        self.park(id, call);
        self.release(id.index);
        Poll::Pending
    }

    /// Leaves the waker with the events. Not inside the critical section of the objects: this may wake another
    /// task.
    fn park(&self, id: SocketId, call: &mut Call) {
        if let Some(waker) = &call.waker {
            self.events.wait(id.index, waker, call.wake_at_us());
        }
        // An event while the stack was asked had nobody to wake; it is taken into account at once.
        call.again |= self.events.count(id.index) != call.events_seen;
        call.wake_again();
    }

    /// The call is over; it was inside the stack until now.
    pub(super) fn end(&self, id: SocketId, call: &mut Call) {
        self.leave(id, call);
        self.release(id.index);
    }

    /// The call is blocked no longer.
    pub(super) fn leave(&self, id: SocketId, call: &mut Call) {
        let late = self.slot(id, |slot| slot.leave(call)).unwrap_or(false);
        call.waiting = false;
        if late {
            self.events.wake(id.index);
        }
    }
}
