//! What the relay's thread and its callers share: rules, taps, records, and the queues of what has to be sent.
//!
//! Every frame passes [`State::put`], under the lock: so the order of the records is the order on the cable. Must
//! not: make a system call.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use hil_kit::wire::{Applied, End, Fate, Frame, Impairment, Origin, Pattern, Rule, RuleId};
use tokio::sync::mpsc;

use super::impair::{Impairer, Misfortune};
use super::later::Later;
use super::ring::Ring;
use super::rules::{Rules, matches};
use super::{Counts, tape::Tape};

/// Bytes that wait for one end to take them, at most.
pub(super) const MOST_WAITING: usize = 4 << 20;

/// See the module.
pub(super) struct State {
    /// What frames' times count from.
    began: Instant,
    pub(super) stop: bool,
    cut: bool,
    rules: Rules,
    taps: Vec<(Pattern, mpsc::UnboundedSender<Frame>)>,
    impairer: Option<Impairer>,
    later: Later,
    ring: Ring,
    counts: Counts,
    /// What the thread has to write down.
    tape: Tape,
    troubles: BTreeMap<&'static str, u64>,
    /// What makes the case that runs worthless.
    spoiled: Option<&'static str>,
    /// Towards the board, towards the host.
    queues: [Queue; 2],
    /// A board that has come (or gone) and that the thread does not know of yet.
    exchange: Option<Option<OwnedFd>>,
    attached: bool,
}

/// Frames on their last stretch.
#[derive(Default)]
pub(super) struct Queue {
    frames: VecDeque<Arc<[u8]>>,
    bytes: usize,
    /// Bytes that the thread has taken and could not send yet.
    pub(super) unsent: usize,
}

pub(super) const fn index(end: End) -> usize {
    match end {
        End::Board => 0,
        End::Host => 1,
    }
}

impl State {
    pub(super) fn new(began: Instant, recorded: bool) -> Self {
        Self {
            began,
            stop: false,
            cut: false,
            rules: Rules::default(),
            taps: Vec::new(),
            impairer: None,
            later: Later::default(),
            ring: Ring::default(),
            counts: Counts::default(),
            tape: Tape::new(recorded),
            troubles: BTreeMap::new(),
            spoiled: None,
            queues: Default::default(),
            exchange: None,
            attached: false,
        }
    }

    /// Puts a frame on the cable: decides, records, tells, and queues what has to be sent now.
    pub(super) fn put(&mut self, origin: Origin, bytes: Arc<[u8]>, now: Instant) {
        let fate = self.fate_of(origin, &bytes, now);
        self.counts.add(origin, bytes.len(), &fate);
        let frame = Frame {
            at: now.saturating_duration_since(self.began),
            origin,
            bytes,
            fate,
        };
        if !self.taps.is_empty() {
            self.tell(&frame);
        }
        self.tape.frame(&frame);
        self.ring.push(frame);
    }

    fn fate_of(&mut self, origin: Origin, bytes: &Arc<[u8]>, now: Instant) -> Fate {
        let towards = origin.towards();
        let injected = matches!(origin, Origin::Injected(_));
        if self.cut && !injected {
            return Fate::Dropped("cut");
        }
        let decided = match injected {
            true => None,
            false => {
                let (fate, trouble) = self.rules.decide(origin, bytes);
                if let Some(what) = trouble {
                    self.trouble(what);
                }
                fate
            }
        };
        let (fate, later) = match (decided, &mut self.impairer) {
            (Some(Fate::Delayed(later)), _) => (Fate::Delayed(later), later),
            (Some(fate), _) => (fate, Duration::ZERO),
            (None, Some(impairer)) if !injected => {
                let Misfortune { fate, later } = impairer.next(towards, bytes, now);
                (fate, later)
            }
            (None, _) => (Fate::Passed, Duration::ZERO),
        };
        let (what, copies) = match &fate {
            Fate::Dropped(_) | Fate::Held => return fate,
            Fate::Passed | Fate::Delayed(_) => (bytes, 1),
            Fate::Duplicated(times) => (bytes, *times),
            Fate::Changed(changed) => (changed, 1),
        };
        for copy in 0..copies {
            let kept = match now.checked_add(later) {
                Some(due) if !later.is_zero() => {
                    if self.later.push(due, towards, Arc::clone(what)) {
                        Ok(())
                    } else {
                        Err("full")
                    }
                }
                _ => self.send(towards, what),
            };
            match (kept, copy) {
                (Ok(()), _) => {}
                (Err(why), 0) => return Fate::Dropped(why),
                // Some have found room.
                (Err(_), copies) => return Fate::Duplicated(copies),
            }
        }
        fate
    }

    /// Queues a frame for its end; a word says why that cannot be.
    fn send(&mut self, towards: End, bytes: &Arc<[u8]>) -> Result<(), &'static str> {
        if towards == End::Board && !self.attached {
            return Err("detached");
        }
        let queue = &mut self.queues[index(towards)];
        if queue.bytes + queue.unsent + super::size(bytes) > MOST_WAITING {
            match towards {
                // A board may be as slow as it likes.
                End::Board => self.trouble("a frame was dropped: the board does not take it"),
                End::Host => self.spoil("a frame was dropped: the host's kernel does not take it"),
            }
            return Err("full");
        }
        queue.bytes += super::size(bytes);
        queue.frames.push_back(Arc::clone(bytes));
        Ok(())
    }

    /// Sends what was decided before: held or delayed frames.
    fn send_late(&mut self, frames: impl IntoIterator<Item = (End, Arc<[u8]>)>) {
        for (towards, bytes) in frames {
            if self.cut || self.send(towards, &bytes).is_err() {
                self.counts.dropped += 1;
            }
        }
    }

    fn tell(&mut self, frame: &Frame) {
        let mut panicked = false;
        self.taps.retain(
            |(pattern, tap)| match matches(pattern, frame.origin, &frame.bytes) {
                Some(true) => tap.send(frame.clone()).is_ok(),
                Some(false) => !tap.is_closed(),
                None => {
                    panicked = true;
                    true
                }
            },
        );
        if panicked {
            self.trouble("a pattern of the case panicked: taken as no match");
        }
    }

    /// Lets go what is due.
    pub(super) fn let_go(&mut self, now: Instant) {
        while let Some(frame) = self.later.pop(now) {
            self.send_late([frame]);
        }
    }

    /// When something is due next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.later.next()
    }

    /// Moves what has to be sent to `end` behind what is in `sending`.
    pub(super) fn take_queue(&mut self, end: End, sending: &mut VecDeque<Arc<[u8]>>) {
        let queue = &mut self.queues[index(end)];
        if sending.is_empty() {
            core::mem::swap(sending, &mut queue.frames);
        } else {
            sending.append(&mut queue.frames);
        }
        queue.unsent += queue.bytes;
        queue.bytes = 0;
    }

    /// Says how much of what was taken is left.
    pub(super) const fn left(&mut self, end: End, bytes: usize) {
        self.queues[index(end)].unsent = bytes;
    }

    /// What has to be written down.
    pub(super) const fn take_tape(&mut self) -> Tape {
        self.tape.take()
    }

    pub(super) fn exchange_board(&mut self, board: Option<OwnedFd>) {
        self.attached = board.is_some();
        // What was meant for the old one is not for the new one.
        let queue = &mut self.queues[index(End::Board)];
        self.counts.dropped += queue.frames.len() as u64;
        queue.frames.clear();
        queue.bytes = 0;
        self.exchange = Some(board);
    }

    pub(super) const fn take_exchange(&mut self) -> Option<Option<OwnedFd>> {
        self.exchange.take()
    }

    /// The board's socket is of no use any more; frames for it are dropped until another one comes.
    pub(super) fn board_is_gone(&mut self) {
        if self.exchange.is_none() {
            self.attached = false;
        }
    }

    pub(super) fn trouble(&mut self, what: &'static str) {
        *self.troubles.entry(what).or_default() += 1;
    }

    /// Trouble that is the rig's alone, and makes what the case saw worthless.
    pub(super) fn spoil(&mut self, what: &'static str) {
        self.trouble(what);
        self.spoiled.get_or_insert(what);
    }

    /// Frames were lost that nobody has seen.
    pub(super) fn lost(&mut self, frames: u32) {
        self.counts.dropped += u64::from(frames);
        self.spoil("frames were lost before the runner read them: this machine is too busy");
    }

    pub(super) const fn spoiled(&self) -> Option<&'static str> {
        self.spoiled
    }

    pub(super) fn take_troubles(&mut self) -> BTreeMap<&'static str, u64> {
        core::mem::take(&mut self.troubles)
    }

    pub(super) fn tap(&mut self, pattern: Pattern) -> mpsc::UnboundedReceiver<Frame> {
        let (tap, frames) = mpsc::unbounded_channel();
        self.taps.push((pattern, tap));
        frames
    }

    pub(super) fn add_rule(&mut self, rule: Rule) -> RuleId {
        self.rules.add(rule)
    }

    pub(super) fn remove_rule(&mut self, id: RuleId) {
        let held = self.rules.remove(id);
        self.send_late(held);
    }

    pub(super) fn release(&mut self, id: RuleId) {
        let held = self.rules.release(id);
        self.send_late(held);
    }

    pub(super) fn applied(&self, id: RuleId) -> Applied {
        self.rules.applied(id)
    }

    pub(super) fn impair(&mut self, what: Option<Impairment>) {
        self.impairer = what.map(Impairer::new);
    }

    /// Returns whether it was cut before.
    pub(super) const fn set_cut(&mut self, cut: bool) -> bool {
        core::mem::replace(&mut self.cut, cut)
    }

    pub(super) fn begin_case(&mut self, case: &str) {
        let lost = self.rules.clear() + self.later.clear();
        self.impairer = None;
        self.cut = false;
        self.taps.retain(|(_, tap)| !tap.is_closed());
        self.ring.clear();
        self.counts = Counts::default();
        self.spoiled = None;
        self.tape.case(case, lost);
    }

    pub(super) fn frames(&self) -> (Vec<Frame>, bool) {
        self.ring.frames()
    }

    pub(super) const fn counts(&self) -> Counts {
        self.counts
    }
}
