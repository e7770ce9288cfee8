//! Handles: a slot per open socket, with a generation so that an old handle never means a new socket.

use nsapi::{Callback, Error, Protocol, Result, StackHandle};
use smoltcp::wire::{IpAddress as WireAddress, IpEndpoint};

use crate::core::Core;

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// Nothing.
    Free,
    /// A TCP socket and, once it has one, the pipe that carries it.
    Tcp { phase: Phase, pipe: Option<usize> },
    /// A UDP socket: index of its queues.
    Udp { queues: usize },
}

/// How far a TCP socket has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Neither listening nor connected.
    Idle,
    /// A listener that holds so many connections at most.
    Listening { backlog: usize },
    /// The attempt has been made; it ends at this time (set by the first poll after connect).
    Connecting { deadline_us: Option<u64> },
    /// The attempt has failed; whether connect has said so.
    Refused { told: bool },
    /// Established once, whatever became of it.
    Connected,
}

/// A local address; `port` 0 means none yet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Local {
    pub(crate) ip: Option<WireAddress>,
    pub(crate) port: u16,
    /// The port was chosen by the stack for connect or sendto.
    pub(crate) auto: bool,
}

/// An open socket as its owner sees it.
#[derive(Debug)]
pub(crate) struct Slot {
    generation: u32,
    pub(crate) body: Body,
    pub(crate) callback: Option<Callback>,
    /// The callback is to be called when the current poll has let go of everything.
    pub(crate) pending: bool,
    pub(crate) local: Local,
    /// Somebody was told to wait for room; for UDP with so many bytes queued.
    pub(crate) send_blocked: Option<usize>,
    pub(crate) reuse: bool,
    pub(crate) broadcast: bool,
    pub(crate) keepalive_s: i32,
    /// Type of service of what it sends.
    pub(crate) tos: u8,
    /// Local port and peer of an accepted connection, which holds no port.
    pub(crate) accepted: Option<(u16, IpEndpoint)>,
}

/// Bits of a handle that name the slot.
const INDEX_BITS: u32 = 8;

impl Slot {
    pub(crate) const EMPTY: Self = Self {
        generation: 0,
        body: Body::Free,
        callback: None,
        pending: false,
        local: Local {
            ip: None,
            port: 0,
            auto: false,
        },
        send_blocked: None,
        reuse: false,
        broadcast: false,
        keepalive_s: 0,
        tos: 0,
        accepted: None,
    };

    /// Notes that the owner must be told. Without a callback there is nobody to tell, not even later.
    pub(crate) fn event(&mut self) {
        self.pending = self.callback.is_some();
    }

    pub(crate) fn protocol(&self) -> Option<Protocol> {
        match self.body {
            Body::Free => None,
            Body::Tcp { .. } => Some(Protocol::Tcp),
            Body::Udp { .. } => Some(Protocol::Udp),
        }
    }

    fn free(&mut self) {
        let generation = self.generation.wrapping_add(1);
        *self = Self {
            generation,
            ..Self::EMPTY
        };
    }
}

impl Core {
    fn handle_of(&self, index: usize) -> StackHandle {
        StackHandle(self.slots[index].generation << INDEX_BITS | index as u32)
    }

    /// The slot a handle means, if it is still the one it was given out for.
    pub(crate) fn slot_of(&self, handle: StackHandle) -> Result<usize> {
        let index = (handle.0 & ((1 << INDEX_BITS) - 1)) as usize;
        let slot = self.slots.get(index).ok_or(Error::NO_SOCKET)?;
        let fresh = slot.body != Body::Free && slot.generation << INDEX_BITS == handle.0 & !0xff;
        if fresh {
            Ok(index)
        } else {
            Err(Error::NO_SOCKET)
        }
    }

    /// Opens a slot unless as many are open as were announced.
    pub(crate) fn open(&mut self, protocol: Protocol, body: Body) -> Result<(usize, StackHandle)> {
        let open = self
            .slots
            .iter()
            .filter(|slot| slot.protocol() == Some(protocol))
            .count();
        let limit = match protocol {
            Protocol::Tcp => self.limits.tcp_sockets,
            Protocol::Udp => self.limits.udp_sockets,
        };
        if open >= usize::from(limit) {
            return Err(Error::NO_SOCKET);
        }
        let index = self
            .slots
            .iter()
            .position(|slot| slot.body == Body::Free)
            .ok_or(Error::NO_SOCKET)?;
        self.slots[index].body = body;
        Ok((index, self.handle_of(index)))
    }

    /// Closes a slot; what the network still has to do goes on without it.
    pub(crate) fn close(&mut self, index: usize) {
        match self.slots[index].body {
            Body::Free => {}
            Body::Tcp {
                phase: Phase::Listening { .. },
                ..
            } => self.drop_listener(index),
            Body::Tcp { pipe, .. } => {
                if let Some(pipe) = pipe {
                    self.hang_up(pipe);
                }
            }
            Body::Udp { queues } => self.leave_queues(queues),
        }
        self.slots[index].free();
    }
}
