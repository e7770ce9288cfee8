//! Turning differences into events: what each socket looked like before, and what it looks like now.
//!
//! A socket on which nothing happens makes no event, however often the stack is polled.

use nsapi::Callback;
use nsapi::interface::Status;
use smoltcp::socket::tcp::State;

use crate::core::Core;
use crate::pipes::Owner;
use crate::slots::{Body, Phase};

/// Something to tell somebody.
pub(crate) enum Event {
    /// Something happened to a socket.
    Socket(Callback),
    /// The status of the interface has become this.
    Status(Callback, Status),
}

impl Core {
    /// Takes note of what the last frame or the last time step did to every socket. Run after every
    /// received frame, so that no state is missed that lasts less than a poll.
    pub(crate) fn settle(&mut self) {
        for pipe in 0..self.pipes.len() {
            let socket = self.tcp(pipe);
            let (state, rx) = (socket.state(), socket.recv_queue());
            let changed = state != self.pipes[pipe].seen_state;
            let grown = rx > self.pipes[pipe].seen_rx;
            self.pipes[pipe].seen_state = state;
            self.pipes[pipe].seen_rx = rx;
            match self.pipes[pipe].owner {
                Owner::Free => {}
                Owner::Closing { .. } => {
                    if changed {
                        self.pipes[pipe].owner = Owner::Closing { since_us: None };
                    }
                }
                Owner::Listener { .. } => self.settle_pending(pipe, changed),
                Owner::Socket(index) => self.settle_connection(index, pipe, changed, grown),
            }
        }
        for queues in 0..self.datagrams.len() {
            self.settle_queues(queues);
        }
    }

    fn settle_connection(&mut self, index: usize, pipe: usize, changed: bool, grown: bool) {
        let Body::Tcp { phase, .. } = self.slots[index].body else {
            return;
        };
        let state = self.pipes[pipe].seen_state;
        match (phase, state) {
            (Phase::Connecting { .. }, State::Closed) => {
                self.set_phase(index, Phase::Refused { told: false }, None);
                self.release(pipe);
                self.slots[index].event();
                return;
            }
            (Phase::Connecting { .. }, State::SynSent | State::SynReceived) => return,
            (Phase::Connecting { .. }, _) => {
                self.set_phase(index, Phase::Connected, Some(pipe));
                self.slots[index].event();
            }
            _ => {}
        }
        self.watch_peer(index, pipe);
        let socket = self.tcp(pipe);
        // Waiting for half of the buffer saves the network from slivers (RFC 9293 §3.8.6.2.1).
        let room = !socket.may_send() || socket.send_queue() <= socket.send_capacity() / 2;
        let slot = &mut self.slots[index];
        let writable = room && slot.send_blocked.take_if(|_| room).is_some();
        if changed || grown || writable {
            slot.event();
        }
    }

    /// Ends connection attempts that nobody answers. Returns when to look again.
    pub(crate) fn tend_attempts(&mut self) -> Option<u64> {
        let patience = u64::from(self.config.syn_timeout_ms) * 1000;
        let mut next = None;
        for index in 0..self.slots.len() {
            let Body::Tcp {
                phase: Phase::Connecting { deadline_us },
                pipe: Some(pipe),
            } = self.slots[index].body
            else {
                continue;
            };
            let deadline = deadline_us.unwrap_or(self.now_us + patience);
            if self.now_us < deadline {
                self.set_phase(
                    index,
                    Phase::Connecting {
                        deadline_us: Some(deadline),
                    },
                    Some(pipe),
                );
                next = crate::pipes::earliest(next, Some(deadline));
            } else {
                self.set_phase(index, Phase::Refused { told: false }, None);
                self.release(pipe);
                self.slots[index].event();
            }
        }
        next
    }

    /// What to tell next, taken off the list.
    pub(crate) fn next_event(&mut self) -> Option<Event> {
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.pending) {
            slot.pending = false;
            return slot.callback.map(Event::Socket);
        }
        let (listener, status) = self.net.next_news()?;
        Some(Event::Status(listener, status))
    }
}
