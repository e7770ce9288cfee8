//! The runner as a library: what the binary `hil` is wired together from.
//!
//! [`inventory`] knows which boards there are, [`board`] starts one, [`link`] is the bytes to its agent and
//! [`lan`] what carries its frames. None of these knows a case or a verdict. [`plan`] decides what runs,
//! [`engine`] runs and judges it, [`event`] is what it says about it,
//! [`report`] what people and machines get to see of that; [`mod@bench`] measures instead; [`target_test`] runs what
//! tests itself on the target; [`cli`] is the command line.

pub mod bench;
pub mod board;
pub mod cli;
pub mod discover;
pub mod doctor;
pub mod engine;
pub mod event;
pub mod fault;
pub mod helper;
pub mod inventory;
pub mod lan;
pub mod link;
pub mod plan;
pub mod report;
pub mod requirements;
pub mod symbols;
pub mod target_log;
pub mod target_test;
