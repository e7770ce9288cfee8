//! Sockets as an application sees them: thin views of objects in [`Sockets`], blocking and async.
//!
//! A view owns its object: dropping it closes and destructs the object. Futures hold the object's name, never
//! a reference into the table, so the object may go away under them; they then end in `NO_SOCKET`.
//!
//! Must not: keep any state of a socket.

mod future;
#[cfg(test)]
mod tests;

use core::marker::PhantomData;
use core::mem;
use core::task::Poll;

use crate::iut::{OpenOn, SocketKind};
use crate::{Call, Callback, Clock, NetworkStack, Result, SocketAddress, SocketId, Sockets};

use future::Operation;

/// What all sockets have in common, whatever their type and the stack underneath (contract §3 to §9).
///
/// The calls that may wait obey the socket's mode and timeout; while they wait they let the clock idle.
/// Sizes are bytes.
pub trait Socket {
    /// The object's name in its table.
    fn id(&self) -> SocketId;

    /// Opens it on the stack: `PARAMETER` if it is open, else the stack's answer.
    fn open(&self) -> Result<()>;

    /// Closes it; `NO_SOCKET` if it is not open. Other calls blocked in it return `NO_SOCKET`, and close waits
    /// for them: where they are futures of the same executor, use the async close.
    fn close(&self) -> Result<()>;

    /// Binds to a local address.
    fn bind(&self, address: &SocketAddress) -> Result<()>;

    /// Becomes passive; `UNSUPPORTED` for UDP.
    fn listen(&self, backlog: i32) -> Result<()>;

    /// Waits for a connection: an object that the caller owns from now on, and its peer.
    /// `UNSUPPORTED` for UDP. [`TcpSocket::accept`] is safer to use.
    fn accept(&self) -> Result<(SocketId, SocketAddress)>;

    /// Connects; UDP only remembers the peer.
    fn connect(&self, address: &SocketAddress) -> Result<()>;

    /// Sends to the peer.
    fn send(&self, data: &[u8]) -> Result<usize>;

    /// Receives from the peer.
    fn recv(&self, buffer: &mut [u8]) -> Result<usize>;

    /// Sends to an address; TCP ignores it.
    fn sendto(&self, address: &SocketAddress, data: &[u8]) -> Result<usize>;

    /// Receives, and tells from whom.
    fn recvfrom(&self, buffer: &mut [u8]) -> Result<(usize, SocketAddress)>;

    /// Blocking without bound (a new object's mode), or non-blocking.
    fn set_blocking(&self, blocking: bool);

    /// Timeout in milliseconds of every wait that begins from now on; negative is unbounded.
    fn set_timeout(&self, timeout_ms: i32);

    /// Sets or removes the event callback.
    fn sigio(&self, callback: Option<Callback>);

    /// Sets an option, see [`crate::option`].
    fn setsockopt(&self, level: i32, name: i32, value: &[u8]) -> Result<()>;

    /// Reads an option into `value`; its length.
    fn getsockopt(&self, level: i32, name: i32, value: &mut [u8]) -> Result<usize>;

    /// The remembered peer; `NO_CONNECTION` without one.
    fn getpeername(&self) -> Result<SocketAddress>;
}

/// A type of socket.
pub trait Kind {
    /// As the table knows it.
    const KIND: SocketKind;
}

/// Marks TCP sockets.
#[derive(Debug)]
pub enum Tcp {}

/// Marks UDP sockets.
#[derive(Debug)]
pub enum Udp {}

impl Kind for Tcp {
    const KIND: SocketKind = SocketKind::Tcp;
}

impl Kind for Udp {
    const KIND: SocketKind = SocketKind::Udp;
}

/// A TCP socket in the table `Sockets<S, C, N>`.
pub type TcpSocket<'a, S, C, const N: usize> = View<'a, Tcp, S, C, N>;

/// A UDP socket in the table `Sockets<S, C, N>`.
pub type UdpSocket<'a, S, C, const N: usize> = View<'a, Udp, S, C, N>;

/// A socket object of kind `K` that the view owns.
pub struct View<'a, K: Kind, S: NetworkStack, C: Clock, const N: usize> {
    sockets: &'a Sockets<S, C, N>,
    id: SocketId,
    kind: PhantomData<K>,
}

impl<'a, K: Kind, S: NetworkStack, C: Clock, const N: usize> View<'a, K, S, C, N> {
    /// Constructs an object, unopened; `NO_MEMORY` when the table is full.
    pub fn new(sockets: &'a Sockets<S, C, N>) -> Result<Self> {
        let id = sockets.socket_new(K::KIND)?;
        Ok(Self {
            sockets,
            id,
            kind: PhantomData,
        })
    }

    /// Constructs and opens one.
    pub fn opened(sockets: &'a Sockets<S, C, N>) -> Result<Self> {
        let view = Self::new(sockets)?;
        view.open()?;
        Ok(view)
    }

    /// Gives the object away: it stays as it is until somebody destructs it.
    pub fn into_id(self) -> SocketId {
        let id = self.id;
        mem::forget(self);
        id
    }

    /// Async [`Socket::close`].
    pub fn close_async(&self) -> impl Future<Output = Result<()>> + use<'a, K, S, C, N> {
        self.operation(|sockets, id, call| sockets.poll_close(id, call))
    }

    /// Async [`Socket::connect`].
    pub fn connect_async(
        &self,
        address: SocketAddress,
    ) -> impl Future<Output = Result<()>> + use<'a, K, S, C, N> {
        self.operation(move |sockets, id, call| sockets.poll_connect(id, call, &address))
    }

    /// Async [`Socket::send`].
    pub fn send_async<'b>(
        &self,
        data: &'b [u8],
    ) -> impl Future<Output = Result<usize>> + use<'a, 'b, K, S, C, N> {
        self.operation(move |sockets, id, call| sockets.poll_send(id, call, data))
    }

    /// Async [`Socket::recv`].
    pub fn recv_async<'b>(
        &self,
        buffer: &'b mut [u8],
    ) -> impl Future<Output = Result<usize>> + use<'a, 'b, K, S, C, N> {
        self.operation(move |sockets, id, call| sockets.poll_recv(id, call, buffer))
    }

    /// Async [`Socket::sendto`].
    pub fn sendto_async<'b>(
        &self,
        address: SocketAddress,
        data: &'b [u8],
    ) -> impl Future<Output = Result<usize>> + use<'a, 'b, K, S, C, N> {
        self.operation(move |sockets, id, call| sockets.poll_sendto(id, call, &address, data))
    }

    /// Async [`Socket::recvfrom`].
    pub fn recvfrom_async<'b>(
        &self,
        buffer: &'b mut [u8],
    ) -> impl Future<Output = Result<(usize, SocketAddress)>> + use<'a, 'b, K, S, C, N> {
        let mut from = SocketAddress::default();
        self.operation(move |sockets, id, call| {
            sockets
                .poll_recvfrom(id, call, buffer, Some(&mut from))
                .map_ok(|count| (count, from))
        })
    }

    /// A future of a poll-style call on this object.
    pub(crate) fn operation<F, T>(&self, poll: F) -> Operation<'a, S, C, N, F>
    where
        F: FnMut(&Sockets<S, C, N>, SocketId, &mut Call) -> Poll<T>,
    {
        Operation::new(self.sockets, self.id, poll)
    }

    /// Polls until the call is ready and lets the clock idle in between.
    pub(crate) fn block<T>(
        &self,
        mut poll: impl FnMut(&Sockets<S, C, N>, SocketId, &mut Call) -> Poll<T>,
    ) -> T {
        let mut call = Call::new();
        loop {
            if let Poll::Ready(result) = poll(self.sockets, self.id, &mut call) {
                return result;
            }
            self.sockets.clock().idle(call.wake_at_us());
        }
    }
}

impl<'a, S: NetworkStack, C: Clock, const N: usize> TcpSocket<'a, S, C, N> {
    /// Waits for a connection: a socket of its own and its peer.
    pub fn accept(&self) -> Result<(Self, SocketAddress)> {
        Socket::accept(self).map(|(id, peer)| (self.accepted(id), peer))
    }

    /// Async [`Self::accept`].
    pub async fn accept_async(&self) -> Result<(Self, SocketAddress)> {
        let accept = self.operation(|sockets, id, call| sockets.poll_accept(id, call));
        accept.await.map(|(id, peer)| (self.accepted(id), peer))
    }

    fn accepted(&self, id: SocketId) -> Self {
        Self {
            sockets: self.sockets,
            id,
            kind: PhantomData,
        }
    }
}

impl<S: NetworkStack, C: Clock, const N: usize> UdpSocket<'_, S, C, N> {
    /// Joins a multicast group.
    pub fn join_multicast_group(&self, group: &SocketAddress) -> Result<()> {
        self.sockets.multicast(self.id, true, group)
    }

    /// Leaves a multicast group.
    pub fn leave_multicast_group(&self, group: &SocketAddress) -> Result<()> {
        self.sockets.multicast(self.id, false, group)
    }
}

impl<K: Kind, S: NetworkStack, C: Clock, const N: usize> Socket for View<'_, K, S, C, N> {
    fn id(&self) -> SocketId {
        self.id
    }

    fn open(&self) -> Result<()> {
        self.sockets.open(self.id, OpenOn::Stack)
    }

    fn close(&self) -> Result<()> {
        self.block(|sockets, id, call| sockets.poll_close(id, call))
    }

    fn bind(&self, address: &SocketAddress) -> Result<()> {
        self.sockets.bind(self.id, address)
    }

    fn listen(&self, backlog: i32) -> Result<()> {
        self.sockets.listen(self.id, backlog)
    }

    fn accept(&self) -> Result<(SocketId, SocketAddress)> {
        self.block(|sockets, id, call| sockets.poll_accept(id, call))
    }

    fn connect(&self, address: &SocketAddress) -> Result<()> {
        self.block(|sockets, id, call| sockets.poll_connect(id, call, address))
    }

    fn send(&self, data: &[u8]) -> Result<usize> {
        self.block(|sockets, id, call| sockets.poll_send(id, call, data))
    }

    fn recv(&self, buffer: &mut [u8]) -> Result<usize> {
        self.block(|sockets, id, call| sockets.poll_recv(id, call, buffer))
    }

    fn sendto(&self, address: &SocketAddress, data: &[u8]) -> Result<usize> {
        self.block(|sockets, id, call| sockets.poll_sendto(id, call, address, data))
    }

    fn recvfrom(&self, buffer: &mut [u8]) -> Result<(usize, SocketAddress)> {
        let mut from = SocketAddress::default();
        let count = self
            .block(|sockets, id, call| sockets.poll_recvfrom(id, call, buffer, Some(&mut from)))?;
        Ok((count, from))
    }

    fn set_blocking(&self, blocking: bool) {
        self.sockets.set_blocking(self.id, blocking);
    }

    fn set_timeout(&self, timeout_ms: i32) {
        self.sockets.set_timeout(self.id, timeout_ms);
    }

    fn sigio(&self, callback: Option<Callback>) {
        self.sockets.sigio(self.id, callback);
    }

    fn setsockopt(&self, level: i32, name: i32, value: &[u8]) -> Result<()> {
        self.sockets.setsockopt(self.id, level, name, value)
    }

    fn getsockopt(&self, level: i32, name: i32, value: &mut [u8]) -> Result<usize> {
        self.sockets.getsockopt(self.id, level, name, value)
    }

    fn getpeername(&self) -> Result<SocketAddress> {
        self.sockets.getpeername(self.id)
    }
}

impl<K: Kind, S: NetworkStack, C: Clock, const N: usize> Drop for View<'_, K, S, C, N> {
    fn drop(&mut self) {
        self.sockets.socket_delete(self.id);
    }
}
