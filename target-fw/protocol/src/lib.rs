//! languages in `docs/src/protocol.md`, with golden vectors).
//!
//! A frame is `COBS(body ++ CRC-16) 0x00`, the body one postcard message: [`Request`] towards the agent,
//! [`FromAgent`] towards the runner. A frame that does not decode is dropped and costs nobody but itself.
//!
//! Must not: know of sockets, links or verdicts; allocate; panic, whatever the bytes.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod frame;
pub mod message;
pub mod pattern;

pub use message::{
    Address, Answer, Beacon, BulkReport, CrashKind, Event, Family, FromAgent, Hello, Kind, Op,
    Payload, Reject, Reply, Request, ScopeReport, Then,
};

/// Number of this protocol. A runner and an agent that disagree refuse each other by name and number.
pub const PROTOCOL: u16 = 2;
