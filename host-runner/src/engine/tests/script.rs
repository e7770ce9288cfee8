//! Boards that do what a test tells them, with no process, link or agent behind them.

use core::time::Duration;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hil_kit::rig::{BoxFuture, LanProperties};
use hil_kit::wire::Impairment;
use hil_kit::{Case, Level, Observation, Outcome, Profile, Stop as CaseStop, Trouble};
use nsapi::Capabilities;
use tokio::sync::{Barrier, watch};

use crate::engine::deviations::Deviations;
use crate::engine::{
    BoardPlan, Emitter, Gone, Loss, Ready, Remedy, Run, RunOne, Session, StartError, Starter, Stop,
    run,
};
use crate::event::{CaseFinished, CrashReport, Event, Exit, Identity, RunStarted};
use crate::plan::{Claims, LanFacts};

/// What happens when a case runs.
pub(super) enum Act {
    /// It ends like this.
    Sees(Outcome),
    /// It ends like this, and the board reboots instead of cleaning up after it.
    SeesAndReboots(CaseStop),
    /// It ends like this, and something planned was late by so much.
    SeesLate(CaseStop, Duration),
    /// The board goes away; the case never ends.
    Dies { crashed: bool },
    /// The link dies first, the board a little later.
    LinkDiesThenBoard { crashed: bool },
    /// It waits for ever.
    Waits,
    /// It passes once as many others wait at the same place as the meeting is for.
    Meets(Meeting),
}

/// What a step to get the board back does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Helps {
    Yes,
    No,
    /// It fails because no probe is there.
    NoProbe,
    /// It is never done.
    Hangs,
}

/// Where cases of several boards wait for each other.
#[derive(Clone)]
pub(super) struct Meeting(Arc<Barrier>);

impl Meeting {
    pub(super) fn new(of: usize) -> Self {
        Self(Arc::new(Barrier::new(of)))
    }
}

/// What a board does, and what was done to it.
#[derive(Clone, Default)]
pub(super) struct Script {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    acts: HashMap<String, VecDeque<Act>>,
    always: Option<fn() -> Act>,
    starts: VecDeque<bool>,
    /// What may get the board back, and what each step does.
    remedies: Vec<(Remedy, Helps)>,
    losses: Vec<Loss>,
    beacon: Option<String>,
    looping: bool,
    place: Option<CrashReport>,
    no_class: bool,
    never_stops: bool,
    log: Vec<String>,
    seeds: Vec<u64>,
    impairments: Vec<Option<Impairment>>,
    cabled: bool,
    raise_waiting: Option<Stop>,
    raise_stopping: Option<Stop>,
}

impl Script {
    /// These cases do these acts, one per attempt; all else passes.
    pub(super) fn of(acts: &[(&str, Vec<Act>)]) -> Self
    where
        Act: Clone,
    {
        let script = Self::default();
        for (case, acts) in acts {
            for act in acts {
                script.act(case, act.clone());
            }
        }
        script
    }

    pub(super) fn act(&self, case: &str, act: Act) {
        self.state()
            .acts
            .entry(case.into())
            .or_default()
            .push_back(act);
    }

    pub(super) fn always(self, act: fn() -> Act) -> Self {
        self.state().always = Some(act);
        self
    }

    /// Whether each start succeeds; those after the last do.
    pub(super) fn starting(self, starts: &[bool]) -> Self {
        self.state().starts = starts.iter().copied().collect();
        self
    }

    /// What may get the board back, instead of starting it again.
    pub(super) fn with_remedies(self, remedies: &[(Remedy, Helps)]) -> Self {
        self.state().remedies = remedies.to_vec();
        self
    }

    /// How it was lost, each time.
    pub(super) fn losses(&self) -> Vec<Loss> {
        self.state().losses.clone()
    }

    fn helps(&self, remedy: Remedy) -> Helps {
        self.note(remedy.name());
        let state = self.state();
        let step = state.remedies.iter().find(|(step, _)| *step == remedy);
        step.map_or(Helps::Yes, |(_, helps)| *helps)
    }

    pub(super) fn with_beacon(self, text: &str) -> Self {
        self.state().beacon = Some(text.into());
        self
    }

    pub(super) fn with_a_looping_core(self) -> Self {
        self.state().looping = true;
        self
    }

    /// Somebody can look inside a silent board, and sees this.
    pub(super) fn with_a_look_inside(self, place: CrashReport) -> Self {
        self.state().place = Some(place);
        self
    }

    pub(super) fn without_class(self) -> Self {
        self.state().no_class = true;
        self
    }

    pub(super) fn that_never_stops(self) -> Self {
        self.state().never_stops = true;
        self
    }

    /// Wants the run to stop once a case waits.
    pub(super) fn raise_when_waiting(&self, stop: &Stop) {
        self.state().raise_waiting = Some(stop.clone());
    }

    /// Wants the run to stop at once while the board is being stopped.
    pub(super) fn raise_when_stopping(&self, stop: &Stop) {
        self.state().raise_stopping = Some(stop.clone());
    }

    pub(super) fn log(&self) -> Vec<String> {
        self.state().log.clone()
    }

    pub(super) fn on_a_cable(self) -> Self {
        self.state().cabled = true;
        self
    }

    pub(super) fn impairments(&self) -> Vec<Option<Impairment>> {
        self.state().impairments.clone()
    }

    pub(super) fn seeds(&self) -> Vec<u64> {
        self.state().seeds.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, word: &str) {
        self.state().log.push(word.into());
    }
}

impl Clone for Act {
    fn clone(&self) -> Self {
        match self {
            Self::Sees(Ok(())) => Self::Sees(Ok(())),
            Self::Sees(Err(stop)) => Self::Sees(Err(copy(stop))),
            Self::SeesAndReboots(stop) => Self::SeesAndReboots(copy(stop)),
            Self::SeesLate(stop, late) => Self::SeesLate(copy(stop), *late),
            Self::Dies { crashed } => Self::Dies { crashed: *crashed },
            Self::LinkDiesThenBoard { crashed } => Self::LinkDiesThenBoard { crashed: *crashed },
            Self::Waits => Self::Waits,
            Self::Meets(meeting) => Self::Meets(meeting.clone()),
        }
    }
}

fn copy(stop: &CaseStop) -> CaseStop {
    match stop {
        CaseStop::Violation(violation) => CaseStop::Violation(violation.clone()),
        CaseStop::Skip(reason) => CaseStop::Skip(reason.clone()),
        CaseStop::Trouble(Trouble::Rebooted { crashed }) => {
            Trouble::Rebooted { crashed: *crashed }.into()
        }
        CaseStop::Trouble(Trouble::Silent { request, waited_ms }) => Trouble::Silent {
            request: request.clone(),
            waited_ms: *waited_ms,
        }
        .into(),
        CaseStop::Trouble(other) => panic!("no test copies {other}"),
    }
}

struct ScriptedStarter {
    board: String,
    script: Script,
}

impl Starter for ScriptedStarter {
    fn board(&self) -> &str {
        &self.board
    }

    fn prepare(&self) -> BoxFuture<'_, Result<(), StartError>> {
        self.script.note("prepare");
        Box::pin(async { Ok(()) })
    }

    fn remedies(&self, loss: Loss) -> Vec<Remedy> {
        let mut state = self.script.state();
        state.losses.push(loss);
        if state.remedies.is_empty() {
            return vec![Remedy::StartAgain];
        }
        state.remedies.iter().map(|(remedy, _)| *remedy).collect()
    }

    fn recover(&self, remedy: Remedy) -> BoxFuture<'_, Result<Box<dyn Session>, StartError>> {
        if self.script.state().remedies.is_empty() {
            return self.start();
        }
        let helps = self.script.helps(remedy);
        Box::pin(async move {
            help(helps).await?;
            self.start().await
        })
    }

    fn start(&self) -> BoxFuture<'_, Result<Box<dyn Session>, StartError>> {
        self.script.note("start");
        let (starts, no_class) = {
            let mut state = self.script.state();
            (state.starts.pop_front().unwrap_or(true), state.no_class)
        };
        Box::pin(async move {
            if no_class {
                return Err(StartError {
                    cause: "no-class",
                    reason: "the port claims nothing".into(),
                    violation: Some("claims.no-class"),
                });
            }
            if !starts {
                return Err(StartError {
                    cause: "scripted",
                    reason: "told so".into(),
                    violation: None,
                });
            }
            Ok(Box::new(ScriptedSession {
                script: self.script.clone(),
                ready: Ready {
                    identity: Identity {
                        board: self.board.clone(),
                        ..Identity::default()
                    },
                    claims: Claims {
                        ip: true,
                        capabilities: Capabilities::EVERYTHING,
                    },
                    link: "memory".into(),
                    image: None,
                    lan: LanFacts {
                        name: "none".into(),
                        reason: None,
                        properties: LanProperties {
                            cable: self.script.state().cabled,
                            ..LanProperties::default()
                        },
                    },
                },
                gone: watch::Sender::new(None),
                stopped: false,
            }) as Box<dyn Session>)
        })
    }
}

/// Does what the step does; an error if it does not help.
async fn help(helps: Helps) -> Result<(), StartError> {
    let error = |cause| StartError {
        cause,
        reason: "told so".into(),
        violation: None,
    };
    match helps {
        Helps::Yes => Ok(()),
        Helps::No => Err(error("scripted")),
        Helps::NoProbe => Err(error("probe")),
        Helps::Hangs => core::future::pending().await,
    }
}

struct ScriptedSession {
    script: Script,
    ready: Ready,
    gone: watch::Sender<Option<Gone>>,
    stopped: bool,
}

impl Drop for ScriptedSession {
    fn drop(&mut self) {
        if !self.stopped {
            self.script.note("drop");
        }
    }
}

impl Session for ScriptedSession {
    fn ready(&self) -> &Ready {
        &self.ready
    }

    fn run<'a>(&'a mut self, case: &'static Case, one: RunOne) -> BoxFuture<'a, Observation> {
        let act = {
            let mut state = self.script.state();
            state.seeds.push(one.seed);
            state.impairments.push(one.impairment);
            let planned = state
                .acts
                .get_mut(case.function)
                .and_then(VecDeque::pop_front);
            planned
                .or_else(|| state.always.map(|act| act()))
                .unwrap_or(Act::Sees(Ok(())))
        };
        Box::pin(async move {
            let gone = |crashed| {
                Some(Gone {
                    crashed,
                    how: "told so".into(),
                    report: None,
                })
            };
            match act {
                Act::Sees(outcome) => observed(outcome, Duration::ZERO),
                Act::SeesAndReboots(stop) => Observation {
                    aftermath: Some(Trouble::Rebooted { crashed: true }),
                    ..observed(Err(stop), Duration::ZERO)
                },
                Act::SeesLate(stop, late) => observed(Err(stop), late),
                Act::Dies { crashed } => {
                    self.gone.send_replace(gone(crashed));
                    core::future::pending().await
                }
                Act::LinkDiesThenBoard { crashed } => {
                    let board = self.gone.clone();
                    tokio::spawn(async move {
                        tokio::task::yield_now().await;
                        board.send_replace(gone(crashed));
                    });
                    observed(
                        Err(Trouble::LinkLost("end of file".into()).into()),
                        Duration::ZERO,
                    )
                }
                Act::Waits => {
                    if let Some(stop) = &self.script.state().raise_waiting {
                        stop.raise();
                    }
                    core::future::pending().await
                }
                Act::Meets(meeting) => {
                    meeting.0.wait().await;
                    observed(Ok(()), Duration::ZERO)
                }
            }
        })
    }

    fn gone(&self) -> BoxFuture<'static, Gone> {
        let mut gone = self.gone.subscribe();
        Box::pin(async move {
            let gone = gone.wait_for(Option::is_some).await;
            gone.ok()
                .and_then(|gone| gone.clone())
                .unwrap_or_else(|| Gone {
                    crashed: false,
                    how: "dropped".into(),
                    report: None,
                })
        })
    }

    fn is_looping(&self) -> BoxFuture<'static, bool> {
        Box::pin(core::future::ready(self.script.state().looping))
    }

    fn beacon(&mut self) -> BoxFuture<'_, Option<CrashReport>> {
        let beacon = self.script.state().beacon.clone();
        let beacon = beacon.map(|kind| CrashReport {
            kind,
            ..Default::default()
        });
        Box::pin(async { beacon })
    }

    fn where_is_it(&mut self) -> BoxFuture<'_, Option<CrashReport>> {
        let place = self.script.state().place.clone();
        Box::pin(core::future::ready(place))
    }

    fn resync(&mut self) -> BoxFuture<'_, Result<(), StartError>> {
        Box::pin(help(self.script.helps(Remedy::Resync)))
    }

    fn transcript(&mut self) -> Vec<String> {
        Vec::new()
    }

    fn evidence(&self) -> Vec<String> {
        Vec::new()
    }

    fn stop(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        self.stopped = true;
        self.script.note("stop");
        Box::pin(async move {
            let (never, raise) = {
                let state = self.script.state();
                (state.never_stops, state.raise_stopping.clone())
            };
            if let Some(stop) = raise {
                stop.raise();
            }
            if never {
                core::future::pending().await
            }
        })
    }
}

fn observed(outcome: Outcome, jitter: Duration) -> Observation {
    Observation {
        outcome,
        lenient: Vec::new(),
        traits: Vec::new(),
        controlled: false,
        steps: Vec::new(),
        jitter,
        left: (0, 0),
        aftermath: None,
        elapsed: Duration::from_millis(1),
    }
}

/// A plan for a board that follows `script`.
pub(super) fn board(name: &str, script: &Script) -> BoardPlan {
    BoardPlan {
        starter: Box::new(ScriptedStarter {
            board: name.into(),
            script: script.clone(),
        }),
        deviations: Deviations::default(),
        deadline_scale: 1.0,
        again: format!("--board {name}"),
    }
}

/// Cases of these names; they live as long as the tests.
pub(super) fn cases(names: &[&str]) -> Vec<&'static Case> {
    names
        .iter()
        .map(|name| {
            let case = Case {
                module: "suites",
                function: String::from(*name).leak(),
                title: "It works.",
                text: "",
                level: Level::Must,
                cites: &[],
                needs: &[],
                profile: Profile::Quick,
                tags: &[],
                deadline_ms: 1000,
                file: "x.rs",
                line: 1,
                run: |_| Box::pin(async { Ok(()) }),
            };
            &*Box::leak(Box::new(case))
        })
        .collect()
}

/// A run of these cases.
pub(super) fn run_of(cases: Vec<&'static Case>) -> Run {
    Run {
        all_ids: cases.iter().map(|case| case.id()).collect(),
        cases,
        retries: 0,
        repeat: 1,
        seed: 7,
        impair: None,
        today: toml::value::Date {
            year: 2026,
            month: 11,
            day: 22,
        },
    }
}

/// Runs it; what it ended with and all events.
pub(super) async fn run_all(plan: Run, boards: Vec<BoardPlan>, stop: Stop) -> (Exit, Vec<Event>) {
    let started = RunStarted {
        schema: crate::event::SCHEMA,
        run: "test".into(),
        dir: "dir".into(),
        boards: Vec::new(),
        cases: plan.cases.len() as u64,
        repeat: plan.repeat,
        seed: plan.seed,
        impair: None,
        argv: Vec::new(),
        version: String::new(),
        started: String::new(),
    };
    let (emitter, events) = Emitter::new();
    let exit = run(started, plan, boards, &emitter, &stop).await;
    drop(emitter);
    (
        exit,
        events.into_iter().map(|record| record.event).collect(),
    )
}

/// The finished cases.
pub(super) fn finished(events: &[Event]) -> Vec<CaseFinished> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::CaseFinished(case) => Some((**case).clone()),
            _ => None,
        })
        .collect()
}

/// The finished cases in short: `a pass`.
pub(super) fn verdicts(events: &[Event]) -> Vec<String> {
    finished(events)
        .iter()
        .map(|case| {
            format!(
                "{} {}",
                case.case.trim_start_matches('/'),
                case.verdict_word()
            )
        })
        .collect()
}

/// The kinds of the events.
pub(super) fn words(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .map(|event| {
            let value = serde_json::to_value(event).expect("events can be written");
            value["event"]
                .as_str()
                .expect("an event has a kind")
                .to_owned()
        })
        .collect()
}
