//! Link `rtt`: bytes to an agent through a debug probe, with probe-rs in a process of its own.
//!
//! ```text
//!  runner ── control ──┐
//!         ── link ─────┤ child ── probe-rs ── probe ── chip: RTT channels "hil", up and down
//!         ── log ──────┘                                     and up channel 0, the log
//! ```
//!
//! probe-rs waits for a probe for ever; the child is what can be killed then. It dies with the runner, however
//! that ends. Must not: know whether the probe is a thing on the desk or a program.

mod attachment;
mod child;
mod error;
pub mod explain;
mod handle;
mod keeper;
mod message;
mod options;

pub use attachment::{Attachment, DebugProtocol};
pub use child::serve_if_asked;
pub(crate) use child::{attach, in_words};
pub use error::ProbeError;
pub use handle::Rtt;
pub use keeper::RttGone;
pub use options::{Examined, Options, Phase, Progress};
