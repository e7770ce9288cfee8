//! The socket objects and all that a [`NetworkStack`] does not do itself: modes, timeouts, event callbacks,
//! the remembered peer, closing under blocked calls (contract §3 to §9).
//!
//! Every operation takes `&self`. Object state is changed inside short critical sections; none is held while
//! the stack, a callback or a waker runs. Calls are poll-style, see [`Call`].
//!
//! | file | holds |
//! |---|---|
//! | this one | construct, open, close, destruct, and what never waits |
//! | `slot.rs` | the state of one object |
//! | `wait.rs` | one wait: when to ask the stack, when to give up |
//! | `stream.rs` | connect, send, recv, accept of TCP |
//! | `datagram.rs` | connect, sendto, recvfrom of UDP |
//!
//! Must not: allocate, block, or hold state while the stack is called.

mod datagram;
mod slot;
mod stream;
#[cfg(test)]
pub(crate) mod tests;
mod wait;

use core::cell::RefCell;
use core::task::Poll;

use critical_section::Mutex;

use crate::iut::{OpenOn, SocketKind};
use crate::option::{self, Membership};
use crate::{
    Call, Callback, Clock, Error, EventTable, NetworkStack, Protocol, Result, SocketAddress,
    SocketId, StackHandle,
};

use slot::{Slot, State};

/// A table of `N` socket objects over the stack `S`.
///
/// `N` counts objects, not open sockets: leave room for a few unopened ones, or `accept` answers
/// `NO_MEMORY` before the stack is out of sockets. An [`SocketId`] that is stale or was never given out
/// is answered like an unopened socket (`NO_SOCKET`); setters ignore it.
pub struct Sockets<S, C, const N: usize> {
    stack: S,
    clock: C,
    events: &'static EventTable<N>,
    slots: Mutex<RefCell<[Slot; N]>>,
}

impl<S: NetworkStack, C: Clock, const N: usize> Sockets<S, C, N> {
    /// An empty table. `events` must not serve another table.
    pub const fn new(stack: S, clock: C, events: &'static EventTable<N>) -> Self {
        Self {
            stack,
            clock,
            events,
            slots: Mutex::new(RefCell::new([const { Slot::FREE }; N])),
        }
    }

    /// The stack underneath.
    pub const fn stack(&self) -> &S {
        &self.stack
    }

    /// The clock that waits are measured with.
    pub const fn clock(&self) -> &C {
        &self.clock
    }

    /// Wakes the tasks whose waits have run out, and returns the time of the next one to do so, in
    /// microseconds of the clock. An executor with async calls pending calls this whenever that time has
    /// come; blocking and poll-style callers do not need it.
    pub fn wake_due(&self) -> Option<u64> {
        self.events.wake_due(self.clock.now_us())
    }

    /// Constructs an object: unopened, blocking without bound, no peer, no callback (contract §3).
    /// `NO_MEMORY` when all `N` are in use.
    pub fn socket_new(&self, kind: SocketKind) -> Result<SocketId> {
        self.slots(|slots| {
            let free = (0..).zip(slots).find(|(_, slot)| slot.kind.is_none());
            let (index, slot) = free.ok_or(Error::NO_MEMORY)?;
            *slot = Slot {
                kind: Some(kind),
                generation: slot.generation,
                ..Slot::FREE
            };
            Ok(SocketId {
                index,
                generation: slot.generation,
            })
        })
    }

    /// Destructs an object. If it is open it is closed first, event included; pending calls on it end in
    /// `NO_SOCKET`.
    pub fn socket_delete(&self, id: SocketId) {
        let handle = self.slot(id, |slot| {
            slot.generation = slot.generation.wrapping_add(1);
            slot.doomed = true;
            // With a call inside the stack it is that one's business to bury the object.
            if slot.busy == 0 {
                Some(slot.take_handle())
            } else {
                None
            }
        });
        if let Some(Some(handle)) = handle {
            self.bury(id.index, handle);
        }
    }

    /// Opens the object: `PARAMETER` for a null stack or when it is open, otherwise the stack's answer.
    /// After a failure it is unopened and may be opened again (better than the original, D-26).
    pub fn open(&self, id: SocketId, on: OpenOn) -> Result<()> {
        let protocol = self
            .slot(id, |slot| match (slot.kind, on, slot.state) {
                (Some(kind), OpenOn::Stack, State::Unopened) => {
                    slot.state = State::Opening;
                    slot.busy += 1;
                    Ok(kind.protocol())
                }
                _ => Err(Error::PARAMETER),
            })
            .unwrap_or(Err(Error::NO_SOCKET))?;

        let opened = self.stack.socket_open(protocol);
        if let Ok(handle) = opened {
            self.stack
                .socket_attach(handle, Some(self.events.callback(id)));
        }
        // By index: the object may have been destructed meanwhile, then `release` closes the handle.
        self.slot_at(id.index, |slot| match opened {
            Ok(handle) => slot.set_open(handle),
            Err(_) => slot.state = State::Unopened,
        });
        self.release(id.index);
        opened.map(drop)
    }

    /// Closes the object: detaches and closes the stack's socket, raises the event once, then waits until
    /// every call blocked in it has left. Returns the stack's code; `NO_SOCKET` if it is not open.
    ///
    /// Mode, callback, peer and the event mark are kept; the object may be opened again.
    pub fn poll_close(&self, id: SocketId, call: &mut Call) -> Poll<Result<()>> {
        let code = match call.closed {
            Some(code) => code,
            None => match self.close_stack(id, call) {
                Ok(Some(code)) => *call.closed.insert(code),
                Ok(None) => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            },
        };
        let left = || self.slot(id, |slot| slot.leaving == 0).unwrap_or(true);
        if left() {
            return Poll::Ready(code);
        }
        // A caller with its own loop may be the one who has to let the blocked calls leave: it must not
        // sleep. Others are woken when the last one has left.
        call.again = true;
        if let Some(waker) = &call.waker {
            self.events.wait(id.index, waker, None);
        }
        // The last one may have left before the waker was in place.
        if left() {
            Poll::Ready(code)
        } else {
            Poll::Pending
        }
    }

    /// The first part of close; `None` while another thread is inside the stack with this socket.
    fn close_stack(&self, id: SocketId, call: &mut Call) -> Result<Option<Result<()>>> {
        let handle = self
            .slot(id, |slot| {
                if slot.busy > 0 && slot.state != State::Unopened {
                    call.again = true;
                    return Ok(None);
                }
                let handle = slot.take_handle().ok_or(Error::NO_SOCKET)?;
                slot.epoch = slot.epoch.wrapping_add(1);
                slot.leaving += slot.waiting;
                slot.waiting = 0;
                Ok(Some(handle))
            })
            .unwrap_or(Err(Error::NO_SOCKET))?;
        let Some(handle) = handle else {
            call.wake_again();
            return Ok(None);
        };
        call.again = false;
        self.stack.socket_attach(handle, None);
        let code = self.stack.socket_close(handle);
        self.events.fire(id.index);
        Ok(Some(code))
    }

    /// Gives up a pending call, so that close need not wait for it. The call may then be used anew.
    pub fn cancel(&self, id: SocketId, call: &mut Call) {
        self.leave(id, call);
        *call = Call {
            waker: call.waker.take(),
            ..Call::new()
        };
    }

    /// Binds to a local address; an unset IP means any, port 0 lets the stack choose (contract §6.1).
    pub fn bind(&self, id: SocketId, address: &SocketAddress) -> Result<()> {
        self.with_handle(id, |handle| self.stack.socket_bind(handle, address))
    }

    /// Makes a TCP socket passive. UDP: `UNSUPPORTED` in every state. A negative backlog counts as 0.
    pub fn listen(&self, id: SocketId, backlog: i32) -> Result<()> {
        self.stream_only(id)?;
        let backlog = usize::try_from(backlog).unwrap_or(0);
        self.with_handle(id, |handle| self.stack.socket_listen(handle, backlog))
    }

    /// Blocking without bound, or non-blocking (contract §4).
    pub fn set_blocking(&self, id: SocketId, blocking: bool) {
        self.set_timeout(id, if blocking { -1 } else { 0 });
    }

    /// Timeout of the waits that begin from now on, in milliseconds: negative is unbounded, 0 non-blocking.
    pub fn set_timeout(&self, id: SocketId, timeout_ms: i32) {
        self.slot(id, |slot| slot.timeout_ms = timeout_ms);
    }

    /// Registers, replaces or removes the event callback (contract §5): called once, then not again until
    /// the next connect, send, recv or accept begins. Not retroactive.
    pub fn sigio(&self, id: SocketId, callback: Option<Callback>) {
        self.slot(id, |_| self.events.set_callback(id.index, callback));
    }

    /// Sets an option of level [`option::LEVEL_SOCKET`] or [`option::LEVEL_TLS`] in the stack; any other
    /// level is `UNSUPPORTED`, as is an interface name of more than 6 bytes (contract §9).
    pub fn setsockopt(&self, id: SocketId, level: i32, name: i32, value: &[u8]) -> Result<()> {
        self.with_handle(id, |handle| {
            let too_long = (level, name) == (option::LEVEL_SOCKET, option::BIND_TO_DEVICE)
                && value.len() > option::INTERFACE_NAME;
            if too_long || !option::is_socket_level(level) {
                return Err(Error::UNSUPPORTED);
            }
            self.stack.setsockopt(handle, level, name, value)
        })
    }

    /// Reads an option into `value`; returns its length in bytes.
    pub fn getsockopt(
        &self,
        id: SocketId,
        level: i32,
        name: i32,
        value: &mut [u8],
    ) -> Result<usize> {
        self.with_handle(id, |handle| {
            if !option::is_socket_level(level) {
                return Err(Error::UNSUPPORTED);
            }
            self.stack
                .getsockopt(handle, level, name, value)
                .map(|len| len.min(value.len()))
        })
    }

    /// The remembered peer: `NO_SOCKET` unopened, `NO_CONNECTION` without one.
    pub fn getpeername(&self, id: SocketId) -> Result<SocketAddress> {
        self.slot(id, |slot| match slot.state {
            State::Open(_) if slot.peer.is_set() => Ok(slot.peer),
            State::Open(_) => Err(Error::NO_CONNECTION),
            State::Unopened | State::Opening => Err(Error::NO_SOCKET),
        })
        .unwrap_or(Err(Error::NO_SOCKET))
    }

    /// Joins or leaves a multicast group over an unspecified interface. TCP: joining is `UNSUPPORTED` even
    /// unopened, leaving goes to the stack.
    pub fn multicast(&self, id: SocketId, join: bool, group: &SocketAddress) -> Result<()> {
        if join {
            self.datagram_only(id)?;
        }
        let name = if join {
            option::ADD_MEMBERSHIP
        } else {
            option::DROP_MEMBERSHIP
        };
        let value = Membership {
            group: group.ip,
            ..Membership::default()
        }
        .to_bytes();
        self.setsockopt(id, option::LEVEL_SOCKET, name, &value)
    }

    /// A send or receive with a control record, which no stack here has: `UNSUPPORTED`; for UDP only once
    /// the object is open (contract §6.1, §7).
    pub fn control_data(&self, id: SocketId) -> Result<usize> {
        self.datagram_only(id)?;
        self.with_handle(id, |_| Err(Error::UNSUPPORTED))
    }

    /// `UNSUPPORTED` unless the object is a stream.
    fn stream_only(&self, id: SocketId) -> Result<()> {
        self.only(id, Protocol::Tcp)
    }

    /// `UNSUPPORTED` unless the object carries datagrams.
    fn datagram_only(&self, id: SocketId) -> Result<()> {
        self.only(id, Protocol::Udp)
    }

    fn only(&self, id: SocketId, wanted: Protocol) -> Result<()> {
        if self.protocol(id)? == wanted {
            Ok(())
        } else {
            Err(Error::UNSUPPORTED)
        }
    }

    /// What the object speaks; `NO_SOCKET` when there is no such object.
    pub(crate) fn protocol(&self, id: SocketId) -> Result<Protocol> {
        self.slot(id, |slot| slot.kind)
            .flatten()
            .map(SocketKind::protocol)
            .ok_or(Error::NO_SOCKET)
    }

    /// Whether the object is open.
    pub(crate) fn is_open(&self, id: SocketId) -> bool {
        self.slot(id, |slot| matches!(slot.state, State::Open(_)))
            .unwrap_or(false)
    }

    /// The remembered peer, set or not, open or not.
    fn peer(&self, id: SocketId) -> SocketAddress {
        self.slot(id, |slot| slot.peer).unwrap_or_default()
    }

    /// One question to the stack that never waits.
    fn with_handle<R>(
        &self,
        id: SocketId,
        ask: impl FnOnce(StackHandle) -> Result<R>,
    ) -> Result<R> {
        let handle = self.slot(id, |slot| match slot.state {
            State::Open(handle) => {
                slot.busy += 1;
                Ok(handle)
            }
            State::Unopened | State::Opening => Err(Error::NO_SOCKET),
        });
        let answer = ask(handle.unwrap_or(Err(Error::NO_SOCKET))?);
        self.release(id.index);
        answer
    }

    /// A call has come back from the stack. The last one out buries an object destructed meanwhile.
    fn release(&self, index: u16) {
        let orphan = self.slot_at(index, |slot| {
            slot.busy = slot.busy.saturating_sub(1);
            if slot.doomed && slot.busy == 0 {
                Some(slot.take_handle())
            } else {
                None
            }
        });
        if let Some(Some(handle)) = orphan {
            self.bury(index, handle);
        }
    }

    /// Closes what a destructed object had open and frees its slot.
    fn bury(&self, index: u16, handle: Option<StackHandle>) {
        if let Some(handle) = handle {
            self.stack.socket_attach(handle, None);
            // Nobody is left to hear the code.
            let _ = self.stack.socket_close(handle);
            self.events.fire(index);
        }
        let generation = self
            .slot_at(index, |slot| slot.generation)
            .unwrap_or_default();
        self.events.reset(SocketId { index, generation });
        self.slot_at(index, |slot| {
            *slot = Slot {
                generation,
                ..Slot::FREE
            }
        });
    }

    /// Changes the state of an object; `None` if `id` does not name one.
    fn slot<R>(&self, id: SocketId, change: impl FnOnce(&mut Slot) -> R) -> Option<R> {
        self.slot_at(id.index, |slot| {
            let named = slot.kind.is_some() && slot.generation == id.generation;
            named.then(|| change(slot))
        })
        .flatten()
    }

    fn slot_at<R>(&self, index: u16, change: impl FnOnce(&mut Slot) -> R) -> Option<R> {
        self.slots(|slots| slots.get_mut(usize::from(index)).map(change))
    }

    fn slots<R>(&self, change: impl FnOnce(&mut [Slot; N]) -> R) -> R {
        critical_section::with(|cs| change(&mut self.slots.borrow_ref_mut(cs)))
    }
}
