//! One board from start to stop: greet, plan, then case after case; restart it when it is lost.
//!
//! ```text
//!   down ──start──► up ──case, case, case──► stop
//!                   ▲│ lost, crashed
//!                   └┘ recovered (see `recovery`)
//! ```

mod recovery;

use std::time::Instant;

use hil_kit::Case;

use super::attempt::{Attempts, Ended, Lost};
use super::deviations::Listed;
use super::judge::{Judgement, not_claimed, violation_without_call};
use super::run::{BoardPlan, Run};
use super::session::{Loss, Ready, RunOne, Session, StartError};
use super::{Emitter, Stop, StopLevel, finished};
use crate::event::{
    BoardFailed, BoardLost, BoardPreparing, BoardStarted, CaseStarted, Event, Verdict,
};
use crate::plan::{Applies, applies};

/// Factor on the deadlines of an impaired run: a stack that only has its retransmission timer, which begins at a
/// second and doubles (RFC 6298 §5), may lose one segment four times in a row and still be right.
const IMPAIRED: f64 = 10.0;

/// What a worker leaves for the account.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// Ids of the cases that were judged.
    pub(super) judged: Vec<String>,
    /// Name of the lan; empty if the board never came up.
    pub(super) lan: String,
}

/// Runs all cases on one board.
pub(super) async fn work(run: &Run, board: &BoardPlan, emitter: &Emitter, stop: &Stop) -> Done {
    let mut worker = Worker {
        run,
        board,
        emitter,
        stop,
        session: None,
        ready: None,
        starts: 0,
        lost: None,
        barren: 0,
        judged: Vec::new(),
    };
    worker.all_cases().await;
    worker.shut_down().await;
    let lan = worker.ready.map(|ready| ready.lan.name).unwrap_or_default();
    Done {
        judged: worker.judged,
        lan,
    }
}

struct Worker<'r> {
    run: &'r Run,
    board: &'r BoardPlan,
    emitter: &'r Emitter,
    stop: &'r Stop,
    session: Option<Box<dyn Session>>,
    ready: Option<Ready>,
    starts: u32,
    /// How the board was lost that has to be got back.
    lost: Option<Loss>,
    /// Recoveries since a case was last judged.
    barren: u32,
    judged: Vec<String>,
}

/// Why no session is to be had.
enum NoSession {
    Interrupted,
    Failed(StartError),
}

impl Worker<'_> {
    async fn all_cases(&mut self) {
        let queue: Vec<(u32, &'static Case)> = (0..self.run.repeat.max(1))
            .flat_map(|round| self.run.cases.iter().map(move |case| (round, *case)))
            .collect();
        match self.first_start().await {
            Ok(()) => {}
            Err(NoSession::Interrupted) => return,
            Err(NoSession::Failed(error)) => {
                self.emitter.emit(Event::BoardFailed(BoardFailed {
                    board: self.name(),
                    reason: error.reason.clone(),
                    cases: queue.len() as u64,
                }));
                for (round, case) in queue {
                    self.not_run(case, round, never_started(&error));
                }
                return;
            }
        }
        let mut queue = queue.into_iter();
        while let Some((round, case)) = queue.next() {
            let Err(no_session) = self.one_case(case, round).await else {
                continue;
            };
            let NoSession::Failed(error) = no_session else {
                return;
            };
            for (round, case) in core::iter::once((round, case)).chain(queue.by_ref()) {
                self.not_run(
                    case,
                    round,
                    Judgement::new(Verdict::BoardLost)
                        .of_kind(error.cause)
                        .because(&error.reason),
                );
            }
        }
    }

    /// Runs a case if it applies. An error means that it has no verdict.
    async fn one_case(&mut self, case: &'static Case, round: u32) -> Result<(), NoSession> {
        if self.stop.wanted() {
            return Err(NoSession::Interrupted);
        }
        let Some(ready) = &self.ready else {
            return Ok(());
        };
        if let Some(impair) = self.run.impair.filter(|_| !ready.lan.properties.cable) {
            // A case that ran unimpaired would claim what nobody has tried.
            let reason = format!(
                "lan {} has no cable that the runner could impair ({impair})",
                ready.lan.name
            );
            self.not_run(
                case,
                round,
                Judgement::new(Verdict::Skipped).because(reason),
            );
            return Ok(());
        }
        match applies(case, ready.claims, &ready.lan) {
            Applies::Yes => {}
            Applies::Unsupported(reason) => {
                self.not_run(
                    case,
                    round,
                    Judgement::new(Verdict::Unsupported).because(reason),
                );
                return Ok(());
            }
            Applies::Skipped(reason) => {
                self.not_run(
                    case,
                    round,
                    Judgement::new(Verdict::Skipped).because(reason),
                );
                return Ok(());
            }
            Applies::Fail { key, reason } => {
                let violation = violation_without_call(
                    key,
                    "the claim that the class demands",
                    &reason,
                    &format!("{}:{}", case.file, case.line),
                );
                let listed = self.board.deviations.of(
                    &case.id(),
                    self.board.starter.board(),
                    &ready.lan.name,
                );
                let judgement = not_claimed(&violation, &listed);
                self.judged.push(case.id());
                self.not_run(case, round, judgement);
                return Ok(());
            }
        }
        let mut attempts = Attempts::new(case, self.run.retries);
        loop {
            if let Some(loss) = self.lost {
                self.recover(loss).await?;
            }
            let (Some(session), Some(ready)) = (&mut self.session, &self.ready) else {
                return Ok(());
            };
            let listed =
                self.board
                    .deviations
                    .of(&case.id(), self.board.starter.board(), &ready.lan.name);
            self.emitter.emit(Event::CaseStarted(CaseStarted {
                board: self.board.starter.board().into(),
                case: case.id(),
                round,
                attempt: attempts.made() + 1,
            }));
            let seed = seed_of(self.run.seed, &case.id());
            let one = RunOne {
                seed,
                deadline_scale: match self.run.impair {
                    Some(_) => self.board.deadline_scale * IMPAIRED,
                    None => self.board.deadline_scale,
                },
                impairment: self.run.impair.map(|it| it.with_seed(seed)),
            };
            match attempts
                .one_more(session.as_mut(), one, &listed, self.stop)
                .await
            {
                Ended::Interrupted => return Err(NoSession::Interrupted),
                Ended::Again { lost } => self.after(case, lost),
                Ended::Finished { lost } => {
                    let finished = finished::of(
                        case,
                        round,
                        attempts,
                        self.board,
                        self.run.seed,
                        session.as_mut(),
                    );
                    if finished.verdict.judged() {
                        self.judged.push(finished.case.clone());
                        self.barren = 0;
                    }
                    self.emitter.emit(Event::CaseFinished(Box::new(finished)));
                    self.after(case, lost);
                    return Ok(());
                }
            }
        }
    }

    /// Takes note of a board that was lost during `case`.
    fn after(&mut self, case: &Case, lost: Option<Lost>) {
        if let Some(Lost { reason, loss }) = lost {
            self.emitter.emit(Event::BoardLost(BoardLost {
                board: self.name(),
                case: Some(case.id()),
                reason,
            }));
            self.lost = Some(loss);
        }
    }

    /// Starts the board for the first time.
    async fn first_start(&mut self) -> Result<(), NoSession> {
        self.emitter
            .emit(Event::BoardPreparing(BoardPreparing { board: self.name() }));
        tokio::select! {
            biased;
            () = self.stop.at_least(StopLevel::Stop) => return Err(NoSession::Interrupted),
            prepared = self.board.starter.prepare() => prepared.map_err(NoSession::Failed)?,
        }
        let began = Instant::now();
        let mut session = tokio::select! {
            biased;
            () = self.stop.at_least(StopLevel::Stop) => return Err(NoSession::Interrupted),
            started = self.board.starter.start() => started.map_err(NoSession::Failed)?,
        };
        let start_to_ready_ms = milliseconds_since(began);
        let ready = session.ready().clone();
        let log = session.target_log();
        self.emitter
            .emit(Event::BoardStarted(Box::new(BoardStarted {
                board: self.name(),
                identity: ready.identity.clone(),
                link: ready.link.clone(),
                image: ready.image.clone(),
                lan: ready.lan.name.clone(),
                lan_reason: ready.lan.reason.clone(),
                start_to_ready_ms,
                log,
            })));
        self.starts = 1;
        self.ready = Some(ready);
        self.session = Some(session);
        Ok(())
    }

    async fn shut_down(&mut self) {
        let Some(session) = self.session.take() else {
            return;
        };
        tokio::select! {
            () = session.stop() => {}
            () = self.stop.at_least(StopLevel::Now) => {}
        }
    }

    fn not_run(&self, case: &Case, round: u32, judgement: Judgement) {
        let finished = finished::without_run(case, round, judgement, self.board, self.run.seed);
        self.emitter.emit(Event::CaseFinished(Box::new(finished)));
    }

    fn name(&self) -> String {
        self.board.starter.board().into()
    }
}

fn milliseconds_since(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e3
}

/// What becomes of every case when the board never comes up.
fn never_started(error: &StartError) -> Judgement {
    match error.violation {
        Some(key) => not_claimed(
            &violation_without_call(key, "class ip or class nidd is claimed", &error.reason, ""),
            &Listed::none(),
        ),
        None => Judgement::new(Verdict::Infra)
            .of_kind(error.cause)
            .because(&error.reason),
    }
}

/// A seed of its own for every case, so that a case repeats alone as it ran among others.
fn seed_of(run: u64, case: &str) -> u64 {
    // FNV-1a over the id, started from the run's seed; one splitmix step spreads it.
    let mut hash = case
        .bytes()
        .fold(run ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash ^ (hash >> 31)
}
