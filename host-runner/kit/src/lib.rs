//! All that a case may touch: the case itself, expectations, the typed client of the agent (`dut`) and the
//! fixtures. Declares what the runner must provide (`rig`), and implements none of it.
//!
//! Must not: know of link kinds, boards, reporters or verdicts.
#![forbid(unsafe_code)]

pub mod case;
pub mod outcome;
pub mod rig;

pub use case::{CASES, Case, Level, Need, Profile};
pub use hil_kit_macros::case;
pub use outcome::{Observation, Outcome, Stop, Trouble, Violation};

#[doc(hidden)]
pub use linkme;

/// All a running case has.
#[derive(Debug)]
pub struct Ctx {}
