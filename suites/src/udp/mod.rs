//! UDP sockets: datagrams out, datagrams in, and the filter that connect sets.

mod connect;
mod echo;
mod open;
mod recvfrom;
mod sendto;
