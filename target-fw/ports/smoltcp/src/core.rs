//! All that the stack knows, without the device. One borrow of this is one operation.

use nsapi::Limits;
use smoltcp::iface::{Interface, SocketSet};
use smoltcp::socket::{tcp, udp};
use smoltcp::time::Instant;
use smoltcp::wire::Ipv4Address;

use crate::Config;
use crate::interface::Net;
use crate::pipes::{Datagrams, Pipe};
use crate::slots::Slot;

/// The state behind [`crate::SmoltcpStack`].
pub(crate) struct Core {
    pub(crate) iface: Interface,
    pub(crate) sockets: SocketSet<'static>,
    pub(crate) slots: &'static mut [Slot],
    pub(crate) pipes: &'static mut [Pipe],
    pub(crate) datagrams: &'static mut [Datagrams],
    pub(crate) net: Net,
    pub(crate) config: Config,
    pub(crate) limits: Limits,
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

/// Whether an address can be one host's.
pub(crate) const fn is_host(ip: Ipv4Address) -> bool {
    !(ip.is_unspecified() || ip.is_broadcast() || ip.is_multicast())
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
    pub(crate) fn destination(&self, ip: Ipv4Address) -> Destination {
        let Some(own) = self.net.current else {
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
}
