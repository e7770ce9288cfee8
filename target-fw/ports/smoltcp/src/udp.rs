//! UDP sockets (contract §7).

use nsapi::{Error, Protocol, Result, SocketAddress, StackHandle};
use smoltcp::socket::udp::SendError;
use smoltcp::wire::{IpAddress as WireAddress, IpListenEndpoint};

use crate::address::{address_of, to_wire};
use crate::core::{Core, Destination};
use crate::pipes::{QueueOwner, earliest};
use crate::slots::{Body, Local};
use crate::tcp::peer;

/// How long a datagram may wait for its neighbour's address, in microseconds: three questions, one per
/// second (RFC 1122 §2.3.2.1). A datagram to nobody must not hold up those behind it for ever.
const STUCK_US: u64 = 3_000_000;
/// Largest payload of a datagram over Ethernet: 1500 less the IPv6 and UDP headers.
const MAX_DATAGRAM_V6: usize = 1452;

impl Core {
    /// Opens a UDP socket, on queues that are free or else still emptying.
    pub(crate) fn open_udp(&mut self) -> Result<StackHandle> {
        let free = |wanted| {
            self.datagrams
                .iter()
                .position(|queues| queues.owner == wanted)
        };
        let queues = free(QueueOwner::Free)
            .or_else(|| free(QueueOwner::Closing))
            .ok_or(Error::NO_SOCKET)?;
        let (index, handle) = self.open(Protocol::Udp, Body::Udp { queues })?;
        self.empty_queues(queues);
        self.datagrams[queues].owner = QueueOwner::Socket(index);
        Ok(handle)
    }

    /// Leaves what was sent to leave in the background.
    pub(crate) fn leave_queues(&mut self, queues: usize) {
        self.leave_all(queues);
        self.datagrams[queues].owner = QueueOwner::Closing;
    }

    fn empty_queues(&mut self, queues: usize) {
        self.udp(queues).close();
        self.datagrams[queues].owner = QueueOwner::Free;
        self.datagrams[queues].seen_rx = None;
        self.datagrams[queues].stuck = None;
    }

    /// Lets the queues send and receive with a local address.
    pub(crate) fn open_queues(&mut self, queues: usize, ip: Option<WireAddress>, port: u16) {
        let endpoint = IpListenEndpoint { addr: ip, port };
        // The port is not 0 and the queues are closed: smoltcp has no reason to refuse.
        let _ = self.udp(queues).bind(endpoint);
    }

    /// Sends one datagram, whole or not at all.
    pub(crate) fn sendto(
        &mut self,
        index: usize,
        address: &SocketAddress,
        data: &[u8],
    ) -> Result<usize> {
        let Body::Udp { queues } = self.slots[index].body else {
            return Err(Error::UNSUPPORTED);
        };
        if data.is_empty() && to_wire(&address.ip).is_none() {
            // Nothing to nobody is done at once (contract §7).
            return Ok(0);
        }
        let remote = peer(address, self.slots[index].local)?;
        let too_long = match remote.addr {
            WireAddress::Ipv4(_) => false,
            WireAddress::Ipv6(_) => data.len() > MAX_DATAGRAM_V6,
        };
        if too_long || data.len() > usize::from(self.limits.udp_payload) {
            return Err(Error::PARAMETER);
        }
        match self.destination(remote.addr) {
            Destination::Host => {}
            Destination::Many if remote.addr.is_multicast() || self.slots[index].broadcast => {}
            Destination::Many => return Err(Error::PARAMETER),
            Destination::Unreachable => return Err(Error::NO_CONNECTION),
        }
        if self.slots[index].local.port == 0 {
            let port = self.choose_port(Protocol::Udp)?;
            self.slots[index].local = Local {
                ip: None,
                port,
                auto: true,
            };
            self.open_queues(queues, None, port);
        }
        let socket = self.udp(queues);
        match socket.send_slice(data, remote) {
            Ok(()) => Ok(data.len()),
            Err(SendError::Unaddressable) => Err(Error::PARAMETER),
            Err(SendError::BufferFull) => {
                let queued = socket.send_queue();
                self.slots[index].send_blocked = Some(queued);
                Err(Error::WOULD_BLOCK)
            }
        }
    }

    /// Takes one datagram; what does not fit is discarded.
    pub(crate) fn recvfrom(
        &mut self,
        index: usize,
        buffer: &mut [u8],
    ) -> Result<(usize, SocketAddress)> {
        let Body::Udp { queues } = self.slots[index].body else {
            return Err(Error::UNSUPPORTED);
        };
        let socket = self.udp(queues);
        let (data, meta) = socket.recv().map_err(|_| Error::WOULD_BLOCK)?;
        let count = data.len().min(buffer.len());
        buffer[..count].copy_from_slice(&data[..count]);
        let seen = socket.can_recv().then(|| socket.recv_queue());
        self.datagrams[queues].seen_rx = seen;
        Ok((count, address_of(meta.endpoint)))
    }

    /// Makes events of what happened to the queues.
    pub(crate) fn settle_queues(&mut self, queues: usize) {
        let socket = self.udp(queues);
        let received = socket.can_recv().then(|| socket.recv_queue());
        let queued = socket.send_queue();
        let arrived = received > self.datagrams[queues].seen_rx;
        self.datagrams[queues].seen_rx = received;
        let QueueOwner::Socket(index) = self.datagrams[queues].owner else {
            return;
        };
        let slot = &mut self.slots[index];
        let room = slot
            .send_blocked
            .is_some_and(|then| queued < then || queued == 0);
        if room {
            slot.send_blocked = None;
        }
        if arrived || room {
            slot.event();
        }
    }

    /// Drops datagrams whose neighbour does not answer, and queues that have emptied after close. Returns
    /// when to look again.
    pub(crate) fn tend_queues(&mut self) -> Option<u64> {
        let now = self.now_us;
        let mut next = None;
        for queues in 0..self.datagrams.len() {
            let socket = self.udp(queues);
            let (queued, unread) = (socket.send_queue(), socket.can_recv());
            let owner = self.datagrams[queues].owner;
            if queued == 0 {
                self.datagrams[queues].stuck = None;
                if owner == QueueOwner::Closing {
                    self.empty_queues(queues);
                }
                continue;
            }
            let since = match self.datagrams[queues].stuck {
                Some((bytes, since)) if bytes == queued => since,
                _ => now,
            };
            self.datagrams[queues].stuck = Some((queued, since));
            if now < since + STUCK_US {
                next = earliest(next, Some(since + STUCK_US));
            } else if owner == QueueOwner::Closing {
                self.empty_queues(queues);
            } else if !unread {
                // smoltcp can only drop everything at once, so not while something is unread.
                let socket = self.udp(queues);
                let endpoint = socket.endpoint();
                socket.close();
                let _ = socket.bind(endpoint);
                self.datagrams[queues].stuck = None;
                self.settle_queues(queues);
            }
        }
        next
    }
}
