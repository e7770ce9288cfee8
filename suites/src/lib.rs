//! The conformance cases, one module per suite, one file per operation or theme.
//!
//! A case says what a requirement in `requirements/<suite>.toml` demands and nothing about boards, links or
//! reports. Must not: depend on anything but `hil-kit`.
#![forbid(unsafe_code)]

mod addresses;
mod codes;
mod errors;
mod exhaust;
mod foreign;
mod interface;
mod ipv6;
mod legacy;
mod nonblocking;
mod options;
mod packet;
mod resilience;
mod selftest;
mod server;
mod tcp;
mod udp;

/// Every case there is, in no particular order.
#[must_use]
pub fn cases() -> &'static [hil_kit::Case] {
    &hil_kit::CASES
}
