//! All that a case may touch: the case itself, expectations, the typed client of the agent (`dut`) and the
//! fixtures. Declares what the runner must provide (`rig`), and implements none of it.
//!
//! Must not: know of link kinds, boards, reporters or verdicts.
#![forbid(unsafe_code)]

extern crate self as hil_kit;

pub mod call;
pub mod case;
pub mod counter;
pub mod ctx;
pub mod dut;
pub mod expect;
#[cfg(test)]
mod fake;
pub mod fixtures;
pub mod interface;
pub mod outcome;
pub mod rig;
pub mod run;
pub mod socket;
mod steps;
pub mod text;
pub mod wire;

pub use call::{Call, Open};
pub use case::{CASES, Case, Level, Need, Profile};
pub use counter::Counter;
pub use ctx::Ctx;
pub use dut::{Dut, Identity, claims, provides};
pub use expect::{
    Answered, Bytes, Counts, Done, Expect, Fails, FailsSomehow, Matches, Null, Size, SizeUpTo,
    StatusIs,
};
pub use hil_kit_macros::case;
pub use interface::{Events, Interface};
pub use nsapi::interface::Status;
pub use nsapi::{Capability, Error, IpAddress, Limits, Protocol, SocketAddress, option};
pub use nsapi_protocol::{CrashKind, Family};
pub use outcome::{Observation, Outcome, Stop, Trouble, Violation};
pub use run::{CaseRig, run_case};
pub use socket::{Listener, Tcp, Udp};

#[doc(hidden)]
pub use linkme;
