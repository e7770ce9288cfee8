//! A run of tests on a target: what is picked, one after another or some at a time, each with its events.
//!
//! Must not: decide what an end means (judge.rs), or how an image gets to the target (way.rs).

use core::time::Duration;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::judge::{self, End, Judgement, Places};
use super::steps::{self, Step, What};
use super::way::{Ran, Via, Way};
use super::{Framework, Image, SUITE, Test};
use crate::board::BoardError;
use crate::engine::{Emitter, Stop, StopLevel};
use crate::event::{
    BoardFailed, BoardStarted, CaseFinished, CaseStarted, Event, Exit, Frame, Identity, LogLine,
    RunFinished, RunStarted, Tally, Verdict,
};
use crate::inventory::Board;
use crate::symbols::Symbols;
use crate::target_log::Decoder;

/// What to run, and how.
#[derive(Debug)]
pub struct Plan {
    /// The board.
    pub board: Board,
    /// How tests are to get there.
    pub via: Via,
    /// What is meant.
    pub picked: Vec<Picked>,
    /// Run the ignored ones, too.
    pub ignored_too: bool,
    /// How long a test may take that does not say so.
    pub patience: Duration,
    /// Where the log of the target goes.
    pub evidence: PathBuf,
    /// The same relative to the directory of the run.
    pub evidence_name: String,
    /// Arguments that select the same board and way again.
    pub again: String,
}

/// An image, and the tests of it that are meant.
#[derive(Clone, Debug)]
pub struct Picked {
    /// The image.
    pub image: Image,
    /// The tests.
    pub tests: Vec<Test>,
}

/// Runs everything and reports it.
pub async fn run(started: RunStarted, plan: Plan, emitter: &Emitter, stop: &Stop) -> Exit {
    emitter.emit(Event::RunStarted(started));
    let all = async {
        let began = Instant::now();
        let way = match Way::start(plan.via, &plan.board, &plan.evidence).await {
            Ok(way) => way,
            Err(error) => return did_not_start(&plan, &error, emitter),
        };
        let bench = Arc::new(Bench {
            plan,
            way,
            started_in: began.elapsed(),
        });
        for picked in &bench.plan.picked {
            emitter.emit(Event::BoardStarted(Box::new(bench.started(&picked.image))));
            match picked.image.framework {
                Framework::EachAlone => each_alone(&bench, picked, emitter, stop).await,
                Framework::AllAtOnce => all_at_once(&bench, picked, emitter).await,
            }
        }
    };
    tokio::select! {
        () = all => {}
        // Emulators end with the futures that wait for them.
        () = stop.at_least(StopLevel::Stop) => emitter.with_tally(Tally::interrupt),
    }
    let (exit, verdicts) = emitter.with_tally(|tally| (tally.exit(), tally.by_word()));
    emitter.emit(Event::RunFinished(RunFinished {
        verdicts,
        exit: exit.code(),
        elapsed_ms: emitter.elapsed_ms(),
    }));
    exit
}

/// The plan, and what carries it out.
struct Bench {
    plan: Plan,
    way: Way,
    started_in: Duration,
}

/// Nothing can be run.
fn did_not_start(plan: &Plan, error: &BoardError, emitter: &Emitter) {
    let tests = || plan.picked.iter().flat_map(|picked| &picked.tests);
    emitter.emit(Event::BoardFailed(BoardFailed {
        board: plan.board.name.clone(),
        reason: error.to_string(),
        cases: tests().count() as u64,
    }));
    for test in tests() {
        let judgement = Judgement::new(Verdict::Infra, Some(error.cause()), error.to_string());
        emitter.emit(plan.finished(test, judgement, None));
    }
}

async fn each_alone(bench: &Arc<Bench>, picked: &Picked, emitter: &Emitter, stop: &Stop) {
    let target = Arc::new(Target::new(bench, &picked.image));
    let places = Arc::new(Semaphore::new(bench.way.width()));
    let mut running = JoinSet::new();
    let plan = &bench.plan;
    for test in &picked.tests {
        if test.ignored && !plan.ignored_too {
            emitter.emit(plan.finished(test, ignored(), None));
            continue;
        }
        // Never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        if stop.wanted() {
            return;
        }
        emitter.emit(plan.case_started(test));
        let (target, test, emitter) = (Arc::clone(&target), test.clone(), emitter.clone());
        running.spawn(async move {
            target.run(&test, &emitter).await;
            drop(place);
        });
    }
    while let Some(ended) = running.join_next().await {
        if let Err(error) = ended
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

/// What the tests of an image share that is run alone.
struct Target {
    bench: Arc<Bench>,
    elf: PathBuf,
    decoder: Mutex<Decoder>,
}

impl Target {
    fn new(bench: &Arc<Bench>, image: &Image) -> Self {
        let workspace = &bench.plan.board.workspace;
        Self {
            bench: Arc::clone(bench),
            elf: image.elf.clone(),
            decoder: Mutex::new(Decoder::of_file(&image.elf, workspace)),
        }
    }

    async fn run(&self, test: &Test, emitter: &Emitter) {
        let words = ["run_addr".to_owned(), test.address.to_string()];
        let Bench { plan, way, .. } = &*self.bench;
        let patience = plan.patience(test.timeout);
        let ran = way.run(&self.elf, &words, patience).await;
        let log = decode(
            &mut self.decoder.lock().unwrap_or_else(PoisonError::into_inner),
            &ran,
        );
        let log: Vec<_> = log.into_iter().map(|(_, line)| line).collect();
        let judgement = judge::judge(test, &ran.end, &log, &Lazily(&self.elf));
        let seen = Seen {
            log,
            remarks: ran.remarks,
            took: ran.took,
        };
        plan.keep(test, &judgement, &seen);
        emitter.emit(plan.finished(test, judgement, Some(&seen)));
    }
}

/// What was seen of a test.
struct Seen {
    log: Vec<LogLine>,
    remarks: Vec<String>,
    took: Duration,
}

async fn all_at_once(bench: &Bench, picked: &Picked, emitter: &Emitter) {
    let plan = &bench.plan;
    for test in &picked.tests {
        if !test.ignored {
            emitter.emit(plan.case_started(test));
        }
    }
    let patience = plan.patience(None);
    let ran = bench.way.run(&picked.image.elf, &[], patience).await;
    let lines = decode(
        &mut Decoder::of_file(&picked.image.elf, &plan.board.workspace),
        &ran,
    );
    let steps = steps::cut(&lines);
    let places = Lazily(&picked.image.elf);
    for test in &picked.tests {
        let name = test.id.rsplit("::").next().unwrap_or_default();
        let step = steps.iter().find(|step| step.name == name);
        let judgement = of_step(step, &steps, &ran.end, &places);
        let seen = step.map(|step| Seen {
            log: step.log.clone(),
            remarks: if step.over {
                Vec::new()
            } else {
                ran.remarks.clone()
            },
            took: if step.over {
                step.span.1.saturating_sub(step.span.0)
            } else {
                ran.took.saturating_sub(step.span.0)
            },
        });
        if let Some(seen) = &seen {
            plan.keep(test, &judgement, seen);
        }
        emitter.emit(plan.finished(test, judgement, seen.as_ref()));
    }
}

/// The verdict of one of the tests that ran in one go.
fn of_step(step: Option<&Step>, all: &[Step], end: &End, places: &dyn Places) -> Judgement {
    match step {
        Some(step) if step.what == What::Ignoring => ignored(),
        Some(step) if step.over => Judgement::pass(),
        Some(step) => match end {
            // The end of the image is the end of the test that ran.
            End::Status(0) => Judgement::new(
                Verdict::Infra,
                Some("log"),
                "the image ended well, but nothing was heard of the end of this test",
            ),
            End::Status(status) => judge::failed(*status, &step.log, places),
            end => judge::judge(&NOBODY, end, &step.log, places),
        },
        None => match (end, all.last()) {
            (End::Trouble(cause, what), _) => Judgement::new(Verdict::Infra, Some(*cause), what),
            (_, Some(last)) if !last.over => Judgement::new(
                Verdict::Skipped,
                None,
                format!("the image ended in {}, which comes before it", last.name),
            ),
            _ => Judgement::new(
                Verdict::Infra,
                Some("log"),
                "nothing was heard of its beginning",
            ),
        },
    }
}

/// A test of which nothing special is expected.
const NOBODY: Test = Test {
    id: String::new(),
    address: 0,
    ignored: false,
    should_panic: false,
    timeout: None,
    source: String::new(),
};

fn ignored() -> Judgement {
    Judgement::new(Verdict::Skipped, None, "ignored: the image says so")
}

/// What the target said, each line with the time at which it was whole.
fn decode(decoder: &mut Decoder, ran: &Ran) -> Vec<(Duration, LogLine)> {
    let mut lines = Vec::new();
    let mut fresh = Vec::new();
    for (at, bytes) in &ran.output {
        decoder.feed(bytes, &mut fresh);
        lines.extend(fresh.drain(..).map(|line| (*at, line)));
    }
    decoder.end(&mut fresh);
    lines.extend(fresh.drain(..).map(|line| (ran.took, line)));
    lines
}

/// The symbols of an image, read when something has failed: that is seldom.
struct Lazily<'a>(&'a Path);

impl Lazily<'_> {
    fn ask(&self, what: impl FnOnce(&Symbols) -> Vec<Frame>) -> Vec<Frame> {
        Symbols::load(self.0).map_or_else(|_| Vec::new(), |symbols| what(&symbols))
    }
}

impl Places for Lazily<'_> {
    fn at(&self, address: u32) -> Vec<Frame> {
        self.ask(|symbols| symbols.frames_at(address))
    }

    fn of_call(&self, return_address: u32) -> Vec<Frame> {
        self.ask(|symbols| symbols.frames_of_call(return_address))
    }
}

impl Bench {
    fn started(&self, image: &Image) -> BoardStarted {
        let board = &self.plan.board.name;
        BoardStarted {
            board: board.clone(),
            identity: Identity {
                board: board.clone(),
                port: image.name.clone(),
                build_id: image.build_id.clone(),
                ..Identity::default()
            },
            link: self.way.name().into(),
            lan: "none".into(),
            lan_reason: None,
            image: None,
            log: Vec::new(),
            start_to_ready_ms: self.started_in.as_micros() as f64 / 1e3,
        }
    }
}

impl Plan {
    fn patience(&self, own: Option<Duration>) -> Duration {
        own.unwrap_or(self.patience)
            .mul_f64(self.board.deadline_scale.clamp(0.1, 1000.0))
    }

    fn case_started(&self, test: &Test) -> Event {
        Event::CaseStarted(CaseStarted {
            board: self.board.name.clone(),
            case: test.id.clone(),
            round: 0,
            attempt: 1,
        })
    }

    fn finished(&self, test: &Test, judgement: Judgement, seen: Option<&Seen>) -> Event {
        let Judgement {
            verdict,
            cause,
            reason,
            crash,
        } = judgement;
        let name = test.id.rsplit("::").next().unwrap_or_default();
        Event::CaseFinished(Box::new(CaseFinished {
            board: self.board.name.clone(),
            case: test.id.clone(),
            verdict,
            cause: cause.map(str::to_owned),
            elapsed_ms: seen.map_or(0.0, |seen| seen.took.as_micros() as f64 / 1e3),
            reason,
            suite: SUITE.into(),
            title: name.replace('_', " "),
            level: "MUST".into(),
            cites: Vec::new(),
            source: test.source.clone(),
            round: 0,
            attempts: u32::from(seen.is_some()),
            violation: None,
            deviation: None,
            lenient: Vec::new(),
            traits: Vec::new(),
            jitter_us: 0,
            left_open: 0,
            left_calls: 0,
            steps: Vec::new(),
            crash,
            log: seen.map_or_else(Vec::new, |seen| seen.log.clone()),
            transcript: seen.map_or_else(Vec::new, |seen| seen.remarks.clone()),
            evidence: if verdict.needs_attention() && seen.is_some() {
                vec![format!("{}/{LOG}", self.evidence_name)]
            } else {
                Vec::new()
            },
            again: format!("cargo hil target-test {} {}", self.again, test.id),
        }))
    }

    /// Adds to the log of the target what a test has said. A log that cannot be written is missed by nobody but
    /// the reader of an evidence, who sees that it ends.
    fn keep(&self, test: &Test, judgement: &Judgement, seen: &Seen) {
        let _ = self.append(test, judgement, seen);
    }

    fn append(&self, test: &Test, judgement: &Judgement, seen: &Seen) -> io::Result<()> {
        let mut text = format!("--- {}: {}\n", test.id, judgement.verdict);
        for line in &seen.log {
            let level = line.level.as_deref().unwrap_or("     ");
            let at = line
                .at
                .as_deref()
                .map_or_else(String::new, |at| format!("  ({at})"));
            text.push_str(&format!("{level:<5} {}{at}\n", line.text));
        }
        for remark in &seen.remarks {
            text.push_str(&format!("({remark})\n"));
        }
        // In one write, so that tests that end at the same time do not mix.
        File::options()
            .create(true)
            .append(true)
            .open(self.evidence.join(LOG))?
            .write_all(text.as_bytes())
    }
}

/// Name of the file with what the target has said.
const LOG: &str = "target.log";
