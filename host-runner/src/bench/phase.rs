//! A part of a benchmark: some of its cases through the engine, on a fresh start of the board.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use chrono::{SecondsFormat, Utc};
use hil_kit::Case;
use toml::value::Date;

use super::Options;
use super::timed::{TimedStarter, Times, Watch, lock};
use crate::board;
use crate::engine::deviations::Deviations;
use crate::engine::{BoardPlan, Emitter, LiveStarter, Run, Stop, run};
use crate::event::{BoardStarted, CaseFinished, Event, Record, RunStarted, SCHEMA, Verdict};
use crate::inventory::Board;
use crate::report::{Reporter, drive, journal};

/// Before every date a deviation could expire on; there are none.
const NO_DAY: Date = Date {
    year: 1970,
    month: 1,
    day: 1,
};

/// Problems kept; they tend to be the same one.
const MOST_PROBLEMS: usize = 8;

/// What to run.
pub(super) struct Phase {
    /// Folder of its evidence.
    pub(super) name: &'static str,
    pub(super) cases: &'static [&'static Case],
    pub(super) repeat: u32,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct PhaseDone {
    pub(super) times: Times,
    pub(super) started: Option<BoardStarted>,
    /// Cases with something noted.
    pub(super) noted: Vec<CaseFinished>,
    pub(super) verdicts: Vec<Verdict>,
    pub(super) problems: Vec<String>,
    /// The image.
    pub(super) elf: Option<PathBuf>,
}

impl Phase {
    /// Runs it. The journal, the link's transcript and the board's files are kept as those of any run.
    pub(super) async fn run(
        &self,
        board: &Board,
        options: &Options,
        stop: &Stop,
    ) -> io::Result<PhaseDone> {
        let dir = options.dir.join(self.name);
        let seen = Arc::new(Mutex::new(PhaseDone::default()));
        let reporters: Vec<Box<dyn Reporter>> = vec![
            Box::new(journal::create(&dir, None)?),
            Box::new(Collect(Arc::clone(&seen))),
        ];
        let (emitter, events) = Emitter::new();
        let reporting = thread::Builder::new()
            .name("reporters".into())
            .spawn(move || drive(events, reporters))?;

        let watch = Watch::default();
        let starter = TimedStarter {
            inner: LiveStarter::new(board.clone(), options.start.clone(), dir.clone())?,
            watch: Arc::clone(&watch),
        };
        let plan = BoardPlan {
            starter: Box::new(starter),
            deviations: Deviations::default(),
            deadline_scale: board.deadline_scale,
            again: format!("--board {}", board.name),
        };
        let started = RunStarted {
            schema: SCHEMA,
            run: format!("bench-{}", self.name),
            dir: dir.display().to_string(),
            boards: vec![board.name.clone()],
            cases: self.cases.len() as u64,
            repeat: self.repeat,
            seed: options.seed,
            impair: None,
            argv: vec!["bench".into()],
            version: env!("CARGO_PKG_VERSION").into(),
            started: Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
        };
        let what = Run {
            cases: self.cases.to_vec(),
            all_ids: self.cases.iter().map(|case| case.id()).collect(),
            retries: 0,
            repeat: self.repeat,
            seed: options.seed,
            impair: None,
            today: NO_DAY,
        };
        // Of what went wrong the events tell.
        let _ = run(started, what, vec![plan], &emitter, stop).await;
        // The stream of events ends with its last sender.
        drop(emitter);
        let failures = tokio::task::spawn_blocking(move || reporting.join())
            .await
            .ok()
            .and_then(Result::ok)
            .unwrap_or_default();
        if let Some((name, error)) = failures.into_iter().next() {
            return Err(io::Error::new(error.kind(), format!("{name}: {error}")));
        }
        let mut done = core::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
        done.times = core::mem::take(&mut *lock(&watch));
        if done.started.is_some() {
            // It was built for the run, so this only asks where it is.
            done.elf = board::prepare(board).await.ok().map(|image| image.elf);
        }
        Ok(done)
    }
}

impl PhaseDone {
    /// The rounds that a case noted: microseconds of each, and bytes per round.
    pub(super) fn rounds(&self, case: &Case) -> Option<(Vec<f64>, f64)> {
        let id = case.id();
        let finished = self.noted.iter().find(|finished| finished.case == id)?;
        let noted = |name: &str| {
            let found = finished.traits.iter().find(|it| it.name == name)?;
            let numbers = found.value.split(',').map(str::parse);
            numbers.collect::<Result<Vec<f64>, _>>().ok()
        };
        let bytes = noted("bytes")?.first().copied()?;
        Some((noted("us")?, bytes))
    }
}

/// Keeps what the figures are made of.
struct Collect(Arc<Mutex<PhaseDone>>);

impl Reporter for Collect {
    fn name(&self) -> &str {
        "the figures"
    }

    fn record(&mut self, record: &Record) -> io::Result<()> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &record.event {
            Event::BoardStarted(started) => seen.started = Some((**started).clone()),
            Event::CaseFinished(finished) => {
                seen.verdicts.push(finished.verdict);
                match finished.verdict {
                    Verdict::Pass | Verdict::Lenient => {}
                    Verdict::Noted => seen.noted.push((**finished).clone()),
                    _ => {
                        let problem = format!(
                            "{} is {}: {}",
                            finished.case,
                            finished.verdict_word(),
                            finished.reason.as_deref().unwrap_or("no reason given")
                        );
                        if seen.problems.len() < MOST_PROBLEMS && !seen.problems.contains(&problem)
                        {
                            seen.problems.push(problem);
                        }
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}
