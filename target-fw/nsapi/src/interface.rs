//! The network interface: bringing it up and down, its status and events, its addresses (contract §10).
//!
//! [`NetworkInterface`] is the driver side: it never waits. What every port shares (blocking mode, `attach`)
//! is the application side's, [`Control`].

mod control;

pub use control::Control;

use crate::{Callback, Error, Result, SocketAddress};

/// Number of the event that a changed status is (contract §2); its value is the [`Status`].
pub const CONNECTION_STATUS_CHANGE: i32 = 0;

/// Longest host name in bytes, without a terminator (contract §2).
pub const HOSTNAME: usize = 63;

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
    /// Starts going up. `OK` once started, `IS_CONNECTED` if it is up, `BUSY` if it cannot start now,
    /// `PARAMETER` if its configuration cannot work. Completion is seen by [`Self::connect_result`],
    /// [`Self::status`] and the listeners.
    fn connect(&self) -> Result<()>;

    /// What has become of the last [`Self::connect`] that answered `OK`: `None` while it goes on. An attempt
    /// that has failed stays failed until the next `connect`; `DHCP_FAILURE`, `NO_CONNECTION` (no link) and
    /// the like. An interface that gives up must change its status or raise an event, so that a caller that
    /// waits looks here.
    fn connect_result(&self) -> Option<Result<()>> {
        match self.status() {
            Ok(Status::GlobalUp) | Err(_) => Some(Ok(())),
            Ok(Status::Disconnected) => Some(Err(Error::NO_CONNECTION)),
            Ok(Status::LocalUp | Status::Connecting) => None,
        }
    }

    /// Goes down; `NO_CONNECTION` if it is down already. An attempt to go up ends too. Completion is seen by
    /// the status.
    fn disconnect(&self) -> Result<()>;

    /// Not of the API: puts every setting back to what it was at start-up (DHCP on, the board's own hardware
    /// address and host name). Called while it is down.
    fn restore_defaults(&self) {
        // An interface that refuses has no other mode.
        let _ = self.set_dhcp(true);
    }

    /// Current status; `UNSUPPORTED` if the interface does not keep one.
    fn status(&self) -> Result<Status> {
        Err(Error::UNSUPPORTED)
    }

    /// Registers a listener for status changes; a duplicate is ignored. `NO_MEMORY` when there is no room.
    /// Each change is told by [`Callback::tell`], in order, none left out; a listener told by
    /// [`Callback::call`] only knows that something has changed.
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

    /// Own link-local IPv6 address (port 0).
    fn get_ipv6_link_local_address(&self) -> Result<SocketAddress> {
        Err(Error::UNSUPPORTED)
    }

    /// Not of the API, which tells one own address only: own global (or unique local) IPv6 address, under which
    /// a peer reaches the board. `NO_ADDRESS` while there is none.
    fn get_ipv6_address(&self) -> Result<SocketAddress> {
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

    /// Changes the hardware address; before connect only, `BUSY` afterwards.
    fn set_mac_address(&self, mac: [u8; 6]) -> Result<()> {
        let _ = mac;
        Err(Error::UNSUPPORTED)
    }

    /// Writes the host name that is reported to the network and returns its length in bytes; `None` if there
    /// is none. `text` has room for [`HOSTNAME`] bytes.
    fn get_hostname(&self, text: &mut [u8]) -> Option<usize> {
        let _ = text;
        None
    }

    /// Changes the host name (at most [`HOSTNAME`] bytes, else `PARAMETER`); before connect only, `BUSY`
    /// afterwards.
    fn set_hostname(&self, name: &str) -> Result<()> {
        let _ = name;
        Err(Error::UNSUPPORTED)
    }

    /// The interface's own name, at most 6 bytes; `None` before connect.
    fn get_interface_name(&self) -> Option<&str> {
        None
    }

    /// Makes it the interface that is used where none is named.
    fn set_as_default(&self) {}

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

#[cfg(test)]
mod tests {
    use super::*;

    struct Bare;

    impl NetworkInterface for Bare {
        fn connect(&self) -> Result<()> {
            Ok(())
        }

        fn disconnect(&self) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn defaults_are_those_of_the_base_class() {
        let unsupported = Err(Error::UNSUPPORTED);
        let address = SocketAddress::default();
        assert_eq!(Bare.status(), Err(Error::UNSUPPORTED));
        assert_eq!(Bare.get_ip_address(), Err(Error::UNSUPPORTED));
        assert_eq!(Bare.get_ipv6_link_local_address(), Err(Error::UNSUPPORTED));
        assert_eq!(Bare.get_ipv6_address(), Err(Error::UNSUPPORTED));
        assert_eq!(Bare.get_netmask(), Err(Error::UNSUPPORTED));
        assert_eq!(Bare.get_gateway(), Err(Error::UNSUPPORTED));
        assert_eq!(Bare.get_mac_address(), None);
        assert_eq!(Bare.set_mac_address([0; 6]), unsupported);
        assert_eq!(Bare.get_hostname(&mut [0; HOSTNAME]), None);
        assert_eq!(Bare.set_hostname("name"), unsupported);
        assert_eq!(Bare.get_interface_name(), None);
        assert_eq!(Bare.set_network(&address, &address, &address), unsupported);
        assert_eq!(Bare.set_dhcp(true), Ok(()));
        assert_eq!(Bare.set_dhcp(false), unsupported);
        assert_eq!(Bare.connect_result(), Some(Ok(())));
    }
}
