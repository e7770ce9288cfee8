//! From what was observed to a verdict (design §7). Pure; the tables in `judge/tests.rs` are its specification.
//!
//! Must not: know of boards, clocks or files.

#[cfg(test)]
mod tests;

use core::time::Duration;

use hil_kit::{Level, Observation, Stop, Trouble, Violation};

use super::deviations::{Deviation, Listed};
use crate::event::Verdict;

/// Key of the violation of a port that crashes.
const CRASH: &str = "crash";

/// What a case came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// What kind of it: `crash`, `silent`, `rig-slow` and the like.
    pub cause: Option<&'static str>,
    /// Why, in a sentence.
    pub reason: Option<String>,
    /// What was broken.
    pub violation: Option<Violation>,
    /// Reason of the deviations entry that applies.
    pub deviation: Option<String>,
}

/// What the engine has to do after it has judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Go on.
    GoOn,
    /// Repeat the case: a time limit was broken, but the rig was too slow to judge it.
    RigSlow,
    /// The board is gone or was reset: start it again.
    Restart,
}

/// The verdict on one attempt, and what has to follow. `listed` are the deviations of this case, board and lan.
#[must_use]
pub fn judge(observation: &Observation, level: Level, listed: &Listed<'_>) -> (Judgement, After) {
    match &observation.outcome {
        Ok(()) => (held(observation, listed), After::GoOn),
        Err(Stop::Skip(reason)) => (
            Judgement::new(Verdict::Skipped).because(reason),
            After::GoOn,
        ),
        Err(Stop::Violation(violation)) => match violation.slack {
            Some(slack) if !quiet_enough(observation.jitter, slack) => (
                rig_slow(violation, observation.jitter, slack),
                After::RigSlow,
            ),
            Some(_) | None => (
                broken(violation, None, observation, level, listed),
                After::GoOn,
            ),
        },
        Err(Stop::Trouble(trouble)) => troubled(trouble, observation, level, listed),
    }
}

/// An upper time limit is judged only if nothing planned was late by half its slack.
#[must_use]
pub fn quiet_enough(jitter: Duration, slack: Duration) -> bool {
    jitter < slack / 2
}

impl Judgement {
    pub(super) const fn new(verdict: Verdict) -> Self {
        Self {
            verdict,
            cause: None,
            reason: None,
            violation: None,
            deviation: None,
        }
    }

    pub(super) fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    pub(super) const fn of_kind(mut self, cause: &'static str) -> Self {
        self.cause = Some(cause);
        self
    }
}

/// A violation that no call of a case made: what a missing claim, a crash or a hang breaks.
#[must_use]
pub fn violation_without_call(key: &str, expected: &str, observed: &str, at: &str) -> Violation {
    Violation {
        key: key.into(),
        call: String::new(),
        expected: expected.into(),
        observed: observed.into(),
        at: at.into(),
        slack: None,
    }
}

/// The verdict on a fault of the core that board, probe or emulator saw.
#[must_use]
pub fn crashed(
    how: &str,
    level: Level,
    observation: &Observation,
    listed: &Listed<'_>,
) -> Judgement {
    let violation = violation_without_call(CRASH, "no fault, panic or lockup", how, "");
    // A crash is never a lenient matter, whatever the level of the requirement.
    let _ = level;
    broken(&violation, Some(CRASH), observation, Level::Must, listed)
}

/// The verdict on a call that does not return.
#[must_use]
pub fn hung(
    request: &str,
    observed: &str,
    observation: &Observation,
    listed: &Listed<'_>,
) -> Judgement {
    let violation = Violation {
        call: request.into(),
        ..violation_without_call("hang", "the call returns", observed, "")
    };
    // Like a crash, a hang is never a lenient matter.
    broken(&violation, Some("hang"), observation, Level::Must, listed)
}

/// The verdict on a broken requirement found before the case ran.
#[must_use]
pub fn not_claimed(violation: &Violation, listed: &Listed<'_>) -> Judgement {
    match listed.with_key(&violation.key) {
        Some(deviation) => xfail(violation, None, deviation),
        None => Judgement {
            violation: Some(violation.clone()),
            ..Judgement::new(Verdict::Fail).because(&violation.observed)
        },
    }
}

fn held(observation: &Observation, listed: &Listed<'_>) -> Judgement {
    if !observation.traits.is_empty() && !observation.controlled {
        return Judgement::new(Verdict::Infra)
            .of_kind("uncontrolled")
            .because("the case recorded traits without a positive control: a defect of the case");
    }
    if let Some(deviation) = listed.must_show() {
        return Judgement {
            deviation: Some(deviation.reason.clone()),
            ..Judgement::new(Verdict::Xpass).because(format!(
                "the deviation \"{}\" ({}) is listed and did not show",
                deviation.key, deviation.at
            ))
        };
    }
    if !observation.traits.is_empty() {
        return Judgement::new(Verdict::Noted);
    }
    if observation.lenient.is_empty() {
        Judgement::new(Verdict::Pass)
    } else {
        Judgement::new(Verdict::Lenient).because(observation.lenient.join("; "))
    }
}

fn broken(
    violation: &Violation,
    cause: Option<&'static str>,
    observation: &Observation,
    level: Level,
    listed: &Listed<'_>,
) -> Judgement {
    if let Some(deviation) = listed.with_key(&violation.key) {
        return xfail(violation, cause, deviation);
    }
    let sentence = sentence(violation);
    let (verdict, reason) = match level {
        Level::Should | Level::May if observation.controlled => (
            Verdict::Lenient,
            format!("a {} that is not kept: {sentence}", level.name()),
        ),
        Level::Should | Level::May => (
            Verdict::Fail,
            format!(
                "{sentence} (a {}, but no positive control had passed)",
                level.name()
            ),
        ),
        Level::Must => match listed.keys() {
            keys if keys.is_empty() => (Verdict::Fail, sentence),
            keys => (
                Verdict::Fail,
                format!(
                    "{sentence} (key {}; the listed deviation is {keys})",
                    violation.key
                ),
            ),
        },
    };
    Judgement {
        cause,
        violation: Some(violation.clone()),
        ..Judgement::new(verdict).because(reason)
    }
}

fn xfail(violation: &Violation, cause: Option<&'static str>, deviation: &Deviation) -> Judgement {
    Judgement {
        cause,
        violation: Some(violation.clone()),
        deviation: Some(deviation.reason.clone()),
        ..Judgement::new(Verdict::Xfail).because(&deviation.reason)
    }
}

fn rig_slow(violation: &Violation, jitter: Duration, slack: Duration) -> Judgement {
    let reason = format!(
        "{}; not judged: something planned was {} ms late, and the limit leaves {} ms",
        sentence(violation),
        jitter.as_millis(),
        slack.as_millis()
    );
    Judgement {
        violation: Some(violation.clone()),
        ..Judgement::new(Verdict::Infra)
            .of_kind("rig-slow")
            .because(reason)
    }
}

fn troubled(
    trouble: &Trouble,
    observation: &Observation,
    level: Level,
    listed: &Listed<'_>,
) -> (Judgement, After) {
    let infra = |cause| {
        (
            Judgement::new(Verdict::Infra)
                .of_kind(cause)
                .because(trouble.to_string()),
            After::GoOn,
        )
    };
    let lost = || Judgement::new(Verdict::BoardLost).because(trouble.to_string());
    match trouble {
        Trouble::Hang { request, waited_ms } => {
            let observed = format!("still open after {waited_ms} ms although the agent answers");
            (hung(request, &observed, observation, listed), After::GoOn)
        }
        Trouble::Rebooted { crashed: true } => (
            crashed(&trouble.to_string(), level, observation, listed),
            After::Restart,
        ),
        Trouble::Rebooted { crashed: false } => (lost().of_kind("rebooted"), After::Restart),
        Trouble::Silent { .. } => (lost().of_kind("silent"), After::Restart),
        Trouble::LinkLost(_) => (lost().of_kind("link"), After::Restart),
        Trouble::Rejected { .. } => infra("rejected"),
        Trouble::Fixture { .. } => infra("fixture"),
        Trouble::Lan(_) => infra("lan"),
        Trouble::CaseBug(_) => infra("case-bug"),
        Trouble::Overdue { .. } => infra("overdue"),
        // `Trouble` may grow: what is not known here says nothing about the IUT either.
        _ => infra("rig"),
    }
}

fn sentence(violation: &Violation) -> String {
    if violation.key == CRASH {
        // That none was expected goes without saying.
        violation.observed.clone()
    } else if violation.call.is_empty() {
        format!(
            "expected {}, observed {}",
            violation.expected, violation.observed
        )
    } else {
        format!(
            "{}: expected {}, observed {}",
            violation.call, violation.expected, violation.observed
        )
    }
}
