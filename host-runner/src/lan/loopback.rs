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
            source_ports: true,
            shared_ports: true,
            ..LanProperties::default()
        }
    }

    fn bind_address(&self, which: HostAddress) -> SocketAddr {
        let last = match which {
            HostAddress::Second => 2,
            // No case gets an IPv6 address here: the lan does not claim any.
            _ => 1,
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

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use socket2::{Domain, Socket, Type};

    use super::*;

    #[test]
    fn a_full_listener_is_a_black_hole() {
        let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let lan = Loopback::default();
        let listener = socket();
        listener
            .bind(&lan.bind_address(HostAddress::Second).into())
            .expect("127.0.0.2 is local");
        listener.listen(0).expect("it listens");
        let address = listener.local_addr().expect("an address");
        let first = socket();
        first
            .connect_timeout(&address, Duration::from_secs(5))
            .expect("one connection may wait");
        let error = socket()
            .connect_timeout(&address, Duration::from_millis(200))
            .expect_err("nobody answers");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn ports_for_the_iut_are_free_and_differ() {
        let lan = Loopback::default();
        let ports = [(); 4].map(|()| lan.free_iut_port(Protocol::Tcp).expect("a port"));
        for (index, port) in ports.iter().enumerate() {
            assert!(!ports[..index].contains(port));
            std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).expect("it is free");
        }
    }

    #[test]
    fn ports_in_use_are_passed_over() {
        let lan = Loopback::default();
        let port = lan.free_iut_port(Protocol::Udp).expect("a port");
        let held = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, port + 1));
        let next = lan.free_iut_port(Protocol::Udp).expect("a port");
        // Held by the test, or by somebody else: either way it is not handed out.
        assert_ne!(next, port + 1, "{held:?}");
    }

    #[tokio::test]
    async fn reaches_an_iut_that_is_bound_to_every_address() {
        let lan = Loopback::default();
        let host = lan
            .reach(Protocol::Tcp, SocketAddr::from(([0, 0, 0, 0], 7)))
            .await
            .expect("no forward needed");
        assert_eq!(host, SocketAddr::from(([127, 0, 0, 1], 7)));
        assert_eq!(lan.seen_by_iut(host), host);
    }
}
