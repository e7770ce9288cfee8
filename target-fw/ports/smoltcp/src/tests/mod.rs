//! Two stacks on one cable in memory, with a clock that is moved by hand: no real time passes, and every
//! run is the same.

extern crate alloc;

mod bench;
mod cable;
mod connections;
mod cycles;
mod datagrams;
mod dhcp;
mod events;
mod groups;
mod guard;
mod interface;
mod ipv6;
mod listeners;
mod noise;
mod service;
mod table;
