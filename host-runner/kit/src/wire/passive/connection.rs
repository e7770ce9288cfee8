//! Rules about a TCP connection as a whole: window, MSS, acknowledgements, retransmissions, resets.
//!
//! A connection is judged only if both SYNs were seen; a new SYN of the board begins a new one.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::BTreeMap;

use super::{PassiveViolation, View, Weight};
use crate::wire::{Fate, Flags, Packet, Segment};

/// Smallest MSS that a sender must keep to: below it many have a floor of their own (TCP-W-16).
const LEAST_MSS: usize = 88;
/// How long after the beginning of the case frames may be the answer to something that came before it.
const BEFORE: Duration = Duration::from_millis(500);
/// What a peer can take that does not say so (RFC 9293 MUST-15): IPv4 and IPv6.
const DEFAULT_MSS: [usize; 2] = [536, 1220];

/// The board's address and port, and the other ones.
type Pair = ((IpAddr, u16), (IpAddr, u16));

pub(super) fn check(views: &[View<'_>]) -> Vec<PassiveViolation> {
    let mut connections: BTreeMap<Pair, Connection> = BTreeMap::new();
    let mut broken = Vec::new();
    let began = views.first().map_or(Duration::ZERO, |view| view.frame.at);
    for view in views {
        let packets = [
            Some(view.packet.clone()),
            // What a rule made of it may have been received, too.
            changed(view),
        ];
        for packet in packets.into_iter().flatten() {
            let Some((pair, tcp)) = segment(&packet, view.is_board()) else {
                continue;
            };
            let connection = connections.entry(pair).or_default();
            if view.is_board() {
                broken.extend(connection.says(view, &packet, &tcp, began));
                break;
            }
            connection.hears(view, &packet, &tcp);
        }
    }
    broken
}

fn changed<'a>(view: &View<'a>) -> Option<Packet<'a>> {
    match &view.frame.fate {
        Fate::Changed(bytes) => Some(Packet::of(bytes)),
        _ => None,
    }
}

fn segment<'a>(packet: &Packet<'a>, is_board: bool) -> Option<(Pair, Segment<'a>)> {
    let tcp = packet.tcp()?;
    let src = (packet.src_ip()?, tcp.src_port);
    let dst = (packet.dst_ip()?, tcp.dst_port);
    Some((if is_board { (src, dst) } else { (dst, src) }, tcp))
}

/// What both sides have said.
#[derive(Default)]
struct Connection {
    board: Option<Board>,
    peer: Option<Peer>,
    /// Segments towards the board since its latest: all resets so far? And numbers of the last.
    only_resets: Option<bool>,
    last_reset: (u32, u32),
    /// The board has sent something before.
    spoke: bool,
    /// Frames came late or were held: what the board knew when is unclear.
    unclear: bool,
}

/// The board's side from its SYN on.
struct Board {
    isn: u32,
    scale: Option<u8>,
    /// Furthest right edge that it announced, relative to the peer's ISN, with the granularity it had.
    edge: Option<i64>,
    /// It has sent more than its SYN.
    synchronised: bool,
    /// It has reset the connection.
    reset: bool,
    /// Its data, from the first byte on.
    data: Vec<u8>,
    known: Vec<bool>,
}

/// The other side from its SYN on.
struct Peer {
    isn: u32,
    scale: Option<u8>,
    /// Largest MSS that a SYN of it announced, as good as it can be read.
    mss: Option<usize>,
    odd_options: bool,
    /// End of the furthest segment that it sent, relative to its ISN + 1.
    sent: i64,
    /// Furthest byte that it allowed the board to send, relative to the board's ISN + 1.
    allowed: Option<i64>,
}

/// A number relative to the byte after `isn`.
const fn relative(number: u32, isn: u32) -> i64 {
    number.wrapping_sub(isn).wrapping_sub(1) as i32 as i64
}

impl Connection {
    fn hears(&mut self, view: &View<'_>, packet: &Packet<'_>, tcp: &Segment<'_>) {
        let arrives = view.frame.delivered().is_some();
        if !matches!(view.frame.fate, Fate::Passed | Fate::Dropped(_)) {
            self.unclear = true;
        }
        if arrives {
            let reset = tcp.flags.contains(Flags::RST);
            self.only_resets = Some(self.only_resets.unwrap_or(true) && reset);
            self.last_reset = (tcp.seq.wrapping_add(tcp.len()), tcp.ack);
        }
        if tcp.flags.contains(Flags::SYN) {
            self.peer_syn(packet, tcp);
        }
        let Some(peer) = &mut self.peer else { return };
        let end = relative(tcp.seq, peer.isn) + i64::from(tcp.len());
        peer.sent = peer.sent.max(end);
        if let Some(board) = &self.board
            && tcp.flags.contains(Flags::ACK)
        {
            let scale = match (board.scale, peer.scale) {
                (Some(_), Some(scale)) if !tcp.flags.contains(Flags::SYN) => scale.min(14),
                _ => 0,
            };
            let allowed = relative(tcp.ack, board.isn) + (i64::from(tcp.window) << scale);
            peer.allowed = Some(peer.allowed.map_or(allowed, |most| most.max(allowed)));
        }
    }

    fn peer_syn(&mut self, packet: &Packet<'_>, tcp: &Segment<'_>) {
        let said = tcp.mss().map(usize::from);
        let default = DEFAULT_MSS[usize::from(packet.is_ipv6())];
        let odd = packet.checksum_ok() != Some(true)
            || tcp.options().filter(|(kind, _)| *kind == 2).count() > 1
            || (tcp.mss().is_none() && tcp.options.contains(&2));
        match &mut self.peer {
            // The same SYN again.
            Some(peer) if peer.isn == tcp.seq => {
                peer.mss = peer.mss.max(Some(said.unwrap_or(default)));
                peer.odd_options |= odd;
            }
            Some(_) if self.board.as_ref().is_some_and(|board| board.synchronised) => {
                // A SYN in the middle: whether the board begins anew shows in its own SYN.
                self.unclear = true;
            }
            peer => {
                *peer = Some(Peer {
                    isn: tcp.seq,
                    scale: tcp.window_scale(),
                    mss: Some(said.unwrap_or(default)),
                    odd_options: odd,
                    sent: 0,
                    allowed: None,
                });
            }
        }
    }

    fn says(
        &mut self,
        view: &View<'_>,
        packet: &Packet<'_>,
        tcp: &Segment<'_>,
        began: Duration,
    ) -> Vec<PassiveViolation> {
        let mut broken = Vec::new();
        let reset = tcp.flags.contains(Flags::RST);
        if reset {
            broken.extend(self.reset_for_reset(view, tcp, began));
        }
        (self.only_resets, self.spoke) = (None, true);
        if tcp.flags.contains(Flags::SYN) && !reset {
            self.board_syn(tcp);
        }
        let Some(board) = &mut self.board else {
            return broken;
        };
        if reset {
            board.reset |= board.synchronised;
            return broken;
        }
        if !tcp.flags.contains(Flags::SYN) {
            if board.reset && !self.unclear && !tcp.data.is_empty() {
                broken.push(view.breaks(
                    "after-reset",
                    "no data on a connection that the board has reset",
                    tcp.flags.to_string(),
                ));
            }
            board.synchronised = true;
        }
        broken.extend(board.repeats(view, tcp));
        let Some(peer) = &self.peer else {
            return broken;
        };
        if self.unclear {
            return broken;
        }
        broken.extend(peer.limits(view, packet, tcp, board));
        broken.extend(board.edge(view, tcp, peer));
        broken
    }

    /// TCP-W-22: a reset is never answered by one.
    fn reset_for_reset(
        &self,
        view: &View<'_>,
        tcp: &Segment<'_>,
        began: Duration,
    ) -> Option<PassiveViolation> {
        // Its numbers say what it answers (RFC 9293 §3.10.7.1): something before may be meant, still on its way.
        let (end, ack) = self.last_reset;
        let answers = if tcp.flags.contains(Flags::ACK) {
            tcp.ack == end
        } else {
            tcp.seq == ack
        };
        let known = self.spoke || view.frame.at - began > BEFORE;
        (self.only_resets == Some(true) && answers && known && !self.unclear)
            .then(|| view.breaks("rst-for-rst", "silence after a reset", "a reset"))
    }

    fn board_syn(&mut self, tcp: &Segment<'_>) {
        if self
            .board
            .as_ref()
            .is_some_and(|board| board.isn == tcp.seq)
        {
            return;
        }
        if self.board.is_some() {
            // A new connection of the same pair. If the board opens it, the peer's SYN is still to come.
            self.unclear = false;
            if !tcp.flags.contains(Flags::ACK) {
                self.peer = None;
            } else if let Some(peer) = &self.peer
                && relative(tcp.ack, peer.isn) != 0
            {
                // It answers a SYN that was not taken for one.
                self.peer = None;
            }
        }
        self.board = Some(Board {
            isn: tcp.seq,
            scale: tcp.window_scale(),
            edge: None,
            synchronised: false,
            reset: false,
            data: Vec::new(),
            known: Vec::new(),
        });
    }
}

impl Board {
    /// TCP-W-67: bytes that are sent again are the same ones.
    fn repeats(&mut self, view: &View<'_>, tcp: &Segment<'_>) -> Option<PassiveViolation> {
        // One byte may be a keep-alive, whose byte is garbage.
        if tcp.data.len() < 2 {
            return None;
        }
        let at = relative(tcp.seq, self.isn) + i64::from(tcp.flags.contains(Flags::SYN));
        let from = usize::try_from(at).ok()?;
        let end = from + tcp.data.len();
        // Far ahead of all that was seen: frames of the case are missing.
        if from > self.data.len() + (1 << 24) {
            return None;
        }
        if self.data.len() < end {
            self.data.resize(end, 0);
            self.known.resize(end, false);
        }
        let mut wrong = None;
        for (index, &byte) in (from..end).zip(tcp.data) {
            if self.known[index] && self.data[index] != byte {
                wrong.get_or_insert(index);
            }
            (self.data[index], self.known[index]) = (byte, true);
        }
        wrong.map(|index| {
            let observed = format!("another byte at {index}");
            view.breaks("retransmission", "the same bytes again", observed)
        })
    }

    /// TCP-W-53: the right edge of its window never moves left, but for what scaling rounds off.
    fn edge(
        &mut self,
        view: &View<'_>,
        tcp: &Segment<'_>,
        peer: &Peer,
    ) -> Option<PassiveViolation> {
        if !tcp.flags.contains(Flags::ACK) || tcp.flags.contains(Flags::SYN) {
            return None;
        }
        let scale = match (self.scale, peer.scale) {
            (Some(scale), Some(_)) => scale.min(14),
            _ => 0,
        };
        let edge = relative(tcp.ack, peer.isn) + (i64::from(tcp.window) << scale);
        let most = self.edge.map_or(edge, |most| most.max(edge));
        let before = self.edge.replace(most)?;
        let rounding = (1 << scale) - 1;
        // The FIN takes a place that no window has room for.
        (edge + rounding + 1 < before).then(|| {
            let observed = format!("{edge} after {before}");
            let mut violation = view.breaks("right-edge", "a right edge that stays", observed);
            violation.weight = Weight::Should;
            violation
        })
    }
}

impl Peer {
    /// TCP-W-15, TCP-W-60, and that nothing is acknowledged that was never sent.
    fn limits(
        &self,
        view: &View<'_>,
        packet: &Packet<'_>,
        tcp: &Segment<'_>,
        board: &Board,
    ) -> Option<PassiveViolation> {
        if tcp.flags.contains(Flags::ACK) {
            let ack = relative(tcp.ack, self.isn);
            if ack > self.sent {
                let observed = format!("an ACK of {ack}");
                let expected = format!("no ACK beyond the {} bytes sent", self.sent);
                return Some(view.breaks("ack-beyond", expected, observed));
            }
        }
        let default = DEFAULT_MSS[usize::from(packet.is_ipv6())];
        let mss = self.mss.unwrap_or(default);
        let size = tcp.data.len() + tcp.options.len();
        if !tcp.data.is_empty() && size > mss && mss >= LEAST_MSS && !self.odd_options {
            let observed = format!("{size} bytes of options and data");
            return Some(view.breaks("mss", format!("at most {mss} bytes"), observed));
        }
        let allowed = self.allowed?;
        let end = relative(tcp.seq, board.isn) + tcp.data.len() as i64;
        // A probe of a closed window is one byte beyond it.
        (!tcp.data.is_empty() && !tcp.flags.contains(Flags::SYN) && end > allowed + 1).then(|| {
            let expected = format!("no byte beyond {allowed}, where the peer's window ends");
            view.breaks("past-window", expected, format!("bytes up to {end}"))
        })
    }
}
