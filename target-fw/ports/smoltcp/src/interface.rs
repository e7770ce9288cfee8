//! The network interface: up and down, by DHCP or with fixed addresses (contract §10).

use heapless::Vec;
use nsapi::interface::Status;
use nsapi::{Callback, Error, IpAddress, Result, SocketAddress};
use smoltcp::iface::SocketHandle;
use smoltcp::socket::dhcpv4;
use smoltcp::time::Duration;
use smoltcp::wire::{DhcpOption, IpCidr, Ipv4Address, Ipv4Cidr};

use crate::core::{Core, is_host};
use crate::pipes::Owner;

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
    /// The gateway must still be asked for its hardware address.
    pub(crate) ask_gateway: bool,
    fixed: Option<Addresses>,
    dhcp: bool,
    client: Option<SocketHandle>,
    options: &'static [DhcpOption<'static>],
    listeners: Vec<(Callback, bool), LISTENERS>,
}

impl Net {
    pub(crate) const fn new(options: &'static [DhcpOption<'static>]) -> Self {
        Self {
            status: Status::Disconnected,
            current: None,
            ask_gateway: false,
            fixed: None,
            dhcp: true,
            client: None,
            options,
            listeners: Vec::new(),
        }
    }

    /// Own address, while up.
    pub(crate) fn address(&self) -> Option<Ipv4Address> {
        self.current.map(|addresses| addresses.cidr.address())
    }

    pub(crate) const fn status(&self) -> Status {
        self.status
    }

    fn set_status(&mut self, status: Status) {
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

/// An IPv4 address without a port.
pub(crate) fn bare(ip: Ipv4Address) -> SocketAddress {
    SocketAddress::new(IpAddress::V4(ip.octets()), 0)
}

impl Core {
    /// Starts going up.
    pub(crate) fn bring_up(&mut self) -> Result<()> {
        match self.net.status {
            Status::GlobalUp => return Err(Error::IS_CONNECTED),
            Status::Connecting | Status::LocalUp => return Err(Error::BUSY),
            Status::Disconnected => {}
        }
        if self.net.dhcp {
            let mut client = dhcpv4::Socket::new();
            let mut retry = client.get_retry_config();
            retry.discover_timeout = Duration::from_millis(u64::from(self.config.dhcp_retry_ms));
            client.set_retry_config(retry);
            client.set_outgoing_options(self.net.options);
            self.net.client = Some(self.sockets.add(client));
        } else if self.net.fixed.is_none() {
            return Err(Error::PARAMETER);
        }
        self.net.set_status(Status::Connecting);
        Ok(())
    }

    /// Goes down. TCP connections end with it; listeners and UDP sockets live on.
    pub(crate) fn bring_down(&mut self) -> Result<()> {
        if self.net.status == Status::Disconnected {
            return Err(Error::NO_CONNECTION);
        }
        if let Some(client) = self.net.client.take() {
            self.sockets.remove(client);
        }
        self.lose_addresses();
        self.net.set_status(Status::Disconnected);
        Ok(())
    }

    /// Follows the DHCP client, or takes the fixed addresses.
    pub(crate) fn tend_interface(&mut self) {
        if self.net.status == Status::Connecting
            && !self.net.dhcp
            && let Some(addresses) = self.net.fixed
        {
            self.take_addresses(addresses);
        }
        let Some(client) = self.net.client else {
            return;
        };
        let offered = match self
            .sockets
            .get_mut::<dhcpv4::Socket<'static>>(client)
            .poll()
        {
            None => return,
            Some(dhcpv4::Event::Configured(lease)) if is_host(lease.address.address()) => {
                Some(Addresses {
                    cidr: lease.address,
                    gateway: lease.router.filter(|router| is_host(*router)),
                })
            }
            Some(_) => None,
        };
        match offered {
            Some(addresses) if self.net.current != Some(addresses) => {
                self.take_addresses(addresses)
            }
            Some(_) => {}
            None if self.net.current.is_some() => {
                self.lose_addresses();
                self.net.set_status(Status::Connecting);
            }
            None => {}
        }
    }

    fn take_addresses(&mut self, addresses: Addresses) {
        self.iface.update_ip_addrs(|list| {
            list.clear();
            // The list has room for more than one.
            let _ = list.push(IpCidr::Ipv4(addresses.cidr));
        });
        self.iface.routes_mut().remove_default_ipv4_route();
        if let Some(gateway) = addresses.gateway {
            let _ = self.iface.routes_mut().add_default_ipv4_route(gateway);
        }
        self.net.current = Some(addresses);
        self.net.ask_gateway = addresses.gateway.is_some();
        self.net.set_status(Status::GlobalUp);
    }

    fn lose_addresses(&mut self) {
        self.iface.update_ip_addrs(|list| list.clear());
        self.iface.routes_mut().remove_default_ipv4_route();
        self.net.current = None;
        self.net.ask_gateway = false;
        for pipe in 0..self.pipes.len() {
            // Not left to smoltcp, which would notice only if the next address were another one.
            match self.pipes[pipe].owner {
                Owner::Free => {}
                Owner::Closing { .. } => self.release(pipe),
                Owner::Socket(_) => {
                    let seen = self.pipes[pipe].seen_state;
                    self.silence(pipe);
                    self.pipes[pipe].seen_state = seen;
                }
                Owner::Listener { slot, .. } => self.relisten(pipe, slot),
            }
        }
    }
}
