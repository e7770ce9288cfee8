//! Fills in the event of a finished case.

use core::time::Duration;

use hil_kit::Case;

use super::attempt::{Attempts, Outcome};
use super::judge::Judgement;
use super::run::BoardPlan;
use super::session::Session;
use crate::event::{CaseFinished, LogLine, Step, Trait, Verdict};

/// Lines of the target's log that a case keeps which nobody has to look at: the journal of hundreds of them stays
/// small, and `-v` shows what is usual. The file target.log has all.
const USUAL_LOG: usize = 20;

/// The event of a case that ran.
pub(super) fn of(
    case: &Case,
    round: u32,
    attempts: Attempts,
    board: &BoardPlan,
    seed: u64,
    session: &mut dyn Session,
) -> CaseFinished {
    let Outcome {
        judgement,
        observation,
        elapsed,
        made,
        crash,
    } = attempts.verdict();
    let attention = judgement.verdict.needs_attention();
    let transcript = session.transcript();
    let log = session.target_log();
    let look = attention || judgement.verdict == Verdict::Xfail;
    CaseFinished {
        elapsed_ms: milliseconds(elapsed),
        attempts: made,
        lenient: observation.lenient,
        traits: observation
            .traits
            .into_iter()
            .map(|(name, value)| Trait { name, value })
            .collect(),
        jitter_us: u64::try_from(observation.jitter.as_micros()).unwrap_or(u64::MAX),
        left_open: observation.left.0,
        left_calls: observation.left.1,
        steps: observation
            .steps
            .into_iter()
            .map(|(at, text)| Step {
                at_ms: milliseconds(at),
                text,
            })
            .collect(),
        crash,
        log: if look { log } else { last(log) },
        transcript: if look { transcript } else { Vec::new() },
        evidence: if attention {
            session.evidence()
        } else {
            Vec::new()
        },
        ..without_run(case, round, judgement, board, seed)
    }
}

/// The event of a case that did not run.
pub(super) fn without_run(
    case: &Case,
    round: u32,
    judgement: Judgement,
    board: &BoardPlan,
    seed: u64,
) -> CaseFinished {
    let id = case.id();
    let Judgement {
        verdict,
        cause,
        reason,
        violation,
        deviation,
    } = judgement;
    CaseFinished {
        board: board.starter.board().into(),
        verdict,
        cause: cause.map(str::to_owned),
        elapsed_ms: 0.0,
        reason,
        suite: case.suite().into(),
        title: case.title.into(),
        level: case.level.name().into(),
        cites: case.cites.iter().map(|cite| (*cite).to_owned()).collect(),
        source: format!("{}:{}", case.file, case.line),
        round,
        attempts: 0,
        violation,
        deviation,
        lenient: Vec::new(),
        traits: Vec::new(),
        jitter_us: 0,
        left_open: 0,
        left_calls: 0,
        steps: Vec::new(),
        crash: None,
        log: Vec::new(),
        transcript: Vec::new(),
        evidence: Vec::new(),
        again: format!("cargo hil run {} --seed {seed} {id}", board.again),
        case: id,
    }
}

/// The end of a log that nobody has to look at.
fn last(mut log: Vec<LogLine>) -> Vec<LogLine> {
    let left_out = log.len().saturating_sub(USUAL_LOG);
    if left_out > 0 {
        log.drain(..left_out);
        let text = format!("({left_out} earlier lines are in target.log)");
        log.insert(
            0,
            LogLine {
                text,
                ..LogLine::default()
            },
        );
    }
    log
}

/// With a precision of a microsecond, which is all that is measured.
fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(lines: usize) -> Vec<LogLine> {
        (0..lines)
            .map(|number| LogLine {
                text: number.to_string(),
                ..LogLine::default()
            })
            .collect()
    }

    #[test]
    fn a_usual_log_is_kept_and_of_a_long_one_the_end() {
        assert_eq!(last(log(USUAL_LOG)), log(USUAL_LOG));
        let cut = last(log(USUAL_LOG + 3));
        assert_eq!(cut.len(), USUAL_LOG + 1);
        assert_eq!(cut[0].text, "(3 earlier lines are in target.log)");
        assert_eq!(cut[1].text, "3");
    }
}
