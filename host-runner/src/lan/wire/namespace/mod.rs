//! A network namespace with one end of a cable in it, kept by a process of its own.
//!
//! The runner has many threads and stays outside; what it needs from inside is handed out over a socket.
//! Making it takes some ten milliseconds and no privileges where user namespaces are allowed.
//!
//! Must not: know what runs over the cable.

mod keeper;
mod message;
mod netlink;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use socket2::{Domain, Socket, Type};

pub(crate) use self::message::Addresses;
use self::message::{Reply, Request};
pub(super) use self::netlink::Netlink;
use super::refusal::Refusal;
use crate::board::spawn_lasting;
use crate::helper;

/// Time for one answer of a keeper; the slowest takes some ten milliseconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// Is a keeper if the arguments of this process say so. To be asked before there is any other thread.
#[must_use]
pub fn keep_if_asked() -> Option<ExitCode> {
    let asked = std::env::args_os().nth(1)? == keeper::ARGUMENT;
    asked.then(keeper::serve)
}

/// A namespace; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Namespace {
    keeper: Mutex<Option<OwnedFd>>,
    process: Child,
    index: u32,
    ipv6: bool,
    net: OwnedFd,
    user: Option<OwnedFd>,
}

impl Namespace {
    /// Makes one, with the packet socket of the cable's far end. Takes some ten milliseconds and blocks that
    /// long.
    ///
    /// # Errors
    /// The system refuses.
    pub(crate) fn make(addresses: Addresses) -> Result<(Self, OwnedFd), Refusal> {
        let starting = |error: io::Error| Refusal::new("starting the keeper of a namespace", error);
        let (ours, theirs) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )
        .map_err(|error| starting(error.into()))?;
        for direction in [Timeout::Recv, Timeout::Send] {
            set_socket_timeout(&ours, direction, Some(PATIENCE))
                .map_err(|error| starting(error.into()))?;
        }
        let mut command = helper::command("hil-namespace", keeper::ARGUMENT);
        command.stdin(Stdio::from(theirs));
        let process = spawn_lasting(command).map_err(starting)?;
        let mut made = Self {
            keeper: Mutex::new(None),
            process,
            index: 0,
            ipv6: false,
            net: ours,
            user: None,
        };
        let asked = exchange(&made.net, &Request::Make(addresses));
        let (reply, descriptors) = match asked {
            Ok(answered) => answered,
            Err(error) => return Err(starting(error)),
        };
        let (index, ipv6) = match reply {
            Reply::Made { index, ipv6 } => (index, ipv6),
            Reply::Failed { doing, errno } => {
                return Err(Refusal::new(doing, io::Error::from_raw_os_error(errno)));
            }
            Reply::Done => return Err(starting(io::Error::other("it answered something else"))),
        };
        let mut descriptors = descriptors.into_iter();
        let (Some(far), Some(net)) = (descriptors.next(), descriptors.next()) else {
            return Err(starting(io::Error::other("it handed over too little")));
        };
        let ours = core::mem::replace(&mut made.net, net);
        made.keeper = Mutex::new(Some(ours));
        made.user = descriptors.next();
        (made.index, made.ipv6) = (index, ipv6);
        Ok((made, far))
    }

    /// Number of the kernel's end in it: the scope of link-local addresses.
    pub(crate) const fn index(&self) -> u32 {
        self.index
    }

    /// Whether its IPv6 addresses are there.
    pub(crate) const fn has_ipv6(&self) -> bool {
        self.ipv6
    }

    /// A socket in it.
    pub(crate) fn socket(&self, domain: Domain, kind: Type, protocol: i32) -> io::Result<Socket> {
        let request = Request::Socket {
            domain: domain.into(),
            kind: kind.into(),
            protocol,
        };
        let [socket] = self.descriptors(&request)?;
        Ok(socket.into())
    }

    /// Two datagram sockets that are connected with each other, with queues long enough for frames.
    pub(crate) fn pair(&self) -> io::Result<[OwnedFd; 2]> {
        self.descriptors(&Request::Pair)
    }

    /// Makes the kernel forget its neighbours.
    pub(crate) fn flush_neighbours(&self) -> io::Result<()> {
        self.descriptors::<0>(&Request::FlushNeighbours).map(drop)
    }

    /// Lets a command run in it.
    pub(crate) fn enter(&self, command: &mut Command) -> io::Result<()> {
        let user = self.user.as_ref().map(OwnedFd::try_clone).transpose()?;
        super::enter::enter(command, user, self.net.try_clone()?);
        Ok(())
    }

    fn descriptors<const COUNT: usize>(&self, request: &Request) -> io::Result<[OwnedFd; COUNT]> {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = || io::Error::other("the namespace of the wire is gone");
        let answer = exchange(keeper.as_ref().ok_or_else(gone)?, request);
        if answer.is_err() {
            // An answer that comes too late would be taken for that of the next request.
            *keeper = None;
        }
        let (reply, descriptors) = answer?;
        match reply {
            Reply::Done => descriptors
                .try_into()
                .map_err(|_| io::Error::other("the keeper of the wire handed over something else")),
            Reply::Failed { errno, .. } => Err(io::Error::from_raw_os_error(errno)),
            Reply::Made { .. } => Err(gone()),
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The keeper ends when its socket does; killed as well, in case it hangs in the kernel.
        self.keeper
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn exchange(keeper: impl AsFd, request: &Request) -> io::Result<(Reply, Vec<OwnedFd>)> {
    message::send(&keeper, request, &[])?;
    match message::receive(&keeper) {
        Ok(Some(answer)) => Ok(answer),
        Ok(None) => Err(io::Error::other("the keeper of the namespace is gone")),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the keeper of the namespace does not answer",
        )),
        Err(error) => Err(error),
    }
}
