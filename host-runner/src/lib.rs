//! The runner as a library: what the binary `hil` is wired together from.
//!
//! [`inventory`] knows which boards there are, [`board`] starts one, [`link`] is the bytes to its agent and
//! [`lan`] what carries its frames. None of these knows a case or a verdict.

pub mod board;
pub mod inventory;
pub mod lan;
pub mod link;
