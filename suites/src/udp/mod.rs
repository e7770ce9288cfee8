//! UDP sockets: datagrams out, datagrams in, and the filter that connect sets.

mod broadcast;
mod bursts;
mod checksum;
mod connect;
mod echo;
mod open;
mod recvfrom;
mod sendto;
mod services;
