//! A call of the IUT's API on its way: about to be made, or waiting in the IUT.
//!
//! Must not: know which operations there are.

use std::sync::Arc;

use nsapi_protocol::Op;

use crate::ctx::State;
use crate::dut::InFlight;
use crate::expect::Answered;
use crate::rig::BoxFuture;
use crate::{Stop, Trouble, text};

/// A call about to be made.
pub struct Call<'a, T = Answered> {
    state: Arc<State>,
    op: Op<'a>,
    wrap: Box<dyn FnOnce(Answered) -> T + Send + 'a>,
}

impl<'a, T> Call<'a, T> {
    pub(crate) fn new(
        state: &Arc<State>,
        op: Op<'a>,
        wrap: Box<dyn FnOnce(Answered) -> T + Send + 'a>,
    ) -> Self {
        Self {
            state: Arc::clone(state),
            op,
            wrap,
        }
    }

    /// Starts the call and returns once the agent has it, whether it is answered or not.
    pub async fn start(self) -> Result<Open<'a, T>, Trouble> {
        let text = self.state.dut.describe(&self.op);
        self.state.steps.say(format!("iut: {text} begins"));
        let call = self.state.dut.start(self.op, self.state.deadline).await?;
        Ok(Open {
            state: self.state,
            text,
            call,
            wrap: self.wrap,
        })
    }

    /// Starts the call and requires it to wait: it is in flight in the IUT when this returns.
    pub async fn blocked(self) -> Result<Open<'a, T>, Stop> {
        let open = self.start().await?;
        if open.call.was_blocked() {
            return Ok(open);
        }
        let Open {
            state, text, call, ..
        } = open;
        let answer = state.answered(text, call.finish().await)?;
        let observed = format!("{} at once", text::returned(&answer.returned));
        Err(state
            .violation("blocks", &answer.call, "the call waits", observed)
            .into())
    }
}

impl<'a, T: 'a> IntoFuture for Call<'a, T> {
    type Output = Result<T, Trouble>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { Ok((self.wrap)(self.state.call(self.op).await?)) })
    }
}

/// A call in flight.
pub struct Open<'a, T = Answered> {
    state: Arc<State>,
    text: String,
    call: InFlight,
    wrap: Box<dyn FnOnce(Answered) -> T + Send + 'a>,
}

impl<T> Open<'_, T> {
    /// Waits for its answer, at most until the case's deadline.
    pub async fn finish(self) -> Result<T, Trouble> {
        let answer = self.state.answered(self.text, self.call.finish().await)?;
        Ok((self.wrap)(answer))
    }
}
