//! What is attached to this machine that a board could be reached through: debug probes and serial ports.
//!
//! Must not: open a probe or a port (that stops the core at it, or resets the board), or hang on one that is stuck.

pub mod chips;
mod holder;
mod ports;
mod probes;
mod stanza;
#[cfg(test)]
mod tests;
mod usb;

pub use holder::{Holder, holders};
pub use ports::{Port, may_use, ports};
pub use probes::{ListError, Probe, network_address, probes};
pub use stanza::{Names, of_port, of_probe};
pub use usb::nodes;
