//! The agent: frame in → call on the implementation under test → frame out.
//!
//! ```text
//!  Agent::receive ─> inbox ─> deframer ─> dispatch ─┬─ answered at once ──┐
//!                                                   └─> lane ── polled ───┤
//!  Link::write   <─ outbox (also the store of replies for repeats) <──────┘
//! ```
//!
//! The board owns the loop: it feeds bytes with [`Agent::receive`], calls [`Agent::poll`] whenever bytes
//! came, the link has room again, the stack has worked, or the time that the last poll named has come.
//!
//! Must not: judge, wait, allocate, or panic, whatever the bytes and whatever the IUT answers.
#![no_std]
#![forbid(unsafe_code)]
// Tests may fail.
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

#[cfg(test)]
extern crate std;

mod agent;
pub mod beacon;
mod bulk;
mod counters;
mod dispatch;
mod handles;
mod identity;
mod inbox;
mod interface;
mod lane;
pub mod limits;
mod memory;
mod outbox;
mod scratch;
mod seen;
mod work;

#[cfg(test)]
mod tests;

pub use agent::{Agent, Link};
pub use beacon::BeaconRecord;
pub use counters::Counters;
pub use identity::Identity;
pub use memory::Memory;
pub use nsapi_protocol::CrashKind;
