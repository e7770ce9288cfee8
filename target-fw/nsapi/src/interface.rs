//! The network interface: bringing it up and down, its status and events, its addresses (contract §10).

use crate::{Callback, Error, Result, SocketAddress};

/// Connection status of an interface (contract §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// Has a local address only.
    LocalUp = 0,
    /// Has a global address.
    GlobalUp = 1,
    /// Down.
    Disconnected = 2,
    /// Going up.
    Connecting = 3,
}

/// A network interface. The defaults are those of the original's base class.
pub trait NetworkInterface {
    /// Starts going up. `OK` once started, `IS_CONNECTED` if it is up, `BUSY` if it cannot start now.
    /// Completion is seen by [`Self::status`] and the listeners.
    fn connect(&self) -> Result<()>;

    /// Goes down; `NO_CONNECTION` if it is down already.
    fn disconnect(&self) -> Result<()>;

    /// Current status; `UNSUPPORTED` if the interface does not keep one.
    fn status(&self) -> Result<Status> {
        Err(Error::UNSUPPORTED)
    }

    /// Registers a listener for status changes; a duplicate is ignored. `NO_MEMORY` when there is no room.
    fn add_event_listener(&self, listener: Callback) -> Result<()> {
        let _ = listener;
        Err(Error::UNSUPPORTED)
    }

    /// Removes a listener.
    fn remove_event_listener(&self, listener: Callback) {
        let _ = listener;
    }

    /// Own address (port 0). `NO_CONNECTION` or `NO_ADDRESS` while there is none.
    fn get_ip_address(&self) -> Result<SocketAddress> {
        Err(Error::UNSUPPORTED)
    }

    /// Network mask.
    fn get_netmask(&self) -> Result<SocketAddress> {
        Err(Error::UNSUPPORTED)
    }

    /// Gateway.
    fn get_gateway(&self) -> Result<SocketAddress> {
        Err(Error::UNSUPPORTED)
    }

    /// Hardware address.
    fn get_mac_address(&self) -> Option<[u8; 6]> {
        None
    }

    /// Static configuration; turns DHCP off. Takes effect at the next connect.
    fn set_network(
        &self,
        ip: &SocketAddress,
        netmask: &SocketAddress,
        gateway: &SocketAddress,
    ) -> Result<()> {
        let _ = (ip, netmask, gateway);
        Err(Error::UNSUPPORTED)
    }

    /// DHCP on (the default) or off.
    fn set_dhcp(&self, dhcp: bool) -> Result<()> {
        if dhcp {
            Ok(())
        } else {
            Err(Error::UNSUPPORTED)
        }
    }
}
