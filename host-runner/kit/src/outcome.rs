//! What a case came to, as data. The engine turns it into a verdict; nothing here does.

use core::panic::Location;
use core::time::Duration;

use serde::{Deserialize, Serialize};

/// How a case function ends.
pub type Outcome = Result<(), Stop>;

/// Why a case ended before its last line.
#[derive(Debug)]
pub enum Stop {
    /// The IUT did something it must not do.
    Violation(Box<Violation>),
    /// The rig failed; says nothing about the IUT.
    Trouble(Trouble),
    /// The case turned out not to apply; the reason.
    Skip(String),
}

impl From<Violation> for Stop {
    fn from(violation: Violation) -> Self {
        Self::Violation(Box::new(violation))
    }
}

impl From<Box<Violation>> for Stop {
    fn from(violation: Box<Violation>) -> Self {
        Self::Violation(violation)
    }
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

/// A broken expectation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Violation {
    /// What was broken, stable over rewording: `recv.orderly-close`, `hang`. Deviations match on it.
    pub key: String,
    /// What the call was, as the case made it: `recv(64) on tcp#3`.
    pub call: String,
    /// What had to come out.
    pub expected: String,
    /// What came out.
    pub observed: String,
    /// Where in the case: `file:line`.
    pub at: String,
    /// Set if all that was broken is an upper time limit: the slack that the limit has over what was asked
    /// for. Judged only if the rig was quiet enough.
    pub slack: Option<Duration>,
}

impl Violation {
    /// A violation noticed at the caller's line.
    #[track_caller]
    pub fn new(
        key: impl Into<String>,
        call: impl Into<String>,
        expected: impl Into<String>,
        observed: impl Into<String>,
    ) -> Self {
        let at = Location::caller();
        Self {
            key: key.into(),
            call: call.into(),
            expected: expected.into(),
            observed: observed.into(),
            at: format!("{}:{}", at.file(), at.line()),
            slack: None,
        }
    }
}

/// Has a violation be noticed at the caller's line, which is the case's if all functions in between are
/// `#[track_caller]`: inside of an `async fn` nobody knows who waits for it.
#[track_caller]
pub(crate) fn here<T>(
    work: impl Future<Output = Result<T, Stop>>,
) -> impl Future<Output = Result<T, Stop>> {
    let at = Location::caller();
    async move {
        work.await.map_err(|mut stop| {
            if let Stop::Violation(violation) = &mut stop {
                violation.at = format!("{}:{}", at.file(), at.line());
            }
            stop
        })
    }
}

/// Trouble of the rig.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Trouble {
    /// The agent does not answer, on no lane.
    #[error("the agent is silent: no answer to {request} within {waited_ms} ms, nor to a ping")]
    Silent {
        /// The request, in words.
        request: String,
        /// How long.
        waited_ms: u64,
    },
    /// A call is still open at its deadline while the agent answers: the engine makes a `fail(hang)` of it.
    #[error("{request} is still open after {waited_ms} ms although the agent answers")]
    Hang {
        /// The request, in words.
        request: String,
        /// How long.
        waited_ms: u64,
    },
    /// The board was reset in the middle.
    #[error("the board rebooted in the middle{}", if *.crashed { " after a fault" } else { "" })]
    Rebooted {
        /// It left a beacon: a fault, so the engine makes a `fail(crash)` of it.
        crashed: bool,
    },
    /// The link is gone.
    #[error("the link is gone: {0}")]
    LinkLost(String),
    /// The agent refused a request that the case had no reason to get refused.
    #[error("the agent rejected {request}: {reason}")]
    Rejected {
        /// The request, in words.
        request: String,
        /// Why.
        reason: String,
    },
    /// A fixture could not do its part.
    #[error("fixture {fixture}: {problem}")]
    Fixture {
        /// Which.
        fixture: &'static str,
        /// What.
        problem: String,
    },
    /// The lan could not do its part.
    #[error("lan: {0}")]
    Lan(String),
    /// The case is wrong: it panicked, or uses the kit as it must not be used.
    #[error("a mistake in the case: {0}")]
    CaseBug(String),
    /// The case has used up its time with calls that all came back.
    #[error(
        "the case was not done after {waited_ms} ms, with no call open; last step: {last_step}"
    )]
    Overdue {
        /// How long.
        waited_ms: u64,
        /// What it did last.
        last_step: String,
    },
}

/// All that is known after a case has run.
#[derive(Debug)]
pub struct Observation {
    /// How it ended.
    pub outcome: Outcome,
    /// Reasons of the allowed alternatives that were used.
    pub lenient: Vec<String>,
    /// What characterisation found out: name and value of each trait of the port.
    pub traits: Vec<(String, String)>,
    /// A positive control has passed.
    pub controlled: bool,
    /// What both sides did, in order, one line each with its time since the case began.
    pub steps: Vec<(Duration, String)>,
    /// Longest delay that runner and board saw for something they had planned.
    pub jitter: Duration,
    /// Sockets and calls that the case left behind.
    pub left: (u16, u16),
    /// What kept the board from cleaning up after the case, if anything did: it cannot be trusted with another.
    pub aftermath: Option<Trouble>,
    /// How long it took.
    pub elapsed: Duration,
}
