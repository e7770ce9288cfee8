//! One attempt of a case after the other, until it has its verdict.

use core::time::Duration;
use std::time::Instant;

use hil_kit::{Case, Observation, Stop as CaseStop, Trouble};

use super::deviations::Listed;
use super::judge::{After, Judgement, crashed, hung, judge};
use super::session::{Gone, Loss, RunOne, Session, backstop};
use super::{Stop, StopLevel};
use crate::event::{CrashReport, Verdict};

/// How often a case is repeated because the rig was too slow to judge a time limit.
pub(super) const RIG_SLOW_REPEATS: u32 = 3;

/// How long after a dead link the board's own end may still become known, so that a crash is told from a loss.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What a silent agent whose core computes on is doing.
const LOOPING: &str = "the agent is silent and its core computes without a pause";

/// The attempts of one case.
#[derive(Debug)]
pub(super) struct Attempts {
    case: &'static Case,
    retries_left: u32,
    slow_left: u32,
    made: u32,
    elapsed: Duration,
    first_failure: Option<Judgement>,
    last: Option<(Judgement, Observation)>,
    /// The fault or endless loop of the last attempt that had one.
    crash: Option<Box<CrashReport>>,
    /// The core may have been stopped in the last one, to look where it is.
    stopped: bool,
}

/// All attempts together.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The verdict on them.
    pub(super) judgement: Judgement,
    /// What was seen in the last one.
    pub(super) observation: Observation,
    /// How long they took.
    pub(super) elapsed: Duration,
    /// How many there were.
    pub(super) made: u32,
    /// The fault or endless loop that ended the last one that had such an end.
    pub(super) crash: Option<Box<CrashReport>>,
}

/// How one attempt ended. `lost` says how the board went away, if it did.
#[derive(Debug)]
pub(super) enum Ended {
    /// The case has its verdict.
    Finished {
        /// The board was lost.
        lost: Option<Lost>,
    },
    /// It has to be tried again.
    Again {
        /// The board was lost.
        lost: Option<Lost>,
    },
    /// Somebody wants to stop; the case is given up.
    Interrupted,
}

/// How a board was lost.
#[derive(Debug)]
pub(super) struct Lost {
    /// In words.
    pub(super) reason: String,
    /// What kind of loss it is, which decides what may help.
    pub(super) loss: Loss,
}

impl Lost {
    /// After a case that came to this.
    fn after(judgement: &Judgement, stopped: bool) -> Self {
        Self {
            reason: judgement.reason.clone().unwrap_or_default(),
            loss: match judgement.cause {
                Some("crash") => Loss::Crashed,
                Some("hang") => Loss::Stuck,
                Some("gone") => Loss::Gone,
                _ if stopped => Loss::Stuck,
                _ => Loss::OutOfStep,
            },
        }
    }
}

impl Attempts {
    /// None yet.
    #[must_use]
    pub(super) const fn new(case: &'static Case, retries: u32) -> Self {
        Self {
            case,
            retries_left: retries,
            slow_left: RIG_SLOW_REPEATS,
            made: 0,
            elapsed: Duration::ZERO,
            first_failure: None,
            last: None,
            crash: None,
            stopped: false,
        }
    }

    /// How many there were.
    #[must_use]
    pub(super) const fn made(&self) -> u32 {
        self.made
    }

    /// Makes one.
    pub(super) async fn one_more(
        &mut self,
        session: &mut dyn Session,
        one: RunOne,
        listed: &Listed<'_>,
        stop: &Stop,
    ) -> Ended {
        let gone = session.gone();
        let began = Instant::now();
        let (observation, gone) = tokio::select! {
            biased;
            () = stop.at_least(StopLevel::Stop) => return Ended::Interrupted,
            observation = guarded(self.case, one, session) => (observation, None),
            gone = gone => {
                let seen = Observation {
                    elapsed: began.elapsed(),
                    ..nothing_seen(Trouble::LinkLost(gone.how.clone()))
                };
                (seen, Some(gone))
            }
        };
        self.made += 1;
        self.stopped = false;
        self.elapsed += observation.elapsed;
        let gone = match gone {
            None if link_died(&observation) => {
                tokio::time::timeout(LAST_WORDS, session.gone()).await.ok()
            }
            gone => gone,
        };
        let beacon = match rebooted(&observation) {
            true => session.beacon().await,
            false => None,
        };
        let gone = beacon.map(fault).or(gone);
        let (judgement, after) = match gone {
            Some(gone) => (self.gone(gone, &observation, listed), After::Restart),
            None => match silent(&observation) {
                Some(request) => self.silent(request, &observation, session, listed).await,
                None => judge(&observation, self.case.level, listed),
            },
        };
        let lost = match (&observation.aftermath, after) {
            (_, After::Restart) => Some(Lost::after(&judgement, self.stopped)),
            // The verdict stands, but the next case would pay for what this one has left.
            (Some(trouble), _) => Some(Lost {
                reason: format!("it could not clean up: {trouble}"),
                loss: Loss::Stuck,
            }),
            (None, _) => None,
        };
        let again = self.try_again(&judgement, after);
        self.last = Some((judgement, observation));
        if again {
            Ended::Again { lost }
        } else {
            Ended::Finished { lost }
        }
    }

    /// The verdict on a case during which the board went away.
    fn gone(&mut self, gone: Gone, observation: &Observation, listed: &Listed<'_>) -> Judgement {
        let Gone {
            crashed: by_itself,
            how,
            report,
        } = gone;
        if !by_itself {
            return Judgement::new(Verdict::BoardLost)
                .of_kind("gone")
                .because(how);
        }
        // Who could look inside knows more than who saw it end.
        let how = report.as_ref().map_or(how, |report| report.to_string());
        self.crash = report;
        crashed(&how, self.case.level, observation, listed)
    }

    /// The verdict on a case during which the agent fell silent: where the core is decides.
    async fn silent(
        &mut self,
        request: &str,
        observation: &Observation,
        session: &mut dyn Session,
        listed: &Listed<'_>,
    ) -> (Judgement, After) {
        // Looking inside may stop the core, so the question whether it computes comes first.
        let looping = session.is_looping().await;
        let report = session.where_is_it().await;
        let judged = match &report {
            Some(report) if report.is_fault() => (
                crashed(&report.to_string(), self.case.level, observation, listed),
                After::Restart,
            ),
            Some(report) if looping || !report.is_asleep() => {
                let observed = format!("{report}: {LOOPING}");
                (
                    hung(request, &observed, observation, listed),
                    After::Restart,
                )
            }
            None if looping => (hung(request, LOOPING, observation, listed), After::Restart),
            Some(_) | None => judge(observation, self.case.level, listed),
        };
        self.stopped = report.is_some();
        self.crash = report.map(Box::new);
        judged
    }

    /// The verdict on all attempts together.
    #[must_use]
    pub(super) fn verdict(self) -> Outcome {
        let (last, observation) = self.last.unwrap_or_else(|| {
            (
                Judgement::new(Verdict::Infra).because("the case was not tried"),
                nothing_seen(Trouble::Lan(String::new())),
            )
        });
        let judgement = match self.first_failure {
            Some(first)
                if matches!(
                    last.verdict,
                    Verdict::Pass | Verdict::Lenient | Verdict::Noted
                ) =>
            {
                Judgement {
                    verdict: Verdict::Flaky,
                    reason: Some(format!(
                        "{} at attempt {} of {}, after: {}",
                        last.verdict,
                        self.made,
                        self.made,
                        first.reason.unwrap_or_default()
                    )),
                    ..first
                }
            }
            Some(_) | None => last,
        };
        Outcome {
            judgement,
            observation,
            elapsed: self.elapsed,
            made: self.made,
            crash: self.crash,
        }
    }

    fn try_again(&mut self, judgement: &Judgement, after: After) -> bool {
        if after == After::RigSlow {
            let again = self.slow_left > 0;
            self.slow_left = self.slow_left.saturating_sub(1);
            return again;
        }
        if judgement.verdict != Verdict::Fail || self.retries_left == 0 {
            return false;
        }
        self.retries_left -= 1;
        self.first_failure.get_or_insert_with(|| judgement.clone());
        true
    }
}

/// Runs the case with a limit behind the kit's own deadlines, which come first.
async fn guarded(case: &'static Case, one: RunOne, session: &mut dyn Session) -> Observation {
    let limit = backstop(case, one);
    match tokio::time::timeout(limit, session.run(case, one)).await {
        Ok(observation) => observation,
        Err(_) => Observation {
            elapsed: limit,
            ..nothing_seen(Trouble::Overdue {
                waited_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
                last_step: "unknown: the kit did not end it".into(),
            })
        },
    }
}

/// The end of a board that has told of its own fault.
fn fault(report: CrashReport) -> Gone {
    Gone {
        crashed: true,
        how: report.to_string(),
        report: Some(Box::new(report)),
    }
}

/// The request after which the agent fell silent.
fn silent(observation: &Observation) -> Option<&str> {
    match &observation.outcome {
        Err(CaseStop::Trouble(Trouble::Silent { request, .. })) => Some(request),
        _ => None,
    }
}

const fn rebooted(observation: &Observation) -> bool {
    matches!(
        observation.outcome,
        Err(CaseStop::Trouble(Trouble::Rebooted { .. }))
    )
}

const fn link_died(observation: &Observation) -> bool {
    matches!(
        observation.outcome,
        Err(CaseStop::Trouble(
            Trouble::LinkLost(_) | Trouble::Silent { .. } | Trouble::Rebooted { crashed: false }
        ))
    )
}

fn nothing_seen(trouble: Trouble) -> Observation {
    Observation {
        outcome: Err(CaseStop::Trouble(trouble)),
        lenient: Vec::new(),
        traits: Vec::new(),
        controlled: false,
        steps: Vec::new(),
        jitter: Duration::ZERO,
        left: (0, 0),
        aftermath: None,
        elapsed: Duration::ZERO,
    }
}
