//! Which code an operation answers in a state in which it cannot work.

mod closed;
mod listener;
mod open;
mod options;
mod unopened_tcp;
mod unopened_udp;
mod unsupported;
