//! Interfaces of the namespace that this process is in: read, not changed.

use core::net::IpAddr;
use std::io;

use socket2::{Domain, Socket, Type};

use super::namespace::Netlink;

/// The number of an interface.
pub(in crate::lan) fn number(name: &str) -> io::Result<u32> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    rustix::net::netdevice::name_to_index(&socket, name).map_err(|error| {
        let error = io::Error::from(error);
        io::Error::new(error.kind(), format!("the interface {name}: {error}"))
    })
}

/// The addresses of an interface, in the order in which the kernel prefers them.
pub(in crate::lan) fn addresses(index: u32) -> io::Result<Vec<IpAddr>> {
    Netlink::open()?.addresses(index)
}
