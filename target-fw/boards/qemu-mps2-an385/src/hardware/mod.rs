//! The board's own devices, each behind safe calls.
//!
//! Must not: know of sockets, frames of the protocol or the agent.

pub(crate) mod clock;
mod copy;
pub(crate) mod guard;
pub(crate) mod interrupts;
pub(crate) mod lan9118;
mod mmio;
pub(crate) mod rtt;
pub(crate) mod stack;
pub(crate) mod trace;
pub(crate) mod uart;
