//! TCP client sockets: connecting, and the stream.

mod close;
mod connect;
mod echo;
mod open;
mod recv;
mod reset;
mod send;
mod services;
mod silence;
