//! A whole run: its boards side by side, then the account.

use std::collections::BTreeSet;

use hil_kit::Case;
use tokio::task::JoinSet;
use toml::value::Date;

use super::deviations::{Deviation, Deviations};
use super::session::Starter;
use super::worker::{self, Done};
use super::{Emitter, Stop};
use crate::event::{DeviationProblem, Event, Exit, RunFinished, RunStarted, Verdict};
use crate::plan::Impair;

/// What to run, the same on every board.
#[derive(Clone, Debug)]
pub struct Run {
    /// The selected cases, in order.
    pub cases: Vec<&'static Case>,
    /// Ids of all cases there are; what a deviations entry may name.
    pub all_ids: Vec<String>,
    /// How often a failed case is tried again.
    pub retries: u32,
    /// How often everything runs.
    pub repeat: u32,
    /// Seed of all randomness.
    pub seed: u64,
    /// What the cable does to every frame of every case, decided by the case's own seed.
    pub impair: Option<Impair>,
    /// Today, for entries that expire.
    pub today: Date,
}

/// One board of a run.
pub struct BoardPlan {
    /// Starts it.
    pub starter: Box<dyn Starter>,
    /// Known deviations of its port.
    pub deviations: Deviations,
    /// Factor on deadlines.
    pub deadline_scale: f64,
    /// Arguments that select this board, link and lan again.
    pub again: String,
}

/// Runs everything and reports it; returns when all boards are stopped.
pub async fn run(
    started: RunStarted,
    run: Run,
    boards: Vec<BoardPlan>,
    emitter: &Emitter,
    stop: &Stop,
) -> Exit {
    emitter.emit(Event::RunStarted(started));
    let mut workers = JoinSet::new();
    for board in boards {
        let (run, emitter, stop) = (run.clone(), emitter.clone(), stop.clone());
        workers.spawn(async move {
            let done = worker::work(&run, &board, &emitter, &stop).await;
            (board, done)
        });
    }
    let mut reported = BTreeSet::new();
    let mut harness_panic = None;
    while let Some(ended) = workers.join_next().await {
        match ended {
            Ok((board, done)) => check_deviations(&run, &board, &done, emitter, &mut reported),
            Err(error) => harness_panic = Some(error),
        }
    }
    if stop.wanted() {
        emitter.with_tally(crate::event::Tally::interrupt);
    }
    let (exit, verdicts) = emitter.with_tally(|tally| {
        if harness_panic.is_some() && tally.exit() == Exit::Conforms {
            // A worker that panicked has judged less than was asked for.
            tally.add(Verdict::Infra);
        }
        (tally.exit(), tally.by_word())
    });
    emitter.emit(Event::RunFinished(RunFinished {
        verdicts,
        exit: exit.code(),
        elapsed_ms: emitter.elapsed_ms(),
    }));
    if let Some(error) = harness_panic.filter(|error| error.is_panic()) {
        std::panic::resume_unwind(error.into_panic());
    }
    exit
}

/// Reports the entries of a board's file that no longer hold, each once.
fn check_deviations(
    run: &Run,
    board: &BoardPlan,
    done: &Done,
    emitter: &Emitter,
    reported: &mut BTreeSet<(String, &'static str)>,
) {
    let name = board.starter.board();
    let mut report = |entry: &Deviation, problem: &'static str, text: String| {
        if reported.insert((entry.at.clone(), problem)) {
            emitter.emit(Event::DeviationProblem(DeviationProblem {
                board: name.into(),
                at: entry.at.clone(),
                pattern: entry.case.text().into(),
                problem: problem.into(),
                text,
            }));
        }
    };
    for entry in board.deviations.stale(&run.all_ids) {
        report(
            entry,
            "stale",
            format!(
                "no case matches \"{}\" any more: correct the entry or remove it",
                entry.case.text()
            ),
        );
    }
    for entry in board
        .deviations
        .expired(run.today, &done.judged, name, &done.lan)
    {
        let day = entry
            .expires
            .map(|date| date.to_string())
            .unwrap_or_default();
        report(
            entry,
            "expired",
            format!(
                "the entry for \"{}\" expired on {day}: fix the port, or give a new date with a reason",
                entry.case.text()
            ),
        );
    }
}
