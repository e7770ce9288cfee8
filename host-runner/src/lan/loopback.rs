//! Lan `loopback`: IUT and fixtures are processes of one machine and share its loopback interface.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::io;

use hil_kit::rig::{BoxFuture, HostAddress, LanProperties, SocketFactory};
use nsapi::Protocol;

use super::ports::SharedPorts;

/// The host's loopback interface.
#[derive(Debug, Default)]
pub struct Loopback {
    ports: SharedPorts,
}

impl SocketFactory for Loopback {
    fn name(&self) -> &str {
        "loopback"
    }

    fn properties(&self) -> LanProperties {
        LanProperties {
            // All of 127.0.0.0/8 is local.
            second_host_address: true,
            // One TCP connection from end to end, nothing in between.
            honest_tcp: true,
            // A listener with backlog 0 and one waiting connection drops further SYNs; see the test.
            black_hole: true,
            shared_ports: true,
        }
    }

    fn bind_address(&self, which: HostAddress) -> SocketAddr {
        let last = match which {
            HostAddress::First => 1,
            HostAddress::Second => 2,
        };
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), 0)
    }

    fn seen_by_iut(&self, host: SocketAddr) -> SocketAddr {
        host
    }

    fn reach(&self, _protocol: Protocol, iut: SocketAddr) -> BoxFuture<'_, io::Result<SocketAddr>> {
        // An IUT that is bound to every address is reached at the first.
        let ip = if iut.ip().is_unspecified() {
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        } else {
            iut.ip()
        };
        Box::pin(core::future::ready(Ok(SocketAddr::new(ip, iut.port()))))
    }

    fn free_iut_port(&self, _protocol: Protocol) -> io::Result<u16> {
        self.ports.next()
    }
}
