//! Random impairment: decides the fate of a frame from the seed, its flow and its number in the flow alone.
//!
//! A frame suffers at most one of loss, corruption, duplication and reordering; delay, jitter and rate come on top.
//! Jitter never reorders: that is what `reorder` is for. Only IP is corrupted, which has checksums: a wrong address
//! in ARP would last for the rest of the case and be nobody's fault.
//!
//! Must not: keep frames, or let time or other flows decide what happens (only how late it does).

use core::time::Duration;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use hil_kit::wire::{End, Fate, Flow, Impairment};

use super::flow::flow_of;

/// Flows counted one by one; a case with more of them (a port scan) has the others counted together.
const MOST_FLOWS: usize = 1 << 16;
/// The first port number that stacks choose by themselves.
const FIRST_CHOSEN: u16 = 1024;
/// A frame that would wait longer than this for the limited rate is dropped.
const LONGEST_QUEUE: Duration = Duration::from_millis(500);

/// Bytes before the part that is corrupted: the Ethernet header.
const HEADER: usize = 14;

/// Impairment at work.
pub(super) struct Impairer {
    what: Impairment,
    names: Names,
    counts: HashMap<Flow, u64>,
    lanes: [Lane; 2],
}

/// Names for flows that are the same in every run, although stacks choose their ports at random.
///
/// Both directions together are a conversation. Of its ports those below 1024 are its name; conversations that
/// differ in the others only are numbered in the order of their first frames.
#[derive(Default)]
struct Names {
    numbers: HashMap<(u32, [u16; 2]), u16>,
    alike: HashMap<(u32, [u16; 2]), u16>,
}

impl Names {
    fn of(&mut self, flow: Flow) -> Flow {
        let board_first = |[source, destination]: [u16; 2]| match flow.towards {
            End::Host => [source, destination],
            End::Board => [destination, source],
        };
        let own = (flow.protocol, board_first(flow.ports));
        let known = own.1.map(|port| if port < FIRST_CHOSEN { port } else { 0 });
        if known == own.1 {
            return flow;
        }
        let number = match self.numbers.get(&own) {
            Some(number) => *number,
            None if self.numbers.len() >= MOST_FLOWS => 0,
            None => {
                let alike = self.alike.entry((flow.protocol, known)).or_default();
                *alike = alike.wrapping_add(1);
                self.numbers.insert(own, *alike);
                *alike
            }
        };
        let number = number.saturating_add(FIRST_CHOSEN);
        let [source, destination] = own.1;
        let name = |port: u16, known: u16| if port < FIRST_CHOSEN { known } else { number };
        Flow {
            ports: [name(source, known[0]), name(destination, known[1])],
            ..flow
        }
    }
}

/// What each direction remembers.
#[derive(Clone, Copy, Default)]
struct Lane {
    /// When the limited rate has worked off what was sent.
    free: Option<Instant>,
    /// When the last frame that was not reordered arrives.
    last: Option<Instant>,
}

/// The fate of a frame and how much later it arrives.
#[derive(Debug, PartialEq)]
pub(super) struct Misfortune {
    pub(super) fate: Fate,
    pub(super) later: Duration,
}

impl Impairer {
    pub(super) fn new(what: Impairment) -> Self {
        Self {
            what,
            names: Names::default(),
            counts: HashMap::new(),
            lanes: [Lane::default(); 2],
        }
    }

    /// What happens to the next frame.
    pub(super) fn next(&mut self, towards: End, frame: &[u8], now: Instant) -> Misfortune {
        let untouched = Misfortune {
            fate: Fate::Passed,
            later: Duration::ZERO,
        };
        if self.what.towards.is_some_and(|end| end != towards) {
            return untouched;
        }
        let mut flow = self.names.of(flow_of(towards, frame));
        if self.counts.len() >= MOST_FLOWS && !self.counts.contains_key(&flow) {
            flow.ports = [0, 0];
        }
        let count = self.counts.entry(flow).or_default();
        *count += 1;
        let dice = Dice::new(self.what.seed, flow, *count);
        let lane = &mut self.lanes[usize::from(towards == End::Host)];

        let what = &self.what;
        let drawn = dice.share(0);
        let mut below = what.loss;
        if drawn < below {
            return Misfortune {
                fate: Fate::Dropped("loss"),
                ..untouched
            };
        }
        let Some(mut later) = lane.queued(what.rate, frame.len(), now) else {
            return Misfortune {
                fate: Fate::Dropped("rate"),
                ..untouched
            };
        };
        later += what.delay + what.jitter.mul_f64(dice.share(1));
        below += what.corrupt;
        if drawn < below {
            let later = lane.in_order(now, later);
            return match corrupted(frame, &dice) {
                Some(bytes) => Misfortune {
                    fate: Fate::Changed(bytes),
                    later,
                },
                None => passed_or_delayed(later),
            };
        }
        below += what.duplicate;
        if drawn < below {
            return Misfortune {
                fate: Fate::Duplicated(2),
                later: lane.in_order(now, later),
            };
        }
        below += what.reorder;
        if drawn < below {
            // It does not hold up what comes after it.
            return passed_or_delayed(later + what.reorder_by);
        }
        passed_or_delayed(lane.in_order(now, later))
    }
}

fn passed_or_delayed(later: Duration) -> Misfortune {
    let fate = if later.is_zero() {
        Fate::Passed
    } else {
        Fate::Delayed(later)
    };
    Misfortune { fate, later }
}

impl Lane {
    /// How long a frame waits for its turn and its own time on a cable with this rate.
    fn queued(&mut self, rate: u64, bytes: usize, now: Instant) -> Option<Duration> {
        if rate == 0 {
            return Some(Duration::ZERO);
        }
        let turn = self.free.map_or(now, |free| free.max(now));
        if turn.duration_since(now) > LONGEST_QUEUE {
            return None;
        }
        let takes = Duration::from_secs_f64(bytes as f64 * 8.0 / rate as f64);
        let done = turn.checked_add(takes)?;
        self.free = Some(done);
        Some(done.duration_since(now))
    }

    /// At least as late as the frame before it.
    fn in_order(&mut self, now: Instant, later: Duration) -> Duration {
        let due = match (now.checked_add(later), self.last) {
            (Some(due), Some(last)) => due.max(last),
            (Some(due), None) => due,
            (None, _) => return later,
        };
        self.last = Some(due);
        due.duration_since(now)
    }
}

/// One bit behind the Ethernet header is another one; `None` if the frame is not IP.
fn corrupted(frame: &[u8], dice: &Dice) -> Option<Arc<[u8]>> {
    let is_ip = matches!(frame.get(12..HEADER), Some([0x08, 0x00] | [0x86, 0xdd]));
    let bits = frame.len().saturating_sub(HEADER) * 8;
    if !is_ip || bits == 0 {
        return None;
    }
    let bit = (dice.number(2) % bits as u64) as usize;
    let mut bytes = frame.to_vec();
    bytes[HEADER + bit / 8] ^= 1 << (bit % 8);
    Some(bytes.into())
}

/// Numbers that belong to one frame.
struct Dice(u64);

impl Dice {
    fn new(seed: u64, flow: Flow, count: u64) -> Self {
        let towards = u64::from(flow.towards == End::Host);
        let [source, destination] = flow.ports.map(u64::from);
        let parts = [
            u64::from(flow.protocol) << 1 | towards,
            source << 16 | destination,
            count,
        ];
        Self(
            parts
                .into_iter()
                .fold(mixed(seed), |state, part| mixed(state ^ mixed(part))),
        )
    }

    fn number(&self, which: u64) -> u64 {
        mixed(self.0.wrapping_add(which))
    }

    /// From 0 up to, but not including, 1.
    fn share(&self, which: u64) -> f64 {
        (self.number(which) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A step of splitmix64: every bit of the result depends on every bit of the state.
const fn mixed(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
