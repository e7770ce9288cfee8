//! Going up and down, by DHCP or with fixed addresses, and with what IPv6 routers announce (contract §10).
//!
//! The IPv4 address decides over the status. The interface has a link-local IPv6 address as soon as it goes
//! up, and others when a router announces a prefix (RFC 4862 §5.5).

use heapless::Vec;
use nsapi::interface::Status;
use nsapi::{Error, Result};
use smoltcp::iface::{self, Interface};
use smoltcp::phy::Device;
use smoltcp::socket::dhcpv4;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress as WireAddress, IpCidr};

use crate::address::{is_host, link_local};
use crate::core::Core;
use crate::interface::Addresses;
use crate::pipes::Owner;

/// An interface of smoltcp without addresses.
pub(crate) fn fresh<D: Device>(
    device: &mut D,
    mac: EthernetAddress,
    seed: u64,
    now: Instant,
) -> Interface {
    let mut config = iface::Config::new(HardwareAddress::Ethernet(mac));
    config.random_seed = seed;
    Interface::new(config, device, now)
}

impl Core {
    /// Starts going up.
    pub(crate) fn bring_up<D: Device>(&mut self, device: &mut D) -> Result<()> {
        match self.net.status() {
            Status::GlobalUp => return Err(Error::IS_CONNECTED),
            Status::Connecting | Status::LocalUp => return Err(Error::BUSY),
            Status::Disconnected => {}
        }
        if !self.net.dhcp && self.net.fixed.is_none() {
            return Err(Error::PARAMETER);
        }
        self.renew_interface(device);
        let own = link_local(self.mac.0);
        self.iface.update_ip_addrs(|list| {
            // The list is empty.
            let _ = list.push(IpCidr::Ipv6(own));
        });
        self.net.routers.restart(Some(own), self.now_us);
        if self.net.dhcp {
            let mut client = dhcpv4::Socket::new();
            let mut retry = client.get_retry_config();
            retry.discover_timeout = Duration::from_millis(u64::from(self.config.dhcp_retry_ms));
            client.set_retry_config(retry);
            client.set_outgoing_options(self.net.options);
            self.net.client = Some(self.sockets.add(client));
        }
        self.net.set_status(Status::Connecting);
        Ok(())
    }

    /// Goes down. TCP connections end with it; listeners and UDP sockets live on.
    pub(crate) fn bring_down<D: Device>(&mut self, device: &mut D) -> Result<()> {
        if self.net.status() == Status::Disconnected {
            return Err(Error::NO_CONNECTION);
        }
        if let Some(client) = self.net.client.take() {
            self.sockets.remove(client);
        }
        self.net.current = None;
        self.net.ask_gateway = false;
        self.net.routers.restart(None, self.now_us);
        self.renew_interface(device);
        self.end_connections(|_| true);
        self.net.set_status(Status::Disconnected);
        Ok(())
    }

    /// Begins anew without addresses, neighbours, routes and groups.
    fn renew_interface<D: Device>(&mut self, device: &mut D) {
        let seed = self.seeds.next();
        let now = self.instant();
        *self.iface = fresh(&mut self.guard.over(device), self.mac, seed, now);
    }

    /// Follows the DHCP client, or takes the fixed addresses.
    pub(crate) fn tend_interface(&mut self) {
        self.tend_routers();
        if self.net.status() == Status::Connecting
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
                self.take_addresses(addresses);
            }
            Some(_) => {}
            None if self.net.current.is_some() => {
                self.lose_addresses();
                self.net.set_status(Status::Connecting);
            }
            None => {}
        }
    }

    /// Follows the routers, and asks for the IPv4 gateway again if they changed the addresses: smoltcp forgets
    /// all neighbours then.
    fn tend_routers(&mut self) {
        let forgotten = self.net.routers.apply(self.iface, self.mac, self.now_us);
        if forgotten {
            let present = self.iface.ip_addrs().iter().map(|own| own.address());
            let present: Vec<WireAddress, 4> = present.collect();
            self.end_connections(|local| !present.contains(&local));
            self.net.ask_gateway = self
                .net
                .current
                .is_some_and(|addresses| addresses.gateway.is_some());
        }
    }

    fn take_addresses(&mut self, addresses: Addresses) {
        let moved = |old: Addresses| old.cidr.address() != addresses.cidr.address();
        if self.net.current.is_some_and(moved) {
            self.lose_addresses();
        }
        self.iface.update_ip_addrs(|list| {
            list.retain(|own| matches!(own, IpCidr::Ipv6(_)));
            // What routers announced may have filled the list; this one comes first.
            if list.is_full() {
                list.pop();
            }
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

    /// Gives up the IPv4 addresses.
    fn lose_addresses(&mut self) {
        self.iface
            .update_ip_addrs(|list| list.retain(|own| matches!(own, IpCidr::Ipv6(_))));
        self.iface.routes_mut().remove_default_ipv4_route();
        self.net.current = None;
        self.net.ask_gateway = false;
        self.end_connections(|local| matches!(local, WireAddress::Ipv4(_)));
    }

    /// Ends the connections from local addresses that are gone.
    fn end_connections(&mut self, gone: impl Fn(WireAddress) -> bool) {
        for pipe in 0..self.pipes.len() {
            let local = self.tcp(pipe).local_endpoint();
            if !local.is_some_and(|local| gone(local.addr)) {
                continue;
            }
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
