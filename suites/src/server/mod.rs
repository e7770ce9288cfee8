//! TCP server sockets: listen, accept, what becomes of the children.

mod accept;
mod child;
mod close;
mod crowd;
mod listen;
mod queue;
