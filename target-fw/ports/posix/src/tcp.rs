//! One TCP socket (contract §6).

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Instant;

use nsapi::{Error, Result, SocketAddress, StackHandle};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    RecvFlags, SendFlags, Shutdown, SocketType, acceptfrom_with, bind, connect, getpeername,
    getsockname, listen, recv, send, shutdown, sockopt,
};

use crate::epoll::{Epoll, Interest, Token};
use crate::errno::{error, peer};
use crate::host::Host;
use crate::options::Options;
use crate::{CONNECT_TIMEOUT, FLAGS, new_socket};

/// Send buffer asked for, in bytes; the kernel doubles it for its own needs.
const SEND_BUFFER: usize = 16 * 1024;

/// Bytes that a connection takes at most while its peer does not read: ours, and the peer's receive buffer.
pub(crate) const SEND_BOUND: u32 = 256 * 1024;

/// How far the socket has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Listening,
    Connecting {
        deadline: Instant,
    },
    Connected,
    /// An attempt failed; the descriptor is a new one.
    Refused {
        told: bool,
    },
}

/// The socket.
#[derive(Debug)]
pub(crate) struct Tcp {
    fd: OwnedFd,
    phase: Phase,
    /// Where it was bound on request.
    local: Option<SocketAddr>,
    /// The connection was reset; only what arrived before can still be read.
    broken: bool,
}

impl Tcp {
    pub(crate) fn open(host: &Host, options: &Options) -> Result<Self> {
        Ok(Self {
            fd: new_fd(host, options)?,
            phase: Phase::Idle,
            local: None,
            broken: false,
        })
    }

    pub(crate) const fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    pub(crate) fn bound_port(&self) -> Option<u16> {
        self.local.map(|local| local.port())
    }

    pub(crate) fn connect_deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Connecting { deadline } => Some(deadline),
            _ => None,
        }
    }

    pub(crate) fn bind(&mut self, address: SocketAddr) -> Result<()> {
        if self.phase != Phase::Idle || self.local.is_some() {
            return Err(Error::PARAMETER);
        }
        bind(&self.fd, &address).map_err(error)?;
        let chosen = getsockname(&self.fd).map_err(error)?;
        self.local = Some(SocketAddr::try_from(chosen).unwrap_or(address));
        Ok(())
    }

    pub(crate) fn listen(
        &mut self,
        backlog: usize,
        epoll: &Epoll,
        handle: StackHandle,
    ) -> Result<()> {
        match (self.phase, self.local) {
            (Phase::Listening, _) => return Ok(()),
            (Phase::Idle, Some(_)) => {}
            _ => return Err(Error::PARAMETER),
        }
        // The kernel holds one more than it is told.
        listen(&self.fd, i32::try_from(backlog - 1).unwrap_or(0)).map_err(error)?;
        epoll.watch(&self.fd, Token::Socket(handle), Interest::Read)?;
        self.phase = Phase::Listening;
        Ok(())
    }

    pub(crate) fn accept(
        &self,
        epoll: &Epoll,
        child: StackHandle,
    ) -> Result<(Self, SocketAddress)> {
        self.check_listening()?;
        let (fd, from) = acceptfrom_with(&self.fd, FLAGS).map_err(error)?;
        // Options of the kernel were inherited from the listener.
        epoll.watch(&fd, Token::Socket(child), Interest::ReadAndWrite)?;
        let accepted = Self {
            fd,
            phase: Phase::Connected,
            local: None,
            broken: false,
        };
        Ok((accepted, peer(from)))
    }

    /// `error` if a connection waits to be accepted; otherwise what accept would say.
    pub(crate) fn if_acceptable(&self, error: Error) -> Result<Error> {
        self.check_listening()?;
        let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
        match poll(&mut fds, Some(&Timespec::default())) {
            Ok(1..) => Ok(error),
            _ => Err(Error::WOULD_BLOCK),
        }
    }

    pub(crate) fn connect(
        &mut self,
        address: &SocketAddress,
        host: &Host,
        options: &Options,
        epoll: &Epoll,
        handle: StackHandle,
    ) -> Result<()> {
        self.settle(host, options);
        match self.phase {
            Phase::Listening => Err(Error::IS_CONNECTED),
            Phase::Connecting { .. } => Err(Error::ALREADY),
            Phase::Connected if self.broken || !self.has_peer() => Err(Error::NO_CONNECTION),
            Phase::Connected => Err(Error::IS_CONNECTED),
            Phase::Refused { told: false } => {
                self.phase = Phase::Refused { told: true };
                Err(Error::NO_CONNECTION)
            }
            Phase::Idle | Phase::Refused { told: true } => {
                self.begin(host, host.remote(address)?, options, epoll, handle)
            }
        }
    }

    fn begin(
        &mut self,
        host: &Host,
        to: SocketAddr,
        options: &Options,
        epoll: &Epoll,
        handle: StackHandle,
    ) -> Result<()> {
        match connect(&self.fd, &to) {
            Ok(()) => self.phase = Phase::Connected,
            Err(Errno::INPROGRESS) => {
                self.phase = Phase::Connecting {
                    deadline: Instant::now() + CONNECT_TIMEOUT,
                };
            }
            Err(errno) => {
                self.refuse(host, options);
                self.phase = Phase::Refused { told: true };
                return Err(error(errno));
            }
        }
        // Only now, because an idle socket counts as hung up.
        epoll.watch(&self.fd, Token::Socket(handle), Interest::ReadAndWrite)?;
        if self.phase == Phase::Connected {
            Ok(())
        } else {
            Err(Error::IN_PROGRESS)
        }
    }

    /// Finds out what has become of an attempt.
    pub(crate) fn settle(&mut self, host: &Host, options: &Options) {
        let Phase::Connecting { .. } = self.phase else {
            return;
        };
        match sockopt::socket_error(&self.fd) {
            Ok(Ok(())) if self.has_peer() => self.phase = Phase::Connected,
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => self.refuse(host, options),
        }
    }

    /// The attempt has failed. The kernel's socket is of no use after that, so a new one takes its place.
    pub(crate) fn refuse(&mut self, host: &Host, options: &Options) {
        self.phase = Phase::Refused { told: false };
        if let Ok(fd) = new_fd(host, options) {
            self.fd = fd;
            if let Some(local) = self.local {
                // Fails only if somebody else took the port meanwhile.
                let _ = bind(&self.fd, &local);
            }
        }
    }

    pub(crate) fn send(&mut self, data: &[u8]) -> Result<usize> {
        if data.is_empty() {
            return Ok(0);
        }
        match self.phase {
            Phase::Connecting { .. } => return Err(Error::WOULD_BLOCK),
            Phase::Connected if !self.broken => {}
            _ => return Err(Error::NO_CONNECTION),
        }
        send(&self.fd, data, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)
            .map_err(|errno| self.broke(errno))
    }

    pub(crate) fn recv(&mut self, buffer: &mut [u8]) -> Result<usize> {
        match self.phase {
            Phase::Idle | Phase::Connecting { .. } => return Err(Error::WOULD_BLOCK),
            Phase::Listening | Phase::Refused { .. } => return Err(Error::NO_CONNECTION),
            Phase::Connected => {}
        }
        let got = if buffer.is_empty() {
            // Nothing is taken; but whether something is there decides the answer.
            let flags = RecvFlags::DONTWAIT | RecvFlags::PEEK;
            recv(&self.fd, &mut [0; 1], flags).map(|(_, got)| (got, 0))
        } else {
            recv(&self.fd, &mut *buffer, RecvFlags::DONTWAIT).map(|(_, got)| (got, got))
        };
        match got {
            // After a reset the kernel tells the error once and then an end that never was.
            Ok((0, _)) if self.broken => Err(Error::NO_CONNECTION),
            Ok((_, taken)) => Ok(taken),
            Err(Errno::AGAIN) if self.broken => Err(Error::NO_CONNECTION),
            Err(errno) => Err(self.broke(errno)),
        }
    }

    /// The connection for lingering, shut down for sending; `None` if there is nothing to wait for.
    pub(crate) fn into_lingering(self) -> Option<OwnedFd> {
        if self.phase != Phase::Connected || self.broken {
            return None;
        }
        shutdown(&self.fd, Shutdown::Write).ok()?;
        Some(self.fd)
    }

    fn broke(&mut self, errno: Errno) -> Error {
        let error = error(errno);
        self.broken |= error != Error::WOULD_BLOCK;
        error
    }

    fn check_listening(&self) -> Result<()> {
        if self.phase == Phase::Listening {
            Ok(())
        } else {
            Err(Error::PARAMETER)
        }
    }

    fn has_peer(&self) -> bool {
        matches!(getpeername(&self.fd), Ok(Some(_)))
    }
}

fn new_fd(host: &Host, options: &Options) -> Result<OwnedFd> {
    let fd = new_socket(host, SocketType::STREAM)?;
    let set_up = || {
        sockopt::set_socket_reuseaddr(&fd, true)?;
        sockopt::set_socket_send_buffer_size(&fd, SEND_BUFFER)?;
        // A small send leaves at once; waiting for more is not part of the contract.
        sockopt::set_tcp_nodelay(&fd, true)
    };
    set_up().map_err(error)?;
    options.apply(&fd, host, true)?;
    Ok(fd)
}
