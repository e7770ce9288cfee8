//! The stack as a driver of its one interface (contract §10): settings, status, addresses.

use nsapi::interface::{NetworkInterface, Status};
use nsapi::{Callback, Error, Result, SocketAddress};
use smoltcp::phy::Device;
use smoltcp::wire::{EthernetAddress, IpCidr};

use crate::SmoltcpStack;
use crate::address::bare;
use crate::hostname::HostName;
use crate::interface::{Attempt, NAME};

impl<D: Device> NetworkInterface for SmoltcpStack<D> {
    fn connect(&self) -> Result<()> {
        let started = self
            .core
            .borrow_mut()
            .bring_up(&mut *self.device.borrow_mut());
        self.dispatch();
        started
    }

    fn connect_result(&self) -> Option<Result<()>> {
        let net = &self.core.borrow().net;
        match (net.status(), net.attempt) {
            (Status::GlobalUp, _) => Some(Ok(())),
            (Status::Disconnected, _) => Some(Err(Error::NO_CONNECTION)),
            (_, Attempt::Failed(error)) => Some(Err(error)),
            (_, Attempt::Over | Attempt::Until(_)) => None,
        }
    }

    fn disconnect(&self) -> Result<()> {
        let ended = self
            .core
            .borrow_mut()
            .bring_down(&mut *self.device.borrow_mut());
        self.dispatch();
        ended
    }

    fn restore_defaults(&self) {
        let core = &mut *self.core.borrow_mut();
        if core.net.status() == Status::Disconnected {
            core.net.fixed = None;
            core.net.dhcp = true;
            core.net.hostname = HostName::new(core.config.hostname).unwrap_or_default();
            core.mac = core.first_mac;
        }
    }

    fn status(&self) -> Result<Status> {
        Ok(self.core.borrow().net.status())
    }

    fn add_event_listener(&self, listener: Callback) -> Result<()> {
        self.core.borrow_mut().net.add_listener(listener)
    }

    fn remove_event_listener(&self, listener: Callback) {
        self.core.borrow_mut().net.remove_listener(listener);
    }

    fn get_ip_address(&self) -> Result<SocketAddress> {
        let current = self.core.borrow().net.address();
        current
            .map(|own| bare(own.cidr.address()))
            .ok_or(Error::NO_CONNECTION)
    }

    fn get_ipv6_link_local_address(&self) -> Result<SocketAddress> {
        let own = self.core.borrow().net.routers.link_local();
        own.map(|own| bare(own.address()))
            .ok_or(Error::NO_CONNECTION)
    }

    fn get_ipv6_address(&self) -> Result<SocketAddress> {
        let core = self.core.borrow();
        let own = core.iface.ip_addrs().iter().find_map(|cidr| match cidr {
            IpCidr::Ipv6(own) if !own.address().is_unicast_link_local() => Some(own.address()),
            _ => None,
        });
        own.map(bare).ok_or(Error::NO_ADDRESS)
    }

    fn get_netmask(&self) -> Result<SocketAddress> {
        let current = self.core.borrow().net.address();
        current
            .map(|own| bare(own.cidr.netmask()))
            .ok_or(Error::NO_CONNECTION)
    }

    fn get_gateway(&self) -> Result<SocketAddress> {
        let current = self
            .core
            .borrow()
            .net
            .address()
            .ok_or(Error::NO_CONNECTION)?;
        current.gateway.map(bare).ok_or(Error::NO_ADDRESS)
    }

    fn get_mac_address(&self) -> Option<[u8; 6]> {
        Some(self.core.borrow().mac.0)
    }

    fn set_mac_address(&self, mac: [u8; 6]) -> Result<()> {
        let core = &mut *self.core.borrow_mut();
        let mac = EthernetAddress(mac);
        if !mac.is_unicast() || mac.0 == [0; 6] {
            return Err(Error::PARAMETER);
        }
        if core.net.status() != Status::Disconnected {
            return Err(Error::BUSY);
        }
        core.mac = mac;
        Ok(())
    }

    fn get_hostname(&self, text: &mut [u8]) -> Option<usize> {
        let core = self.core.borrow();
        let name = core.net.hostname.as_bytes();
        text.get_mut(..name.len())?.copy_from_slice(name);
        (!name.is_empty()).then_some(name.len())
    }

    fn set_hostname(&self, name: &str) -> Result<()> {
        let net = &mut self.core.borrow_mut().net;
        let name = HostName::new(name).ok_or(Error::PARAMETER)?;
        if net.status() != Status::Disconnected {
            return Err(Error::BUSY);
        }
        net.hostname = name;
        Ok(())
    }

    fn get_interface_name(&self) -> Option<&str> {
        self.core.borrow().net.named.then_some(NAME)
    }

    fn set_network(
        &self,
        ip: &SocketAddress,
        netmask: &SocketAddress,
        gateway: &SocketAddress,
    ) -> Result<()> {
        self.core.borrow_mut().net.set_fixed(ip, netmask, gateway)
    }

    fn set_dhcp(&self, dhcp: bool) -> Result<()> {
        self.core.borrow_mut().net.dhcp = dhcp;
        Ok(())
    }
}
