//! A board joined directly to the kernel of a namespace: the wire without the runner in between, to compare with.
//!
//! Nothing is recorded, bent or served; the board has a fixed address. For benchmarks only.

use core::net::SocketAddr;
use std::io;
use std::os::fd::OwnedFd;

use hil_kit::rig::{BoxFuture, HostAddress, LanProperties, SocketFactory};
use hil_kit::wire::WirePlan;
use nsapi::Protocol;
use socket2::{Domain, Socket, Type};

use super::namespace::Namespace;
use super::{Refusal, host_namespace};
use crate::lan::ports::OwnPorts;

/// See the module.
#[derive(Debug)]
pub(crate) struct Joined {
    plan: WirePlan,
    ports: OwnPorts,
    namespace: Namespace,
    /// The packet socket that is the board's end.
    end: OwnedFd,
}

impl Joined {
    /// Makes one. Takes some ten milliseconds and blocks that long.
    ///
    /// # Errors
    /// The system refuses, or the environment forbids it.
    pub(crate) fn make() -> Result<Self, Refusal> {
        if let Some(refusal) = Refusal::by_environment() {
            return Err(refusal);
        }
        let plan = WirePlan::STANDARD;
        let (namespace, end) = host_namespace(plan)?;
        Ok(Self {
            plan,
            ports: OwnPorts::default(),
            namespace,
            end,
        })
    }

    /// The board's end: a frame per datagram.
    pub(crate) fn end(&self) -> io::Result<OwnedFd> {
        self.end.try_clone()
    }

    /// The board's address and the bits of its network, as the board is told.
    pub(crate) fn board_address(&self) -> String {
        format!("{}/{}", self.plan.board_ipv4, self.plan.ipv4_prefix)
    }
}

impl SocketFactory for Joined {
    fn name(&self) -> &str {
        "joined"
    }

    fn properties(&self) -> LanProperties {
        LanProperties {
            honest_tcp: true,
            source_ports: true,
            why_no_cable: "board and host are joined without the runner",
            ..LanProperties::default()
        }
    }

    fn socket(&self, domain: Domain, kind: Type) -> io::Result<Socket> {
        self.namespace.socket(domain, kind, 0)
    }

    fn bind_address(&self, which: HostAddress) -> SocketAddr {
        let number = usize::from(which == HostAddress::Second);
        (self.plan.host_ipv4[number], 0).into()
    }

    fn seen_by_iut(&self, host: SocketAddr) -> SocketAddr {
        host
    }

    fn reach(&self, _protocol: Protocol, iut: SocketAddr) -> BoxFuture<'_, io::Result<SocketAddr>> {
        let reached = (self.plan.board_ipv4, iut.port()).into();
        Box::pin(core::future::ready(Ok(reached)))
    }

    fn free_iut_port(&self, _protocol: Protocol) -> io::Result<u16> {
        Ok(self.ports.next())
    }
}
