//! The older API: `TCPServer` and text addresses.
