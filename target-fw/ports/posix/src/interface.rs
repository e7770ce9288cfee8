//! The interface of the host: up before we came and after we go, so its control is not claimed; what it says
//! about itself is the kernel's.

use nsapi::interface::{NetworkInterface, Status};
use nsapi::{Callback, Error, IpAddress, Result, SocketAddress};

use crate::Host;

/// Longest name of an interface that the API can tell, in bytes (contract §2).
const NAME: usize = nsapi::option::INTERFACE_NAME;

/// An interface that is always up.
#[derive(Debug)]
pub struct Interface {
    host: Host,
}

impl Interface {
    /// The interface `host`.
    #[must_use]
    pub const fn new(host: Host) -> Self {
        Self { host }
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
        Ok(bare(IpAddress::V4(self.host.ipv4().octets())))
    }

    fn get_ipv6_link_local_address(&self) -> Result<SocketAddress> {
        if !self.host.is_dual() {
            return Err(Error::UNSUPPORTED);
        }
        let own = self.host.describe().link_local.ok_or(Error::NO_ADDRESS)?;
        Ok(bare(IpAddress::V6(own.octets())))
    }

    fn get_ipv6_address(&self) -> Result<SocketAddress> {
        if !self.host.is_dual() {
            return Err(Error::UNSUPPORTED);
        }
        let own = self.host.describe().ipv6.ok_or(Error::NO_ADDRESS)?;
        Ok(bare(IpAddress::V6(own.octets())))
    }

    fn get_netmask(&self) -> Result<SocketAddress> {
        let mask = self.host.describe().netmask.ok_or(Error::NO_ADDRESS)?;
        Ok(bare(IpAddress::V4(mask.octets())))
    }

    fn get_gateway(&self) -> Result<SocketAddress> {
        let gateway = self.host.gateway().ok_or(Error::NO_ADDRESS)?;
        Ok(bare(IpAddress::V4(gateway.octets())))
    }

    fn get_mac_address(&self) -> Option<[u8; 6]> {
        self.host.describe().mac
    }

    fn get_interface_name(&self) -> Option<&str> {
        Some(self.host.name()).filter(|name| name.len() <= NAME)
    }
}

/// An address without a port.
const fn bare(ip: IpAddress) -> SocketAddress {
    SocketAddress::new(ip, 0)
}
