//! The seam between a tester and the implementation under test (IUT).
//!
//! A port attaches here at one of two levels: [`crate::AtStackLevel`] implements [`Iut`] over any
//! [`crate::NetworkStack`] (stack level), or a complete socket API implements it directly (socket level),
//! with nothing of ours in between.
//!
//! Every operation is addressed by [`SocketId`], the name of a socket *object* (which may be open or not).
//! Operations that may have to wait are poll-style: called again with the same [`Call`] until they are
//! ready. Closing a socket while another call on it is pending is therefore an ordinary thing to do.
//!
//! Must not: judge. An IUT answers what it answers.

use core::task::{Poll, Waker};

use crate::dns::PollDns;
use crate::interface::NetworkInterface;
use crate::{Callback, Capabilities, Error, Limits, Protocol, Result, SocketAddress};

/// The name of a socket object, with a generation so that an old name never means a new object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SocketId {
    /// Slot in the table of objects.
    pub index: u16,
    /// How often the slot has been given out.
    pub generation: u16,
}

/// What kind of socket object to construct.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SocketKind {
    /// `TCPSocket`.
    Tcp,
    /// `UDPSocket`.
    Udp,
    /// `TCPServer` of the older API (capability `legacy`).
    TcpServer,
}

impl SocketKind {
    /// The protocol such an object speaks.
    #[must_use]
    pub const fn protocol(self) -> Protocol {
        match self {
            Self::Tcp | Self::TcpServer => Protocol::Tcp,
            Self::Udp => Protocol::Udp,
        }
    }
}

/// The conformance statement of a port: who it is, what it claims, how much of it there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Name of the port; selects the list of its known deviations.
    pub port: &'static str,
    /// What it claims.
    pub capabilities: Capabilities,
    /// How much of it.
    pub limits: Limits,
}

/// One call in flight. Belongs to the caller; the IUT keeps its progress and its waiting time in it.
///
/// Make one per call, hand it to the same `poll_…` operation with the same arguments until that is ready,
/// then drop it; or hand it to [`Iut::cancel`] to give up.
#[derive(Debug, Default)]
pub struct Call {
    /// Bytes already done.
    pub done: usize,
    /// The call has been polled and the IUT counts it among the blocked ones.
    pub waiting: bool,
    /// Which opening of the socket object the call belongs to; `None` until it has found it open.
    pub epoch: Option<u32>,
    /// Number of events of the socket that the call has taken into account.
    pub events_seen: u32,
    /// When the current wait began, in microseconds of the IUT's clock.
    pub wait_began_us: u64,
    /// The timeout of the current wait: negative is unbounded, 0 none, else milliseconds (contract §4).
    pub timeout_ms: i32,
    /// What the call ends with when the current wait times out.
    pub answer: Option<Error>,
    /// The call need not wait: polling it again at once helps.
    pub again: bool,
    /// Connect: the call has waited for the connection. On an interface: it has been started.
    pub begun: bool,
    /// Connect: the attempt was started by this call.
    pub initiated: bool,
    /// Close: the stack has closed, with this code.
    pub closed: Option<Result<()>>,
    /// Whom to wake when polling again may help; callers with their own loop leave it empty.
    pub waker: Option<Waker>,
}

impl Call {
    /// A call that has not been polled yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// When the pending call must be polled again at the latest, even if nothing happens, in microseconds
    /// of the IUT's clock; 0 means at once, `None` that it waits without bound.
    #[must_use]
    pub fn wake_at_us(&self) -> Option<u64> {
        if self.again {
            return Some(0);
        }
        match (self.waiting, u64::try_from(self.timeout_ms)) {
            (true, Ok(timeout)) => Some(self.wait_began_us.saturating_add(timeout * 1000)),
            _ => None,
        }
    }

    /// Wakes the caller if polling again at once helps.
    pub(crate) fn wake_again(&self) {
        if self.again
            && let Some(waker) = &self.waker
        {
            waker.wake_by_ref();
        }
    }
}

/// What open is given (contract §3: a null stack is `PARAMETER`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenOn {
    /// The stack of the board.
    Stack,
    /// A null stack.
    Null,
}

/// An implementation under test.
///
/// Returned sizes and codes go to the tester as they are.
pub trait Iut {
    /// Name, claims and limits.
    fn statement(&self) -> Statement;

    /// Microseconds of the clock that [`Call`] waits are measured with.
    fn now_us(&self) -> u64;

    /// Constructs a socket object, unopened. [`Error::NO_MEMORY`] when there is no room for another.
    fn socket_new(&self, kind: SocketKind) -> Result<SocketId>;

    /// Destructs a socket object; closes it first if it is open. Pending calls on it end in `NO_SOCKET`.
    fn socket_delete(&self, id: SocketId);

    /// Opens the object on a stack.
    fn open(&self, id: SocketId, on: OpenOn) -> Result<()>;

    /// Closes it and waits until every call blocked in it has left.
    fn poll_close(&self, id: SocketId, call: &mut Call) -> Poll<Result<()>>;

    /// Binds it to a local address.
    fn bind(&self, id: SocketId, address: &SocketAddress) -> Result<()>;

    /// Makes it passive.
    fn listen(&self, id: SocketId, backlog: i32) -> Result<()>;

    /// Waits for a connection: the new object and, if asked for by the API, its peer.
    fn poll_accept(&self, id: SocketId, call: &mut Call)
    -> Poll<Result<(SocketId, SocketAddress)>>;

    /// Connects, or sets the peer of a datagram socket.
    fn poll_connect(
        &self,
        id: SocketId,
        call: &mut Call,
        address: &SocketAddress,
    ) -> Poll<Result<()>>;

    /// Sends to the peer.
    fn poll_send(&self, id: SocketId, call: &mut Call, data: &[u8]) -> Poll<Result<usize>>;

    /// Receives from the peer.
    fn poll_recv(&self, id: SocketId, call: &mut Call, buffer: &mut [u8]) -> Poll<Result<usize>>;

    /// Sends a datagram to `address`.
    fn poll_sendto(
        &self,
        id: SocketId,
        call: &mut Call,
        address: &SocketAddress,
        data: &[u8],
    ) -> Poll<Result<usize>>;

    /// Receives a datagram and tells where it came from. `from` is written as the API does it, which for
    /// TCP means before receiving and whatever the outcome; `None` stands for a null pointer.
    fn poll_recvfrom(
        &self,
        id: SocketId,
        call: &mut Call,
        buffer: &mut [u8],
        from: Option<&mut SocketAddress>,
    ) -> Poll<Result<usize>>;

    /// Gives up a call that is still pending.
    fn cancel(&self, id: SocketId, call: &mut Call);

    /// Blocking (unbounded) or non-blocking mode.
    fn set_blocking(&self, id: SocketId, blocking: bool);

    /// Timeout in milliseconds; negative is unbounded, 0 non-blocking.
    fn set_timeout(&self, id: SocketId, timeout_ms: i32);

    /// Registers, replaces or removes the event callback.
    fn sigio(&self, id: SocketId, callback: Option<Callback>);

    /// Sets an option.
    fn setsockopt(&self, id: SocketId, level: i32, name: i32, value: &[u8]) -> Result<()>;

    /// Reads an option into `value`; returns its length.
    fn getsockopt(&self, id: SocketId, level: i32, name: i32, value: &mut [u8]) -> Result<usize>;

    /// Sets an option of the stack (contract §9: the original's default has none).
    fn setstackopt(&self, level: i32, name: i32, value: &[u8]) -> Result<()> {
        let _ = (level, name, value);
        Err(Error::UNSUPPORTED)
    }

    /// Reads an option of the stack into `value`; returns its length.
    fn getstackopt(&self, level: i32, name: i32, value: &mut [u8]) -> Result<usize> {
        let _ = (level, name, value);
        Err(Error::UNSUPPORTED)
    }

    /// The remembered peer.
    fn getpeername(&self, id: SocketId) -> Result<SocketAddress>;

    /// Joins or leaves a multicast group through the socket type's own operation.
    fn multicast(&self, id: SocketId, join: bool, group: &SocketAddress) -> Result<()>;

    /// Sends with a non-null control record, or receives with one (contract §6.1: TCP has none).
    fn control_data(&self, id: SocketId) -> Result<usize>;

    /// `SocketAddress::set_ip_address`: the address a text stands for, `None` if it is refused.
    fn parse_address(&self, text: &str) -> Option<SocketAddress>;

    /// `SocketAddress::get_ip_address`: writes the text of an address and returns its length in bytes;
    /// `None` for an empty address or a buffer that is too short.
    fn format_address(&self, address: &SocketAddress, text: &mut [u8]) -> Option<usize>;

    /// The network interface the sockets run over: its driver side, which never waits.
    fn interface(&self) -> &dyn NetworkInterface;

    /// Interface connect as the API does it: in blocking mode (the default) until it is up or has failed.
    fn poll_interface_connect(&self, call: &mut Call) -> Poll<Result<()>> {
        let _ = call;
        Poll::Ready(self.interface().connect())
    }

    /// Interface disconnect, likewise.
    fn poll_interface_disconnect(&self, call: &mut Call) -> Poll<Result<()>> {
        let _ = call;
        Poll::Ready(self.interface().disconnect())
    }

    /// Whether interface connect and disconnect wait until they are done. Has nothing to do with the mode of
    /// sockets.
    fn interface_set_blocking(&self, blocking: bool) -> Result<()> {
        let _ = blocking;
        Err(Error::UNSUPPORTED)
    }

    /// Registers, replaces or removes the one callback of `attach`.
    fn interface_attach(&self, callback: Option<Callback>) -> Result<()> {
        let _ = callback;
        Err(Error::UNSUPPORTED)
    }

    /// Changes the hardware address; any number of bytes but 6 is `PARAMETER`.
    fn interface_set_mac_address(&self, mac: &[u8]) -> Result<()> {
        let mac = mac.try_into().map_err(|_| Error::PARAMETER)?;
        self.interface().set_mac_address(mac)
    }

    /// The resolver, if claimed.
    fn dns(&self) -> Option<&dyn PollDns> {
        None
    }

    /// The calls of the older API, if claimed.
    fn legacy(&self) -> Option<&dyn LegacyCalls> {
        None
    }
}

/// The text-address overloads and `TCPServer` of the older API (capability `legacy`).
pub trait LegacyCalls {
    /// `bind(address, port)`.
    fn bind_text(&self, id: SocketId, host: &str, tcp_port: u16) -> Result<()>;

    /// `connect(host, port)`; the host is resolved, a literal without a packet.
    fn poll_connect_text(
        &self,
        id: SocketId,
        call: &mut Call,
        host: &str,
        tcp_port: u16,
    ) -> Poll<Result<()>>;

    /// `sendto(host, port, data)`.
    fn poll_sendto_text(
        &self,
        id: SocketId,
        call: &mut Call,
        host: &str,
        udp_port: u16,
        data: &[u8],
    ) -> Poll<Result<usize>>;

    /// `TCPServer::accept(connection, address)`: the connection lands in the TCP socket object `into`,
    /// which is closed first if it is open.
    fn poll_server_accept(
        &self,
        server: SocketId,
        call: &mut Call,
        into: SocketId,
    ) -> Poll<Result<SocketAddress>>;
}
