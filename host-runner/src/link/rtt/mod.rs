//! Link `rtt`: bytes to an agent through a debug probe, with probe-rs in a process of its own.
//!
//! Must not: know whether the probe is a thing on the desk or a program.

mod attachment;
pub mod explain;

pub use attachment::{Attachment, DebugProtocol};
