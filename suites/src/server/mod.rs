//! TCP server sockets: listen, accept, what becomes of the children.

mod accept;
