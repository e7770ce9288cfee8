//! What happens during a run, as plain data: the only thing reporters see, and what the journal keeps.
//!
//! One JSON object per line. Must not: contain references to live objects, or decide anything but the exit code.

mod crash;
pub mod exit;
mod record;
mod tally;
mod verdict;

pub use crash::{CrashReport, Frame, LogLine, Trace};
pub use exit::Exit;
pub use record::{
    BoardFailed, BoardLost, BoardPreparing, BoardRecovery, BoardRestarted, BoardStarted,
    CaseFinished, CaseStarted, DeviationProblem, Event, Identity, Record, RunFinished, RunStarted,
    SCHEMA, Step, Trait,
};
pub use tally::Tally;
pub use verdict::Verdict;
