//! The network interface: what it is told, what it has, and who hears of it (contract §10). Going up and down
//! is done in `updown.rs`.

use heapless::Vec;
use nsapi::interface::Status;
use nsapi::{Callback, Error, IpAddress, Result, SocketAddress};
use smoltcp::iface::SocketHandle;
use smoltcp::wire::{DhcpOption, Ipv4Address, Ipv4Cidr};

use crate::address::is_host;
use crate::routers::Routers;

/// How many listeners can wait for status changes.
const LISTENERS: usize = 4;

/// The addresses of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Addresses {
    pub(crate) cidr: Ipv4Cidr,
    pub(crate) gateway: Option<Ipv4Address>,
}

/// State of the interface.
pub(crate) struct Net {
    status: Status,
    /// The addresses in use.
    pub(crate) current: Option<Addresses>,
    /// The link-local address and what routers announce.
    pub(crate) routers: Routers,
    /// The gateway must still be asked for its hardware address.
    pub(crate) ask_gateway: bool,
    pub(crate) fixed: Option<Addresses>,
    pub(crate) dhcp: bool,
    pub(crate) client: Option<SocketHandle>,
    pub(crate) options: &'static [DhcpOption<'static>],
    listeners: Vec<(Callback, bool), LISTENERS>,
}

impl Net {
    pub(crate) const fn new(options: &'static [DhcpOption<'static>]) -> Self {
        Self {
            status: Status::Disconnected,
            current: None,
            routers: Routers::new(),
            ask_gateway: false,
            fixed: None,
            dhcp: true,
            client: None,
            options,
            listeners: Vec::new(),
        }
    }

    pub(crate) const fn status(&self) -> Status {
        self.status
    }

    pub(crate) fn set_status(&mut self, status: Status) {
        self.status = status;
        for (_, pending) in &mut self.listeners {
            *pending = true;
        }
    }

    /// The next listener to tell, taken off the list.
    pub(crate) fn next_event(&mut self) -> Option<Callback> {
        let (listener, pending) = self.listeners.iter_mut().find(|(_, pending)| *pending)?;
        *pending = false;
        Some(*listener)
    }

    pub(crate) fn add_listener(&mut self, listener: Callback) -> Result<()> {
        if self.listeners.iter().any(|(known, _)| *known == listener) {
            return Ok(());
        }
        self.listeners
            .push((listener, false))
            .map_err(|_| Error::NO_MEMORY)
    }

    pub(crate) fn remove_listener(&mut self, listener: Callback) {
        self.listeners.retain(|(known, _)| *known != listener);
    }

    /// Fixed addresses for the next connect.
    pub(crate) fn set_fixed(
        &mut self,
        ip: &SocketAddress,
        netmask: &SocketAddress,
        gateway: &SocketAddress,
    ) -> Result<()> {
        let (IpAddress::V4(ip), IpAddress::V4(netmask)) = (ip.ip, netmask.ip) else {
            return Err(Error::PARAMETER);
        };
        let ip = Ipv4Address::from(ip);
        let cidr =
            Ipv4Cidr::from_netmask(ip, Ipv4Address::from(netmask)).map_err(|_| Error::PARAMETER)?;
        let gateway = match gateway.ip {
            IpAddress::Unspec | IpAddress::V4([0, 0, 0, 0]) => None,
            IpAddress::V4(bytes) => Some(Ipv4Address::from(bytes)),
            IpAddress::V6(_) => return Err(Error::PARAMETER),
        };
        if !is_host(ip) || gateway.is_some_and(|gateway| !is_host(gateway)) {
            return Err(Error::PARAMETER);
        }
        self.fixed = Some(Addresses { cidr, gateway });
        self.dhcp = false;
        Ok(())
    }

    pub(crate) fn set_dhcp(&mut self, dhcp: bool) {
        self.dhcp = dhcp;
    }
}
