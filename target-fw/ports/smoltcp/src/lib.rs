//! The reference port: smoltcp behind the driver side of nsapi.
//!
//! [`SmoltcpStack`] implements [`nsapi::NetworkStack`] and [`nsapi::interface::NetworkInterface`] over any
//! `smoltcp::phy::Device`. Everything is static: the board hands in a [`StackResources`], a device, a MAC
//! address, a clock reading and a seed, and calls [`SmoltcpStack::poll`] from its main loop.
//!
//! What smoltcp leaves to its user is done here: handles with generations, a table of local ports,
//! listeners with a backlog, closing in the background, give-up times, events.
//! What it does wrong on the wire is mended by a guard between it and the device, as far as frames tell.
//!
//! # Choices where the contract leaves one
//!
//! * A refused or unanswered connection attempt is `NO_CONNECTION`, told once by connect; the next connect
//!   is a new attempt. After an established connection broke, connect stays `NO_CONNECTION`.
//! * End of stream is 0 as often as it is asked for.
//! * Only sockets that were bound (or bound themselves) hold a port; accepted connections and connections
//!   that are still closing do not, so a server may be restarted at once. Two sockets share a port only if
//!   both set REUSEADDR before they bind; two listeners never do.
//! * Segments leave at once and are acknowledged at once: neither Nagle's algorithm nor delayed
//!   acknowledgements, which would wait for each other at windows of one or two segments.
//! * Broadcasts need the BROADCAST option; without it they are `PARAMETER`.
//! * There is no loopback: own and loopback addresses are `NO_CONNECTION`.
//! * IPv6 is there with IPv4, not instead: the link-local address as soon as the interface goes up, others as
//!   routers announce them. The IPv4 address alone decides over the status of the interface. What is bound to
//!   no address hears both families; no address of either family is a way to the other.
//! * A datagram to a group goes to whoever is bound to its port while any socket is a member of the group.
//! * While the cable is out, connections last and the address is kept but not told; nothing is sent. Back in,
//!   the address is asked for again, and given up if nobody confirms it in time.
//! * A failed attempt to go up is told, and goes on all the same until disconnect.
//! * The type of service is written into packets as they leave; connections have that of their listener.
//! * Datagrams are never fragmented; more than fits into a frame is `PARAMETER`.
//!
//! Must not: allocate, block, panic on what the network or the caller does, or be used from two contexts.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod address;
mod arp;
mod cable;
mod config;
mod core;
mod discovery;
mod driver;
mod events;
mod groups;
mod guard;
mod hostname;
mod interface;
mod listener;
mod options;
mod pipes;
mod ports;
mod resources;
mod routers;
mod seeds;
mod service;
mod slots;
mod stack;
mod tap;
mod tcp;
mod udp;
mod updown;

#[cfg(test)]
mod tests;

pub use config::Config;
pub use resources::{SPARE_TCP, StackResources};
pub use stack::SmoltcpStack;
