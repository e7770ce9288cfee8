//! TCP as a ghost plays it: a connection record, and segments exactly as the case says. Nothing is acknowledged,
//! repeated or answered unless the case does it.

use core::fmt;
use core::net::IpAddr;
use core::time::Duration;
use std::time::Instant;

use super::Ghost;
use super::got::Got;
use super::record::Record;
use super::seg::Seg;
use crate::outcome::here;
use crate::wire::{Craft, End, Fate, Flags, Frame, Packet};
use crate::{Stop, text};

/// Segments that a violation tells about when another one was wanted.
const TOLD: usize = 6;

/// A TCP connection between a ghost and the board. Numbers are relative to the first data byte of each side.
///
/// When it is dropped it resets the connection, so that the board does not wait for a ghost; [`Self::leave_alone`]
/// prevents that.
pub struct GhostTcp {
    pub(super) ghost: Ghost,
    pub(super) port: u16,
    pub(super) board_port: u16,
    pub(super) window: u16,
    pub(super) on_syn: Vec<u8>,
    pub(super) record: Record,
    /// Frames of the log that the record has taken.
    pub(super) absorbed: usize,
    /// Frames of the log that expectations have passed.
    pub(super) cursor: usize,
    /// Place in the log behind the latest segment that brought data.
    pub(super) data_until: usize,
    /// Furthest that the ghost has acknowledged.
    pub(super) said_ack: i64,
    pub(super) left_alone: bool,
}

impl fmt::Debug for GhostTcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GhostTcp({} with {})", self.port, self.board_port)
    }
}

impl GhostTcp {
    pub(super) fn say(&self, what: impl fmt::Display) {
        let (port, board) = (self.port, self.board_port);
        self.ghost.say(format_args!("tcp {port}–{board} {what}"));
    }

    pub(super) fn inject(&self, craft: &Craft) {
        self.ghost.wire().cable.inject(End::Board, craft.bytes());
    }

    /// The ghost's port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The board's port.
    #[must_use]
    pub const fn board_port(&self) -> u16 {
        self.board_port
    }

    /// Frames of the board on this connection that came through.
    fn read(&self, frame: &Frame) -> Option<Got> {
        if !frame.origin.is_board() || matches!(frame.fate, Fate::Dropped(_)) {
            return None;
        }
        let packet = Packet::of(frame.delivered()?);
        let own: IpAddr = self.ghost.ip();
        let ports = packet.tcp().map(|tcp| (tcp.src_port, tcp.dst_port));
        if packet.dst_ip() != Some(own) || ports != Some((self.board_port, self.port)) {
            return None;
        }
        let mut got = self.record.read(&packet)?;
        got.at = frame.at;
        Some(got)
    }

    pub(super) fn absorb_until(&mut self, end: usize) {
        if end <= self.absorbed {
            return;
        }
        let from = self.absorbed;
        let mut frames = self.ghost.wire().shared.log.since(from);
        frames.truncate(end - from);
        self.absorbed = end;
        for (at, frame) in (from..).zip(frames) {
            if let Some(got) = self.read(&frame) {
                self.record.take(&got);
                if !got.data.is_empty() {
                    self.data_until = at + 1;
                }
            }
        }
    }

    /// Takes all that has come into the record.
    pub(super) fn absorb(&mut self) {
        let end = self.ghost.wire().shared.log.end();
        self.absorb_until(end);
    }

    /// A segment to be sent; see [`Seg`].
    pub fn seg(&mut self) -> Seg<'_> {
        Seg::new(self)
    }

    /// Sends the SYN.
    pub fn syn(&mut self) {
        let options = self.on_syn.clone();
        self.seg()
            .flags(Flags::SYN)
            .seq(-1)
            .options(&options)
            .advance()
            .send();
    }

    /// Sends SYN+ACK for the SYN that came.
    pub fn syn_ack(&mut self) {
        let options = self.on_syn.clone();
        self.seg()
            .flags(Flags::SYN | Flags::ACK)
            .seq(-1)
            .ack(0)
            .options(&options)
            .advance()
            .send();
    }

    /// Sends data in order, in segments of at most the board's MSS (536 if it said none), without a look at its window.
    pub fn send(&mut self, data: &[u8]) {
        self.absorb();
        let mss = self.record.mss.map_or(536, usize::from).max(1);
        for part in data.chunks(mss) {
            self.seg().with(Flags::PSH).data(part).advance().send();
        }
    }

    /// Acknowledges all that the board sent without gap.
    pub fn ack(&mut self) {
        self.seg().send();
    }

    /// Sends the FIN in order.
    pub fn fin(&mut self) {
        self.seg().with(Flags::FIN).advance().send();
    }

    /// Sends a reset that the board must take: exactly at what it expects next.
    pub fn rst(&mut self) {
        self.absorb();
        let at = self.record.acked.unwrap_or(self.record.snd_nxt);
        self.seg().flags(Flags::RST).seq(at).window(0).send();
        self.record.over = true;
    }

    /// The window that segments announce from now on, as on the wire.
    pub const fn set_window(&mut self, window: u16) {
        self.window = window;
    }

    /// Moves the ghost's place in its stream: where honest segments go.
    pub const fn set_place(&mut self, snd_nxt: i64) {
        self.record.snd_nxt = snd_nxt;
    }

    /// The ghost's place in its stream.
    #[must_use]
    pub const fn place(&self) -> i64 {
        self.record.snd_nxt
    }

    /// What the board has sent without gap so far; its SYN and FIN not counted.
    pub fn received(&mut self) -> &[u8] {
        self.absorb();
        &self.record.received
    }

    /// What an honest ACK acknowledges now.
    pub fn rcv_nxt(&mut self) -> i64 {
        self.absorb();
        self.record.rcv_nxt()
    }

    /// Furthest that the board has acknowledged; −1 and less for nothing, not even the SYN.
    pub fn acked(&mut self) -> i64 {
        self.absorb();
        self.record.acked.unwrap_or(-1)
    }

    /// The board's latest window as it counts: scaled if both sides offered it in a way that the case must know of.
    pub fn board_window(&mut self) -> u16 {
        self.absorb();
        self.record.window
    }

    /// The MSS that the board announced.
    #[must_use]
    pub const fn board_mss(&self) -> Option<u16> {
        self.record.mss
    }

    /// The board's initial sequence number on the wire, once it is known.
    #[must_use]
    pub const fn board_isn(&self) -> Option<u32> {
        self.record.board_isn
    }

    /// The ghost's initial sequence number on the wire.
    #[must_use]
    pub const fn isn(&self) -> u32 {
        self.record.isn
    }

    /// From here on expectations and silences look at segments: earlier ones are forgotten.
    pub fn mark(&mut self) {
        self.cursor = self.ghost.wire().shared.log.end();
    }

    /// Every segment of the board on this connection from [`Self::mark`] (or the last expected one) on.
    #[must_use]
    pub fn since_mark(&self) -> Vec<Got> {
        let frames = self.ghost.wire().shared.log.since(self.cursor);
        frames.iter().filter_map(|frame| self.read(frame)).collect()
    }

    /// Waits for a segment of the board on this connection, of those after the last expected one; `None` if none comes.
    /// No violation: for alternatives.
    pub async fn wait_for(
        &mut self,
        within: Duration,
        holds: impl Fn(&Got) -> bool,
    ) -> Option<Got> {
        let wire = self.ghost.wire().clone();
        let patience = wire.stretched(within);
        let deadline = (Instant::now() + patience).min(wire.state.deadline);
        let wanted = |frame: &Frame| self.read(frame).filter(|got| holds(got));
        let (at, got) = wire.shared.log.find(self.cursor, deadline, wanted).await?;
        self.cursor = at + 1;
        self.absorb_until(at + 1);
        self.say(format_args!("gets {got}"));
        Some(got)
    }

    /// Requires a segment of the board on this connection within this time (stretched on slow boards), of those after
    /// the last expected one; what comes in between is passed over. `words` say what `holds` wants.
    ///
    /// # Errors
    /// A violation `…/segment` that tells what came instead.
    #[track_caller]
    pub fn expect(
        &mut self,
        words: &str,
        within: Duration,
        holds: impl Fn(&Got) -> bool,
    ) -> impl Future<Output = Result<Got, Stop>> {
        here(async move { self.expect_as("segment", words, within, holds).await })
    }

    /// The same with a key of its own for the violation.
    ///
    /// # Errors
    /// A violation `…/<what>`.
    #[track_caller]
    pub fn expect_as(
        &mut self,
        what: &str,
        words: &str,
        within: Duration,
        holds: impl Fn(&Got) -> bool,
    ) -> impl Future<Output = Result<Got, Stop>> {
        here(async move {
            if let Some(got) = self.wait_for(within, holds).await {
                return Ok(got);
            }
            let wire = self.ghost.wire();
            let patience = wire.stretched(within);
            let call = format!("{self:?} waits {}", text::duration(patience));
            let observed = told(&self.since_mark());
            Err(wire
                .state
                .in_vain(patience, what, &call, words, observed)
                .into())
        })
    }

    /// Requires an acknowledgement of everything before `ack`.
    ///
    /// # Errors
    /// A violation `…/ack`.
    #[track_caller]
    pub fn expect_ack(
        &mut self,
        ack: i64,
        within: Duration,
    ) -> impl Future<Output = Result<Got, Stop>> {
        here(async move {
            let words = format!("ACK of {ack}");
            self.expect_as("ack", &words, within, |got| got.acks(ack))
                .await
        })
    }

    /// Requires SYN+ACK for the ghost's SYN.
    ///
    /// # Errors
    /// A violation `…/handshake`.
    #[track_caller]
    pub fn expect_syn_ack(&mut self, within: Duration) -> impl Future<Output = Result<Got, Stop>> {
        here(async move {
            let both = Flags::SYN | Flags::ACK;
            self.expect_as("handshake", "SYN+ACK", within, |got| {
                got.has(both) && got.ack == 0
            })
            .await
        })
    }

    /// Requires a reset.
    ///
    /// # Errors
    /// A violation `…/reset`.
    #[track_caller]
    pub fn expect_rst(&mut self, within: Duration) -> impl Future<Output = Result<Got, Stop>> {
        here(async move {
            self.expect_as("reset", "RST", within, |got| got.has(Flags::RST))
                .await
        })
    }

    /// Requires the board's FIN; it is not acknowledged.
    ///
    /// # Errors
    /// A violation `…/fin`.
    #[track_caller]
    pub fn expect_fin(&mut self, within: Duration) -> impl Future<Output = Result<Got, Stop>> {
        here(async move {
            self.expect_as("fin", "FIN", within, |got| got.has(Flags::FIN))
                .await
        })
    }

    /// Requires exactly these data as the next ones of the board's stream after `from` bytes of it; they are acknowledged
    /// as they come. Later expectations look behind the last segment that brought some.
    ///
    /// # Errors
    /// A violation `…/data` if others come, or not all in time.
    #[track_caller]
    pub fn expect_data(
        &mut self,
        from: usize,
        data: &[u8],
        within: Duration,
    ) -> impl Future<Output = Result<(), Stop>> {
        here(async move {
            let end = from + data.len();
            let deadline = Instant::now() + self.ghost.wire().stretched(within);
            loop {
                let have = self.received().len();
                if have >= end || Instant::now() >= deadline {
                    break;
                }
                let left = deadline.saturating_duration_since(Instant::now());
                // `within` is stretched already.
                let left = left.div_f64(self.ghost.wire().state.scale.max(f64::MIN_POSITIVE));
                if self
                    .wait_for(left, |got| !got.data.is_empty())
                    .await
                    .is_some()
                {
                    self.ack();
                }
            }
            self.absorb();
            self.cursor = self.cursor.max(self.data_until);
            if self.said_ack < self.record.rcv_nxt() {
                self.ack();
            }
            let got = self.record.received.get(from..).unwrap_or_default();
            let got = &got[..got.len().min(data.len())];
            if got == data {
                return Ok(());
            }
            let (expected, observed) = (text::bytes(data), text::bytes(got));
            let call = format!("{self:?} receives");
            let wire = self.ghost.wire();
            let violation = if data.starts_with(got) {
                let patience = wire.stretched(within);
                wire.state
                    .in_vain(patience, "data", &call, expected, observed)
            } else {
                wire.state.violation("data", &call, expected, observed)
            };
            Err(violation.into())
        })
    }

    /// Requires that the board sends nothing on this connection for this time (stretched), then that it answers an echo
    /// request.
    ///
    /// # Errors
    /// A violation `…/silence`, or `…/alive`.
    #[track_caller]
    pub fn silence(&mut self, lasting: Duration) -> impl Future<Output = Result<(), Stop>> {
        here(async move { self.silence_about("anything", lasting, |_| true).await })
    }

    /// The same for some segments only.
    ///
    /// # Errors
    /// A violation `…/silence`, or `…/alive`.
    #[track_caller]
    pub fn silence_about(
        &mut self,
        words: &str,
        lasting: Duration,
        about: impl Fn(&Got) -> bool,
    ) -> impl Future<Output = Result<(), Stop>> {
        here(async move {
            if let Some(got) = self.wait_for(lasting, about).await {
                let call = format!("{self:?} listens {}", text::duration(lasting));
                let expected = format!("silence about {words}");
                let state = &self.ghost.wire().state;
                return Err(state
                    .violation("silence", &call, expected, got.to_string())
                    .into());
            }
            self.say(format_args!("gets nothing: no {words}"));
            self.mark();
            self.ghost.wire().ping().await
        })
    }

    /// Ends the connection in order from the ghost's side: FIN, then the board's FIN, acknowledged. The IUT's socket must
    /// be closed by the case.
    ///
    /// # Errors
    /// A violation `…/fin` if the board's does not come.
    #[track_caller]
    pub fn finish(&mut self, within: Duration) -> impl Future<Output = Result<(), Stop>> {
        here(async move {
            self.fin();
            self.absorb();
            if self.record.fin_at.is_none() {
                self.expect_fin(within).await?;
            }
            self.ack();
            self.record.over = true;
            Ok(())
        })
    }

    /// It is not reset when it is dropped: the board stays with what it has.
    pub fn leave_alone(mut self) {
        self.left_alone = true;
    }
}

impl Drop for GhostTcp {
    fn drop(&mut self) {
        self.absorb();
        if !self.left_alone && !self.record.over && self.record.board_isn.is_some() {
            self.rst();
        }
    }
}

fn told(segments: &[Got]) -> String {
    let shown = segments.iter().take(TOLD).map(Got::to_string);
    let mut words = shown.collect::<Vec<_>>().join("; ");
    match segments.len() {
        0 => "no segment of the board".clone_into(&mut words),
        n if n > TOLD => words += &format!("; … {n} segments in all"),
        _ => {}
    }
    words
}
