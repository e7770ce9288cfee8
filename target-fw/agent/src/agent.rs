//! The agent itself: session, requests in, lanes on, replies out.

use core::mem;

use nsapi::{Capability, Error, Iut};
use nsapi_protocol::frame::{Deframer, MAX_FRAME};
use nsapi_protocol::message::{Op, Request, Scope};
use nsapi_protocol::{Answer, CrashKind, Event, PROTOCOL, Reject, ScopeReport};

use crate::dispatch::{Dispatch, Start};
use crate::inbox::Inbox;
use crate::interface::Listeners;
use crate::lane::{Lane, Progress};
use crate::limits::{COUNTERS, CREDITS, LOG_LINE, ROUNDS};
use crate::outbox::Outbox;
use crate::seen::Seen;
use crate::work::Work;
use crate::{Counters, Identity, Memory};

/// The way to the runner.
pub trait Link {
    /// Queues bytes towards the runner and returns how many were taken; never blocks.
    fn write(&mut self, bytes: &[u8]) -> usize;
}

/// The agent for one IUT and one link.
#[derive(Debug)]
pub struct Agent<'m, I: Iut + ?Sized + 'static> {
    inbox: &'m mut Inbox,
    deframer: &'m mut Deframer<MAX_FRAME>,
    core: Core<'m, I>,
}

/// All but what requests are read from, so that a request can be borrowed while it is carried out.
#[derive(Debug)]
struct Core<'m, I: Iut + ?Sized + 'static> {
    work: Work<'m, I>,
    identity: Identity,
    outbox: &'m mut Outbox,
    seen: &'m mut Seen,
    /// The runner's nonce, while there is a session.
    session: Option<u64>,
    /// Worst lateness since it was last reported.
    jitter_us: u32,
    /// Deadline that the last poll named.
    promised_us: Option<u64>,
    /// A change of the interface's status is to be told.
    status_changed: bool,
    /// The first poll has been made.
    started: bool,
    restart: Restart,
    /// Breaks the board, where it may be broken.
    crash: Option<fn(CrashKind)>,
}

/// Whether the board can restart itself, and shall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Restart {
    Impossible,
    Possible,
    /// It shall, once the answer has left. Nothing else is done until then.
    Asked,
}

impl<'m, I: Iut + ?Sized + 'static> Agent<'m, I> {
    /// An agent that has just started: its first poll tells so, then it waits to be greeted. `memory` is
    /// fresh.
    #[must_use]
    pub fn new(
        iut: &'static I,
        identity: Identity,
        counters: &'static Counters,
        memory: &'m mut Memory,
    ) -> Self {
        let Memory {
            inbox,
            deframer,
            handles,
            lanes,
            scratch,
            outbox,
            seen,
            record,
        } = memory;
        while lanes.push(None).is_ok() {}
        Self {
            inbox,
            deframer,
            core: Core {
                work: Work {
                    iut,
                    counters,
                    handles,
                    lanes,
                    scratch,
                    counter_scopes: [None; COUNTERS],
                    listeners: Listeners::default(),
                    record,
                },
                identity,
                outbox,
                seen,
                session: None,
                jitter_us: 0,
                promised_us: None,
                status_changed: false,
                started: false,
                restart: Restart::Impossible,
                crash: None,
            },
        }
    }

    /// The board can restart itself: it does so when [`Self::restart_is_due`].
    pub const fn allow_restart(&mut self) {
        self.core.restart = Restart::Possible;
    }

    /// The runner may break the board, by `crash`, which returns only from what it cannot do. The agent claims
    /// [`Capability::CrashCommands`] from now on.
    #[cfg(any(test, feature = "crash-commands"))]
    pub const fn allow_crash(&mut self, crash: fn(CrashKind)) {
        self.core.crash = Some(crash);
    }

    /// The runner has asked for a restart, and the link has taken the answer.
    #[must_use]
    pub fn restart_is_due(&self) -> bool {
        self.core.restart == Restart::Asked && !self.core.outbox.is_waiting()
    }

    /// Takes bytes from the link, any bytes. What is beyond [`Self::room`] is lost.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.inbox.push(bytes);
    }

    /// How many bytes [`Self::receive`] takes now. A link that can wait should not read more.
    #[must_use]
    pub const fn room(&self) -> usize {
        self.inbox.room()
    }

    /// Whether a runner has greeted, and was greeted back.
    #[must_use]
    pub const fn has_session(&self) -> bool {
        self.core.session.is_some()
    }

    /// Whether bytes wait for the link to take them: poll again when it has room.
    #[must_use]
    pub fn has_output(&self) -> bool {
        self.core.outbox.is_waiting()
    }

    /// Runs what can run. Returns when it must be called again at the latest, in microseconds of the IUT's
    /// clock; `None` if nothing but bytes, an event or room on the link can make it necessary.
    pub fn poll(&mut self, link: &mut dyn Link) -> Option<u64> {
        let core = &mut self.core;
        core.start();
        core.note_lateness();
        let mut more = false;
        for _ in 0..ROUNDS {
            core.outbox.drain(link);
            more = Self::take_requests(self.inbox, self.deframer, core);
            more |= core.run_lanes();
            core.tell_status();
            if !more {
                break;
            }
        }
        core.outbox.drain(link);
        if !core.outbox.make_room() {
            // No lane can end before the link has taken something, whatever is due.
            core.promised_us = None;
            return None;
        }
        let now_us = core.work.iut.now_us();
        if more {
            return Some(now_us);
        }
        let wake_at_us = core
            .work
            .lanes
            .iter()
            .flatten()
            .filter_map(Lane::wake_at_us)
            .min();
        // What is due at once is no plan that the board could be late for.
        core.promised_us = wake_at_us.filter(|&at_us| at_us > now_us);
        wake_at_us
    }

    /// Sends a line for the log, cut to 240 bytes. It is dropped when there is no room for it.
    pub fn log(&mut self, line: &str) {
        let mut end = line.len().min(LOG_LINE);
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        self.core
            .outbox
            .event(Event::Log(line.get(..end).unwrap_or_default()));
    }

    /// Carries out waiting requests, a few at most. `true`: there may be more.
    fn take_requests(
        inbox: &mut Inbox,
        deframer: &mut Deframer<MAX_FRAME>,
        core: &mut Core<'_, I>,
    ) -> bool {
        let mut bytes = inbox.bytes();
        for _ in 0..CREDITS {
            if bytes.is_empty() || !core.outbox.make_room() {
                break;
            }
            if let Some(Ok(request)) = deframer.next::<Request<'_>>(&mut bytes) {
                core.request(&request);
            }
        }
        let left = bytes.len();
        inbox.keep(left);
        left > 0 && core.outbox.make_room()
    }
}

impl<I: Iut + ?Sized> Core<'_, I> {
    /// Tells that the board has started, once.
    fn start(&mut self) {
        if !mem::replace(&mut self.started, true) {
            let Identity { boot, beacon, .. } = &self.identity;
            self.outbox.event(Event::Boot {
                boot: *boot,
                crashed: beacon.is_some(),
            });
            // Without a listener the status can still be asked for.
            let _ = self
                .work
                .iut
                .interface()
                .add_event_listener(self.work.counters.status_callback());
        }
    }

    fn request(&mut self, request: &Request<'_>) {
        let &Request { id, ref op } = request;
        if self.restart == Restart::Asked {
            // Whoever asks now is answered by the agent that comes after.
            return;
        }
        if let Op::Hello { protocol, nonce } = *op {
            return self.hello(id, protocol, nonce);
        }
        if self.session.is_none() {
            return self
                .outbox
                .reply_once(id, Answer::Rejected(Reject::NoSession));
        }
        if self.work.lanes.iter().flatten().any(|lane| lane.id == id) {
            // If there is no room for this, the next repeat will ask again.
            self.outbox.event(Event::Working { id });
            return;
        }
        if self.seen.contains(id) {
            if !self.outbox.repeat(id) {
                self.outbox
                    .reply_once(id, Answer::Rejected(Reject::Forgotten));
            }
            return;
        }
        self.seen.insert(id);
        let iut = self.work.iut;
        let started_us = iut.now_us();
        if let Op::EndScope { scope } = *op {
            let report = self.end_scope(Some(scope));
            return self
                .outbox
                .reply(id, elapsed_us(iut, started_us), Answer::Scope(report));
        }
        if matches!(op, Op::Restart) {
            let answer = match self.restart {
                Restart::Impossible => Error::UNSUPPORTED.code(),
                Restart::Possible | Restart::Asked => {
                    self.restart = Restart::Asked;
                    0
                }
            };
            return self.outbox.reply(id, 0, Answer::Code(answer));
        }
        if let (&Op::Crash { how }, Some(crash)) = (op, self.crash) {
            crash(how);
        }
        match self.work.dispatch(op, started_us) {
            Ok(Dispatch::Answer(answer)) => {
                self.outbox.reply(id, elapsed_us(iut, started_us), answer)
            }
            Ok(Dispatch::Start(start)) => self.start_lane(&start, id, started_us),
            Err(reject) => self.outbox.reply(id, 0, Answer::Rejected(reject)),
        }
    }

    /// Greets back. A new nonce begins a new session; a repeated one is only answered again.
    fn hello(&mut self, id: u16, protocol: u16, nonce: u64) {
        let wanted = (protocol == PROTOCOL).then_some(nonce);
        if wanted.is_none() || self.session != wanted {
            self.end_scope(None);
            self.outbox.forget_session();
            *self.seen = Seen::new();
            self.session = wanted;
            self.work.renew_interface();
        }
        let mut statement = self.work.iut.statement();
        if self.crash.is_some() {
            statement.capabilities = statement.capabilities.with(Capability::CrashCommands);
        }
        let answer = Answer::Hello(self.identity.hello(&statement, nonce));
        self.outbox.reply_once(id, answer);
    }

    /// Gives up the calls and deletes the objects of a scope, or of all.
    fn end_scope(&mut self, scope: Option<Scope>) -> ScopeReport {
        let (open, calls) = self.work.end_scope(scope);
        let jitter_us = self.jitter_us.max((self.identity.jitter_us)());
        self.jitter_us = 0;
        ScopeReport {
            open,
            calls,
            jitter_us,
        }
    }

    /// Polls a new lane for the first time, and keeps it if it has to wait.
    fn start_lane(&mut self, start: &Start<'_>, id: u16, started_us: u64) {
        let Some(slot) = self.work.lanes.iter().position(Option::is_none) else {
            return self.outbox.reply(id, 0, Answer::Rejected(Reject::Lanes));
        };
        self.run_lane(slot, Lane::new(start, id, started_us));
    }

    /// Polls the lanes. `true`: something has moved, so another round may move more.
    fn run_lanes(&mut self) -> bool {
        let mut moved = false;
        for slot in 0..self.work.lanes.len() {
            if !self.outbox.make_room() {
                break;
            }
            let lane = self.work.lanes.get_mut(slot).and_then(Option::take);
            moved |= lane.is_some_and(|lane| self.run_lane(slot, lane));
        }
        moved
    }

    fn run_lane(&mut self, slot: usize, mut lane: Lane) -> bool {
        let Work {
            iut,
            counters,
            scratch,
            ..
        } = &mut self.work;
        let more = match lane.poll(*iut, scratch, counters) {
            Progress::Done(answer, effect) => {
                self.outbox
                    .reply(lane.id, elapsed_us(*iut, lane.started_us), answer);
                self.work.apply(effect, lane.scope);
                return true;
            }
            Progress::More => true,
            Progress::Waiting => false,
        };
        if let Some(place) = self.work.lanes.get_mut(slot) {
            *place = Some(lane);
        }
        more
    }

    fn tell_status(&mut self) {
        self.status_changed |= self.work.record_events();
        if !self.status_changed {
            return;
        }
        let told = match self.work.iut.interface().status() {
            Ok(status) => self.outbox.event(Event::Status(status as u8)),
            Err(_) => true,
        };
        self.status_changed = !told;
    }

    fn note_lateness(&mut self) {
        if let Some(promised_us) = self.promised_us.take() {
            let late = self.work.iut.now_us().saturating_sub(promised_us);
            self.jitter_us = self.jitter_us.max(u32::try_from(late).unwrap_or(u32::MAX));
        }
    }
}

fn elapsed_us<I: Iut + ?Sized>(iut: &I, started_us: u64) -> u32 {
    u32::try_from(iut.now_us().saturating_sub(started_us)).unwrap_or(u32::MAX)
}
