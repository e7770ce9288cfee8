//! The pool of smoltcp sockets: who owns which, and closing in the background.
//!
//! Promise: every open TCP socket can have a pipe whenever it needs one, because listeners share at most
//! [`SPARE_TCP`] pipes beyond one each, and closing connections own none: theirs are taken back on demand.

use heapless::Vec;
use nsapi::Error;
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::State;
use smoltcp::wire::{IpAddress as WireAddress, IpEndpoint};

use crate::SPARE_TCP;
use crate::core::Core;

/// Who owns a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Nobody.
    Free,
    /// The connection of an open socket.
    Socket(usize),
    /// A listener; `arrival` numbers it once it is an established connection to be accepted, `since_us`
    /// is when its handshake began.
    Listener {
        slot: usize,
        arrival: Option<u64>,
        since_us: Option<u64>,
    },
    /// Its socket has been closed; this step of the end began then (set by the next poll).
    Closing { since_us: Option<u64> },
}

/// One TCP socket of smoltcp.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) handle: SocketHandle,
    pub(crate) owner: Owner,
    /// State and fill as last seen: an event is a difference from them.
    pub(crate) seen_state: State,
    pub(crate) seen_rx: usize,
}

impl Pipe {
    pub(crate) const fn new(handle: SocketHandle) -> Self {
        Self {
            handle,
            owner: Owner::Free,
            seen_state: State::Closed,
            seen_rx: 0,
        }
    }
}

/// Groups that one socket can be a member of (contract §9).
pub(crate) const MEMBERSHIPS: usize = 4;

/// Who owns a pair of datagram queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QueueOwner {
    /// Nobody.
    Free,
    /// An open socket.
    Socket(usize),
    /// Its socket has been closed; what it sent is still leaving.
    Closing,
}

/// One UDP socket of smoltcp.
#[derive(Debug)]
pub(crate) struct Datagrams {
    pub(crate) handle: SocketHandle,
    pub(crate) owner: QueueOwner,
    pub(crate) seen_rx: Option<usize>,
    /// Bytes that wait to leave, and since when none did.
    pub(crate) stuck: Option<(usize, u64)>,
    /// Groups the socket is a member of.
    pub(crate) groups: Vec<WireAddress, MEMBERSHIPS>,
}

impl Datagrams {
    pub(crate) const fn new(handle: SocketHandle) -> Self {
        Self {
            handle,
            owner: QueueOwner::Free,
            seen_rx: None,
            stuck: None,
            groups: Vec::new(),
        }
    }
}

/// How dear a pipe that is being closed still is; only the first two may be taken for a spare one.
fn dearness(state: State, reset_unsent: bool) -> u8 {
    match state {
        State::Closed | State::Listen if !reset_unsent => 0,
        State::TimeWait | State::FinWait2 => 1,
        State::Closed | State::Listen => 2,
        _ => 3,
    }
}

impl Core {
    /// Takes a pipe for an open socket. There always is one.
    pub(crate) fn take_pipe(&mut self, owner: Owner) -> Result<usize, Error> {
        self.take(owner, 3)
    }

    /// Takes one more pipe for a listener that has one already, if one can be spared.
    pub(crate) fn take_spare(&mut self, owner: Owner) -> Option<usize> {
        let mut spared = 0;
        for slot in 0..self.slots.len() {
            let held = self.pipes_of(slot).count();
            spared += held.saturating_sub(1);
        }
        if spared < SPARE_TCP {
            self.take(owner, 1).ok()
        } else {
            None
        }
    }

    /// The pipes of a listener.
    pub(crate) fn pipes_of(&self, listener: usize) -> impl Iterator<Item = usize> + '_ {
        self.pipes
            .iter()
            .enumerate()
            .filter_map(move |(index, pipe)| match pipe.owner {
                Owner::Listener { slot, .. } if slot == listener => Some(index),
                _ => None,
            })
    }

    fn take(&mut self, owner: Owner, dearest: u8) -> Result<usize, Error> {
        let mut best: Option<(u8, u64, usize)> = None;
        for index in 0..self.pipes.len() {
            let (dear, since) = match self.pipes[index].owner {
                Owner::Free => (0, 0),
                Owner::Closing { since_us } => {
                    let socket = self.tcp(index);
                    let unsent = socket.remote_endpoint().is_some();
                    (
                        dearness(socket.state(), unsent),
                        since_us.unwrap_or(u64::MAX),
                    )
                }
                Owner::Socket(_) | Owner::Listener { .. } => continue,
            };
            let candidate = (dear, since, index);
            if dear <= dearest && best.is_none_or(|best| candidate < best) {
                best = Some(candidate);
            }
        }
        let (_, _, index) = best.ok_or(Error::NO_SOCKET)?;
        self.silence(index);
        self.pipes[index].owner = owner;
        Ok(index)
    }

    /// Forgets a connection without a word to the peer, who will be told by a reset if it asks.
    pub(crate) fn silence(&mut self, pipe: usize) {
        let socket = self.tcp(pipe);
        socket.abort();
        // Listening empties the socket; smoltcp has no other way to drop a connection unsaid.
        if socket.listen(1).is_ok() {
            socket.close();
        }
        socket.set_timeout(None);
        socket.set_keep_alive(None);
        self.resync(pipe);
    }

    /// Silences a pipe and gives it back.
    pub(crate) fn release(&mut self, pipe: usize) {
        self.silence(pipe);
        self.pipes[pipe].owner = Owner::Free;
    }

    /// Takes the present state as seen, so that no event is made of it.
    pub(crate) fn resync(&mut self, pipe: usize) {
        let socket = self.tcp(pipe);
        let (state, rx) = (socket.state(), socket.recv_queue());
        self.pipes[pipe].seen_state = state;
        self.pipes[pipe].seen_rx = rx;
    }

    /// Ends a connection in good order and in the background; an attempt is simply dropped.
    pub(crate) fn hang_up(&mut self, pipe: usize) {
        let socket = self.tcp(pipe);
        if matches!(socket.state(), State::SynSent | State::Listen) {
            self.release(pipe);
        } else {
            socket.close();
            socket.set_keep_alive(None);
            self.resync(pipe);
            self.pipes[pipe].owner = Owner::Closing { since_us: None };
        }
    }

    /// Resets a connection in the background.
    pub(crate) fn reset(&mut self, pipe: usize) {
        self.tcp(pipe).abort();
        self.resync(pipe);
        self.pipes[pipe].owner = Owner::Closing { since_us: None };
    }

    /// Whether a connection uses a local port.
    pub(crate) fn pipe_uses_port(&self, port: u16) -> bool {
        self.pipes.iter().any(|pipe| {
            let socket = self
                .sockets
                .get::<smoltcp::socket::tcp::Socket<'static>>(pipe.handle);
            socket
                .local_endpoint()
                .is_some_and(|local| local.port == port)
        })
    }

    /// The other pipe with the same two ends, if any.
    pub(crate) fn twin(
        &mut self,
        pipe: Option<usize>,
        local_port: u16,
        remote: IpEndpoint,
    ) -> Option<usize> {
        (0..self.pipes.len()).find(|&other| {
            let socket = self.tcp(other);
            Some(other) != pipe
                && socket.remote_endpoint() == Some(remote)
                && socket
                    .local_endpoint()
                    .is_some_and(|local| local.port == local_port)
        })
    }

    /// Looks after the connections that are being closed. Returns when to look again.
    pub(crate) fn tend_closing(&mut self) -> Option<u64> {
        let now = self.now_us;
        let linger_us = u64::from(self.config.linger_ms) * 1000;
        let time_wait_us = u64::from(self.config.time_wait_ms) * 1000;
        let mut next: Option<u64> = None;
        for index in 0..self.pipes.len() {
            let Owner::Closing { since_us } = self.pipes[index].owner else {
                continue;
            };
            let since = since_us.unwrap_or(now);
            let socket = self.tcp(index);
            // Nobody reads any more: keep the window open, so that the peer gets to its end.
            let _ = socket.recv(|data| (data.len(), ()));
            let (state, told) = (socket.state(), socket.remote_endpoint().is_none());
            let limit = if state == State::TimeWait {
                time_wait_us
            } else {
                linger_us
            };
            match state {
                State::Closed if told => self.release(index),
                State::Closed | State::TimeWait if now >= since + limit => self.release(index),
                _ if now >= since + limit => {
                    self.reset(index);
                    self.pipes[index].owner = Owner::Closing {
                        since_us: Some(now),
                    };
                    next = Some(now);
                }
                _ => {
                    self.pipes[index].owner = Owner::Closing {
                        since_us: Some(since),
                    };
                    next = earliest(next, Some(since + limit));
                }
            }
        }
        next
    }
}

/// The earlier of two times, where `None` is never.
pub(crate) fn earliest(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
