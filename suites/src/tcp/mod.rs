//! TCP client sockets: connecting, and the stream.
