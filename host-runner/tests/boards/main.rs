//! Boards that really start: what the engine relies on.

mod bench;
mod emulated;
mod native;
mod wire;
