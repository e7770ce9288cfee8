//! The Mbed-style network socket API (*nsapi*) as a Rust contract.
//!
//! Two layers, as in the original:
//!
//! * **Driver side**: [`NetworkStack`], non-blocking operations on handles plus one event callback per
//!   socket. Whoever ports a stack implements this.
//! * **Application side**, generic over it: [`Sockets`] holds the socket objects and adds what every port
//!   shares: blocking mode, timeouts, sigio, the remembered peer, every error code. [`TcpSocket`] and
//!   [`UdpSocket`] are thin views of it.
//!
//! The tester attaches through [`Iut`]: at *stack* level ([`AtStackLevel`], over `Sockets`) or at *socket* level
//! (a complete socket API implements it itself, with nothing of ours in between).
//!
//! Must not: know of links, boards or verdicts.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod address;
pub mod at_stack_level;
pub mod capability;
pub mod dns;
pub mod error;
pub mod event;
mod event_table;
pub mod interface;
pub mod iut;
pub mod legacy;
pub mod nidd;
pub mod option;
pub mod socket;
pub mod sockets;
pub mod stack;

pub use address::{IpAddress, SocketAddress};
pub use at_stack_level::AtStackLevel;
pub use capability::{Capabilities, Capability, Limits};
pub use error::{Error, Result, strerror};
pub use event::{Callback, Clock, EventSink};
pub use event_table::EventTable;
pub use iut::{Call, Iut, SocketId, Statement};
pub use socket::{Socket, TcpSocket, UdpSocket};
pub use sockets::Sockets;
pub use stack::{NetworkStack, Protocol, StackHandle};
