//! Suite `packet`: what a stack must put on the wire and survive from it, below the socket API (by RFC). The cable is
//! the runner's; ghosts play the other end. One file per protocol.

mod arp;
mod dhcp;
mod dhcp_lease;
mod dhcp_parse;
mod dhcp_refusal;
mod dhcp_start;
mod dns;
mod driver;
mod extensions;
mod icmp;
mod ipv4;
mod ipv6;
mod mld;
mod multicast;
mod nd;
mod nd_cache;
mod tcp;
mod tcp_close;
mod tcp_ipv6;
mod tcp_open;
mod tcp_options;
mod tcp_receive;
mod tcp_reset;
mod tcp_segment;
mod tcp_send;
mod tcp_window;
mod udp;
