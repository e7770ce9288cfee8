//! Event counters: what a callback registered by the agent has seen.
//!
//! Must not: register them; that is an operation of a socket.

use core::time::Duration;
use std::sync::Arc;

use nsapi_protocol::Op;

use crate::ctx::State;
use crate::expect::Answered;
use crate::{Counts, Stop, Trouble, text};

/// An event counter of the agent: how often a callback was called.
#[derive(Clone, Debug)]
pub struct Counter {
    state: Arc<State>,
    pub(crate) index: u8,
}

impl Counter {
    pub(crate) fn new(state: &Arc<State>, index: u8) -> Self {
        Self {
            state: Arc::clone(state),
            index,
        }
    }

    pub(crate) async fn wait(&self, at_least: u32, timeout_ms: u32) -> Result<Answered, Trouble> {
        let (scope, counter) = (self.state.scope, self.index);
        self.state
            .call(Op::AwaitCounter {
                scope,
                counter,
                at_least,
                timeout_ms,
            })
            .await
    }

    /// Requires the counter to reach `at_least` within `limit`.
    pub async fn reaches(&self, at_least: u32, limit: Duration) -> Result<(), Stop> {
        let patience = limit.mul_f64(self.state.scale);
        self.wait(at_least, millis(patience))
            .await?
            .expect(Counts(at_least))
            .map_err(|mut violation| {
                violation.slack = Some(patience);
                violation
            })?;
        Ok(())
    }

    /// Whether the counter reaches `at_least` within `limit`; for cases that may miss an event.
    pub async fn has_reached(&self, at_least: u32, limit: Duration) -> Result<bool, Trouble> {
        let answer = self
            .wait(at_least, millis(limit.mul_f64(self.state.scale)))
            .await?;
        Ok(u32::try_from(answer.code()).is_ok_and(|count| count >= at_least))
    }

    /// Requires the counter to stay where it is for `length`.
    pub async fn stays_quiet(&self, length: Duration) -> Result<(), Stop> {
        let before = self.value().await?;
        let answer = self.wait(before + 1, millis(length)).await?;
        if u32::try_from(answer.code()) == Ok(before) {
            return Ok(());
        }
        let observed = text::returned(&answer.returned);
        Err(self
            .state
            .violation(
                "no-event",
                &answer.call,
                format!("it stays at {before}"),
                observed,
            )
            .into())
    }

    /// How often the callback was called.
    pub async fn value(&self) -> Result<u32, Trouble> {
        Ok(u32::try_from(self.wait(0, 0).await?.code()).unwrap_or(0))
    }

    /// Back to zero; the count before.
    pub async fn reset(&self) -> Result<u32, Trouble> {
        let answer = self
            .state
            .call(Op::ResetCounter {
                counter: self.index,
            })
            .await?;
        Ok(u32::try_from(answer.code()).unwrap_or(0))
    }
}

/// Whole milliseconds, as the protocol counts them.
pub(crate) fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
