//! Ghost hosts: hosts of the cable with a MAC and IP addresses of their own that only the runner plays, so that the
//! kernel never interferes. A ghost tells who it is (ARP, neighbour discovery) and otherwise says only what the case
//! says; a connection attempt to it is never answered.
//!
//! ```ignore
//! let ghost = cx.ghost().await?;
//! ghost.warm().await?;                                          // the board knows it now
//! ghost.send(ghost.udp(4000, udp.port(), b"hello").checksum_off_by(1));
//! let mut tcp = ghost.tcp_connect(listener.port(), TcpOptions::default()).await?;
//! tcp.seg().seq(100).data(b"ahead of a gap").send();
//! tcp.expect_ack(0, Duration::from_millis(100)).await?;
//! ```
//!
//! Must not: answer anything on its own but questions for its hardware address.

mod board;
mod got;
mod neighbour;
mod opening;
mod record;
mod seg;
mod tcp;
#[cfg(test)]
mod tests;
mod witness;

pub use board::Board;
pub use got::Got;
pub use neighbour::Manners;
pub use opening::{GhostListener, TcpOptions};
pub use seg::Seg;
pub use tcp::GhostTcp;
pub use witness::Witness;

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nsapi::{Capability, SocketAddress};

use super::{Craft, End, Frame, IcmpError, Mac, Node, Pattern, Wire, WirePlan, from_board};
use crate::ctx::contract_address;
use crate::outcome::here;
use crate::{Ctx, Stop, Trouble, text};

/// The ghost that asks and pings on the runner's own behalf.
const WITNESS: u8 = 127;
/// First port of a ghost's connections.
const FIRST_PORT: u16 = 49_152;
/// How long an echo reply may take, on the reference.
const PONG: Duration = Duration::from_secs(1);
/// How often an echo request is repeated before the board counts as dead: its answer may be lost by impairment.
const PINGS: u16 = 3;

/// Numbers of ghosts go round in the whole process, so that a case gets one that the board has long not seen.
static NEXT: AtomicU32 = AtomicU32::new(0);

struct Inside {
    wire: Wire,
    mac: Mac,
    ipv4: Ipv4Addr,
    ipv6: Ipv6Addr,
    link_local: Ipv6Addr,
    board: Mutex<Option<Board>>,
    manners: neighbour::Shared,
    cursor: Mutex<usize>,
    /// Distinguishes connections and echoes of this ghost.
    count: AtomicU32,
}

/// A host that only the runner plays. It has addresses of both families; what it says without further words is of the
/// one it was made for ([`Ctx::ghost`], [`Ctx::ghost_v6`], [`Ghost::over_v6`]). Cheap to clone.
#[derive(Clone)]
pub struct Ghost {
    inside: Arc<Inside>,
    v6: bool,
}

impl fmt::Debug for Ghost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ghost({} at {})", self.ip(), self.mac())
    }
}

impl Ctx {
    /// A ghost host that speaks IPv4, with addresses that this case alone uses.
    ///
    /// # Errors
    /// A violation if the board does not tell its hardware address; [`Trouble::CaseBug`] without a cable.
    #[track_caller]
    pub fn ghost(&self) -> impl Future<Output = Result<Ghost, Stop>> {
        here(async move { self.ghost_of(false).await })
    }

    /// The same speaking IPv6.
    ///
    /// # Errors
    /// A violation if the board has no global IPv6 address.
    #[track_caller]
    pub fn ghost_v6(&self) -> impl Future<Output = Result<Ghost, Stop>> {
        here(async move { self.ghost_of(true).await })
    }

    /// The same for a family that the case is parametrised over.
    ///
    /// # Errors
    /// As [`Self::ghost`] and [`Self::ghost_v6`].
    #[track_caller]
    pub fn ghost_of(&self, v6: bool) -> impl Future<Output = Result<Ghost, Stop>> {
        here(async move {
            let wire = self.wire()?;
            let board = wire.board().await?;
            if board.node(v6).is_none() {
                return Err(wire.no_address(v6));
            }
            Ok(Ghost::fresh(&wire, Some(board), v6))
        })
    }

    /// A ghost for a board whose addresses are not known to the runner, or other than those it says: it believes what
    /// `board` says and asks nothing.
    ///
    /// # Errors
    /// [`Trouble::CaseBug`] without a cable.
    pub fn ghost_believing(&self, board: Board, v6: bool) -> Result<Ghost, Stop> {
        Ok(Ghost::fresh(&self.wire()?, Some(board), v6))
    }
}

impl Ghost {
    fn fresh(wire: &Wire, board: Option<Board>, v6: bool) -> Self {
        let n = 1 + NEXT.fetch_add(1, Ordering::Relaxed) % u32::from(WITNESS - 1);
        Self::numbered(wire, u8::try_from(n).unwrap_or(1), board, v6)
    }

    pub(super) fn numbered(wire: &Wire, n: u8, board: Option<Board>, v6: bool) -> Self {
        let mac = WirePlan::ghost_mac(n);
        let inside = Arc::new(Inside {
            wire: wire.clone(),
            mac,
            ipv4: WirePlan::ghost_ipv4(n),
            ipv6: WirePlan::ghost_ipv6(n),
            link_local: mac.link_local(),
            board: Mutex::new(board),
            manners: neighbour::Shared::default(),
            cursor: Mutex::new(wire.shared.log.end()),
            count: AtomicU32::new(0),
        });
        let ghost = Self { inside, v6 };
        neighbour::start(&ghost);
        ghost
    }

    /// The ghost that asks and pings for the runner.
    pub(super) fn witness(wire: &Wire) -> Self {
        Self::numbered(wire, WITNESS, None, false)
    }

    fn known(&self) -> MutexGuard<'_, Option<Board>> {
        self.inside
            .board
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn wire(&self) -> &Wire {
        &self.inside.wire
    }

    fn say(&self, what: impl fmt::Display) {
        let line = format!("host: ghost {} {what}", self.ip());
        self.wire().state.steps.say(line);
    }

    /// The same ghost speaking IPv6.
    #[must_use]
    pub fn over_v6(&self) -> Self {
        Self {
            v6: true,
            ..self.clone()
        }
    }

    /// Whether it speaks IPv6.
    #[must_use]
    pub const fn is_v6(&self) -> bool {
        self.v6
    }

    /// Its hardware address.
    #[must_use]
    pub fn mac(&self) -> Mac {
        self.inside.mac
    }

    /// Its IPv4 address.
    #[must_use]
    pub fn ipv4(&self) -> Ipv4Addr {
        self.inside.ipv4
    }

    /// Its unique local IPv6 address.
    #[must_use]
    pub fn ipv6(&self) -> Ipv6Addr {
        self.inside.ipv6
    }

    /// Its link-local IPv6 address.
    #[must_use]
    pub fn link_local(&self) -> Ipv6Addr {
        self.inside.link_local
    }

    /// Its address of the family that it speaks.
    #[must_use]
    pub fn ip(&self) -> IpAddr {
        if self.v6 {
            self.inside.ipv6.into()
        } else {
            self.inside.ipv4.into()
        }
    }

    /// Itself, for [`Craft`].
    #[must_use]
    pub fn node(&self) -> Node {
        Node::new(self.mac(), self.ip())
    }

    /// Its address with a port, for a connect or send of the IUT.
    #[must_use]
    pub fn address(&self, port: u16) -> SocketAddress {
        contract_address(SocketAddr::new(self.ip(), port))
    }

    /// The board, for [`Craft`]: hardware address and the address of the family that the ghost speaks.
    #[must_use]
    pub fn board(&self) -> Node {
        let board = *self.known();
        board
            .and_then(|board| board.node(self.v6))
            .unwrap_or_else(|| {
                // Only a ghost that believes in a board without addresses gets here.
                let nobody: IpAddr = if self.v6 {
                    Ipv6Addr::UNSPECIFIED.into()
                } else {
                    Ipv4Addr::UNSPECIFIED.into()
                };
                Node::new(board.map_or(Mac::BROADCAST, |board| board.mac), nobody)
            })
    }

    /// How it answers questions for its hardware address from now on.
    pub fn manners(&self, manners: Manners) {
        self.say(format_args!("answers who it is: {manners:?}"));
        self.inside.manners.set(manners);
    }

    /// A UDP datagram to a port of the board, to be sent or spoiled.
    #[must_use]
    pub fn udp(&self, src_port: u16, board_port: u16, data: impl Into<Vec<u8>>) -> Craft {
        Craft::udp(self.node(), src_port, self.board(), board_port, data)
    }

    /// An echo request to the board, to be sent or spoiled.
    #[must_use]
    pub fn echo_request(&self, id: u16, sequence: u16, data: impl Into<Vec<u8>>) -> Craft {
        Craft::echo_request(self.node(), self.board(), id, sequence, data)
    }

    /// A TCP segment to a port of the board outside of any connection record.
    #[must_use]
    pub fn segment(&self, src_port: u16, board_port: u16) -> Craft {
        Craft::tcp(self.node(), src_port, self.board(), board_port)
    }

    /// An ICMP error about a frame that the board sent, quoting it.
    #[must_use]
    pub fn icmp_error(&self, error: IcmpError, about: &Frame) -> Craft {
        Craft::icmp_error(self.node(), self.board(), error, &about.bytes)
    }

    /// Puts a frame on the cable towards the board.
    pub fn send(&self, frame: impl Into<Vec<u8>>) {
        let frame = frame.into();
        self.say(format_args!("sends {}", super::Packet::of(&frame)));
        self.wire().cable.inject(End::Board, frame);
    }

    /// Frames of the board that are for this ghost: by hardware or by IP address.
    #[must_use]
    pub fn inbox(&self) -> Pattern {
        let (mac, inside) = (self.mac(), &self.inside);
        let own: [IpAddr; 3] = [
            inside.ipv4.into(),
            inside.ipv6.into(),
            inside.link_local.into(),
        ];
        from_board().that(format!("to ghost {}", self.ip()), move |packet| {
            packet.destination() == mac || packet.dst_ip().is_some_and(|ip| own.contains(&ip))
        })
    }

    fn cursor(&self) -> MutexGuard<'_, usize> {
        self.inside
            .cursor
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on expectations and silences look at frames: earlier ones are forgotten.
    pub fn mark(&self) {
        *self.cursor() = self.wire().shared.log.end();
    }

    /// Requires a frame of the board to this ghost within this time (stretched on slow boards), of those after the last
    /// one that was expected or after [`Self::mark`].
    ///
    /// # Errors
    /// A violation `…/frame`.
    #[track_caller]
    pub fn expect(
        &self,
        pattern: Pattern,
        within: Duration,
    ) -> impl Future<Output = Result<Frame, Stop>> {
        here(async move { self.expect_as("frame", pattern, within).await })
    }

    /// The same with a key of its own for the violation.
    ///
    /// # Errors
    /// A violation `…/<what>`.
    #[track_caller]
    pub fn expect_as(
        &self,
        what: &str,
        pattern: Pattern,
        within: Duration,
    ) -> impl Future<Output = Result<Frame, Stop>> {
        here(async move {
            let from = *self.cursor();
            let pattern = self.inbox().and(pattern);
            let patience = self.wire().stretched(within);
            if let Some((at, frame)) = self.wire().look(from, &pattern, patience).await {
                *self.cursor() = at + 1;
                self.say(format_args!("gets {}", frame.packet()));
                return Ok(frame);
            }
            let call = format!("ghost {} waits {}", self.ip(), text::duration(patience));
            let observed = self.wire().instead(from);
            let state = &self.wire().state;
            Err(state
                .in_vain(patience, what, &call, pattern.words(), observed)
                .into())
        })
    }

    /// Waits as [`Self::expect`] does; `None` if no such frame comes. No violation: for alternatives.
    pub async fn wait_for(&self, pattern: Pattern, within: Duration) -> Option<Frame> {
        let from = *self.cursor();
        let pattern = self.inbox().and(pattern);
        let patience = self.wire().stretched(within);
        let (at, frame) = self.wire().look(from, &pattern, patience).await?;
        *self.cursor() = at + 1;
        self.say(format_args!("gets {}", frame.packet()));
        Some(frame)
    }

    /// Requires exactly this datagram on this port of the ghost; the frame that brought it.
    ///
    /// # Errors
    /// A violation `…/datagram`.
    #[track_caller]
    pub fn expect_udp(
        &self,
        port: u16,
        data: &[u8],
        within: Duration,
    ) -> impl Future<Output = Result<Frame, Stop>> {
        here(async move {
            let pattern = super::udp().dst_port(port).payload(data);
            self.expect_as("datagram", pattern, within).await
        })
    }

    /// Requires that the board sends this ghost no such frame for this time (stretched), then that it answers an echo
    /// request, so that a dead board does not pass as a silent one.
    ///
    /// # Errors
    /// A violation `…/silence` with the frame that came, or `…/alive`.
    #[track_caller]
    pub fn silence(
        &self,
        pattern: Pattern,
        lasting: Duration,
    ) -> impl Future<Output = Result<(), Stop>> {
        here(async move {
            let from = *self.cursor();
            let pattern = self.inbox().and(pattern);
            let patience = self.wire().stretched(lasting);
            if let Some((at, frame)) = self.wire().look(from, &pattern, patience).await {
                *self.cursor() = at + 1;
                let call = format!("ghost {} listens {}", self.ip(), text::duration(patience));
                let expected = format!("no frame {}", pattern.words());
                let observed = frame.packet().to_string();
                let state = &self.wire().state;
                return Err(state.violation("silence", &call, expected, observed).into());
            }
            self.say(format_args!(
                "hears nothing for {}",
                text::duration(patience)
            ));
            self.mark();
            self.wire().ping().await
        })
    }

    /// Makes the board know this ghost: asks it for its own hardware address, which it answers, and remembers who asked.
    ///
    /// # Errors
    /// A violation `…/neighbour` if it does not answer.
    #[track_caller]
    pub fn warm(&self) -> impl Future<Output = Result<(), Stop>> {
        here(async move {
            let found = self.resolve(self.board().ip).await;
            if found.is_some() {
                return Ok(());
            }
            let ip = self.board().ip;
            let call = format!("ghost asks who has {ip}");
            let state = &self.wire().state;
            let waited = self.wire().stretched(neighbour::PATIENCE);
            Err(state
                .in_vain(waited, "neighbour", &call, "the board answers", "silence")
                .into())
        })
    }

    /// Pings the board and requires its answer, with the same data.
    ///
    /// # Errors
    /// A violation `…/alive`.
    #[track_caller]
    pub fn ping(&self, data: &[u8]) -> impl Future<Output = Result<Frame, Stop>> {
        here(async move {
            let number = self.inside.count.fetch_add(1, Ordering::Relaxed);
            let [_, _, a, b] = number.to_be_bytes();
            let id = u16::from_be_bytes([a, b]) ^ 0x6869;
            let pong = self
                .inbox()
                .echo_reply()
                .payload(data)
                .that(format!("with id {id}"), move |packet| {
                    packet.icmp().is_some_and(|icmp| icmp.echo_id().0 == id)
                });
            let from = self.wire().shared.log.end();
            let patience = self.wire().stretched(PONG);
            for sequence in 0..PINGS {
                let request = self.echo_request(id, sequence, data);
                self.wire().cable.inject(End::Board, request.bytes());
                if let Some((_, frame)) = self.wire().look(from, &pong, patience).await {
                    self.say(format_args!("pings the board, which answers"));
                    return Ok(frame);
                }
            }
            let call = format!("ghost {} pings the board {PINGS} times", self.ip());
            let observed = self.wire().instead(from);
            let state = &self.wire().state;
            Err(state
                .in_vain(patience, "alive", &call, "an echo reply", observed)
                .into())
        })
    }

    fn next_number(&self) -> u32 {
        self.inside.count.fetch_add(1, Ordering::Relaxed)
    }
}

impl Wire {
    /// Requires the board to answer an echo request.
    ///
    /// # Errors
    /// A violation `…/alive`.
    #[track_caller]
    pub fn ping(&self) -> impl Future<Output = Result<(), Stop>> {
        here(async move {
            let board = self.board().await?;
            let mut ghost = self.witness_ghost();
            ghost.v6 = board.ipv4.is_none();
            *ghost.known() = Some(board);
            ghost.ping(b"are you there?").await.map(drop)
        })
    }

    /// The ghost that asks for the runner; it answers for itself from the first call on.
    pub(super) fn witness_ghost(&self) -> Ghost {
        super::Shared::lock(&self.shared.witness)
            .get_or_insert_with(|| Ghost::witness(self))
            .clone()
    }

    /// The board has no address of a family: its fault if it claims the family.
    pub(crate) fn no_address(&self, v6: bool) -> Stop {
        let (family, capability) = if v6 {
            ("a global IPv6 address", Capability::Ipv6)
        } else {
            ("an IPv4 address", Capability::Ipv4)
        };
        if !self.state.identity.claims.has(capability) {
            let problem = format!("the port claims no {capability:?}; the case must need it");
            return Trouble::CaseBug(problem).into();
        }
        let observed = "none that it answers for";
        self.state
            .violation("address", "the board's addresses", family, observed)
            .into()
    }
}
