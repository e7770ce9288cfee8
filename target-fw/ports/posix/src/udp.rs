//! One UDP socket (contract §7).

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use nsapi::{Error, IpAddress, Result, SocketAddress, StackHandle};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketType, bind, recvfrom, sendto};

use crate::epoll::{Epoll, Interest, Token};
use crate::errno::{error, peer};
use crate::host::Host;
use crate::{multicast, new_socket};

/// Largest payload: what an IPv4 datagram leaves.
pub(crate) const MAX_PAYLOAD: u16 = 65_507;

/// The socket.
#[derive(Debug)]
pub(crate) struct Udp {
    fd: OwnedFd,
    bound: bool,
    /// A send found no room, so room is an event too.
    wants_room: bool,
}

impl Udp {
    pub(crate) fn open(host: &Host, epoll: &Epoll, handle: StackHandle) -> Result<Self> {
        let fd = new_socket(host, SocketType::DGRAM)?;
        multicast::send_over(&fd, host)?;
        epoll.watch(&fd, Token::Socket(handle), Interest::Read)?;
        Ok(Self {
            fd,
            bound: false,
            wants_room: false,
        })
    }

    pub(crate) const fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// The kernel has reported something. Room is asked for once, or every datagram sent would be an event.
    pub(crate) fn event(&mut self, epoll: &Epoll, handle: StackHandle) {
        if self.wants_room {
            self.wants_room = epoll
                .rewatch(&self.fd, Token::Socket(handle), Interest::Read)
                .is_err();
        }
    }

    pub(crate) fn bind(&mut self, address: SocketAddr) -> Result<()> {
        if self.bound {
            return Err(Error::PARAMETER);
        }
        bind(&self.fd, &address).map_err(error)?;
        self.bound = true;
        Ok(())
    }

    pub(crate) fn sendto(
        &mut self,
        address: &SocketAddress,
        data: &[u8],
        host: &Host,
        epoll: &Epoll,
        handle: StackHandle,
    ) -> Result<usize> {
        let nobody = match address.ip {
            IpAddress::Unspec => true,
            IpAddress::V4(ip) => ip == [0; 4],
            IpAddress::V6(ip) => ip == [0; 16],
        };
        if data.is_empty() && nobody {
            // Nothing to nobody is done at once (contract §7).
            return Ok(0);
        }
        let to = host.remote(address)?;
        if data.len() > MAX_PAYLOAD.into() {
            return Err(Error::PARAMETER);
        }
        if !self.bound {
            self.bind(host.any(0))?;
        }
        match sendto(&self.fd, data, SendFlags::DONTWAIT, &to) {
            Ok(sent) => Ok(sent),
            Err(Errno::AGAIN | Errno::NOBUFS) => {
                epoll.rewatch(&self.fd, Token::Socket(handle), Interest::ReadAndWrite)?;
                self.wants_room = true;
                Err(Error::WOULD_BLOCK)
            }
            Err(errno) => Err(error(errno)),
        }
    }

    pub(crate) fn recvfrom(&mut self, buffer: &mut [u8]) -> Result<(usize, SocketAddress)> {
        if !self.bound {
            // Nobody can have sent anything.
            return Err(Error::WOULD_BLOCK);
        }
        let (_, copied, from) =
            recvfrom(&self.fd, &mut *buffer, RecvFlags::DONTWAIT).map_err(error)?;
        Ok((copied.min(buffer.len()), peer(from)))
    }
}
