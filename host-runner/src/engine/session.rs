//! What the engine needs of a board. `live` implements it with real boards, the tests with scripted ones.

use core::time::Duration;

use hil_kit::rig::BoxFuture;
use hil_kit::wire::Impairment;
use hil_kit::{Case, Observation};

pub use crate::board::{Gone, Loss, Remedy};
use crate::event::{CrashReport, Identity, LogLine};
use crate::plan::{Claims, LanFacts};

/// Starts one board, as often as needed.
pub trait Starter: Send + Sync {
    /// Name in boards.toml.
    fn board(&self) -> &str;

    /// Gets everything ready that takes long and needs no board: builds the image. Called once, before the
    /// first start.
    fn prepare(&self) -> BoxFuture<'_, Result<(), StartError>>;

    /// Starts the board and greets its agent. Dropping the future gives it up and leaves nothing behind.
    fn start(&self) -> BoxFuture<'_, Result<Box<dyn Session>, StartError>>;

    /// What may get the board back after this loss, in this order. Starting it again is the only thing that
    /// always can be done. [`Remedy::Resync`] is asked of the session.
    fn remedies(&self, loss: Loss) -> Vec<Remedy> {
        let _ = loss;
        vec![Remedy::StartAgain]
    }

    /// Takes such a step and greets the agent. Dropping the future gives the step up; the next one may follow.
    fn recover(&self, remedy: Remedy) -> BoxFuture<'_, Result<Box<dyn Session>, StartError>> {
        let _ = remedy;
        self.start()
    }
}

/// Why a board did not come up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartError {
    /// One word: `build`, `lock`, `link`, `greeting`, `lan` and the like.
    pub cause: &'static str,
    /// In words, with what to do about it.
    pub reason: String,
    /// Set if the port is to blame, and with which violation: it claims no class at all.
    pub violation: Option<&'static str>,
}

/// A board that is up.
pub trait Session: Send {
    /// Who answered, and where.
    fn ready(&self) -> &Ready;

    /// Runs one case in a scope of its own. Dropping the future gives the case up.
    fn run<'a>(&'a mut self, case: &'static Case, one: RunOne) -> BoxFuture<'a, Observation>;

    /// Waits until the board has gone: its process ended, its emulator died. Does not resolve as long as it lives.
    fn gone(&self) -> BoxFuture<'static, Gone>;

    /// Whether the core computes without a pause, as far as process or probe shows. Asked of a silent agent.
    fn is_looping(&self) -> BoxFuture<'static, bool>;

    /// What the last fault left behind, asked of an agent that has come back after a reset.
    fn beacon(&mut self) -> BoxFuture<'_, Option<CrashReport>>;

    /// Where the core is, asked of a silent agent; `None` where nobody can look inside. The core may be stopped
    /// by it: afterwards the board has to be restarted.
    fn where_is_it(&mut self) -> BoxFuture<'_, Option<CrashReport>> {
        Box::pin(async { None })
    }

    /// Greets the agent again over the same bytes, which makes it forget all that was before.
    fn resync(&mut self) -> BoxFuture<'_, Result<(), StartError>> {
        Box::pin(async {
            Err(StartError {
                cause: "silent",
                reason: "this board cannot be greeted again".into(),
                violation: None,
            })
        })
    }

    /// What the target has written to its log since the case began; before the first case, since its start.
    fn target_log(&mut self) -> Vec<LogLine> {
        Vec::new()
    }

    /// What went over the link since the case began (the end of it, if it is long).
    fn transcript(&mut self) -> Vec<String>;

    /// Files with more, relative to the directory of the run. Writes those that are only there for a case that
    /// somebody has to look at: the frames of the case that ran last.
    fn evidence(&self) -> Vec<String>;

    /// Stops the board in order and frees its lock. Dropping a session instead ends it at once.
    fn stop(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// Facts about a board that is up.
#[derive(Clone, Debug)]
pub struct Ready {
    /// Who answered.
    pub identity: Identity,
    /// What the port claims.
    pub claims: Claims,
    /// Kind of link.
    pub link: String,
    /// How the image got onto the board, where the runner had to do with it.
    pub image: Option<String>,
    /// The lan.
    pub lan: LanFacts,
}

/// How to run one case.
#[derive(Clone, Copy, Debug)]
pub struct RunOne {
    /// Seed of its randomness.
    pub seed: u64,
    /// Factor on its deadlines.
    pub deadline_scale: f64,
    /// What the cable does to every frame.
    pub impairment: Option<Impairment>,
}

/// How long a case may take before the engine gives up on the kit's own deadlines, which come first.
#[must_use]
pub(super) fn backstop(case: &Case, one: RunOne) -> Duration {
    let scale = one.deadline_scale.max(0.1);
    Duration::from_millis(case.deadline_ms).mul_f64(scale)
        + Duration::from_secs(10).mul_f64(2.0 * scale.max(1.0))
}
