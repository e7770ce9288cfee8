//! Listeners: a pool of listening pipes per listener, as deep as its backlog (contract §6.1 listen, accept).

use nsapi::{Error, Protocol, Result, SocketAddress, StackHandle};
use smoltcp::socket::tcp::State;
use smoltcp::wire::IpListenEndpoint;

use crate::address::address_of;
use crate::core::{Core, Destination};
use crate::pipes::Owner;
use crate::slots::{Body, Phase};

impl Core {
    /// Makes a bound socket passive, or changes the backlog of a listener.
    pub(crate) fn listen(&mut self, index: usize, backlog: usize) -> Result<()> {
        let Body::Tcp { phase, .. } = self.slots[index].body else {
            return Err(Error::UNSUPPORTED);
        };
        if self.slots[index].local.port == 0
            || !matches!(phase, Phase::Idle | Phase::Listening { .. })
            || self.already_served(index)
        {
            return Err(Error::PARAMETER);
        }
        let backlog = backlog.clamp(1, usize::from(self.limits.backlog));
        self.set_phase(index, Phase::Listening { backlog }, None);
        self.refill(index);
        Ok(())
    }

    /// Takes the connection that was established first.
    pub(crate) fn accept(&mut self, index: usize) -> Result<(StackHandle, SocketAddress)> {
        match self.slots[index].body {
            Body::Tcp {
                phase: Phase::Listening { .. },
                ..
            } => {}
            Body::Tcp { .. } => return Err(Error::PARAMETER),
            _ => return Err(Error::UNSUPPORTED),
        }
        let first = self
            .pipes_of(index)
            .filter_map(|pipe| match self.pipes[pipe].owner {
                Owner::Listener {
                    arrival: Some(arrival),
                    ..
                } => Some((arrival, pipe)),
                _ => None,
            })
            .min();
        let (_, pipe) = first.ok_or(Error::WOULD_BLOCK)?;
        // A connection that was reset since has been put back to listening by `settle`.
        let remote = self.tcp(pipe).remote_endpoint().ok_or(Error::WOULD_BLOCK)?;
        let body = Body::Tcp {
            phase: Phase::Connected,
            pipe: Some(pipe),
        };
        // With every socket taken the connection waits in the backlog.
        let (child, handle) = self.open(Protocol::Tcp, body)?;
        self.slots[child].keepalive_s = self.slots[index].keepalive_s;
        self.slots[child].tos = self.slots[index].tos;
        self.slots[child].accepted = Some((self.slots[index].local.port, remote));
        self.pipes[pipe].owner = Owner::Socket(child);
        self.resync(pipe);
        self.refill(index);
        Ok((handle, address_of(remote)))
    }

    /// Gives a listener as many pipes as its backlog, as far as they can be spared.
    pub(crate) fn refill(&mut self, index: usize) {
        let Body::Tcp {
            phase: Phase::Listening { backlog },
            ..
        } = self.slots[index].body
        else {
            return;
        };
        let owner = Owner::Listener {
            slot: index,
            arrival: None,
            since_us: None,
        };
        let mut held = self.pipes_of(index).count();
        while held < backlog {
            let taken = if held == 0 {
                self.take_pipe(owner).ok()
            } else {
                self.take_spare(owner)
            };
            let Some(pipe) = taken else { return };
            self.relisten(pipe, index);
            held += 1;
        }
    }

    /// Puts a pipe of a listener (back) to listening.
    pub(crate) fn relisten(&mut self, pipe: usize, listener: usize) {
        self.silence(pipe);
        self.pipes[pipe].owner = Owner::Listener {
            slot: listener,
            arrival: None,
            since_us: None,
        };
        let local = self.slots[listener].local;
        let endpoint = IpListenEndpoint {
            addr: local.ip,
            port: local.port,
        };
        self.apply_keepalive(listener, pipe);
        // The port is not 0 and the pipe is closed: smoltcp has no reason to refuse.
        let _ = self.tcp(pipe).listen(endpoint);
        self.resync(pipe);
    }

    /// Looks at a pipe of a listener after its state may have changed.
    pub(crate) fn settle_pending(&mut self, pipe: usize, changed: bool) {
        let Owner::Listener {
            slot,
            arrival,
            since_us,
        } = self.pipes[pipe].owner
        else {
            return;
        };
        let state = self.pipes[pipe].seen_state;
        match state {
            // The handshake was given up by a reset; smoltcp listens again by itself.
            State::Listen if changed => {
                self.pipes[pipe].owner = Owner::Listener {
                    slot,
                    arrival: None,
                    since_us: None,
                };
            }
            State::SynReceived if changed && !self.handshake_is_sound(pipe) => {
                self.relisten(pipe, slot)
            }
            State::Listen | State::SynReceived => {}
            State::Closed => self.relisten(pipe, slot),
            _ if arrival.is_none() => {
                self.arrivals += 1;
                self.pipes[pipe].owner = Owner::Listener {
                    slot,
                    arrival: Some(self.arrivals),
                    since_us,
                };
                self.slots[slot].event();
            }
            _ => {}
        }
    }

    /// Whether a SYN deserves the pipe it took. smoltcp gives a SYN to the first socket that listens, so a
    /// repeated one would start a second handshake between the same two ends; and it takes a SYN from our
    /// own address, which could never be answered. (One to a broadcast address it drops by itself at the
    /// next attempt to send.)
    fn handshake_is_sound(&mut self, pipe: usize) -> bool {
        let socket = self.tcp(pipe);
        let (Some(local), Some(remote)) = (socket.local_endpoint(), socket.remote_endpoint())
        else {
            return false;
        };
        if self.destination(remote.addr) != Destination::Host {
            return false;
        }
        match self.twin(Some(pipe), local.port, remote) {
            None => true,
            Some(twin) if matches!(self.pipes[twin].owner, Owner::Closing { .. } | Owner::Free) => {
                // The client uses its port again: the remembered connection gives way.
                self.release(twin);
                true
            }
            Some(_) => false,
        }
    }

    /// Ends a listener: resets what nobody accepted.
    pub(crate) fn drop_listener(&mut self, index: usize) {
        for pipe in 0..self.pipes.len() {
            match self.pipes[pipe].owner {
                Owner::Listener { slot, .. } if slot == index => {
                    if self.tcp(pipe).is_listening() {
                        self.release(pipe);
                    } else {
                        self.reset(pipe);
                    }
                }
                _ => {}
            }
        }
    }

    /// Gives up handshakes that the client does not finish, and fills the pools. Returns when to look again.
    pub(crate) fn tend_listeners(&mut self) -> Option<u64> {
        let patience = u64::from(self.config.syn_timeout_ms) * 1000;
        let mut next = None;
        for pipe in 0..self.pipes.len() {
            let Owner::Listener {
                slot,
                arrival,
                since_us,
            } = self.pipes[pipe].owner
            else {
                continue;
            };
            if self.pipes[pipe].seen_state != State::SynReceived {
                continue;
            }
            let since = since_us.unwrap_or(self.now_us);
            if self.now_us >= since + patience {
                self.relisten(pipe, slot);
            } else {
                self.pipes[pipe].owner = Owner::Listener {
                    slot,
                    arrival,
                    since_us: Some(since),
                };
                next = crate::pipes::earliest(next, Some(since + patience));
            }
        }
        for index in 0..self.slots.len() {
            self.refill(index);
        }
        next
    }
}
