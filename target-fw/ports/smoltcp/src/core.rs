//! All that the stack knows, without the device. One borrow of this is one operation.

use nsapi::Limits;
use smoltcp::iface::{Interface, SocketSet};
use smoltcp::socket::{tcp, udp};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpAddress as WireAddress, Ipv4Address, Ipv6Address};

use crate::Config;
use crate::address::is_host;
use crate::groups::Queries;
use crate::guard::Guard;
use crate::interface::Net;
use crate::pipes::{Datagrams, Pipe};
use crate::seeds::Seeds;
use crate::slots::Slot;

/// The state behind [`crate::SmoltcpStack`].
pub(crate) struct Core {
    pub(crate) iface: &'static mut Interface,
    pub(crate) guard: Guard,
    pub(crate) sockets: SocketSet<'static>,
    pub(crate) slots: &'static mut [Slot],
    pub(crate) pipes: &'static mut [Pipe],
    pub(crate) datagrams: &'static mut [Datagrams],
    pub(crate) net: Net,
    pub(crate) mac: EthernetAddress,
    /// The hardware address the board gave.
    pub(crate) first_mac: EthernetAddress,
    pub(crate) seeds: Seeds,
    pub(crate) config: Config,
    pub(crate) limits: Limits,
    pub(crate) queries: Queries,
    /// How often the DHCP client has looked for a server in a row.
    pub(crate) searches: u32,
    /// Time of the last poll.
    pub(crate) now_us: u64,
    /// Where the search for a free port begins.
    pub(crate) next_port: u16,
    /// Connections that have been established on listeners: their order.
    pub(crate) arrivals: u64,
}

/// Where a datagram or connection may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// One other host that there is a way to.
    Host,
    /// All hosts of the network, or a group.
    Many,
    /// Nobody: no address, no route, or ourselves.
    Unreachable,
}

impl Core {
    /// The smoltcp socket of a pipe.
    pub(crate) fn tcp(&mut self, pipe: usize) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(self.pipes[pipe].handle)
    }

    /// The smoltcp socket of a pair of datagram queues.
    pub(crate) fn udp(&mut self, queues: usize) -> &mut udp::Socket<'static> {
        self.sockets.get_mut(self.datagrams[queues].handle)
    }

    /// The time of the last poll in smoltcp's terms.
    pub(crate) fn instant(&self) -> Instant {
        Instant::from_micros(i64::try_from(self.now_us).unwrap_or(i64::MAX))
    }

    /// Whether `ip` can be reached with the current addresses.
    pub(crate) fn destination(&self, ip: WireAddress) -> Destination {
        match ip {
            WireAddress::Ipv4(ip) => self.destination_v4(ip),
            WireAddress::Ipv6(ip) => self.destination_v6(ip),
        }
    }

    fn destination_v4(&self, ip: Ipv4Address) -> Destination {
        let Some(own) = self.net.address() else {
            return Destination::Unreachable;
        };
        if ip.is_broadcast() || own.cidr.broadcast() == Some(ip) || ip.is_multicast() {
            Destination::Many
        } else if ip.is_loopback() || ip == own.cidr.address() || !is_host(ip) {
            Destination::Unreachable
        } else if own.cidr.contains_addr(&ip) || own.gateway.is_some() {
            Destination::Host
        } else {
            Destination::Unreachable
        }
    }

    fn destination_v6(&self, ip: Ipv6Address) -> Destination {
        if self.net.routers.link_local().is_none() || !self.net.link {
            return Destination::Unreachable;
        }
        let on_link = || {
            let ip = WireAddress::Ipv6(ip);
            self.iface
                .ip_addrs()
                .iter()
                .any(|own| own.contains_addr(&ip))
        };
        if ip.is_multicast() {
            Destination::Many
        } else if ip.is_loopback() || ip.is_unspecified() || self.iface.has_ip_addr(ip) {
            Destination::Unreachable
        } else if on_link() || self.iface.routes().get_default_ipv6_route().is_some() {
            Destination::Host
        } else {
            Destination::Unreachable
        }
    }
}
