//! The older API: `TCPServer`, and addresses as text (capability `legacy`).
//!
//! There is no resolver here yet: a host that is not an address literal is `DNS_FAILURE`.
//!
//! Must not: be needed by anything else.

use core::task::Poll;

use crate::iut::{LegacyCalls, SocketKind};
use crate::socket::{Kind, Socket as _, Tcp, View};
use crate::{
    AtStackLevel, Call, Clock, Error, IpAddress, NetworkStack, Protocol, Result, SocketAddress,
    SocketId, Sockets,
};

/// Marks server sockets of the older API.
#[derive(Debug)]
pub enum Server {}

impl Kind for Server {
    const KIND: SocketKind = SocketKind::TcpServer;
}

/// A listener whose `accept` puts the connection into a socket of the caller's.
pub type TcpServer<'a, S, C, const N: usize> = View<'a, Server, S, C, N>;

impl<S: NetworkStack, C: Clock, const N: usize> TcpServer<'_, S, C, N> {
    /// Waits for a connection and puts it into `connection`, which is closed first if it is open; returns
    /// the peer.
    pub fn accept_into(&self, connection: &View<'_, Tcp, S, C, N>) -> Result<SocketAddress> {
        self.block(|sockets, id, call| sockets.poll_accept_into(id, call, connection.id()))
    }
}

impl<S: NetworkStack, C: Clock, const N: usize> Sockets<S, C, N> {
    /// `bind(address, port)`: an empty text means any address; a text that is no address is `PARAMETER`.
    pub fn bind_text(&self, id: SocketId, host: &str, tcp_port: u16) -> Result<()> {
        let mut address = SocketAddress::any(tcp_port);
        if host.is_empty() || address.set_ip_address(host) {
            return self.bind(id, &address);
        }
        Err(self.if_open(id, Error::PARAMETER))
    }

    /// `connect(host, port)`.
    pub fn poll_connect_text(
        &self,
        id: SocketId,
        call: &mut Call,
        host: &str,
        port: u16,
    ) -> Poll<Result<()>> {
        match IpAddress::parse(host) {
            Some(ip) => self.poll_connect(id, call, &SocketAddress::new(ip, port)),
            None => Poll::Ready(Err(self.if_open(id, Error::DNS_FAILURE))),
        }
    }

    /// `sendto(host, port, data)`; TCP ignores host and port.
    pub fn poll_sendto_text(
        &self,
        id: SocketId,
        call: &mut Call,
        host: &str,
        udp_port: u16,
        data: &[u8],
    ) -> Poll<Result<usize>> {
        match (self.protocol(id), IpAddress::parse(host)) {
            (Ok(Protocol::Udp), None) => Poll::Ready(Err(self.if_open(id, Error::DNS_FAILURE))),
            (_, ip) => self.poll_sendto(
                id,
                call,
                &SocketAddress::new(ip.unwrap_or_default(), udp_port),
                data,
            ),
        }
    }

    /// The error of an operation that looks at the socket first: `NO_SOCKET` unless it is open.
    fn if_open(&self, id: SocketId, error: Error) -> Error {
        if self.is_open(id) {
            error
        } else {
            Error::NO_SOCKET
        }
    }
}

impl<S: NetworkStack, C: Clock, const N: usize> LegacyCalls for AtStackLevel<S, C, N> {
    fn bind_text(&self, id: SocketId, host: &str, tcp_port: u16) -> Result<()> {
        self.sockets.bind_text(id, host, tcp_port)
    }

    fn poll_connect_text(
        &self,
        id: SocketId,
        call: &mut Call,
        host: &str,
        tcp_port: u16,
    ) -> Poll<Result<()>> {
        self.sockets.poll_connect_text(id, call, host, tcp_port)
    }

    fn poll_sendto_text(
        &self,
        id: SocketId,
        call: &mut Call,
        host: &str,
        udp_port: u16,
        data: &[u8],
    ) -> Poll<Result<usize>> {
        self.sockets
            .poll_sendto_text(id, call, host, udp_port, data)
    }

    fn poll_server_accept(
        &self,
        server: SocketId,
        call: &mut Call,
        into: SocketId,
    ) -> Poll<Result<SocketAddress>> {
        self.sockets.poll_accept_into(server, call, into)
    }
}
