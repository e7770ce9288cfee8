//! Going up and down, by DHCP or with fixed addresses, and with what IPv6 routers announce (contract §10).
//!
//! The IPv4 address decides over the status. The interface has a link-local IPv6 address as soon as it goes
//! up, and others when a router announces a prefix (RFC 4862 §5.5).

use heapless::Vec;
use nsapi::interface::Status;
use nsapi::{Error, Result};
use smoltcp::iface::{self, Interface, SocketHandle};
use smoltcp::phy::Device;
use smoltcp::socket::dhcpv4;
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress as WireAddress, IpCidr};

use crate::address::{is_host, link_local};
use crate::core::Core;
use crate::hostname::PLACE_HOLDER;
use crate::interface::{Addresses, Attempt};
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
            client.set_outgoing_options(PLACE_HOLDER);
            self.net.client = Some(self.sockets.add(client));
            self.restart_client();
        }
        self.join_again();
        self.net.named = true;
        self.begin_attempt();
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
        self.net.attempt = Attempt::Over;
        self.net.announce = false;
        self.net.ask_gateway = false;
        self.net.join_groups = false;
        self.net.routers.restart(None, self.now_us);
        self.renew_interface(device);
        self.end_connections(|_| true);
        self.net.set_status(Status::Disconnected);
        Ok(())
    }

    /// Begins anew without addresses, neighbours, routes and groups.
    pub(crate) fn renew_interface<D: Device>(&mut self, device: &mut D) {
        let seed = self.seeds.next();
        self.guard.forget_neighbours();
        let now = self.instant();
        self.guard.set_mac(self.mac.0);
        *self.iface = fresh(&mut self.guard.over(device), self.mac, seed, now);
    }

    /// Gives the attempt to get an address its time.
    pub(crate) fn begin_attempt(&mut self) {
        let patience_us = u64::from(self.config.dhcp_timeout_ms) * 1000;
        self.net.attempt = Attempt::Until(self.now_us + patience_us);
    }

    /// Follows the DHCP client, or takes the fixed addresses, and gives up what takes too long. Returns when
    /// to look again.
    pub(crate) fn tend_interface(&mut self) -> Option<u64> {
        self.tend_routers();
        if self.net.link && self.net.status() != Status::Disconnected {
            match self.net.client {
                Some(client) => self.tend_client(client),
                None if self.net.status() == Status::Connecting => {
                    if let Some(addresses) = self.net.fixed {
                        self.take_addresses(addresses);
                    }
                }
                None => {}
            }
        }
        match self.net.attempt {
            Attempt::Until(until) if self.now_us < until => Some(until),
            Attempt::Until(_) => {
                self.give_up();
                None
            }
            Attempt::Over | Attempt::Failed(_) => None,
        }
    }

    /// Tells that there is no address, and parts with the one that was kept.
    fn give_up(&mut self) {
        let reason = if self.net.link {
            Error::DHCP_FAILURE
        } else {
            Error::NO_CONNECTION
        };
        self.net.attempt = Attempt::Failed(reason);
        if self.net.current.is_some() {
            self.lose_addresses();
        }
        self.net.set_status(Status::Connecting);
    }

    fn tend_client(&mut self, client: SocketHandle) {
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
            Some(addresses) if self.net.address() != Some(addresses) => {
                self.take_addresses(addresses);
            }
            Some(_) => {}
            // Without a status an address is only kept, until it has been confirmed or given up.
            None if self.net.address().is_some() => {
                self.lose_addresses();
                self.begin_attempt();
                self.net.set_status(Status::Connecting);
            }
            None => {}
        }
    }

    /// Follows the routers, and asks for the IPv4 gateway again if they changed the addresses: smoltcp forgets
    /// all neighbours then.
    pub(crate) fn tend_routers(&mut self) {
        let forgotten = self.net.routers.apply(self.iface, self.mac, self.now_us);
        if forgotten {
            let present = self.iface.ip_addrs().iter().map(|own| own.address());
            let present: Vec<WireAddress, 4> = present.collect();
            self.end_connections(|local| !present.contains(&local));
            self.net.ask_gateway = self
                .net
                .address()
                .is_some_and(|addresses| addresses.gateway.is_some());
        }
    }

    pub(crate) fn take_addresses(&mut self, addresses: Addresses) {
        // smoltcp forgets all neighbours.
        self.guard.forget_neighbours();
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
        self.net.attempt = Attempt::Over;
        self.net.announce = true;
        self.net.ask_gateway = addresses.gateway.is_some();
        self.net.join_groups = true;
        self.net.set_status(Status::GlobalUp);
    }

    /// Gives up the IPv4 addresses.
    fn lose_addresses(&mut self) {
        self.iface
            .update_ip_addrs(|list| list.retain(|own| matches!(own, IpCidr::Ipv6(_))));
        self.iface.routes_mut().remove_default_ipv4_route();
        self.forget_groups_v4();
        self.net.current = None;
        self.net.announce = false;
        self.net.ask_gateway = false;
        self.net.join_groups = false;
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
