//! Getting a lost board back: step after step, each bounded in time, until one helps.
//!
//! A board that is lost again before a case was judged has not been helped by the step that brought it back, so the
//! next recovery begins one step higher. After [`MAX_RECOVERIES`] of them, or when no step is left, it counts as lost
//! for good, and all its remaining cases are lost at once.

use std::time::Instant;

use tokio::time::timeout;

use super::{NoSession, Worker, milliseconds_since};
use crate::engine::StopLevel;
use crate::engine::session::{Loss, Remedy, Session, StartError};
use crate::event::{BoardRecovery, BoardRestarted, Event};

/// After this many recoveries without a judged case between them the board counts as lost for good.
pub(in crate::engine) const MAX_RECOVERIES: u32 = 3;

impl Worker<'_> {
    /// Gets the board back after this loss, or says why it cannot be got back.
    pub(super) async fn recover(&mut self, loss: Loss) -> Result<(), NoSession> {
        if self.barren >= MAX_RECOVERIES {
            return Err(NoSession::Failed(StartError {
                cause: "given-up",
                reason: format!(
                    "the board was brought back {MAX_RECOVERIES} times without a judged case in between; given up"
                ),
                violation: None,
            }));
        }
        let mut remedies = self.board.starter.remedies(loss);
        let helped_nothing = self.barren as usize;
        self.barren += 1;
        remedies.drain(..helped_nothing.min(remedies.len().saturating_sub(1)));
        let began = Instant::now();
        let mut failed: Vec<(Remedy, StartError)> = Vec::new();
        for remedy in remedies {
            // Nothing is written through a probe that is not there.
            if remedy == Remedy::Reflash && failed.iter().any(|(_, error)| error.cause == "probe") {
                continue;
            }
            match self.step(remedy).await? {
                Ok(session) => {
                    self.is_back(session, began);
                    return Ok(());
                }
                Err(error) => failed.push((remedy, error)),
            }
        }
        Err(NoSession::Failed(together(failed)))
    }

    /// Takes one step and tells of it.
    async fn step(
        &mut self,
        remedy: Remedy,
    ) -> Result<Result<Box<dyn Session>, StartError>, NoSession> {
        let began = Instant::now();
        let limit = remedy.limit().mul_f64(self.board.deadline_scale.max(1.0));
        let before = self.session.take();
        let taken = async {
            match (remedy, before) {
                (Remedy::Resync, Some(mut session)) => {
                    session.resync().await?;
                    Ok(session)
                }
                (Remedy::Resync, None) => Err(StartError {
                    cause: "silent",
                    reason: "there is no link any more".into(),
                    violation: None,
                }),
                // Nothing is left to be stopped in order: dropping ends what remains of the link at once.
                (_, before) => {
                    drop(before);
                    self.board.starter.recover(remedy).await
                }
            }
        };
        let session = tokio::select! {
            biased;
            () = self.stop.at_least(StopLevel::Stop) => return Err(NoSession::Interrupted),
            taken = timeout(limit, taken) => taken.unwrap_or_else(|_| Err(StartError {
                cause: "late",
                reason: format!("it was not done within {} s", limit.as_secs_f64()),
                violation: None,
            })),
        };
        self.emitter.emit(Event::BoardRecovery(BoardRecovery {
            board: self.name(),
            step: remedy.name().into(),
            ok: session.is_ok(),
            elapsed_ms: milliseconds_since(began),
            reason: session.as_ref().err().map(|error| error.reason.clone()),
        }));
        Ok(session)
    }

    fn is_back(&mut self, mut session: Box<dyn Session>, began: Instant) {
        let ready = session.ready().clone();
        let log = session.target_log();
        self.emitter.emit(Event::BoardRestarted(BoardRestarted {
            board: self.name(),
            restarts: self.starts,
            start_to_ready_ms: milliseconds_since(began),
            log,
        }));
        self.starts += 1;
        self.lost = None;
        self.ready = Some(ready);
        self.session = Some(session);
    }
}

/// Why no step helped: the cause of the last one, and what was wrong with each.
fn together(failed: Vec<(Remedy, StartError)>) -> StartError {
    let cause = failed.last().map_or("gone", |(_, error)| error.cause);
    let steps: Vec<String> = failed
        .into_iter()
        .map(|(remedy, error)| format!("{}: {}", remedy.name(), error.reason))
        .collect();
    StartError {
        cause,
        reason: format!("the board could not be brought back; {}", steps.join("; ")),
        violation: None,
    }
}
