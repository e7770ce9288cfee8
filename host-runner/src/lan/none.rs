//! Lan `none`: nothing carries the board's frames to anybody. Cases about sockets alone run, the others are skipped.
//!
//! Must not: open a socket anywhere else instead.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::io;

use hil_kit::rig::{BoxFuture, HostAddress, LanProperties, SocketFactory};
use nsapi::Protocol;
use socket2::{Domain, Socket, Type};

use super::ports::OwnPorts;

/// No lan.
#[derive(Debug, Default)]
pub struct NoLan {
    ports: OwnPorts,
}

impl SocketFactory for NoLan {
    fn name(&self) -> &str {
        "none"
    }

    fn properties(&self) -> LanProperties {
        LanProperties {
            no_peers: true,
            why_no_cable: "the board has no lan, so no cable",
            ..LanProperties::default()
        }
    }

    fn socket(&self, _domain: Domain, _kind: Type) -> io::Result<Socket> {
        Err(nobody())
    }

    fn bind_address(&self, which: HostAddress) -> SocketAddr {
        if which.is_ipv6() {
            (Ipv6Addr::UNSPECIFIED, 0).into()
        } else {
            (Ipv4Addr::UNSPECIFIED, 0).into()
        }
    }

    fn seen_by_iut(&self, host: SocketAddr) -> SocketAddr {
        host
    }

    fn reach(&self, _: Protocol, _: SocketAddr) -> BoxFuture<'_, io::Result<SocketAddr>> {
        Box::pin(core::future::ready(Err(nobody())))
    }

    fn free_iut_port(&self, _protocol: Protocol) -> io::Result<u16> {
        // Ports of the IUT alone: nobody else is there.
        Ok(self.ports.next())
    }
}

fn nobody() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "the board has no lan")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_is_there() {
        let lan = NoLan::default();
        for which in [HostAddress::First, HostAddress::FirstIpv6] {
            let domain = Domain::for_address(lan.bind_address(which));
            assert!(lan.socket(domain, Type::STREAM).is_err());
        }
        let iut = SocketAddr::from(([10, 0, 0, 1], 7));
        assert!(lan.reach(Protocol::Tcp, iut).await.is_err());
        assert_ne!(
            lan.free_iut_port(Protocol::Udp).expect("a port"),
            lan.free_iut_port(Protocol::Udp).expect("a port")
        );
    }
}
