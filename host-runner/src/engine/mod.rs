//! Runs what was planned and turns observations into verdicts and events.
//!
//! ```text
//! Run ──┬─ worker of board A ── Session (board, link, lan, agent) ── case after case ──┐
//!       └─ worker of board B ── …                                                      ├─► Emitter ─► journal, reporters
//!                                            judge(observation) ─► verdict ────────────┘
//! ```
//!
//! A board's worker runs its cases one after another; boards run side by side. Must not: print, or know a
//! reporter.

mod attempt;
mod beacon;
mod capture;
mod coming_up;
pub mod deviations;
mod ears;
mod emitter;
mod finished;
pub mod judge;
mod link_log;
mod live;
mod preflight;
mod run;
mod session;
mod stop;
#[cfg(test)]
mod tests;
pub mod toml_file;
mod worker;

pub use emitter::{Emitter, Events};
pub use live::LiveStarter;
pub use run::{BoardPlan, Run, run};
pub use session::{Gone, Loss, Ready, Remedy, RunOne, Session, StartError, Starter};
pub use stop::{Stop, StopLevel};
