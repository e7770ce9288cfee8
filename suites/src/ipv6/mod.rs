//! Suite `ipv6`: what the other suites check, as far as it is another matter with addresses of 16 bytes. All fixtures
//! live at IPv6 addresses of the host.

mod addresses;
mod echo;
mod filter;
mod groups;
mod server;
