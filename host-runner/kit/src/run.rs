//! Runs one case: gives it its context, bounds it in time, cleans up after it, and says what came of it.
//!
//! Must not: select cases, or turn an observation into a verdict.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use nsapi::interface::Status;
use nsapi_protocol::Op;
use tokio::task::{JoinHandle, JoinSet};

use crate::ctx::{Findings, State};
use crate::dut::{Identity, Returned};
use crate::interface::Interface;
use crate::rig::{HostAddress, SocketFactory};
use crate::steps::Steps;
use crate::wire::{Impairment, passive};
use crate::{Case, Ctx, Dut, Observation, Outcome, Stop, Trouble, Violation};

#[cfg(test)]
mod tests;

/// How long after the deadline an open call may still report itself before the case is cut off.
const GRACE: Duration = Duration::from_secs(6);
/// How long ending the scope may take, on the reference: a port may linger in every close.
const END_OF_SCOPE: Duration = Duration::from_secs(10);
/// How long the interface may take to come up, for the first case of a session or after one that changed it, on the
/// reference.
const INTERFACE_UP: Duration = Duration::from_secs(20);
/// How long fixtures have to let go.
const END_OF_FIXTURES: Duration = Duration::from_secs(1);
/// Broken passive rules that are told one by one.
const MOST_BROKEN: usize = 20;
/// Beat of the runner's own jitter probe.
const BEAT: Duration = Duration::from_millis(5);

/// What a case runs on.
#[derive(Clone)]
pub struct CaseRig {
    /// The greeted agent.
    pub dut: Dut,
    /// What it said.
    pub identity: Arc<Identity>,
    /// Where fixtures live.
    pub lan: Arc<dyn SocketFactory>,
    /// Scope of this run; nobody else uses it at the same time.
    pub scope: u16,
    /// Seed of this run's patterns.
    pub seed: u64,
    /// Factor on all deadlines.
    pub deadline_scale: f64,
    /// Slack for network and link of the board.
    pub allowance: Duration,
    /// What the cable does to every frame, where there is one, unless the case asks for something else.
    pub impairment: Option<Impairment>,
}

impl core::fmt::Debug for CaseRig {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("CaseRig")
            .field("dut", &self.dut)
            .field("lan", &self.lan.name())
            .finish_non_exhaustive()
    }
}

/// Runs `case` once.
pub async fn run_case(case: &Case, rig: &CaseRig) -> Observation {
    let limit = Duration::from_millis(case.deadline_ms).mul_f64(rig.deadline_scale);
    let up_within = INTERFACE_UP.mul_f64(rig.deadline_scale);
    let mut state = State {
        dut: rig.dut.clone(),
        identity: Arc::clone(&rig.identity),
        lan: Arc::clone(&rig.lan),
        scope: rig.scope,
        seed: rig.seed,
        scale: rig.deadline_scale,
        allowance: rig.allowance,
        deadline: Instant::now() + limit,
        requirement: requirement(case),
        steps: Steps::new(),
        tasks: Mutex::new(JoinSet::new()),
        findings: Mutex::new(Findings::default()),
        counters: Mutex::default(),
        reached: tokio::sync::Mutex::new(HashMap::new()),
        interface_changed: AtomicBool::new(false),
        wire: std::sync::OnceLock::new(),
    };
    if let Some(services) = state.lan.services() {
        services.reset();
    }
    Interface::first_up(&state, up_within).await;
    state.deadline = Instant::now() + limit;
    let state = Arc::new(state);
    let probe = JitterProbe::start();
    let _end = EndOfTasks(Arc::clone(&state));

    let run = case.run;
    let mut cx = Ctx {
        state: Arc::clone(&state),
        home: HostAddress::First,
    };
    let (id, lan, impairment) = (case.id(), Arc::clone(&rig.lan), rig.impairment);
    let mut task = Aborting(tokio::spawn(async move {
        begin_on_cable(&id, lan.as_ref(), impairment).await?;
        run(&mut cx).await
    }));
    let mut outcome = match tokio::time::timeout(limit + GRACE, &mut task.0).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => Err(Trouble::CaseBug(panic_message(error)).into()),
        Err(_) => {
            let waited_ms = u64::try_from((limit + GRACE).as_millis()).unwrap_or(u64::MAX);
            Err(Trouble::Overdue {
                waited_ms,
                last_step: state.steps.last(),
            }
            .into())
        }
    };
    let elapsed = state.steps.elapsed();
    task.0.abort();

    end_wire(&state).await;
    let (left, board_jitter, mut aftermath) = end_scope(rig, &mut outcome).await;
    end_fixtures(&state).await;
    if state.interface_changed.load(Ordering::Relaxed) && aftermath.is_none() && !lost(&outcome) {
        // The verdict stands; but the next case needs the interface as it was.
        aftermath = Interface::restore(&state, up_within).await.err();
    }
    for counter in state
        .counters
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .drain(..)
    {
        rig.dut.give_back_counter(counter);
    }
    check_frames(&state, &mut outcome);
    blame_the_cable(&state, &mut outcome);
    if rig.lan.properties().no_peers {
        skip_without_lan(&state, &mut outcome).await;
        // Without a lan no interface gets its address back, and no case asks for it.
        aftermath = aftermath.filter(|trouble| !matches!(trouble, Trouble::Lan(_)));
    }
    let findings = core::mem::take(&mut *state.findings());
    Observation {
        outcome,
        lenient: findings.lenient,
        traits: findings.traits,
        controlled: findings.controlled,
        steps: state.steps.take(),
        jitter: probe.worst().max(board_jitter),
        left,
        aftermath,
        elapsed,
    }
}

/// Gives the case a cable without anything of the case before.
async fn begin_on_cable(
    case: &str,
    lan: &dyn SocketFactory,
    impairment: Option<Impairment>,
) -> Result<(), Trouble> {
    let Some(cable) = lan.cable() else {
        return Ok(());
    };
    // A case that cut the link may have been cut off itself.
    cable
        .set_link(true)
        .await
        .map_err(|error| Trouble::Lan(format!("the board's link does not come up: {error}")))?;
    cable.begin_case(case);
    cable.impair(impairment);
    Ok(())
}

/// The requirement a case is about: its first citation that is one.
fn requirement(case: &Case) -> &'static str {
    case.cites
        .iter()
        .find(|id| id.contains('.') && !id.contains(|c: char| c.is_ascii_uppercase()))
        .or_else(|| case.cites.first())
        .copied()
        .unwrap_or("unnamed")
}

/// Whether the board is gone, as far as the case could tell.
fn lost(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Err(Stop::Trouble(
            Trouble::Silent { .. } | Trouble::Rebooted { .. } | Trouble::LinkLost(_)
        ))
    )
}

/// What was left open, the board's own jitter, and what went wrong unless the outcome says so already.
async fn end_scope(
    rig: &CaseRig,
    outcome: &mut Outcome,
) -> ((u16, u16), Duration, Option<Trouble>) {
    if lost(outcome) {
        return ((0, 0), Duration::ZERO, None);
    }
    match rig
        .dut
        .end_scope(rig.scope, END_OF_SCOPE.mul_f64(rig.deadline_scale))
        .await
    {
        Ok(report) => {
            let jitter = Duration::from_micros(report.jitter_us.into());
            ((report.open, report.calls), jitter, None)
        }
        Err(trouble) => {
            let mut aftermath = Some(trouble);
            if outcome.is_ok() {
                *outcome = aftermath
                    .take()
                    .map_or(Ok(()), |trouble| Err(trouble.into()));
            }
            ((0, 0), Duration::ZERO, aftermath)
        }
    }
}

/// The cable is as it was, and services serve as usual, before sockets are closed over it.
async fn end_wire(state: &State) {
    if let (Some(shared), Some(cable)) = (state.wire.get(), state.lan.cable()) {
        shared.end(&*cable).await;
    }
    if let Some(services) = state.lan.services() {
        services.reset();
    }
}

/// What the board put on the cable meanwhile must keep to the rules, whatever the case was about. Of a case that came to
/// nothing else the first broken one is the outcome; all others are narrated.
fn check_frames(state: &State, outcome: &mut Outcome) {
    let Some(cable) = state.lan.cable() else {
        return;
    };
    let (frames, _) = cable.frames();
    let broken = passive::check(&frames, &cable.plan());
    let untold = broken.len().saturating_sub(MOST_BROKEN);
    for (index, violation) in broken.into_iter().enumerate() {
        if index < MOST_BROKEN {
            state.steps.say(violation.to_string());
        }
        if outcome.is_ok() && violation.weight == passive::Weight::Must {
            *outcome = Err(Violation {
                key: format!("passive.{}", violation.rule),
                call: violation.frame,
                expected: violation.expected,
                observed: violation.observed,
                at: format!("{:.6} s on the cable", violation.at.as_secs_f64()),
                slack: None,
            }
            .into());
        }
    }
    if untold > 0 {
        state.steps.say(format!("… and {untold} more like these"));
    }
}

/// Whoever looks bad over a cable that lost frames by itself has not been judged. What held nevertheless holds.
fn blame_the_cable(state: &State, outcome: &mut Outcome) {
    let spoiled = state.lan.cable().and_then(|cable| cable.spoiled());
    if let (Some(why), Err(Stop::Violation(violation))) = (spoiled, &*outcome) {
        let Violation {
            call,
            expected,
            observed,
            ..
        } = violation.as_ref();
        let lan = Trouble::Lan(format!(
            "{why}; meanwhile {call}: expected {expected}, observed {observed}"
        ));
        *outcome = Err(lan.into());
    }
}

/// A case on a board without a lan ends where it first needs somebody to be there; that says nothing about anybody. Nor
/// does what an interface that nobody has given an address cannot do.
async fn skip_without_lan(state: &State, outcome: &mut Outcome) {
    let reason = match &*outcome {
        Err(Stop::Trouble(Trouble::Fixture { fixture, .. })) => {
            format!("the board has no lan, and the case needs the fixture {fixture}")
        }
        Err(Stop::Trouble(Trouble::Lan(_))) => {
            "the board has no lan, and the case needs somebody on it".to_owned()
        }
        Err(Stop::Violation(violation)) if has_no_address(state).await => format!(
            "the board has no lan, and its interface no address; meanwhile {}: expected {}, observed {}",
            violation.call, violation.expected, violation.observed
        ),
        _ => return,
    };
    *outcome = Err(Stop::Skip(reason));
}

/// Whether the interface says that it is not up.
async fn has_no_address(state: &State) -> bool {
    let deadline = Instant::now() + END_OF_SCOPE.mul_f64(state.scale);
    let status = state.dut.call(Op::InterfaceStatus, deadline).await;
    matches!(
        status.map(|status| status.returned),
        Ok(Returned::Code(code)) if code >= 0 && code != Status::GlobalUp as i32
    )
}

async fn end_fixtures(state: &State) {
    let mut tasks =
        core::mem::take(&mut *state.tasks.lock().unwrap_or_else(PoisonError::into_inner));
    // A task that does not let go in time is aborted all the same when the set is dropped.
    let _ = tokio::time::timeout(END_OF_FIXTURES, tasks.shutdown()).await;
}

fn panic_message(error: tokio::task::JoinError) -> String {
    let Ok(payload) = error.try_into_panic() else {
        return "it was cancelled".into();
    };
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned());
    format!(
        "it panicked: {}",
        text.unwrap_or_else(|| "without a message".into())
    )
}

/// Ends its task when dropped, so that a cancelled run leaves no case behind.
struct Aborting<T>(JoinHandle<T>);

impl<T> Drop for Aborting<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Ends the fixtures of a run that is itself cancelled; their tasks hold the state that owns them.
struct EndOfTasks(Arc<State>);

impl Drop for EndOfTasks {
    fn drop(&mut self) {
        if let Some(wire) = self.0.wire.get() {
            wire.forget();
        }
        self.0
            .tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .abort_all();
    }
}

/// Measures by how much the runner itself is late for something it had planned.
struct JitterProbe {
    worst_us: Arc<AtomicU64>,
    _task: Aborting<()>,
}

impl JitterProbe {
    fn start() -> Self {
        let worst_us = Arc::new(AtomicU64::new(0));
        let worst = Arc::clone(&worst_us);
        let task = tokio::spawn(async move {
            loop {
                let planned = Instant::now() + BEAT;
                tokio::time::sleep_until(planned.into()).await;
                let late = u64::try_from(planned.elapsed().as_micros()).unwrap_or(u64::MAX);
                worst.fetch_max(late, Ordering::Relaxed);
            }
        });
        Self {
            worst_us,
            _task: Aborting(task),
        }
    }

    fn worst(&self) -> Duration {
        Duration::from_micros(self.worst_us.load(Ordering::Relaxed))
    }
}
