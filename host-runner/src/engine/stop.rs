//! The wish to stop, from whoever has it (a signal, a test) to everybody who waits.

use tokio::sync::watch;

/// How urgent the wish is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StopLevel {
    /// Nobody wants to stop.
    Run,
    /// Give the current case up, stop the boards in order, keep what is done.
    Stop,
    /// Do not even stop the boards in order.
    Now,
}

/// A handle to see and to raise the level; clones share it.
#[derive(Clone, Debug)]
pub struct Stop {
    level: watch::Sender<StopLevel>,
}

impl Default for Stop {
    fn default() -> Self {
        Self {
            level: watch::Sender::new(StopLevel::Run),
        }
    }
}

impl Stop {
    /// One more wish: from running to stopping, from stopping to at once.
    pub fn raise(&self) -> StopLevel {
        self.level.send_modify(|level| {
            *level = match level {
                StopLevel::Run => StopLevel::Stop,
                StopLevel::Stop | StopLevel::Now => StopLevel::Now,
            };
        });
        self.level()
    }

    /// The level now.
    #[must_use]
    pub fn level(&self) -> StopLevel {
        *self.level.borrow()
    }

    /// Whether somebody wants to stop.
    #[must_use]
    pub fn wanted(&self) -> bool {
        self.level() > StopLevel::Run
    }

    /// Waits until the level is at least `level`.
    pub async fn at_least(&self, level: StopLevel) {
        let mut seen = self.level.subscribe();
        // The sender lives as long as `self`, so the only way out is the level.
        let _ = seen.wait_for(|now| *now >= level).await;
    }
}
