//! TCP connections: connect, send, receive (contract §6.2, §6.3).

use nsapi::{Error, Protocol, Result, SocketAddress};
use smoltcp::socket::tcp::{RecvError, State};
use smoltcp::time::Duration;
use smoltcp::wire::{IpEndpoint, IpListenEndpoint};

use crate::address::to_wire;
use crate::core::{Core, Destination};
use crate::pipes::Owner;
use crate::slots::{Body, Local, Phase};

/// The address and port of a peer of a socket that is bound to `local`: `PARAMETER` for an unset one, and
/// for one of the other family than the address the socket is bound to.
pub(crate) fn peer(address: &SocketAddress, local: Local) -> Result<IpEndpoint> {
    match to_wire(&address.ip) {
        Some(ip)
            if address.port != 0 && local.ip.is_none_or(|own| own.version() == ip.version()) =>
        {
            Ok(IpEndpoint::new(ip, address.port))
        }
        _ => Err(Error::PARAMETER),
    }
}

impl Core {
    /// Starts, continues or reports a connection.
    pub(crate) fn connect(&mut self, index: usize, address: &SocketAddress) -> Result<()> {
        let Body::Tcp { phase, pipe } = self.slots[index].body else {
            return Err(Error::UNSUPPORTED);
        };
        match (phase, pipe) {
            (Phase::Listening { .. }, _) => Err(Error::IS_CONNECTED),
            (Phase::Connecting { .. }, _) => Err(Error::ALREADY),
            (Phase::Connected, Some(pipe)) if self.tcp(pipe).is_active() => {
                Err(Error::IS_CONNECTED)
            }
            (Phase::Connected, _) => Err(Error::NO_CONNECTION),
            (Phase::Refused { told: false }, _) => {
                self.set_phase(index, Phase::Refused { told: true }, None);
                Err(Error::NO_CONNECTION)
            }
            (Phase::Idle | Phase::Refused { told: true }, _) => self.begin_connect(index, address),
        }
    }

    fn begin_connect(&mut self, index: usize, address: &SocketAddress) -> Result<()> {
        let local = self.slots[index].local;
        let remote = peer(address, local)?;
        match self.destination(remote.addr) {
            Destination::Host => {}
            Destination::Many => return Err(Error::PARAMETER),
            Destination::Unreachable => return Err(Error::NO_CONNECTION),
        }
        let local_port = if local.port == 0 || local.auto {
            self.choose_port(Protocol::Tcp)?
        } else {
            local.port
        };
        if let Some(twin) = self.twin(None, local_port, remote) {
            // The same two ends again: the old connection gives way if nobody has it any more.
            if !matches!(self.pipes[twin].owner, Owner::Closing { .. } | Owner::Free) {
                return Err(Error::PARAMETER);
            }
            self.release(twin);
        }
        let pipe = self.take_pipe(Owner::Socket(index))?;
        let from = IpListenEndpoint {
            addr: local.ip,
            port: local_port,
        };
        let socket = self
            .sockets
            .get_mut::<smoltcp::socket::tcp::Socket<'static>>(self.pipes[pipe].handle);
        if socket.connect(self.iface.context(), remote, from).is_err() {
            self.release(pipe);
            return Err(Error::NO_CONNECTION);
        }
        if local.port == 0 || local.auto {
            self.slots[index].local.port = local_port;
            self.slots[index].local.auto = true;
        }
        self.apply_keepalive(index, pipe);
        self.resync(pipe);
        self.set_phase(index, Phase::Connecting { deadline_us: None }, Some(pipe));
        Err(Error::IN_PROGRESS)
    }

    /// Records how far a TCP socket has come.
    pub(crate) fn set_phase(&mut self, index: usize, phase: Phase, pipe: Option<usize>) {
        self.slots[index].body = Body::Tcp { phase, pipe };
    }

    /// Queues bytes for sending.
    pub(crate) fn send(&mut self, index: usize, data: &[u8]) -> Result<usize> {
        let Body::Tcp { phase, pipe } = self.slots[index].body else {
            return Err(Error::UNSUPPORTED);
        };
        if data.is_empty() {
            return Ok(0);
        }
        match (phase, pipe) {
            (Phase::Connected, Some(pipe)) => {
                let socket = self.tcp(pipe);
                let taken = socket.send_slice(data).map_err(|_| Error::NO_CONNECTION)?;
                let queued = socket.send_queue();
                self.watch_peer(index, pipe);
                if taken < data.len() {
                    self.slots[index].send_blocked = Some(queued);
                }
                if taken > 0 {
                    Ok(taken)
                } else {
                    Err(Error::WOULD_BLOCK)
                }
            }
            (Phase::Connecting { .. }, _) => {
                self.slots[index].send_blocked = Some(0);
                Err(Error::WOULD_BLOCK)
            }
            _ => Err(Error::NO_CONNECTION),
        }
    }

    /// Takes received bytes; 0 is the end of the stream.
    pub(crate) fn recv(&mut self, index: usize, buffer: &mut [u8]) -> Result<usize> {
        let Body::Tcp { phase, pipe } = self.slots[index].body else {
            return Err(Error::UNSUPPORTED);
        };
        match (phase, pipe) {
            (Phase::Connected, Some(pipe)) => {
                let socket = self.tcp(pipe);
                if buffer.is_empty() && socket.can_recv() {
                    return Ok(0);
                }
                let received = socket.recv_slice(buffer);
                let left = socket.recv_queue();
                self.pipes[pipe].seen_rx = left;
                match received {
                    Ok(0) => Err(Error::WOULD_BLOCK),
                    Ok(count) => Ok(count),
                    Err(RecvError::Finished) => Ok(0),
                    Err(RecvError::InvalidState) => Err(Error::NO_CONNECTION),
                }
            }
            (Phase::Idle | Phase::Connecting { .. }, _) => Err(Error::WOULD_BLOCK),
            _ => Err(Error::NO_CONNECTION),
        }
    }

    /// Applies the keepalive option of a slot to the pipe it uses.
    pub(crate) fn apply_keepalive(&mut self, index: usize, pipe: usize) {
        let seconds = u64::try_from(self.slots[index].keepalive_s).unwrap_or(0);
        let interval = (seconds > 0).then(|| Duration::from_secs(seconds));
        self.tcp(pipe).set_keep_alive(interval);
        self.watch_peer(index, pipe);
    }

    /// Sets how long the peer may be silent: unbounded while it owes us nothing, because smoltcp counts
    /// from its last segment whether or not it had a reason to send one.
    pub(crate) fn watch_peer(&mut self, index: usize, pipe: usize) {
        let user_timeout = Duration::from_millis(u64::from(self.config.user_timeout_ms));
        let seconds = u64::try_from(self.slots[index].keepalive_s).unwrap_or(0);
        let socket = self.tcp(pipe);
        let timeout = if seconds > 0 {
            Some(user_timeout.max(Duration::from_secs(4 * seconds)))
        } else if socket.send_queue() > 0 && !matches!(socket.state(), State::SynSent) {
            Some(user_timeout)
        } else {
            None
        };
        if socket.timeout() != timeout {
            socket.set_timeout(timeout);
        }
    }
}
