//! What a case does to frames on their way: patterns, rules, random impairment.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use super::frame::Origin;

/// Whether a frame of this origin is meant.
type Predicate = dyn Fn(Origin, &[u8]) -> bool + Send + Sync;

/// Rewrites a frame.
pub type Rewrite = dyn Fn(&mut Vec<u8>) + Send + Sync;

/// Which frames are meant: by their origin and by their bytes.
///
/// Made by the functions of this module's neighbours (`Pattern::tcp()`, …); the cable only asks [`Self::matches`].
#[derive(Clone)]
pub struct Pattern {
    words: Arc<str>,
    predicate: Arc<Predicate>,
}

impl Pattern {
    /// Frames for which `predicate` holds; `words` say so in narrations and error texts.
    pub fn new(
        words: impl Into<Arc<str>>,
        predicate: impl Fn(Origin, &[u8]) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            words: words.into(),
            predicate: Arc::new(predicate),
        }
    }

    /// Whether a frame is meant.
    #[must_use]
    pub fn matches(&self, origin: Origin, frame: &[u8]) -> bool {
        (self.predicate)(origin, frame)
    }

    /// In words.
    #[must_use]
    pub fn words(&self) -> &str {
        &self.words
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({})", self.words)
    }
}

/// The id of a rule of one cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RuleId(pub u64);

/// Which of the frames that a pattern matches a rule is for, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// All.
    Always,
    /// The n-th.
    Nth(u64),
    /// The first n.
    First(u64),
    /// All after the first n.
    After(u64),
}

impl When {
    /// Whether the `n`-th match (from 1) is meant.
    #[must_use]
    pub const fn includes(self, n: u64) -> bool {
        match self {
            Self::Always => true,
            Self::Nth(wanted) => n == wanted,
            Self::First(count) => n <= count,
            Self::After(count) => n > count,
        }
    }
}

/// What a rule does to a frame.
#[derive(Clone)]
pub enum Action {
    /// It goes on; later rules and impairment do not touch it.
    Pass,
    /// It never arrives.
    Drop,
    /// It arrives later by this much.
    Delay(Duration),
    /// It arrives this many times.
    Duplicate(u32),
    /// It waits until [`super::Cable::release`].
    Hold,
    /// Other bytes arrive.
    Change(Arc<Rewrite>),
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass => f.write_str("pass"),
            Self::Drop => f.write_str("drop"),
            Self::Delay(by) => write!(f, "delay by {by:?}"),
            Self::Duplicate(times) => write!(f, "deliver {times} times"),
            Self::Hold => f.write_str("hold"),
            Self::Change(_) => f.write_str("change"),
        }
    }
}

/// A rule: which frames, which of them, and what happens. Injected frames go past all rules.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Which frames.
    pub pattern: Pattern,
    /// Which of those.
    pub when: When,
    /// What happens to them.
    pub action: Action,
}

/// What a rule has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Frames that its pattern matched.
    pub matched: u64,
    /// Frames that it was applied to.
    pub applied: u64,
    /// Frames that it holds.
    pub held: u64,
}

/// Random impairment. The n-th frame of a [`Flow`] gets the same fate in every run with the same seed, whatever
/// happens on other flows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Impairment {
    /// Decides everything.
    pub seed: u64,
    /// Share of frames that never arrive, 0 to 1.
    pub loss: f64,
    /// Share that arrives twice.
    pub duplicate: f64,
    /// Share that is overtaken by later ones (held back for `reorder_by`).
    pub reorder: f64,
    /// For how long.
    pub reorder_by: Duration,
    /// Share in which one bit is changed.
    pub corrupt: f64,
    /// Every frame is delayed by this much …
    pub delay: Duration,
    /// … and by up to this much more.
    pub jitter: Duration,
    /// Bits per second of each direction; 0 for no limit.
    pub rate: u64,
    /// Only frames on their way to this end; `None` for both.
    pub towards: Option<super::End>,
}

impl Impairment {
    /// None at all.
    #[must_use]
    pub const fn none(seed: u64) -> Self {
        Self {
            seed,
            loss: 0.0,
            duplicate: 0.0,
            reorder: 0.0,
            reorder_by: Duration::from_millis(3),
            corrupt: 0.0,
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            rate: 0,
            towards: None,
        }
    }
}

/// What frames are counted by for [`Impairment`]: direction, protocol and the two ports, whichever addresses. Ports
/// from 1024 are chosen at random by both stacks: conversations that differ in those alone count as the first,
/// the second and so on of a case, so that a run with the same seed is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// Direction.
    pub towards: super::End,
    /// EtherType, or the IP protocol number in the upper half.
    pub protocol: u32,
    /// Source and destination port; 0 where there are none.
    pub ports: [u16; 2],
}
