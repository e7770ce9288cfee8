//! Socket options: REUSEADDR, KEEPALIVE, IPTOS and BROADCAST (contract §9).

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nsapi::option::{BROADCAST, IPTOS, KEEPALIVE, LEVEL_SOCKET, REUSEADDR};
use nsapi::{Error, Result};
use rustix::io::Errno;
use rustix::net::sockopt;

use crate::errno::error;
use crate::host::Host;
use crate::{Body, Socket};

/// Longest keepalive time, in seconds (contract §9).
const MAX_KEEPALIVE_S: i32 = 7200;

/// The options of a socket. They outlive its descriptor.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// The application's; the kernel's is set on every TCP socket.
    pub(crate) reuse: bool,
    /// 0 is off.
    keepalive_s: i32,
    tos: u8,
    broadcast: bool,
}

impl Options {
    /// Gives the options to a descriptor.
    pub(crate) fn apply(&self, fd: &OwnedFd, host: &Host, is_tcp: bool) -> Result<()> {
        self.apply_to(fd, host.is_dual(), is_tcp).map_err(error)
    }

    fn apply_to(&self, fd: impl AsFd, dual: bool, is_tcp: bool) -> core::result::Result<(), Errno> {
        let fd = fd.as_fd();
        sockopt::set_ip_tos(fd, self.tos)?;
        if dual {
            sockopt::set_ipv6_tclass(fd, self.tos.into())?;
        }
        if !is_tcp {
            sockopt::set_socket_reuseaddr(fd, self.reuse)?;
            return sockopt::set_socket_broadcast(fd, self.broadcast);
        }
        sockopt::set_socket_keepalive(fd, self.keepalive_s > 0)?;
        if let (1.., Ok(seconds)) = (self.keepalive_s, u64::try_from(self.keepalive_s)) {
            sockopt::set_tcp_keepidle(fd, Duration::from_secs(seconds))?;
            sockopt::set_tcp_keepintvl(fd, Duration::from_secs(seconds))?;
        }
        Ok(())
    }
}

/// Sets an option; nothing changes if it cannot be set.
pub(crate) fn set(
    socket: &mut Socket,
    host: &Host,
    level: i32,
    name: i32,
    value: &[u8],
) -> Result<()> {
    let is_tcp = is_tcp(socket);
    check(level, name, is_tcp)?;
    let mut changed = socket.options.clone();
    if name == IPTOS {
        let &[tos] = value else {
            return Err(Error::UNSUPPORTED);
        };
        changed.tos = tos;
    } else {
        let value = value
            .try_into()
            .map(i32::from_ne_bytes)
            .map_err(|_| Error::UNSUPPORTED)?;
        match name {
            REUSEADDR => changed.reuse = value != 0,
            BROADCAST => changed.broadcast = value != 0,
            _ if !(0..=MAX_KEEPALIVE_S).contains(&value) => return Err(Error::PARAMETER),
            _ => changed.keepalive_s = value,
        }
    }
    let fd = match &socket.body {
        Body::Tcp(tcp) => tcp.fd(),
        Body::Udp(udp) => udp.fd(),
    };
    changed.apply(fd, host, is_tcp)?;
    socket.options = changed;
    Ok(())
}

/// Reads an option; `PARAMETER` if there is no room for it.
pub(crate) fn get(socket: &Socket, level: i32, name: i32, out: &mut [u8]) -> Result<usize> {
    check(level, name, is_tcp(socket))?;
    let Options {
        reuse,
        keepalive_s,
        tos,
        broadcast,
    } = socket.options;
    let (value, len) = match name {
        IPTOS => (i32::from(tos), 1),
        REUSEADDR => (reuse.into(), 4),
        BROADCAST => (broadcast.into(), 4),
        _ => (keepalive_s, 4),
    };
    let bytes = if len == 1 {
        [tos, 0, 0, 0]
    } else {
        value.to_ne_bytes()
    };
    let room = out.get_mut(..len).ok_or(Error::PARAMETER)?;
    room.copy_from_slice(&bytes[..len]);
    Ok(len)
}

fn is_tcp(socket: &Socket) -> bool {
    matches!(socket.body, Body::Tcp(_))
}

/// `UNSUPPORTED` unless a socket of this kind has the option.
fn check(level: i32, name: i32, is_tcp: bool) -> Result<()> {
    let has = match name {
        REUSEADDR | IPTOS => true,
        KEEPALIVE => is_tcp,
        BROADCAST => !is_tcp,
        _ => false,
    };
    if level == LEVEL_SOCKET && has {
        Ok(())
    } else {
        Err(Error::UNSUPPORTED)
    }
}
