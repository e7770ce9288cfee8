//! Lan `wire`: a cable between the board and the kernel of a namespace, which the runner owns.
//!
//! Must not: judge.

pub mod relay;
