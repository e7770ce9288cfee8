//! The interface of the host: up before we came and after we go, so it is not claimed.

use std::net::Ipv4Addr;

use nsapi::interface::{NetworkInterface, Status};
use nsapi::{Callback, Error, IpAddress, Result, SocketAddress};

/// An interface that is always up, with one address.
#[derive(Debug)]
pub struct Interface {
    own: Ipv4Addr,
}

impl Interface {
    /// The interface with the address `own`.
    #[must_use]
    pub const fn new(own: Ipv4Addr) -> Self {
        Self { own }
    }
}

impl NetworkInterface for Interface {
    fn connect(&self) -> Result<()> {
        Err(Error::IS_CONNECTED)
    }

    fn disconnect(&self) -> Result<()> {
        Err(Error::UNSUPPORTED)
    }

    fn status(&self) -> Result<Status> {
        Ok(Status::GlobalUp)
    }

    fn add_event_listener(&self, _: Callback) -> Result<()> {
        // There will never be a change to tell.
        Ok(())
    }

    fn get_ip_address(&self) -> Result<SocketAddress> {
        Ok(SocketAddress::new(IpAddress::V4(self.own.octets()), 0))
    }
}
