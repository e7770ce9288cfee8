//! A starter and its sessions with a stopwatch beside them.
//!
//! Must not: change anything about what they do.

use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use hil_kit::rig::BoxFuture;
use hil_kit::{Case, Observation};

use crate::engine::{Gone, LiveStarter, Ready, RunOne, Session, StartError, Starter};

/// What the stopwatch shows.
#[derive(Debug, Default)]
pub(super) struct Times {
    /// When the board began to start, last.
    pub(super) start: Option<Instant>,
    /// Name of every case that ran, and when it began.
    pub(super) begins: Vec<(&'static str, Instant)>,
    /// When the engine was through with the last one.
    pub(super) end: Option<Instant>,
}

impl Times {
    /// From the beginning of every run of `case` to the beginning of the next case, in milliseconds: all
    /// the engine does for one.
    pub(super) fn cycles_ms(&self, case: &Case) -> Vec<f64> {
        let next = self.begins.iter().skip(1).map(|(_, at)| *at);
        self.begins
            .iter()
            .zip(next.chain(self.end))
            .filter(|((name, _), _)| *name == case.function)
            .map(|((_, began), next)| milliseconds(next.duration_since(*began)))
            .collect()
    }

    /// From the beginning of the board's start to the beginning of the first case, in milliseconds.
    pub(super) fn start_to_first_case_ms(&self) -> Option<f64> {
        let (_, first) = self.begins.first()?;
        Some(milliseconds(first.duration_since(self.start?)))
    }
}

/// To the microsecond, which is all that such a time is good for.
fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e3
}

/// The times of one phase, shared.
pub(super) type Watch = Arc<Mutex<Times>>;

/// Locks a watch.
pub(super) fn lock(watch: &Watch) -> MutexGuard<'_, Times> {
    watch.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A starter of timed sessions.
pub(super) struct TimedStarter {
    pub(super) inner: LiveStarter,
    pub(super) watch: Watch,
}

impl Starter for TimedStarter {
    fn board(&self) -> &str {
        self.inner.board()
    }

    fn prepare(&self) -> BoxFuture<'_, Result<(), StartError>> {
        self.inner.prepare()
    }

    fn start(&self) -> BoxFuture<'_, Result<Box<dyn Session>, StartError>> {
        Box::pin(async {
            // A board that was lost and started again would falsify what went before.
            *lock(&self.watch) = Times {
                start: Some(Instant::now()),
                ..Times::default()
            };
            let inner = self.inner.start().await?;
            let watch = Arc::clone(&self.watch);
            Ok(Box::new(TimedSession { inner, watch }) as Box<dyn Session>)
        })
    }
}

struct TimedSession {
    inner: Box<dyn Session>,
    watch: Watch,
}

impl Session for TimedSession {
    fn ready(&self) -> &Ready {
        self.inner.ready()
    }

    fn run<'a>(&'a mut self, case: &'static Case, one: RunOne) -> BoxFuture<'a, Observation> {
        lock(&self.watch)
            .begins
            .push((case.function, Instant::now()));
        self.inner.run(case, one)
    }

    fn gone(&self) -> BoxFuture<'static, Gone> {
        self.inner.gone()
    }

    fn is_looping(&self) -> BoxFuture<'static, bool> {
        self.inner.is_looping()
    }

    fn beacon(&mut self) -> BoxFuture<'_, Option<crate::event::CrashReport>> {
        self.inner.beacon()
    }

    fn transcript(&mut self) -> Vec<String> {
        self.inner.transcript()
    }

    fn evidence(&self) -> Vec<String> {
        self.inner.evidence()
    }

    fn stop(self: Box<Self>) -> BoxFuture<'static, ()> {
        lock(&self.watch).end = Some(Instant::now());
        self.inner.stop()
    }
}

#[cfg(test)]
mod tests {
    use super::super::cases::{ECHO_64, OPEN_CLOSE};
    use super::*;

    #[test]
    fn a_cycle_lasts_until_the_next_case_begins() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let times = Times {
            start: Some(start),
            begins: vec![
                ("open_close", at(10)),
                ("echo_64", at(12)),
                ("open_close", at(17)),
            ],
            end: Some(at(20)),
        };
        assert_eq!(times.start_to_first_case_ms(), Some(10.0));
        assert_eq!(times.cycles_ms(&OPEN_CLOSE), [2.0, 3.0]);
        assert_eq!(times.cycles_ms(&ECHO_64), [5.0]);
        assert_eq!(Times::default().start_to_first_case_ms(), None);
    }
}
