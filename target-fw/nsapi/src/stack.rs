//! The driver side: what a port implements (contract §1 "layering", §6, §7).

use crate::{Callback, Error, Result, SocketAddress};

/// Transport protocol of a socket (contract §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Stream.
    Tcp,
    /// Datagram.
    Udp,
}

/// A stack's own name for one of its sockets. Means nothing to anybody else; a stack may use it again
/// after the socket was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StackHandle(pub u32);

/// A network stack: non-blocking operations on handles, and one event callback per socket.
///
/// Rules for every operation: it never blocks; it answers [`Error::WOULD_BLOCK`] where it would have to
/// wait, and calls the attached callback when trying again may help; it never panics whatever the state of
/// the handle, and answers [`Error::NO_SOCKET`] for a handle it does not know.
pub trait NetworkStack {
    /// Opens a socket. [`Error::NO_SOCKET`] when none is left, [`Error::UNSUPPORTED`] for a protocol
    /// the stack lacks.
    fn socket_open(&self, protocol: Protocol) -> Result<StackHandle>;

    /// Closes a socket and forgets the handle. What was accepted for sending is still delivered in the
    /// background. A closed listener resets connections nobody accepted and frees its port at once.
    fn socket_close(&self, handle: StackHandle) -> Result<()>;

    /// Binds to a local address. An unspecified IP means any; port 0 lets the stack choose.
    /// A port in use, a foreign address, a wrong family and a second bind are [`Error::PARAMETER`].
    fn socket_bind(&self, handle: StackHandle, address: &SocketAddress) -> Result<()>;

    /// Makes a bound TCP socket passive, holding up to `backlog` connections nobody has accepted yet.
    fn socket_listen(&self, handle: StackHandle, backlog: usize) -> Result<()>;

    /// Takes the oldest established connection of a listener: its handle and the peer's address.
    fn socket_accept(&self, handle: StackHandle) -> Result<(StackHandle, SocketAddress)>;

    /// Starts or continues a TCP connection: [`Error::IN_PROGRESS`] first, [`Error::ALREADY`] while it is
    /// going on, [`Error::IS_CONNECTED`] once it is there, the final error once it failed.
    fn socket_connect(&self, handle: StackHandle, address: &SocketAddress) -> Result<()>;

    /// Queues bytes of a stream; returns how many were taken (at least one, unless `data` is empty).
    fn socket_send(&self, handle: StackHandle, data: &[u8]) -> Result<usize>;

    /// Takes bytes of a stream; 0 is the orderly end.
    fn socket_recv(&self, handle: StackHandle, buffer: &mut [u8]) -> Result<usize>;

    /// Sends one datagram, whole or not at all; binds the socket to a port of the stack's choice first if
    /// it has none.
    fn socket_sendto(
        &self,
        handle: StackHandle,
        address: &SocketAddress,
        data: &[u8],
    ) -> Result<usize>;

    /// Takes one datagram: bytes copied (the excess is discarded) and where it came from.
    fn socket_recvfrom(
        &self,
        handle: StackHandle,
        buffer: &mut [u8],
    ) -> Result<(usize, SocketAddress)>;

    /// Sets an option (numbers and lengths: contract §9, [`crate::option`]). An option or level the stack
    /// does not have is [`Error::UNSUPPORTED`] and changes nothing.
    fn setsockopt(&self, handle: StackHandle, level: i32, name: i32, value: &[u8]) -> Result<()> {
        let _ = (handle, level, name, value);
        Err(Error::UNSUPPORTED)
    }

    /// Reads an option into `value`; returns its length.
    fn getsockopt(
        &self,
        handle: StackHandle,
        level: i32,
        name: i32,
        value: &mut [u8],
    ) -> Result<usize> {
        let _ = (handle, level, name, value);
        Err(Error::UNSUPPORTED)
    }

    /// Whom to tell when the socket may have become readable, writable, acceptable, connected or broken.
    fn socket_attach(&self, handle: StackHandle, callback: Option<Callback>);
}

/// A stack that others use too.
impl<T: NetworkStack + ?Sized> NetworkStack for &T {
    fn socket_open(&self, protocol: Protocol) -> Result<StackHandle> {
        (**self).socket_open(protocol)
    }

    fn socket_close(&self, handle: StackHandle) -> Result<()> {
        (**self).socket_close(handle)
    }

    fn socket_bind(&self, handle: StackHandle, address: &SocketAddress) -> Result<()> {
        (**self).socket_bind(handle, address)
    }

    fn socket_listen(&self, handle: StackHandle, backlog: usize) -> Result<()> {
        (**self).socket_listen(handle, backlog)
    }

    fn socket_accept(&self, handle: StackHandle) -> Result<(StackHandle, SocketAddress)> {
        (**self).socket_accept(handle)
    }

    fn socket_connect(&self, handle: StackHandle, address: &SocketAddress) -> Result<()> {
        (**self).socket_connect(handle, address)
    }

    fn socket_send(&self, handle: StackHandle, data: &[u8]) -> Result<usize> {
        (**self).socket_send(handle, data)
    }

    fn socket_recv(&self, handle: StackHandle, buffer: &mut [u8]) -> Result<usize> {
        (**self).socket_recv(handle, buffer)
    }

    fn socket_sendto(
        &self,
        handle: StackHandle,
        address: &SocketAddress,
        data: &[u8],
    ) -> Result<usize> {
        (**self).socket_sendto(handle, address, data)
    }

    fn socket_recvfrom(
        &self,
        handle: StackHandle,
        buffer: &mut [u8],
    ) -> Result<(usize, SocketAddress)> {
        (**self).socket_recvfrom(handle, buffer)
    }

    fn setsockopt(&self, handle: StackHandle, level: i32, name: i32, value: &[u8]) -> Result<()> {
        (**self).setsockopt(handle, level, name, value)
    }

    fn getsockopt(
        &self,
        handle: StackHandle,
        level: i32,
        name: i32,
        value: &mut [u8],
    ) -> Result<usize> {
        (**self).getsockopt(handle, level, name, value)
    }

    fn socket_attach(&self, handle: StackHandle, callback: Option<Callback>) {
        (**self).socket_attach(handle, callback);
    }
}
