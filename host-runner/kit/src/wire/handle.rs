//! The wire in the hands of a case: [`crate::Ctx::wire`].
//!
//! ```ignore
//! let wire = cx.wire()?;
//! let dropped = wire.drop_first(wire::tcp().syn_ack());
//! let (tcp, peer) = cx.connected().await?;
//! dropped.expect(1).await?;                                     // it did happen
//! wire.expect(from_board().tcp().fin(), Duration::from_secs(1)).await?;
//! ```
//!
//! Rules, impairment and a cut end with the case. Must not: know how frames are carried.

use core::fmt;
use core::net::Ipv4Addr;
use core::time::Duration;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::log::Log;
use super::{
    Action, Applied, Cable, End, Frame, Impairment, Pattern, Rule, RuleId, When, WirePlan,
};
use crate::ctx::State;
use crate::outcome::here;
use crate::{Ctx, Stop, Trouble, text};

/// How long a rule may take to be used once what it is for has been provoked, on the reference.
const RULE_PATIENCE: Duration = Duration::from_secs(2);
/// Frames that a violation tells about when another one was wanted.
const TOLD: usize = 6;

/// What all handles of one case share.
#[derive(Default)]
pub(crate) struct Shared {
    pub(super) log: Arc<Log>,
    cursor: Mutex<usize>,
    rules: Mutex<Vec<RuleId>>,
    touched: Mutex<Touched>,
    pub(super) board: tokio::sync::Mutex<Option<super::Board>>,
    pub(super) witness: Mutex<Option<super::Ghost>>,
}

/// What must be put right when the case ends.
#[derive(Default)]
struct Touched {
    impaired: bool,
    cut: bool,
}

impl Shared {
    pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go of the ghost of the runner's own, which holds the state that holds this.
    pub(crate) fn forget(&self) {
        Self::lock(&self.witness).take();
    }

    /// Puts right what the case did to the cable, before its sockets are closed over it.
    pub(crate) async fn end(&self, cable: &dyn Cable) {
        self.forget();
        for id in Self::lock(&self.rules).drain(..) {
            cable.remove_rule(id);
        }
        let touched = core::mem::take(&mut *Self::lock(&self.touched));
        if touched.impaired {
            cable.impair(None);
        }
        if touched.cut {
            // A link that does not come back shows in the next case.
            let _ = cable.set_link(true).await;
        }
    }
}

/// The wire of a case. Cheap to clone; all clones are one wire with one place in the stream of frames.
#[derive(Clone)]
pub struct Wire {
    pub(super) state: Arc<State>,
    pub(super) cable: Arc<dyn Cable>,
    pub(super) shared: Arc<Shared>,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

impl Ctx {
    /// The wire: frames between board and host, to be recorded, bent, crafted, expected. The case must need it
    /// ([`crate::Need::Cable`]). Frames are looked at from the first call on.
    ///
    /// # Errors
    /// [`Trouble::CaseBug`] if the lan has no cable of the runner's.
    pub fn wire(&self) -> Result<Wire, Stop> {
        Ok(Wire::of(&self.state)?)
    }
}

impl Wire {
    pub(crate) fn of(state: &Arc<State>) -> Result<Self, Trouble> {
        let Some(cable) = state.lan.cable() else {
            let lan = state.lan.name();
            return Err(Trouble::CaseBug(format!(
                "the lan {lan} has no cable of the runner's: the case does not say needs = [Cable]"
            )));
        };
        let shared = state.wire.get_or_init(|| {
            let shared = Arc::new(Shared::default());
            let tap = cable.tap(super::any());
            state.spawn(Arc::clone(&shared.log).take(tap));
            shared
        });
        Ok(Self {
            state: Arc::clone(state),
            cable,
            shared: Arc::clone(shared),
        })
    }

    pub(super) fn say(&self, what: impl fmt::Display) {
        self.state.steps.say(format!("host: wire {what}"));
    }

    /// A time limit stretched for a slow board.
    pub(super) fn stretched(&self, limit: Duration) -> Duration {
        limit.mul_f64(self.state.scale)
    }

    /// Addresses of the host, the board and ghosts.
    #[must_use]
    pub fn plan(&self) -> WirePlan {
        self.cable.plan()
    }

    fn rule(&self, pattern: Pattern, when: When, action: Action) -> Bend {
        let words = match when {
            When::Always => format!("{action:?} all: {}", pattern.words()),
            When::Nth(n) => format!("{action:?} number {n} of: {}", pattern.words()),
            When::First(n) => format!("{action:?} the first {n} of: {}", pattern.words()),
            When::After(n) => format!("{action:?} all after the first {n} of: {}", pattern.words()),
        };
        self.say(format_args!("shall {words}"));
        let id = self.cable.add_rule(Rule {
            pattern,
            when,
            action,
        });
        Shared::lock(&self.shared.rules).push(id);
        Bend {
            wire: self.clone(),
            id,
            words,
        }
    }

    /// The next such frame never arrives; one after it does.
    pub fn drop_first(&self, pattern: Pattern) -> Bend {
        self.rule(pattern, When::First(1), Action::Drop)
    }

    /// The `n`-th such frame from now on (counted from 1) never arrives.
    pub fn drop_nth(&self, n: u64, pattern: Pattern) -> Bend {
        self.rule(pattern, When::Nth(n), Action::Drop)
    }

    /// The next `n` such frames never arrive.
    pub fn drop_next(&self, n: u64, pattern: Pattern) -> Bend {
        self.rule(pattern, When::First(n), Action::Drop)
    }

    /// No such frame arrives any more.
    pub fn drop_all(&self, pattern: Pattern) -> Bend {
        self.rule(pattern, When::Always, Action::Drop)
    }

    /// All such frames arrive later by this much.
    pub fn delay(&self, pattern: Pattern, by: Duration) -> Bend {
        self.rule(pattern, When::Always, Action::Delay(by))
    }

    /// All such frames arrive `times` times.
    pub fn duplicate(&self, pattern: Pattern, times: u32) -> Bend {
        self.rule(pattern, When::Always, Action::Duplicate(times))
    }

    /// All such frames wait until [`Bend::release`].
    pub fn hold(&self, pattern: Pattern) -> Bend {
        self.rule(pattern, When::Always, Action::Hold)
    }

    /// Other bytes arrive instead of all such frames. Checksums are left as `change` leaves them.
    pub fn change(
        &self,
        pattern: Pattern,
        change: impl Fn(&mut Vec<u8>) + Send + Sync + 'static,
    ) -> Bend {
        self.rule(pattern, When::Always, Action::Change(Arc::new(change)))
    }

    /// Other bytes arrive instead of the next such frame.
    pub fn change_first(
        &self,
        pattern: Pattern,
        change: impl Fn(&mut Vec<u8>) + Send + Sync + 'static,
    ) -> Bend {
        self.rule(pattern, When::First(1), Action::Change(Arc::new(change)))
    }

    /// Such frames are not touched by rules and impairment that come after this rule.
    pub fn spare(&self, pattern: Pattern) -> Bend {
        self.rule(pattern, When::Always, Action::Pass)
    }

    /// Any rule.
    pub fn bend(&self, pattern: Pattern, when: When, action: Action) -> Bend {
        self.rule(pattern, when, action)
    }

    /// Random impairment of everything the two ends send, until the case ends or `None`.
    pub fn impair(&self, impairment: Option<Impairment>) {
        match impairment {
            Some(how) => self.say(format_args!("is impaired: {how:?}")),
            None => self.say("is impaired no more"),
        }
        Shared::lock(&self.shared.touched).impaired = impairment.is_some();
        self.cable.impair(impairment);
    }

    /// Pulls the plug: nothing passes, and the board's PHY sees no link where it can be told.
    ///
    /// # Errors
    /// [`Trouble::Lan`] if the board's link cannot be switched.
    #[track_caller]
    pub fn cut(&self) -> impl Future<Output = Result<(), Stop>> {
        here(async move {
            self.say("is cut");
            Shared::lock(&self.shared.touched).cut = true;
            self.set_link(false).await
        })
    }

    /// Puts the plug back.
    ///
    /// # Errors
    /// [`Trouble::Lan`] if the board's link cannot be switched.
    #[track_caller]
    pub fn restore(&self) -> impl Future<Output = Result<(), Stop>> {
        here(async move {
            self.say("is restored");
            self.set_link(true).await?;
            Shared::lock(&self.shared.touched).cut = false;
            Ok(())
        })
    }

    async fn set_link(&self, up: bool) -> Result<(), Stop> {
        let switched = self.cable.set_link(up).await;
        switched.map_err(|error| Trouble::Lan(format!("the link cannot be switched: {error}")))?;
        Ok(())
    }

    /// Puts a frame on the cable towards the board: a [`super::Craft`] or plain bytes. Past rules, impairment and a cut.
    pub fn inject(&self, frame: impl Into<Vec<u8>>) {
        self.inject_to(End::Board, frame.into());
    }

    /// Puts a frame on the cable towards one of the ends.
    pub fn inject_to(&self, end: End, frame: impl Into<Vec<u8>>) {
        let frame = frame.into();
        let end_words = match end {
            End::Board => "board",
            End::Host => "host",
        };
        self.say(format_args!(
            "injects to the {end_words}: {}",
            super::Packet::of(&frame)
        ));
        self.cable.inject(end, frame);
    }

    /// Injects quietly many frames towards the board, in order and without pause; one line tells of all of them.
    pub fn inject_all(&self, words: &str, frames: impl IntoIterator<Item = Vec<u8>>) {
        let mut count = 0;
        for frame in frames {
            self.cable.inject(End::Board, frame);
            count += 1;
        }
        self.say(format_args!("injects to the board: {count} × {words}"));
    }

    /// From here on expectations and silences look at frames: earlier ones are forgotten.
    pub fn mark(&self) {
        *Shared::lock(&self.shared.cursor) = self.shared.log.end();
    }

    fn cursor(&self) -> usize {
        *Shared::lock(&self.shared.cursor)
    }

    pub(super) fn move_to(&self, at: usize) {
        *Shared::lock(&self.shared.cursor) = at;
    }

    /// Requires such a frame within this time (stretched on slow boards), of those after the last one that was
    /// expected or after [`Self::mark`]; what comes in between is passed over. The frame is as its sender put it on the
    /// cable; [`Frame::packet`] shows what it says.
    ///
    /// # Errors
    /// A violation `…/frame` that tells what came instead.
    #[track_caller]
    pub fn expect(
        &self,
        pattern: Pattern,
        within: Duration,
    ) -> impl Future<Output = Result<Frame, Stop>> {
        here(async move { self.expect_as("frame", pattern, within).await })
    }

    /// The same with a key of its own for the violation, so that a deviation can name it.
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
            let from = self.cursor();
            let patience = self.stretched(within);
            if let Some((at, frame)) = self.look(from, &pattern, patience).await {
                self.move_to(at + 1);
                self.say(format_args!("sees {}", frame.packet()));
                return Ok(frame);
            }
            let call = format!("wire waits {} for a frame", text::duration(patience));
            let observed = self.instead(from);
            let violation = self
                .state
                .in_vain(patience, what, &call, pattern.words(), observed);
            Err(violation.into())
        })
    }

    /// Waits for such a frame as [`Self::expect`] does; `None` if none comes. No violation: for alternatives.
    pub async fn wait_for(&self, pattern: Pattern, within: Duration) -> Option<Frame> {
        let found = self
            .look(self.cursor(), &pattern, self.stretched(within))
            .await;
        let (at, frame) = found?;
        self.move_to(at + 1);
        self.say(format_args!("sees {}", frame.packet()));
        Some(frame)
    }

    pub(super) async fn look(
        &self,
        from: usize,
        pattern: &Pattern,
        patience: Duration,
    ) -> Option<(usize, Frame)> {
        let deadline = (Instant::now() + patience).min(self.state.deadline);
        let wanted = |frame: &Frame| {
            pattern
                .matches(frame.origin, &frame.bytes)
                .then(|| frame.clone())
        };
        self.shared.log.find(from, deadline, wanted).await
    }

    /// What the board has sent from place `from` on, in words.
    pub(super) fn instead(&self, from: usize) -> String {
        let frames = self.shared.log.since(from);
        let sent: Vec<_> = frames
            .iter()
            .filter(|frame| frame.origin.is_board())
            .collect();
        let told = sent.iter().take(TOLD).map(|it| it.packet().to_string());
        let mut words = told.collect::<Vec<_>>().join("; ");
        match sent.len() {
            0 => "nothing from the board".clone_into(&mut words),
            n if n > TOLD => words += &format!("; … {n} frames in all"),
            _ => {}
        }
        words
    }

    /// Requires that no such frame comes for this time (stretched on slow boards), beginning after the last frame that
    /// was expected or after [`Self::mark`]; then requires the board to answer an echo request, so that a dead board
    /// does not pass as a silent one.
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
            self.silence_unwitnessed(pattern, lasting).await?;
            self.ping().await
        })
    }

    /// The same without the echo request: only where a positive probe follows in the case, or the board has no address.
    ///
    /// # Errors
    /// A violation `…/silence` with the frame that came.
    #[track_caller]
    pub fn silence_unwitnessed(
        &self,
        pattern: Pattern,
        lasting: Duration,
    ) -> impl Future<Output = Result<(), Stop>> {
        here(async move {
            let from = self.cursor();
            let patience = self.stretched(lasting);
            match self.look(from, &pattern, patience).await {
                None => {
                    self.say(format_args!(
                        "sees none for {}: {}",
                        text::duration(patience),
                        pattern.words()
                    ));
                    self.mark();
                    Ok(())
                }
                Some((at, frame)) => {
                    self.move_to(at + 1);
                    let call = format!("wire listens for {}", text::duration(patience));
                    let expected = format!("no frame {}", pattern.words());
                    let observed = frame.packet().to_string();
                    let violation = self.state.violation("silence", &call, expected, observed);
                    Err(violation.into())
                }
            }
        })
    }

    /// How many such frames there were since the case began.
    #[must_use]
    pub fn count(&self, pattern: &Pattern) -> usize {
        let (frames, _) = self.cable.frames();
        let matches = |frame: &&Frame| pattern.matches(frame.origin, &frame.bytes);
        frames.iter().filter(matches).count()
    }

    /// Such frames since the case began, in order.
    #[must_use]
    pub fn frames(&self, pattern: &Pattern) -> Vec<Frame> {
        let (mut frames, _) = self.cable.frames();
        frames.retain(|frame| pattern.matches(frame.origin, &frame.bytes));
        frames
    }

    /// Makes the host's kernel forget which hardware address belongs to whom.
    ///
    /// # Errors
    /// [`Trouble::Lan`] if the system refuses.
    pub fn flush_neighbours(&self) -> Result<(), Stop> {
        let lan = |error: io::Error| Trouble::Lan(format!("neighbours stay: {error}"));
        self.cable.flush_neighbours().map_err(lan)?;
        Ok(())
    }

    /// The host's answers to requests for its hardware addresses (ARP and neighbour discovery).
    #[must_use]
    pub fn host_answers(&self) -> Pattern {
        let arp = Pattern::from_host().arp_reply();
        arp.or(Pattern::from_host().icmp_type(true, 136, 0))
    }

    /// The host's kernel falls silent about its hardware addresses (ARP and neighbour discovery).
    pub fn silent_neighbours(&self) -> Bend {
        self.drop_all(self.host_answers())
    }

    /// The host's kernel tells its hardware addresses late (ARP and neighbour discovery).
    pub fn slow_neighbours(&self, by: Duration) -> Bend {
        self.delay(self.host_answers(), by)
    }

    /// Opening segments of TCP to this port of the host vanish: connection attempts are never answered.
    pub fn syn_black_hole(&self, tcp_port: u16) -> Bend {
        self.drop_all(Pattern::from_board().syn().dst_port(tcp_port))
    }

    /// The directed broadcast address of the network.
    #[must_use]
    pub fn broadcast(&self) -> Ipv4Addr {
        let plan = self.plan();
        let hosts = u32::MAX.checked_shr(plan.ipv4_prefix.into()).unwrap_or(0);
        (plan.host_ipv4[0].to_bits() | hosts).into()
    }
}

/// Something that happens to frames until the case ends, or [`Self::remove`].
#[derive(Clone, Debug)]
pub struct Bend {
    wire: Wire,
    id: RuleId,
    words: String,
}

impl Bend {
    /// How often it was used so far.
    #[must_use]
    pub fn applied(&self) -> Applied {
        self.wire.cable.applied(self.id)
    }

    /// Requires it to have been used at least `times` times, now or soon: without this a case that counts on it may
    /// pass although nothing happened.
    ///
    /// # Errors
    /// A violation `…/provoked` if the frames it is for did not come.
    #[track_caller]
    pub fn expect(&self, times: u64) -> impl Future<Output = Result<(), Stop>> {
        here(async move {
            let wire = &self.wire;
            let patience = wire.stretched(RULE_PATIENCE);
            let deadline = (Instant::now() + patience).min(wire.state.deadline);
            let end = wire.shared.log.end();
            let enough = || (self.applied().applied >= times).then_some(());
            if enough().is_some()
                || wire
                    .shared
                    .log
                    .find(end, deadline, |_| enough())
                    .await
                    .is_some()
                || enough().is_some()
            {
                return Ok(());
            }
            let applied = self.applied();
            let observed = format!("{} matched, {} of them", applied.matched, applied.applied);
            let violation = wire.state.in_vain(
                patience,
                "provoked",
                &format!("wire shall {}", self.words),
                format!("at least {times} such frames"),
                observed,
            );
            Err(violation.into())
        })
    }

    /// Lets go, in order, what a hold keeps; it goes on holding what comes.
    pub fn release(&self) {
        let held = self.applied().held;
        self.wire.say(format_args!("lets go {held} frames"));
        self.wire.cable.release(self.id);
    }

    /// Ends it; frames that it holds go on their way, in order.
    pub fn remove(self) {
        self.wire.say(format_args!("no more shall {}", self.words));
        self.wire.cable.remove_rule(self.id);
        Shared::lock(&self.wire.shared.rules).retain(|id| *id != self.id);
    }
}
