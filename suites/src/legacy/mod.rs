//! The older API that the user's page still describes: addresses as text, and `TCPServer`.

mod tcp_server;
mod text_address;
