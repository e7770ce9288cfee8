//! The messages. Every variant is one row of the table in `docs/src/protocol.md`; numbers on the link are the
//! positions in these enums, so rows are only ever added at the end (or [`crate::PROTOCOL`] goes up).

use nsapi::dns::Version;
use nsapi::{IpAddress, SocketAddress};
use serde::{Deserialize, Serialize};

/// A socket object as the runner names it. The runner chooses the number, so that it need not wait for
/// one; the agent refuses a number that is in use.
pub type Handle = u16;

/// The group a handle belongs to; a case gets its own.
pub type Scope = u16;

/// Runner → agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request<'a> {
    /// Chosen by the runner. A repeated id is answered with the stored reply, or with
    /// [`Event::Working`] while the call is in flight; it is never executed twice.
    pub id: u16,
    /// What to do.
    #[serde(borrow)]
    pub op: Op<'a>,
}

/// What kind of socket object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// `TCPSocket`.
    Tcp,
    /// `UDPSocket`.
    Udp,
    /// `TCPServer` of the older API.
    TcpServer,
}

/// An address on the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Address {
    /// No IP address, a port only.
    Unset(u16),
    /// IPv4.
    V4([u8; 4], u16),
    /// IPv6.
    V6([u8; 16], u16),
}

impl From<SocketAddress> for Address {
    fn from(address: SocketAddress) -> Self {
        match address.ip {
            IpAddress::Unspec => Self::Unset(address.port),
            IpAddress::V4(ip) => Self::V4(ip, address.port),
            IpAddress::V6(ip) => Self::V6(ip, address.port),
        }
    }
}

impl From<Address> for SocketAddress {
    fn from(address: Address) -> Self {
        match address {
            Address::Unset(port) => Self::new(IpAddress::Unspec, port),
            Address::V4(ip, port) => Self::new(IpAddress::V4(ip), port),
            Address::V6(ip, port) => Self::new(IpAddress::V6(ip), port),
        }
    }
}

/// Bytes to send: as they are (at most `Hello::max_inline`), or generated on the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Payload<'a> {
    /// These bytes.
    Bytes(&'a [u8]),
    /// `len` bytes of the pattern `seed` from its start ([`crate::pattern`]); at most `Hello::max_io`.
    Pattern {
        /// Which pattern.
        seed: u32,
        /// How many bytes of it.
        len: u32,
    },
}

/// What a bulk operation does when a call answers `WOULD_BLOCK`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Then {
    /// Stops and reports.
    Stop,
    /// Waits for the socket's event counter (which must be registered by [`Op::Sigio`]) to move, and tries
    /// again; stops when it does not within this many milliseconds.
    AwaitSigio(u32),
}

/// Family of the address that a lookup is to find (contract §2 `nsapi_version`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Family {
    /// Whatever the stack prefers.
    Any,
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl From<Family> for Version {
    fn from(family: Family) -> Self {
        match family {
            Family::Any => Self::Unspec,
            Family::V4 => Self::Ipv4,
            Family::V6 => Self::Ipv6,
        }
    }
}

/// The table of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op<'a> {
    /// Greets the agent and begins a session: every scope of an earlier one is ended first.
    /// Answered by [`Answer::Hello`] whatever the protocol number.
    Hello {
        /// [`crate::PROTOCOL`] of the runner.
        protocol: u16,
        /// Comes back in the answer.
        nonce: u64,
    },
    /// Is anybody there? [`Answer::Code`] 0.
    Ping,
    /// Ends a scope: pending calls are given up, handles are deleted. [`Answer::Scope`].
    EndScope {
        /// Which.
        scope: Scope,
    },
    /// Constructs a socket object, and opens it if wanted. [`Answer::Code`].
    New {
        /// Scope it belongs to.
        scope: Scope,
        /// Its handle from now on.
        handle: Handle,
        /// Kind of object.
        kind: Kind,
        /// Open it too; if that fails the object stays, unopened.
        open: bool,
    },
    /// Destructs a socket object. [`Answer::Code`] 0.
    Delete {
        /// Which.
        handle: Handle,
    },
    /// Opens. [`Answer::Code`].
    Open {
        /// Which.
        handle: Handle,
        /// On a null stack.
        null: bool,
    },
    /// Closes. [`Answer::Code`].
    Close {
        /// Which.
        handle: Handle,
    },
    /// Binds. [`Answer::Code`].
    Bind {
        /// Which.
        handle: Handle,
        /// Where.
        address: Address,
    },
    /// Listens. [`Answer::Code`].
    Listen {
        /// Which.
        handle: Handle,
        /// Backlog.
        backlog: i32,
    },
    /// Accepts. [`Answer::Peer`]; on success `child` names the new object, in the listener's scope.
    Accept {
        /// Listener.
        handle: Handle,
        /// Handle of the new object.
        child: Handle,
    },
    /// Connects. [`Answer::Code`].
    Connect {
        /// Which.
        handle: Handle,
        /// Where.
        address: Address,
    },
    /// One send. [`Answer::Code`]: size or error.
    Send {
        /// Which.
        handle: Handle,
        /// What.
        #[serde(borrow)]
        data: Payload<'a>,
    },
    /// One recv of at most `size` bytes (≤ `Hello::max_inline`). [`Answer::Bytes`].
    Recv {
        /// Which.
        handle: Handle,
        /// Size of the buffer.
        size: u32,
    },
    /// One sendto. [`Answer::Code`]: size or error.
    SendTo {
        /// Which.
        handle: Handle,
        /// Where.
        address: Address,
        /// What.
        data: Payload<'a>,
    },
    /// One recvfrom of at most `size` bytes (≤ `Hello::max_inline`). [`Answer::Datagram`].
    RecvFrom {
        /// Which.
        handle: Handle,
        /// Size of the buffer.
        size: u32,
        /// Pass a null pointer for the source address.
        null_address: bool,
    },
    /// One recv of at most `size` bytes (≤ `Hello::max_io`), compared on the target with the pattern `seed`
    /// from `offset` on. [`Answer::Bulk`] with one call.
    RecvPattern {
        /// Which.
        handle: Handle,
        /// Size of the buffer.
        size: u32,
        /// Which pattern.
        seed: u32,
        /// Where in it.
        offset: u32,
    },
    /// Sends `total` bytes of the pattern `seed` in calls of at most `chunk`. [`Answer::Bulk`].
    Source {
        /// Which.
        handle: Handle,
        /// How many bytes.
        total: u32,
        /// How many at most per call (≤ `Hello::max_io`).
        chunk: u32,
        /// Which pattern.
        seed: u32,
        /// After `WOULD_BLOCK`.
        then: Then,
    },
    /// Receives until `total` bytes are there, the stream ends or an error comes, in calls of at most
    /// `chunk`, and compares with the pattern `seed`. [`Answer::Bulk`].
    Sink {
        /// Which.
        handle: Handle,
        /// How many bytes.
        total: u32,
        /// How many at most per call (≤ `Hello::max_io`).
        chunk: u32,
        /// Which pattern.
        seed: u32,
        /// After `WOULD_BLOCK`.
        then: Then,
    },
    /// `set_blocking`. [`Answer::Code`] 0.
    SetBlocking {
        /// Which.
        handle: Handle,
        /// Blocking or not.
        blocking: bool,
    },
    /// `set_timeout`. [`Answer::Code`] 0.
    SetTimeout {
        /// Which.
        handle: Handle,
        /// Milliseconds, negative for none.
        timeout_ms: i32,
    },
    /// Registers event counter `counter` (< `Hello::counters`) as the callback and zeroes it; `None`
    /// registers null. Counters outlive the socket object until the scope ends. [`Answer::Code`] 0.
    Sigio {
        /// Which.
        handle: Handle,
        /// Which counter.
        counter: Option<u8>,
    },
    /// Waits until event counter `counter` has reached `at_least`. [`Answer::Code`]: the count, also when
    /// the time is over.
    AwaitCounter {
        /// Scope that waits; ends with it.
        scope: Scope,
        /// Which counter.
        counter: u8,
        /// Until it has this value.
        at_least: u32,
        /// How long, in milliseconds.
        timeout_ms: u32,
    },
    /// Zeroes event counter `counter`. [`Answer::Code`]: the count before.
    ResetCounter {
        /// Which counter.
        counter: u8,
    },
    /// `setsockopt`. [`Answer::Code`].
    SetOption {
        /// Which.
        handle: Handle,
        /// Level.
        level: i32,
        /// Option.
        name: i32,
        /// Value.
        value: &'a [u8],
    },
    /// `getsockopt` with a buffer of `size` bytes (≤ 64). [`Answer::Bytes`].
    GetOption {
        /// Which.
        handle: Handle,
        /// Level.
        level: i32,
        /// Option.
        name: i32,
        /// Size of the buffer.
        size: u8,
    },
    /// `getpeername`. [`Answer::Peer`].
    GetPeerName {
        /// Which.
        handle: Handle,
    },
    /// `join_multicast_group` or `leave_multicast_group`. [`Answer::Code`].
    Multicast {
        /// Which.
        handle: Handle,
        /// Join, else leave.
        join: bool,
        /// Group.
        group: Address,
    },
    /// `sendto_control` with a non-null control record. [`Answer::Code`].
    ControlData {
        /// Which.
        handle: Handle,
    },
    /// `SocketAddress::set_ip_address`. [`Answer::Peer`]: code 0 and the address, or code −1.
    ParseAddress {
        /// The text.
        text: &'a str,
    },
    /// `SocketAddress::get_ip_address`. [`Answer::Bytes`]: length and text, or code −1 for null.
    FormatAddress {
        /// The address.
        address: Address,
    },
    /// Brings the interface up and waits until it is. [`Answer::Peer`]: code and own address.
    InterfaceUp {
        /// How long to wait, in milliseconds.
        timeout_ms: u32,
    },
    /// Interface status. [`Answer::Code`]: number of the status or error.
    InterfaceStatus,
    /// Own address. [`Answer::Peer`].
    InterfaceAddress,
    /// Older API: bind to a text address. [`Answer::Code`].
    LegacyBind {
        /// Which.
        handle: Handle,
        /// Address as text.
        host: &'a str,
        /// Port number.
        port: u16,
    },
    /// Older API: connect to a text address. [`Answer::Code`].
    LegacyConnect {
        /// Which.
        handle: Handle,
        /// Address as text.
        host: &'a str,
        /// Port number.
        port: u16,
    },
    /// Older API: sendto a text address. [`Answer::Code`].
    LegacySendTo {
        /// Which.
        handle: Handle,
        /// Address as text.
        host: &'a str,
        /// Port number.
        port: u16,
        /// What.
        data: Payload<'a>,
    },
    /// Older API: `TCPServer::accept` into an existing TCP socket object. [`Answer::Peer`].
    LegacyAccept {
        /// The `TCPServer`.
        server: Handle,
        /// The TCP socket object.
        into: Handle,
    },
    /// Only moves bytes over the link, to measure it; no socket is touched. [`Answer::Bytes`]: code is the
    /// length of `data`, data the first `size` bytes of pattern 0.
    Load {
        /// Towards the agent; looked at no further.
        data: &'a [u8],
        /// How many bytes come back (≤ `Hello::max_inline`).
        size: u16,
    },
    /// Interface connect, as the API does it. [`Answer::Code`].
    InterfaceConnect {
        /// Scope that waits; ends with it (the attempt itself goes on).
        scope: Scope,
    },
    /// Interface disconnect, as the API does it. [`Answer::Code`].
    InterfaceDisconnect {
        /// Scope that waits; ends with it.
        scope: Scope,
    },
    /// Whether these two wait until they are done. [`Answer::Code`].
    InterfaceSetBlocking {
        /// Blocking or not.
        blocking: bool,
    },
    /// Reads a property. [`Answer::Peer`] for an address; [`Answer::Bytes`] else, with code −1 for null.
    InterfaceGet {
        /// Which.
        what: Property,
    },
    /// `set_network`. [`Answer::Code`].
    InterfaceSetNetwork {
        /// Own address.
        ip: Address,
        /// Mask.
        netmask: Address,
        /// Gateway.
        gateway: Address,
    },
    /// `set_dhcp`. [`Answer::Code`].
    InterfaceSetDhcp {
        /// On or off.
        on: bool,
    },
    /// `set_mac_address` with any number of bytes. [`Answer::Code`].
    InterfaceSetMac {
        /// The bytes.
        mac: &'a [u8],
    },
    /// `set_hostname`. [`Answer::Code`].
    InterfaceSetHostname {
        /// The name.
        name: &'a str,
    },
    /// `set_as_default`. [`Answer::Code`] 0.
    InterfaceSetAsDefault,
    /// Adds or removes event counter `counter` as an event listener; adding zeroes the counter, unless it is a
    /// listener already. [`Answer::Code`]. What is left is removed with the scope.
    InterfaceListener {
        /// Scope it belongs to.
        scope: Scope,
        /// Which counter.
        counter: u8,
        /// Add, else remove.
        add: bool,
    },
    /// `attach` of event counter `counter`, which is zeroed; `None` attaches null. [`Answer::Code`]. Removed
    /// with the scope.
    InterfaceAttach {
        /// Scope it belongs to.
        scope: Scope,
        /// Which counter.
        counter: Option<u8>,
    },
    /// The record of what the interface has told the agent's own listener. [`Answer::Bytes`]: code is the
    /// number of events since the record was cleared; data holds the newest of them (at most
    /// [`RECORDED_EVENTS`]), oldest first, in pieces of [`InterfaceEvent::SIZE`] bytes.
    InterfaceEvents {
        /// Clear it too.
        clear: bool,
    },
    /// Waits until the interface's status is one of a set. [`Answer::Code`]: the status, also when the time is
    /// over; or an error if there is no status.
    AwaitStatus {
        /// Scope that waits; ends with it.
        scope: Scope,
        /// Bit *n* stands for the status with number *n*.
        statuses: u8,
        /// How long, in milliseconds.
        timeout_ms: u32,
    },
    /// Takes the interface down, puts all its settings and its blocking mode back to what they were at
    /// start-up, removes the listeners the runner has added, and brings it up again. [`Answer::Peer`]: code and
    /// own address.
    InterfaceReset {
        /// How long to wait in all, in milliseconds.
        timeout_ms: u32,
    },
    /// Restarts the board. [`Answer::Code`] 0, then the board is gone and comes back with [`Event::Boot`];
    /// [`nsapi::Error::UNSUPPORTED`] if it cannot.
    Restart,
    /// Sets an option of the stack, not of a socket. [`Answer::Code`].
    SetStackOption {
        /// Level.
        level: i32,
        /// Option.
        name: i32,
        /// Value.
        value: &'a [u8],
    },
    /// Reads an option of the stack with a buffer of `size` bytes (≤ 64). [`Answer::Bytes`].
    GetStackOption {
        /// Level.
        level: i32,
        /// Option.
        name: i32,
        /// Size of the buffer.
        size: u8,
    },
    /// `gethostbyname` (contract §11). [`Answer::Peer`].
    Resolve {
        /// Scope that waits; ends with it.
        scope: Scope,
        /// Of which family.
        family: Family,
        /// The host (≤ `Hello::max_inline`).
        name: &'a str,
    },
    /// `add_dns_server`, without the name of an interface. [`Answer::Code`].
    AddDnsServer {
        /// The server; its port is not looked at.
        address: Address,
    },
    /// Breaks the board on purpose, to try what becomes of it. Answered by nothing, or with
    /// [`Reject::Unclaimed`] unless the agent claims [`nsapi::Capability::CrashCommands`].
    Crash {
        /// In which way.
        how: CrashKind,
    },
}

/// A way to break a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CrashKind {
    /// Reads an address where nothing is.
    BusFault,
    /// Executes an instruction that is none.
    UndefinedInstruction,
    /// Calls itself until the stack is used up.
    StackOverflow,
    /// A Rust panic.
    Panic,
    /// Goes round for ever.
    Loop,
    /// A fault while a fault is handled: the core stops.
    Lockup,
}

/// How many events the agent records.
pub const RECORDED_EVENTS: usize = 32;

/// A property of the interface that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Property {
    /// Own address.
    Address,
    /// Network mask.
    Netmask,
    /// Gateway.
    Gateway,
    /// Link-local IPv6 address.
    LinkLocal,
    /// Hardware address: its bytes.
    Mac,
    /// Host name: text.
    Hostname,
    /// Name of the interface: text.
    Name,
    /// Own global IPv6 address, which the API does not tell.
    Ipv6Address,
}

/// One event of the interface, as [`Op::InterfaceEvents`] reports it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InterfaceEvent {
    /// Number of the event (contract §2).
    pub event: i32,
    /// Its value.
    pub value: i32,
    /// When the agent took note of it: milliseconds of the board's clock, modulo 2³².
    pub at_ms: u32,
}

impl InterfaceEvent {
    /// Bytes of one.
    pub const SIZE: usize = 12;

    /// Three 32-bit words, little-endian, in the order of the fields.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::SIZE] {
        let words = [
            self.event.to_le_bytes(),
            self.value.to_le_bytes(),
            self.at_ms.to_le_bytes(),
        ];
        let mut bytes = [0; Self::SIZE];
        for (to, from) in bytes.iter_mut().zip(words.iter().flatten()) {
            *to = *from;
        }
        bytes
    }

    /// The events in `data`; an incomplete one at the end is left out.
    pub fn all(data: &[u8]) -> impl Iterator<Item = Self> + '_ {
        let (events, _) = data.as_chunks::<{ Self::SIZE }>();
        events
            .iter()
            .map(|&[a, b, c, d, e, f, g, h, i, j, k, l]| Self {
                event: i32::from_le_bytes([a, b, c, d]),
                value: i32::from_le_bytes([e, f, g, h]),
                at_ms: u32::from_le_bytes([i, j, k, l]),
            })
    }
}

/// Agent → runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromAgent<'a> {
    /// The answer to a request.
    #[serde(borrow)]
    Reply(Reply<'a>),
    /// Something nobody asked for.
    Event(Event<'a>),
}

/// The answer to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply<'a> {
    /// Id of the request.
    pub id: u16,
    /// From taking the request up to its answer, measured on the target, in microseconds.
    pub elapsed_us: u32,
    /// What came out.
    #[serde(borrow)]
    pub answer: Answer<'a>,
}

/// What came out of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer<'a> {
    /// A code, size or count.
    Code(i32),
    /// Who the agent is.
    #[serde(borrow)]
    Hello(Hello<'a>),
    /// A size or error, and the bytes if there are any.
    Bytes {
        /// Size or error.
        code: i32,
        /// The bytes.
        data: &'a [u8],
    },
    /// A size or error, where the datagram came from, and the bytes.
    Datagram {
        /// Size or error.
        code: i32,
        /// Source address as the API filled it in; `None` when a null pointer was passed.
        from: Option<Address>,
        /// The bytes.
        data: &'a [u8],
    },
    /// A code and an address, if there is one.
    Peer {
        /// Code.
        code: i32,
        /// Address.
        peer: Option<Address>,
    },
    /// What a bulk operation did.
    Bulk(BulkReport),
    /// What the scope left behind.
    Scope(ScopeReport),
    /// The request made no sense; nothing was called.
    Rejected(Reject),
}

/// Ledger of a bulk operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkReport {
    /// Answer of the last call: size or error; 0 is the end of the stream.
    pub code: i32,
    /// Bytes moved.
    pub bytes: u32,
    /// Calls made.
    pub calls: u32,
    /// How many of them answered `WOULD_BLOCK`.
    pub would_block: u32,
    /// Position of the first byte that differs from the pattern.
    pub mismatch_at: Option<u32>,
    /// A call returned more than it was given room or data for.
    pub oversize: bool,
}

/// What ended with a scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeReport {
    /// Socket objects that were still open.
    pub open: u16,
    /// Calls that were still in flight.
    pub calls: u16,
    /// Longest time, since the last report, by which the board was late for something it had planned.
    pub jitter_us: u32,
}

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reject {
    /// No session: the agent has been reset since it was greeted.
    NoSession,
    /// The handle is not known, or in use where a new one is wanted.
    Handle,
    /// All lanes are taken.
    Lanes,
    /// A size or index is beyond what Hello announced.
    Limit,
    /// The operation needs a capability the port does not claim.
    Unclaimed,
    /// The object is of the wrong kind.
    Kind,
    /// A repeated request that will not be executed again, and whose reply is gone: it was too long ago, or
    /// the call was given up with its scope.
    Forgotten,
}

/// Who the agent is and what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello<'a> {
    /// [`crate::PROTOCOL`] of the agent.
    pub protocol: u16,
    /// The runner's nonce.
    pub nonce: u64,
    /// Name of the board.
    pub board: &'a str,
    /// Name of the port.
    pub port: &'a str,
    /// GNU build id of the image, from the board's memory.
    pub build_id: &'a [u8],
    /// Differs after every reset.
    pub boot: u32,
    /// Capabilities, [`nsapi::Capabilities::to_bits`].
    pub capabilities: u32,
    /// Socket options, likewise.
    pub options: u32,
    /// Offers sockets over IP.
    pub ip: bool,
    /// Largest frame body in bytes, either way.
    pub max_frame: u16,
    /// Requests that may be outstanding.
    pub credits: u8,
    /// Blocking calls that may be in flight.
    pub lanes: u8,
    /// Event counters.
    pub counters: u8,
    /// Largest `Payload::Bytes` and `Recv`.
    pub max_inline: u16,
    /// Largest single send or receive by pattern.
    pub max_io: u32,
    /// Limits of the port.
    pub limits: Limits,
    /// What the last fault left behind, if the board was reset by one.
    #[serde(borrow)]
    pub beacon: Option<Beacon<'a>>,
}

/// [`nsapi::Limits`] on the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// See [`nsapi::Limits::tcp_sockets`].
    pub tcp_sockets: u16,
    /// See [`nsapi::Limits::udp_sockets`].
    pub udp_sockets: u16,
    /// See [`nsapi::Limits::sockets`].
    pub sockets: u16,
    /// See [`nsapi::Limits::backlog`].
    pub backlog: u16,
    /// See [`nsapi::Limits::udp_payload`].
    pub udp_payload: u16,
    /// See [`nsapi::Limits::udp_queue`].
    pub udp_queue: u16,
    /// See [`nsapi::Limits::tcp_send_buffer`].
    pub tcp_send_buffer: u32,
    /// See [`nsapi::Limits::connect_timeout_ms`].
    pub connect_timeout_ms: u32,
}

impl From<nsapi::Limits> for Limits {
    fn from(limits: nsapi::Limits) -> Self {
        let nsapi::Limits {
            tcp_sockets,
            udp_sockets,
            sockets,
            backlog,
            udp_payload,
            udp_queue,
            tcp_send_buffer,
            connect_timeout_ms,
        } = limits;
        Self {
            tcp_sockets,
            udp_sockets,
            sockets,
            backlog,
            udp_payload,
            udp_queue,
            tcp_send_buffer,
            connect_timeout_ms,
        }
    }
}

/// What a fault wrote down before it reset the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beacon<'a> {
    /// `panic`, `hard-fault` and the like.
    pub kind: &'a str,
    /// Program counter.
    pub pc: u32,
    /// Link register.
    pub lr: u32,
    /// Configurable fault status.
    pub cfsr: u32,
    /// What was said about it.
    pub message: &'a str,
    /// Words of the stack that look like return addresses, innermost first, at most
    /// [`MAX_RETURNS`]: 32 bits each, little-endian, bit 0 (Thumb) cleared. Some may be of calls long over.
    pub returns: &'a [u8],
}

/// Return addresses in a [`Beacon`] at most.
pub const MAX_RETURNS: usize = 12;

impl Beacon<'_> {
    /// The return addresses; an incomplete one at the end is left out.
    pub fn return_addresses(&self) -> impl Iterator<Item = u32> + '_ {
        let (words, _) = self.returns.as_chunks();
        words.iter().map(|word| u32::from_le_bytes(*word))
    }
}

/// Unsolicited messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event<'a> {
    /// The board has just started and waits to be greeted. `boot` as in [`Hello::boot`].
    Boot {
        /// Differs after every reset.
        boot: u32,
        /// It was a fault that reset the board.
        crashed: bool,
    },
    /// A repeated request is still in flight.
    Working {
        /// Its id.
        id: u16,
    },
    /// The interface's status changed (contract §2).
    Status(u8),
    /// A line for the log.
    Log(&'a str),
}

#[cfg(test)]
mod tests;
