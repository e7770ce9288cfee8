//! What the guard mends: crafted frames go in, and the frames that come out are looked at.

mod addresses;
mod arp;
mod ghost;
mod hostile;
mod ipv6;
mod reports;
mod reset;
mod segments;
