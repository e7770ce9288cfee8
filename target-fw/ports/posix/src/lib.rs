//! The host kernel's sockets behind the driver side of nsapi: an innocent witness, since nobody here wrote
//! its TCP.
//!
//! | file | holds |
//! |---|---|
//! | this one | the stack: handles to sockets, and the events that the kernel reports |
//! | `tcp.rs`, `udp.rs` | one socket of each kind |
//! | `options.rs` | socket options |
//! | `linger.rs` | closed connections whose last bytes are still under way |
//! | `epoll.rs` | edge-triggered events |
//! | `multicast.rs` | groups |
//! | `errno.rs` | errors and peers in the terms of the API |
//! | `host.rs` | the interface as the kernel describes it: own addresses, how far we reach |
//! | `dns.rs`, `lookup.rs` | a stub resolver, and one lookup of it |
//! | `interface.rs` | the interface as the API has it: always up |
//!
//! Choices where the contract leaves one:
//!
//! * Every TCP socket has the kernel's `SO_REUSEADDR`, so that a port can be bound again right after its
//!   server closed; conflicts between the port's own sockets are found here, by the contract's rule (both must
//!   have set REUSEADDR). UDP conflicts are the kernel's.
//! * Only the own address can be bound. If it is a loopback address, nothing else than loopback is reached.
//! * A connect that failed is told once; the next one is a new attempt on a new socket of the kernel.
//! * Where the interface has an IPv6 address at start, every socket is of both families; else IPv4 only. What is
//!   local to a link is on ours: the API has no zones.
//! * An unanswered connect ends after [`CONNECT_TIMEOUT`].
//! * A closed connection is shut down and drained in the background, so that unread data does not turn the
//!   orderly end into a reset.
//!
//! Must not: block, call back while state is borrowed, or send beyond the configured address's reach.
#![forbid(unsafe_code)]

mod dns;
mod epoll;
mod errno;
mod host;
mod interface;
mod linger;
mod lookup;
mod multicast;
mod options;
mod tcp;
#[cfg(test)]
mod tests;
mod udp;

use std::cell::RefCell;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nsapi::{
    Callback, Capabilities, Capability, Error, Limits, NetworkStack, Protocol, Result,
    SocketAddress, StackHandle, Statement, option,
};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with, sockopt};

use epoll::{Epoll, Token};
use linger::Linger;
use options::Options;
use tcp::Tcp;
use udp::Udp;

pub use dns::Resolver;
pub use host::Host;
pub use interface::Interface;

/// How long an unanswered connection attempt lasts.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// TCP sockets that can be open, listeners and accepted ones included.
const TCP_SOCKETS: usize = 8;
/// UDP sockets that can be open.
const UDP_SOCKETS: usize = 6;
/// Sockets of any kind that can be open.
const SOCKETS: usize = 12;
/// Connections a listener holds at most.
const BACKLOG: u16 = 8;

/// The stack. Single-threaded: whoever owns it waits for [`Posix::fd`] and calls [`Posix::work`].
#[derive(Debug)]
pub struct Posix {
    host: Host,
    epoll: Epoll,
    table: RefCell<Table>,
}

#[derive(Debug, Default)]
struct Table {
    sockets: [Place; SOCKETS],
    linger: Linger,
}

/// A place for a socket. The generation keeps an old handle from meaning a new socket.
#[derive(Debug, Default)]
struct Place {
    generation: u16,
    socket: Option<Socket>,
}

/// An open socket.
#[derive(Debug)]
struct Socket {
    callback: Option<Callback>,
    options: Options,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Tcp(Tcp),
    Udp(Udp),
}

/// What this port claims on `host`.
#[must_use]
pub fn statement(host: &Host) -> Statement {
    let claimed = [
        Capability::Ipv4,
        Capability::Tcp,
        Capability::Udp,
        Capability::Server,
        Capability::ConnectAsync,
        Capability::Lanes,
        Capability::Timeouts,
        Capability::Sigio,
        Capability::Legacy,
    ];
    let ipv6 = host.is_dual().then_some(Capability::Ipv6);
    // A socket bound to loopback's address hears no group.
    let multicast = (!host.is_loopback()).then_some(Capability::Multicast);
    // Loopback has no server: nobody may bind its port 53.
    let dns = (!host.is_loopback()).then_some(Capability::Dns);
    let options = [
        option::REUSEADDR,
        option::KEEPALIVE,
        option::IPTOS,
        option::BROADCAST,
        option::ADD_MEMBERSHIP,
        option::DROP_MEMBERSHIP,
    ];
    let capabilities = claimed
        .into_iter()
        .chain(ipv6)
        .chain(multicast)
        .chain(dns)
        .fold(Capabilities::NONE, Capabilities::with);
    let capabilities = options
        .into_iter()
        .fold(capabilities, Capabilities::with_option);
    Statement {
        port: "posix",
        capabilities,
        limits: Limits {
            tcp_sockets: 8,
            udp_sockets: 6,
            sockets: 12,
            backlog: BACKLOG,
            udp_payload: udp::MAX_PAYLOAD,
            udp_queue: 64,
            tcp_send_buffer: tcp::SEND_BOUND,
            connect_timeout_ms: 3000,
        },
    }
}

const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);

/// A socket of the kernel, of both families if `host` has both.
fn new_socket(host: &Host, kind: SocketType) -> Result<OwnedFd> {
    let dual = host.is_dual();
    let family = if dual {
        AddressFamily::INET6
    } else {
        AddressFamily::INET
    };
    let fd = socket_with(family, kind, FLAGS, None).map_err(errno::error)?;
    if dual {
        sockopt::set_ipv6_v6only(&fd, false).map_err(errno::error)?;
    }
    Ok(fd)
}

impl Posix {
    /// A stack over the interface `host`.
    ///
    /// # Errors
    /// The kernel's, if it has no epoll descriptor left.
    pub fn new(host: Host) -> io::Result<Self> {
        Ok(Self {
            host,
            epoll: Epoll::new()?,
            table: RefCell::default(),
        })
    }

    /// Becomes readable when [`Self::work`] has something to do.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }

    /// Takes the kernel's events and calls the callbacks, one call per socket and event. Returns when it must
    /// be called again at the latest; that is at once if there was a callback, which may have changed anything, or if
    /// a lookup may have ended.
    pub fn work(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut callbacks = Vec::new();
        let mut reply = false;
        let mut table = self.table.borrow_mut();
        for token in self.epoll.take() {
            match token {
                Token::Linger(key) => table.linger.event(key),
                Token::Lookup => reply = true,
                Token::Socket(handle) => {
                    if let Ok(socket) = table.get(handle) {
                        socket.event(&self.host, &self.epoll, handle);
                        callbacks.extend(socket.callback);
                    }
                }
            }
        }
        let mut next = table.linger.tend(now);
        for socket in table
            .sockets
            .iter_mut()
            .filter_map(|place| place.socket.as_mut())
        {
            let Body::Tcp(tcp) = &mut socket.body else {
                continue;
            };
            match tcp.connect_deadline() {
                Some(deadline) if deadline <= now => {
                    tcp.refuse(&self.host, &socket.options);
                    callbacks.extend(socket.callback);
                }
                deadline => next = [next, deadline].into_iter().flatten().min(),
            }
        }
        drop(table);
        if !callbacks.is_empty() || reply {
            next = Some(now);
        }
        callbacks.into_iter().for_each(Callback::call);
        next
    }

    fn with<T>(
        &self,
        handle: StackHandle,
        operate: impl FnOnce(&mut Socket) -> Result<T>,
    ) -> Result<T> {
        operate(self.table.borrow_mut().get(handle)?)
    }

    fn tcp<T>(
        &self,
        handle: StackHandle,
        operate: impl FnOnce(&mut Tcp, &Options) -> Result<T>,
    ) -> Result<T> {
        self.with(handle, |socket| match &mut socket.body {
            Body::Tcp(tcp) => operate(tcp, &socket.options),
            Body::Udp(_) => Err(Error::UNSUPPORTED),
        })
    }

    fn udp<T>(
        &self,
        handle: StackHandle,
        operate: impl FnOnce(&mut Udp) -> Result<T>,
    ) -> Result<T> {
        self.with(handle, |socket| match &mut socket.body {
            Body::Udp(udp) => operate(udp),
            Body::Tcp(_) => Err(Error::UNSUPPORTED),
        })
    }
}

impl NetworkStack for Posix {
    fn socket_open(&self, protocol: Protocol) -> Result<StackHandle> {
        let mut table = self.table.borrow_mut();
        let handle = table.free(protocol)?;
        let options = Options::default();
        let body = match protocol {
            Protocol::Tcp => Body::Tcp(Tcp::open(&self.host, &options)?),
            Protocol::Udp => Body::Udp(Udp::open(&self.host, &self.epoll, handle)?),
        };
        table.put(
            handle,
            Socket {
                callback: None,
                options,
                body,
            },
        );
        Ok(handle)
    }

    fn socket_close(&self, handle: StackHandle) -> Result<()> {
        let mut table = self.table.borrow_mut();
        table.get(handle)?;
        if let Some(Body::Tcp(tcp)) = table.take(handle).map(|socket| socket.body)
            && let Some(fd) = tcp.into_lingering()
        {
            table.linger.add(fd, &self.epoll);
        }
        Ok(())
    }

    fn socket_bind(&self, handle: StackHandle, address: &SocketAddress) -> Result<()> {
        let mut table = self.table.borrow_mut();
        let address = self.host.local(address)?;
        let mine = table.get(handle)?;
        let reuse = mine.options.reuse;
        if let Body::Tcp(_) = mine.body
            && table.tcp_port_taken(handle, address.port(), reuse)
        {
            return Err(Error::PARAMETER);
        }
        match &mut table.get(handle)?.body {
            Body::Tcp(tcp) => tcp.bind(address),
            Body::Udp(udp) => udp.bind(address),
        }
    }

    fn socket_listen(&self, handle: StackHandle, backlog: usize) -> Result<()> {
        let backlog = backlog.clamp(1, BACKLOG.into());
        self.tcp(handle, |tcp, _| tcp.listen(backlog, &self.epoll, handle))
    }

    fn socket_accept(&self, handle: StackHandle) -> Result<(StackHandle, SocketAddress)> {
        let mut table = self.table.borrow_mut();
        let free = table.free(Protocol::Tcp);
        let listener = table.get(handle)?;
        let Body::Tcp(tcp) = &listener.body else {
            return Err(Error::UNSUPPORTED);
        };
        let child = match free {
            Ok(child) => child,
            // Without a place nothing is taken; but only a waiting connection makes that an error.
            Err(error) => return Err(tcp.if_acceptable(error)?),
        };
        let options = listener.options.clone();
        let (accepted, peer) = tcp.accept(&self.epoll, child)?;
        table.put(
            child,
            Socket {
                callback: None,
                options,
                body: Body::Tcp(accepted),
            },
        );
        Ok((child, peer))
    }

    fn socket_connect(&self, handle: StackHandle, address: &SocketAddress) -> Result<()> {
        self.tcp(handle, |tcp, options| {
            tcp.connect(address, &self.host, options, &self.epoll, handle)
        })
    }

    fn socket_send(&self, handle: StackHandle, data: &[u8]) -> Result<usize> {
        self.tcp(handle, |tcp, _| tcp.send(data))
    }

    fn socket_recv(&self, handle: StackHandle, buffer: &mut [u8]) -> Result<usize> {
        self.tcp(handle, |tcp, _| tcp.recv(buffer))
    }

    fn socket_sendto(
        &self,
        handle: StackHandle,
        address: &SocketAddress,
        data: &[u8],
    ) -> Result<usize> {
        self.udp(handle, |udp| {
            udp.sendto(address, data, &self.host, &self.epoll, handle)
        })
    }

    fn socket_recvfrom(
        &self,
        handle: StackHandle,
        buffer: &mut [u8],
    ) -> Result<(usize, SocketAddress)> {
        self.udp(handle, |udp| udp.recvfrom(buffer))
    }

    fn setsockopt(&self, handle: StackHandle, level: i32, name: i32, value: &[u8]) -> Result<()> {
        let host = &self.host;
        self.with(handle, |socket| match name {
            option::ADD_MEMBERSHIP | option::DROP_MEMBERSHIP if level == option::LEVEL_SOCKET => {
                multicast::set(socket, host, name == option::ADD_MEMBERSHIP, value)
            }
            _ => options::set(socket, host, level, name, value),
        })
    }

    fn getsockopt(
        &self,
        handle: StackHandle,
        level: i32,
        name: i32,
        value: &mut [u8],
    ) -> Result<usize> {
        self.with(handle, |socket| options::get(socket, level, name, value))
    }

    fn socket_attach(&self, handle: StackHandle, callback: Option<Callback>) {
        if let Ok(socket) = self.table.borrow_mut().get(handle) {
            socket.callback = callback;
        }
    }
}

impl Socket {
    /// The kernel has reported something.
    fn event(&mut self, host: &Host, epoll: &Epoll, handle: StackHandle) {
        match &mut self.body {
            Body::Tcp(tcp) => tcp.settle(host, &self.options),
            Body::Udp(udp) => udp.event(epoll, handle),
        }
    }
}

impl Table {
    /// A place for one more socket.
    fn free(&self, protocol: Protocol) -> Result<StackHandle> {
        let of_kind = |socket: &Socket| match socket.body {
            Body::Tcp(_) => protocol == Protocol::Tcp,
            Body::Udp(_) => protocol == Protocol::Udp,
        };
        let open = self
            .sockets
            .iter()
            .filter_map(|place| place.socket.as_ref());
        let limit = match protocol {
            Protocol::Tcp => TCP_SOCKETS,
            Protocol::Udp => UDP_SOCKETS,
        };
        if open.filter(|socket| of_kind(socket)).count() >= limit {
            return Err(Error::NO_SOCKET);
        }
        let (index, place) = (0..)
            .zip(&self.sockets)
            .find(|(_, place)| place.socket.is_none())
            .ok_or(Error::NO_SOCKET)?;
        Ok(StackHandle(u32::from(place.generation) << 16 | index))
    }

    fn put(&mut self, handle: StackHandle, socket: Socket) {
        if let Some(place) = self.place(handle) {
            place.socket = Some(socket);
        }
    }

    fn get(&mut self, handle: StackHandle) -> Result<&mut Socket> {
        self.place(handle)
            .and_then(|place| place.socket.as_mut())
            .ok_or(Error::NO_SOCKET)
    }

    fn take(&mut self, handle: StackHandle) -> Option<Socket> {
        let place = self.place(handle)?;
        place.generation = place.generation.wrapping_add(1);
        place.socket.take()
    }

    fn place(&mut self, StackHandle(handle): StackHandle) -> Option<&mut Place> {
        let index = usize::try_from(handle & 0xffff).ok()?;
        self.sockets
            .get_mut(index)
            .filter(|place| u32::from(place.generation) == handle >> 16)
    }

    /// Whether another TCP socket is bound to this port and does not share it.
    fn tcp_port_taken(&self, but: StackHandle, tcp_port: u16, reuse: bool) -> bool {
        let but = usize::try_from(but.0 & 0xffff).unwrap_or(usize::MAX);
        let others = self
            .sockets
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != but);
        others
            .filter_map(|(_, place)| place.socket.as_ref())
            .any(|socket| match &socket.body {
                Body::Tcp(tcp) => {
                    tcp_port != 0
                        && tcp.bound_port() == Some(tcp_port)
                        && !(reuse && socket.options.reuse)
                }
                Body::Udp(_) => false,
            })
    }
}
