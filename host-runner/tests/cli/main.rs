//! The command line as a user sees it: help texts and diagnostics as snapshots, and whole runs against agents
//! that misbehave.

mod attached;
mod bench;
mod interrupt;
mod losses;
mod measures;
mod outputs;
mod snapshots;
mod wire;
