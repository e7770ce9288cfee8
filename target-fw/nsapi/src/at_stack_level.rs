//! Lets a tester attach to a stack through our application side. Must not: add any behaviour of its own.

use core::task::Poll;

use crate::dns::PollDns;
use crate::interface::{Control, NetworkInterface};
use crate::iut::{LegacyCalls, OpenOn, SocketKind};
use crate::{
    Call, Callback, Capability, Clock, Iut, NetworkStack, Result, SocketAddress, SocketId, Sockets,
    Statement,
};

/// An IUT made of a [`NetworkStack`] under [`Sockets`], its interface and what it claims.
pub struct AtStackLevel<S: 'static, C: 'static, const N: usize> {
    pub(crate) sockets: &'static Sockets<S, C, N>,
    interface: Control,
    statement: Statement,
    dns: Option<&'static dyn PollDns>,
}

impl<S: NetworkStack, C: Clock, const N: usize> AtStackLevel<S, C, N> {
    /// Attaches to `sockets`.
    pub const fn new(
        sockets: &'static Sockets<S, C, N>,
        interface: &'static dyn NetworkInterface,
        statement: Statement,
    ) -> Self {
        Self {
            sockets,
            interface: Control::new(interface),
            statement,
            dns: None,
        }
    }

    /// The same with a resolver that the stack brings itself (capability `dns`).
    #[must_use]
    pub const fn with_dns(self, dns: &'static dyn PollDns) -> Self {
        Self {
            dns: Some(dns),
            ..self
        }
    }
}

impl<S: NetworkStack, C: Clock, const N: usize> Iut for AtStackLevel<S, C, N> {
    fn statement(&self) -> Statement {
        self.statement
    }

    fn now_us(&self) -> u64 {
        self.sockets.clock().now_us()
    }

    fn socket_new(&self, kind: SocketKind) -> Result<SocketId> {
        self.sockets.socket_new(kind)
    }

    fn socket_delete(&self, id: SocketId) {
        self.sockets.socket_delete(id);
    }

    fn open(&self, id: SocketId, on: OpenOn) -> Result<()> {
        self.sockets.open(id, on)
    }

    fn poll_close(&self, id: SocketId, call: &mut Call) -> Poll<Result<()>> {
        self.sockets.poll_close(id, call)
    }

    fn bind(&self, id: SocketId, address: &SocketAddress) -> Result<()> {
        self.sockets.bind(id, address)
    }

    fn listen(&self, id: SocketId, backlog: i32) -> Result<()> {
        self.sockets.listen(id, backlog)
    }

    fn poll_accept(
        &self,
        id: SocketId,
        call: &mut Call,
    ) -> Poll<Result<(SocketId, SocketAddress)>> {
        self.sockets.poll_accept(id, call)
    }

    fn poll_connect(
        &self,
        id: SocketId,
        call: &mut Call,
        address: &SocketAddress,
    ) -> Poll<Result<()>> {
        self.sockets.poll_connect(id, call, address)
    }

    fn poll_send(&self, id: SocketId, call: &mut Call, data: &[u8]) -> Poll<Result<usize>> {
        self.sockets.poll_send(id, call, data)
    }

    fn poll_recv(&self, id: SocketId, call: &mut Call, buffer: &mut [u8]) -> Poll<Result<usize>> {
        self.sockets.poll_recv(id, call, buffer)
    }

    fn poll_sendto(
        &self,
        id: SocketId,
        call: &mut Call,
        address: &SocketAddress,
        data: &[u8],
    ) -> Poll<Result<usize>> {
        self.sockets.poll_sendto(id, call, address, data)
    }

    fn poll_recvfrom(
        &self,
        id: SocketId,
        call: &mut Call,
        buffer: &mut [u8],
        from: Option<&mut SocketAddress>,
    ) -> Poll<Result<usize>> {
        self.sockets.poll_recvfrom(id, call, buffer, from)
    }

    fn cancel(&self, id: SocketId, call: &mut Call) {
        self.sockets.cancel(id, call);
    }

    fn set_blocking(&self, id: SocketId, blocking: bool) {
        self.sockets.set_blocking(id, blocking);
    }

    fn set_timeout(&self, id: SocketId, timeout_ms: i32) {
        self.sockets.set_timeout(id, timeout_ms);
    }

    fn sigio(&self, id: SocketId, callback: Option<Callback>) {
        self.sockets.sigio(id, callback);
    }

    fn setsockopt(&self, id: SocketId, level: i32, name: i32, value: &[u8]) -> Result<()> {
        self.sockets.setsockopt(id, level, name, value)
    }

    fn getsockopt(&self, id: SocketId, level: i32, name: i32, value: &mut [u8]) -> Result<usize> {
        self.sockets.getsockopt(id, level, name, value)
    }

    fn getpeername(&self, id: SocketId) -> Result<SocketAddress> {
        self.sockets.getpeername(id)
    }

    fn multicast(&self, id: SocketId, join: bool, group: &SocketAddress) -> Result<()> {
        self.sockets.multicast(id, join, group)
    }

    fn control_data(&self, id: SocketId) -> Result<usize> {
        self.sockets.control_data(id)
    }

    fn parse_address(&self, text: &str) -> Option<SocketAddress> {
        let mut address = SocketAddress::default();
        address.set_ip_address(text).then_some(address)
    }

    fn format_address(&self, address: &SocketAddress, text: &mut [u8]) -> Option<usize> {
        let ip = address.get_ip_address()?;
        text.get_mut(..ip.len())?.copy_from_slice(ip.as_bytes());
        Some(ip.len())
    }

    fn interface(&self) -> &dyn NetworkInterface {
        self.interface.driver()
    }

    fn poll_interface_connect(&self, call: &mut Call) -> Poll<Result<()>> {
        self.interface.poll_connect(call)
    }

    fn poll_interface_disconnect(&self, call: &mut Call) -> Poll<Result<()>> {
        self.interface.poll_disconnect(call)
    }

    fn interface_set_blocking(&self, blocking: bool) -> Result<()> {
        self.interface.set_blocking(blocking);
        Ok(())
    }

    fn interface_attach(&self, callback: Option<Callback>) -> Result<()> {
        self.interface.attach(callback)
    }

    fn dns(&self) -> Option<&dyn PollDns> {
        self.dns
    }

    fn legacy(&self) -> Option<&dyn LegacyCalls> {
        self.statement
            .capabilities
            .has(Capability::Legacy)
            .then_some(self)
    }
}
