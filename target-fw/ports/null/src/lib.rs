//! A port that claims everything and does nothing: it answers OK or the full size to every call, at once.
//!
//! It attaches at socket level, so nothing of ours stands between its answers and the tester. A case that
//! passes on it has checked nothing.
//!
//! Must not: keep any state that an answer depends on, touch a buffer, call a callback, or wait.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

use core::cell::Cell;
use core::task::Poll;

use nsapi::dns::{PollDns, Version};
use nsapi::interface::{NetworkInterface, Status};
use nsapi::iut::{LegacyCalls, OpenOn, SocketKind};
use nsapi::{
    Call, Callback, Capabilities, IpAddress, Iut, Limits, Result, SocketAddress, SocketId,
    Statement,
};

/// The answer wherever an address is asked for.
const ANY: SocketAddress = SocketAddress::new(IpAddress::V4([0; 4]), 0);

/// The port. Holds nothing but the clock it was given and the number of the next object.
#[derive(Debug)]
pub struct Null {
    now_us: fn() -> u64,
    next: Cell<u16>,
}

impl Null {
    /// The port with a monotonic clock in microseconds.
    #[must_use]
    pub const fn new(now_us: fn() -> u64) -> Self {
        Self {
            now_us,
            next: Cell::new(0),
        }
    }

    /// Each object has a name of its own, so that the tester's table stays consistent.
    fn next_id(&self) -> SocketId {
        let index = self.next.get();
        self.next.set(index.wrapping_add(1));
        SocketId {
            index,
            generation: 0,
        }
    }
}

impl Iut for Null {
    fn statement(&self) -> Statement {
        Statement {
            port: "null",
            capabilities: Capabilities::EVERYTHING,
            limits: Limits {
                tcp_sockets: 8,
                udp_sockets: 8,
                sockets: 16,
                backlog: 8,
                udp_payload: 1472,
                udp_queue: 16,
                tcp_send_buffer: 8192,
                connect_timeout_ms: 1000,
            },
        }
    }

    fn now_us(&self) -> u64 {
        (self.now_us)()
    }

    fn socket_new(&self, _: SocketKind) -> Result<SocketId> {
        Ok(self.next_id())
    }

    fn socket_delete(&self, _: SocketId) {}

    fn open(&self, _: SocketId, _: OpenOn) -> Result<()> {
        Ok(())
    }

    fn poll_close(&self, _: SocketId, _: &mut Call) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn bind(&self, _: SocketId, _: &SocketAddress) -> Result<()> {
        Ok(())
    }

    fn listen(&self, _: SocketId, _: i32) -> Result<()> {
        Ok(())
    }

    fn poll_accept(&self, _: SocketId, _: &mut Call) -> Poll<Result<(SocketId, SocketAddress)>> {
        Poll::Ready(Ok((self.next_id(), ANY)))
    }

    fn poll_connect(&self, _: SocketId, _: &mut Call, _: &SocketAddress) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_send(&self, _: SocketId, _: &mut Call, data: &[u8]) -> Poll<Result<usize>> {
        Poll::Ready(Ok(data.len()))
    }

    fn poll_recv(&self, _: SocketId, _: &mut Call, buffer: &mut [u8]) -> Poll<Result<usize>> {
        Poll::Ready(Ok(buffer.len()))
    }

    fn poll_sendto(
        &self,
        _: SocketId,
        _: &mut Call,
        _: &SocketAddress,
        data: &[u8],
    ) -> Poll<Result<usize>> {
        Poll::Ready(Ok(data.len()))
    }

    fn poll_recvfrom(
        &self,
        _: SocketId,
        _: &mut Call,
        buffer: &mut [u8],
        from: Option<&mut SocketAddress>,
    ) -> Poll<Result<usize>> {
        if let Some(from) = from {
            *from = ANY;
        }
        Poll::Ready(Ok(buffer.len()))
    }

    fn cancel(&self, _: SocketId, _: &mut Call) {}

    fn set_blocking(&self, _: SocketId, _: bool) {}

    fn set_timeout(&self, _: SocketId, _: i32) {}

    fn sigio(&self, _: SocketId, _: Option<Callback>) {}

    fn setsockopt(&self, _: SocketId, _: i32, _: i32, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn getsockopt(&self, _: SocketId, _: i32, _: i32, value: &mut [u8]) -> Result<usize> {
        Ok(value.len())
    }

    fn setstackopt(&self, _: i32, _: i32, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn getstackopt(&self, _: i32, _: i32, value: &mut [u8]) -> Result<usize> {
        Ok(value.len())
    }

    fn getpeername(&self, _: SocketId) -> Result<SocketAddress> {
        Ok(ANY)
    }

    fn multicast(&self, _: SocketId, _: bool, _: &SocketAddress) -> Result<()> {
        Ok(())
    }

    fn control_data(&self, _: SocketId) -> Result<usize> {
        Ok(0)
    }

    fn parse_address(&self, _: &str) -> Option<SocketAddress> {
        Some(ANY)
    }

    fn format_address(&self, _: &SocketAddress, _: &mut [u8]) -> Option<usize> {
        Some(0)
    }

    fn interface(&self) -> &dyn NetworkInterface {
        self
    }

    fn interface_set_blocking(&self, _: bool) -> Result<()> {
        Ok(())
    }

    fn interface_attach(&self, _: Option<Callback>) -> Result<()> {
        Ok(())
    }

    fn interface_set_mac_address(&self, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn dns(&self) -> Option<&dyn PollDns> {
        Some(self)
    }

    fn legacy(&self) -> Option<&dyn LegacyCalls> {
        Some(self)
    }
}

impl PollDns for Null {
    fn poll_gethostbyname(&self, _: &mut Call, _: &str, _: Version) -> Poll<Result<SocketAddress>> {
        Poll::Ready(Ok(ANY))
    }

    fn cancel(&self, _: &mut Call) {}

    fn add_dns_server(&self, _: &SocketAddress) -> Result<()> {
        Ok(())
    }
}

impl NetworkInterface for Null {
    fn connect(&self) -> Result<()> {
        Ok(())
    }

    fn disconnect(&self) -> Result<()> {
        Ok(())
    }

    fn status(&self) -> Result<Status> {
        Ok(Status::GlobalUp)
    }

    fn add_event_listener(&self, _: Callback) -> Result<()> {
        Ok(())
    }

    fn get_ip_address(&self) -> Result<SocketAddress> {
        Ok(SocketAddress::new(IpAddress::V4([127, 0, 0, 1]), 0))
    }

    fn get_netmask(&self) -> Result<SocketAddress> {
        Ok(ANY)
    }

    fn get_gateway(&self) -> Result<SocketAddress> {
        Ok(ANY)
    }

    fn get_ipv6_address(&self) -> Result<SocketAddress> {
        Ok(ANY)
    }

    fn get_ipv6_link_local_address(&self) -> Result<SocketAddress> {
        Ok(ANY)
    }

    fn get_mac_address(&self) -> Option<[u8; 6]> {
        Some([0; 6])
    }

    fn set_mac_address(&self, _: [u8; 6]) -> Result<()> {
        Ok(())
    }

    fn get_hostname(&self, _: &mut [u8]) -> Option<usize> {
        Some(0)
    }

    fn set_hostname(&self, _: &str) -> Result<()> {
        Ok(())
    }

    fn get_interface_name(&self) -> Option<&str> {
        Some("")
    }

    fn set_network(&self, _: &SocketAddress, _: &SocketAddress, _: &SocketAddress) -> Result<()> {
        Ok(())
    }

    fn set_dhcp(&self, _: bool) -> Result<()> {
        Ok(())
    }
}

impl LegacyCalls for Null {
    fn bind_text(&self, _: SocketId, _: &str, _: u16) -> Result<()> {
        Ok(())
    }

    fn poll_connect_text(&self, _: SocketId, _: &mut Call, _: &str, _: u16) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_sendto_text(
        &self,
        _: SocketId,
        _: &mut Call,
        _: &str,
        _: u16,
        data: &[u8],
    ) -> Poll<Result<usize>> {
        Poll::Ready(Ok(data.len()))
    }

    fn poll_server_accept(
        &self,
        _: SocketId,
        _: &mut Call,
        _: SocketId,
    ) -> Poll<Result<SocketAddress>> {
        Poll::Ready(Ok(ANY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_claims_all_a_port_can_and_touches_no_buffer() {
        let null = Null::new(|| 0);
        let statement = null.statement();
        assert!(
            nsapi::Capability::ALL
                .into_iter()
                .filter(|&c| c != nsapi::Capability::CrashCommands)
                .all(|c| statement.capabilities.has(c))
        );
        let id = null.socket_new(SocketKind::Tcp).unwrap();
        let mut buffer = [7; 5];
        assert_eq!(
            null.poll_recv(id, &mut Call::new(), &mut buffer),
            Poll::Ready(Ok(5))
        );
        assert_eq!(buffer, [7; 5]);
    }

    #[test]
    fn names_of_objects_differ() {
        let null = Null::new(|| 0);
        let a = null.socket_new(SocketKind::Tcp).unwrap();
        let Poll::Ready(Ok((b, _))) = null.poll_accept(a, &mut Call::new()) else {
            panic!("it never waits")
        };
        assert_ne!(a, b);
    }
}
