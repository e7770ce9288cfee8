//! Errors that smoltcp would send about datagrams: at a limited rate, and never to many (RFC 4443 §2.4,
//! RFC 1812 §4.3.2.8).

use smoltcp::iface::SocketSet;
use smoltcp::socket::Socket;

use super::frame::u16_at;
use super::packet::{Packet, mapped};

/// Errors that may be sent in one interval, and its length in microseconds.
const BURST: u8 = 10;
const INTERVAL_US: u64 = 1_000_000;

/// Port of a DHCP client.
const DHCP_CLIENT: u16 = 68;

/// Whether somebody takes datagrams for the port that one is for.
pub(super) fn is_udp_open(frame: &[u8], packet: &Packet, sockets: &SocketSet<'_>) -> bool {
    let port = u16_at(frame, packet.payload + 2);
    sockets.iter().any(|(_, socket)| match socket {
        Socket::Udp(socket) => {
            let at = socket.endpoint();
            let here = at.addr.is_none_or(|ip| mapped(ip) == packet.destination);
            at.port == port && (here || packet.destination.is_multicast())
        }
        // Always there, and for this port only (RFC 2131 §4.1).
        Socket::Dhcpv4(_) => port == DHCP_CLIENT,
        // What else takes datagrams decides by ports of its own, and is a member of no group.
        other => !matches!(other, Socket::Tcp(_)) && !packet.destination.is_multicast(),
    })
}

/// Counts the errors.
#[derive(Debug, Default)]
pub(super) struct Errors {
    since_us: u64,
    sent: u8,
}

impl Errors {
    /// Whether another one may be sent; it counts as sent.
    pub(super) fn may_send(&mut self, now_us: u64) -> bool {
        if now_us >= self.since_us + INTERVAL_US {
            self.since_us = now_us;
            self.sent = 0;
        }
        let may = self.sent < BURST;
        self.sent += u8::from(may);
        may
    }
}
