//! Sockets of the IUT as a case uses them: every operation of the API, on the other side of the link.
//!
//! Every call is a [`Call`]: `.await` it for its answer, or `.blocked().await` it to have it waiting in the
//! IUT while the case goes on. Must not: judge, except where a method says `expect`.

use core::ops::Deref;
use core::time::Duration;
use std::sync::Arc;

use nsapi::{Error, IpAddress, SocketAddress};
use nsapi_protocol::message::Handle;
use nsapi_protocol::{Op, Payload, Then};

use crate::call::Call;
use crate::counter::{Counter, millis};
use crate::ctx::{State, call, child_handle};
use crate::expect::Answered;
use crate::{Done, Stop, Trouble, Violation, text};

/// How often [`Socket::arm`] reads or waits before it says that the socket never runs dry.
const MOST_ROUNDS: u32 = 64;
/// Silence of the counter after which earlier events are over.
const QUIET_MS: u32 = 60;

/// A socket object of the IUT, of any kind.
#[derive(Clone, Debug)]
pub struct Socket {
    pub(crate) state: Arc<State>,
    handle: Handle,
}

/// A TCP socket object.
#[derive(Clone, Debug)]
pub struct Tcp(pub(crate) Socket);

/// A UDP socket object.
#[derive(Clone, Debug)]
pub struct Udp {
    pub(crate) socket: Socket,
    pub(crate) port: u16,
}

/// A TCP socket object that listens.
#[derive(Clone, Debug)]
pub struct Listener {
    pub(crate) socket: Socket,
    pub(crate) port: u16,
}

impl Deref for Tcp {
    type Target = Socket;

    fn deref(&self) -> &Socket {
        &self.0
    }
}

impl Deref for Udp {
    type Target = Socket;

    fn deref(&self) -> &Socket {
        &self.socket
    }
}

impl Deref for Listener {
    type Target = Socket;

    fn deref(&self) -> &Socket {
        &self.socket
    }
}

impl Udp {
    /// The port it is bound to, if [`crate::Ctx::bound_udp`] made it; else 0.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl Listener {
    /// The port it listens on.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

/// The answer of `accept`.
#[derive(Debug)]
pub struct Accepted {
    answer: Answered,
    child: Tcp,
}

impl Accepted {
    /// Requires a connection: the new socket and the peer that accept reported.
    #[track_caller]
    pub fn connection(self) -> Result<(Tcp, Option<SocketAddress>), Box<Violation>> {
        let peer = self.answer.expect(Done)?.address();
        Ok((self.child, peer))
    }

    /// Requires the answer to be as expected, which then is no connection.
    #[track_caller]
    pub fn expect(self, expect: impl Into<crate::Expect>) -> Result<Answered, Box<Violation>> {
        self.answer.expect(expect)
    }

    /// The answer itself.
    #[must_use]
    pub const fn answer(&self) -> &Answered {
        &self.answer
    }
}

impl Socket {
    pub(crate) fn new(state: &Arc<State>, handle: Handle) -> Self {
        Self {
            state: Arc::clone(state),
            handle,
        }
    }

    /// Its name in the narration: `tcp#3`.
    #[must_use]
    pub fn name(&self) -> String {
        self.state.dut.name(self.handle)
    }

    fn make<'a>(&self, op: Op<'a>) -> Call<'a> {
        call(&self.state, op, |answer| answer)
    }

    /// Opens it.
    #[must_use]
    pub fn open(&self) -> Call<'static> {
        self.make(Op::Open {
            handle: self.handle,
            null: false,
        })
    }

    /// Opens it on a null stack.
    #[must_use]
    pub fn open_null(&self) -> Call<'static> {
        self.make(Op::Open {
            handle: self.handle,
            null: true,
        })
    }

    /// Closes it.
    #[must_use]
    pub fn close(&self) -> Call<'static> {
        self.make(Op::Close {
            handle: self.handle,
        })
    }

    /// Destructs the object.
    #[must_use]
    pub fn delete(&self) -> Call<'static> {
        self.make(Op::Delete {
            handle: self.handle,
        })
    }

    /// Binds to a port of any address.
    #[must_use]
    pub fn bind_port(&self, port: u16) -> Call<'static> {
        self.bind(SocketAddress::new(IpAddress::Unspec, port))
    }

    /// Binds to an address.
    #[must_use]
    pub fn bind(&self, address: SocketAddress) -> Call<'static> {
        self.make(Op::Bind {
            handle: self.handle,
            address: address.into(),
        })
    }

    /// Listens.
    #[must_use]
    pub fn listen(&self, backlog: i32) -> Call<'static> {
        self.make(Op::Listen {
            handle: self.handle,
            backlog,
        })
    }

    /// Accepts.
    #[must_use]
    pub fn accept(&self) -> Call<'static, Accepted> {
        let child = child_handle(&self.state);
        let socket = Self::new(&self.state, child);
        let op = Op::Accept {
            handle: self.handle,
            child,
        };
        call(&self.state, op, |answer| Accepted {
            answer,
            child: Tcp(socket),
        })
    }

    /// Connects, or sets the peer of a datagram socket.
    #[must_use]
    pub fn connect(&self, address: SocketAddress) -> Call<'static> {
        self.make(Op::Connect {
            handle: self.handle,
            address: address.into(),
        })
    }

    /// Sends these bytes in one call.
    #[must_use]
    pub fn send<'a>(&self, data: &'a [u8]) -> Call<'a> {
        self.make(Op::Send {
            handle: self.handle,
            data: Payload::Bytes(data),
        })
    }

    /// Sends the first `len` bytes of a pattern in one call.
    #[must_use]
    pub fn send_pattern(&self, seed: u32, len: u32) -> Call<'static> {
        self.make(Op::Send {
            handle: self.handle,
            data: Payload::Pattern { seed, len },
        })
    }

    /// Receives at most `size` bytes in one call.
    #[must_use]
    pub fn recv(&self, size: u32) -> Call<'static> {
        self.make(Op::Recv {
            handle: self.handle,
            size,
        })
    }

    /// Receives at most `size` bytes in one call and compares them on the target with a pattern.
    #[must_use]
    pub fn recv_pattern(&self, size: u32, seed: u32, offset: u32) -> Call<'static> {
        self.make(Op::RecvPattern {
            handle: self.handle,
            size,
            seed,
            offset,
        })
    }

    /// Sends one datagram.
    #[must_use]
    pub fn send_to<'a>(&self, address: SocketAddress, data: &'a [u8]) -> Call<'a> {
        let data = Payload::Bytes(data);
        self.make(Op::SendTo {
            handle: self.handle,
            address: address.into(),
            data,
        })
    }

    /// Sends one datagram with the first `len` bytes of a pattern.
    #[must_use]
    pub fn send_pattern_to(&self, address: SocketAddress, seed: u32, len: u32) -> Call<'static> {
        let data = Payload::Pattern { seed, len };
        self.make(Op::SendTo {
            handle: self.handle,
            address: address.into(),
            data,
        })
    }

    /// Receives one datagram and its source.
    #[must_use]
    pub fn recv_from(&self, size: u32) -> Call<'static> {
        self.make(Op::RecvFrom {
            handle: self.handle,
            size,
            null_address: false,
        })
    }

    /// Receives one datagram, passing a null pointer for its source.
    #[must_use]
    pub fn recv_from_nobody(&self, size: u32) -> Call<'static> {
        self.make(Op::RecvFrom {
            handle: self.handle,
            size,
            null_address: true,
        })
    }

    /// Sends `total` bytes of a pattern in calls of at most `chunk`, until a call would block or fails.
    #[must_use]
    pub fn source(&self, seed: u32, total: u32, chunk: u32) -> Call<'static> {
        self.make(Op::Source {
            handle: self.handle,
            total,
            chunk,
            seed,
            then: Then::Stop,
        })
    }

    /// The same, waiting up to `patience` (stretched on slow boards) for the event counter after each `WOULD_BLOCK`.
    #[must_use]
    pub fn source_by_events(
        &self,
        seed: u32,
        total: u32,
        chunk: u32,
        patience: Duration,
    ) -> Call<'static> {
        let then = Then::AwaitSigio(millis(patience.mul_f64(self.state.scale)));
        self.make(Op::Source {
            handle: self.handle,
            total,
            chunk,
            seed,
            then,
        })
    }

    /// Receives `total` bytes of a pattern in calls of at most `chunk`, until a call would block or fails, or
    /// the stream ends.
    #[must_use]
    pub fn sink(&self, seed: u32, total: u32, chunk: u32) -> Call<'static> {
        self.make(Op::Sink {
            handle: self.handle,
            total,
            chunk,
            seed,
            then: Then::Stop,
        })
    }

    /// The same, waiting up to `patience` (stretched on slow boards) for the event counter after each `WOULD_BLOCK`.
    #[must_use]
    pub fn sink_by_events(
        &self,
        seed: u32,
        total: u32,
        chunk: u32,
        patience: Duration,
    ) -> Call<'static> {
        let then = Then::AwaitSigio(millis(patience.mul_f64(self.state.scale)));
        self.make(Op::Sink {
            handle: self.handle,
            total,
            chunk,
            seed,
            then,
        })
    }

    /// Receives until exactly these bytes are there; an API may hand them out in pieces.
    pub async fn recv_all(&self, expected: &[u8]) -> Result<(), Stop> {
        let most = u32::from(self.state.identity.max_inline);
        let mut have = Vec::new();
        while have.len() < expected.len() {
            let size = u32::try_from(expected.len() - have.len())
                .unwrap_or(most)
                .min(most);
            let answer = self
                .recv(size)
                .await?
                .expect(crate::SizeUpTo(size as usize))?;
            have.extend_from_slice(answer.data());
            if answer.data().is_empty() || !expected.starts_with(&have) {
                break;
            }
        }
        if have == expected {
            return Ok(());
        }
        let what = format!(
            "recv on {} until {} bytes are there",
            self.name(),
            expected.len()
        );
        Err(self
            .state
            .violation("data", &what, text::bytes(expected), text::bytes(&have))
            .into())
    }

    /// Sends these bytes and requires that all of them are taken.
    pub async fn send_all(&self, data: &[u8]) -> Result<(), Stop> {
        self.send(data).await?.expect(crate::Size(data.len()))?;
        Ok(())
    }

    /// Blocking (unbounded) or non-blocking mode.
    pub async fn set_blocking(&self, blocking: bool) -> Result<(), Trouble> {
        self.make(Op::SetBlocking {
            handle: self.handle,
            blocking,
        })
        .await
        .map(drop)
    }

    /// Timeout in milliseconds; negative is unbounded, 0 non-blocking.
    pub async fn set_timeout(&self, timeout_ms: i32) -> Result<(), Trouble> {
        self.make(Op::SetTimeout {
            handle: self.handle,
            timeout_ms,
        })
        .await
        .map(drop)
    }

    /// Registers `counter` as the event callback, at zero.
    pub async fn sigio(&self, counter: &Counter) -> Result<(), Trouble> {
        let counter = Some(counter.index);
        self.make(Op::Sigio {
            handle: self.handle,
            counter,
        })
        .await
        .map(drop)
    }

    /// Removes the event callback.
    pub async fn detach_sigio(&self) -> Result<(), Trouble> {
        self.make(Op::Sigio {
            handle: self.handle,
            counter: None,
        })
        .await
        .map(drop)
    }

    /// Makes sure that the next event is reported: waits until nothing is going on any more (an
    /// acknowledgement would use up the one notification), receives until `WOULD_BLOCK`, zeroes the counter.
    /// The socket must be non-blocking and `counter` registered.
    pub async fn arm(&self, counter: &Counter) -> Result<(), Stop> {
        for _ in 0..MOST_ROUNDS {
            if !self
                .recv_from_nobody(64)
                .await?
                .failed_with(Error::WOULD_BLOCK)
            {
                continue;
            }
            counter.reset().await?;
            if counter.wait(1, QUIET_MS).await?.code() == 0 {
                return Ok(());
            }
        }
        let what = format!("recv on {} until it runs dry", self.name());
        let observed = format!("not within {MOST_ROUNDS} calls");
        Err(self
            .state
            .violation("runs-dry", &what, "WOULD_BLOCK, then no event", observed)
            .into())
    }

    /// Sets an option.
    #[must_use]
    pub fn set_option<'a>(&self, level: i32, name: i32, value: &'a [u8]) -> Call<'a> {
        self.make(Op::SetOption {
            handle: self.handle,
            level,
            name,
            value,
        })
    }

    /// Reads an option into a buffer of `size` bytes.
    #[must_use]
    pub fn get_option(&self, level: i32, name: i32, size: u8) -> Call<'static> {
        self.make(Op::GetOption {
            handle: self.handle,
            level,
            name,
            size,
        })
    }

    /// The remembered peer.
    #[must_use]
    pub fn peer_name(&self) -> Call<'static> {
        self.make(Op::GetPeerName {
            handle: self.handle,
        })
    }

    /// Joins or leaves a multicast group.
    #[must_use]
    pub fn multicast(&self, join: bool, group: SocketAddress) -> Call<'static> {
        self.make(Op::Multicast {
            handle: self.handle,
            join,
            group: group.into(),
        })
    }

    /// Sends with a non-null control record.
    #[must_use]
    pub fn control_data(&self) -> Call<'static> {
        self.make(Op::ControlData {
            handle: self.handle,
        })
    }

    /// Older API: binds to a text address.
    #[must_use]
    pub fn legacy_bind<'a>(&self, host: &'a str, port: u16) -> Call<'a> {
        self.make(Op::LegacyBind {
            handle: self.handle,
            host,
            port,
        })
    }

    /// Older API: connects to a text address.
    #[must_use]
    pub fn legacy_connect<'a>(&self, host: &'a str, port: u16) -> Call<'a> {
        self.make(Op::LegacyConnect {
            handle: self.handle,
            host,
            port,
        })
    }

    /// Older API: sends a datagram to a text address.
    #[must_use]
    pub fn legacy_send_to<'a>(&self, host: &'a str, port: u16, data: &'a [u8]) -> Call<'a> {
        let data = Payload::Bytes(data);
        self.make(Op::LegacySendTo {
            handle: self.handle,
            host,
            port,
            data,
        })
    }

    /// Older API: this `TCPServer` accepts into the TCP socket object `into`.
    #[must_use]
    pub fn legacy_accept(&self, into: &Self) -> Call<'static> {
        self.make(Op::LegacyAccept {
            server: self.handle,
            into: into.handle,
        })
    }
}
