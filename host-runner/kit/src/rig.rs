//! What the runner provides to the kit: bytes to the agent, host sockets in the right place.

use core::future::Future;
use core::net::SocketAddr;
use core::pin::Pin;
use std::io;
use std::sync::Arc;

use nsapi::Protocol;
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::wire::{Cable, Services};

/// Bytes to and from an agent: any link.
pub trait Channel: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Channel for T {}

/// A future in a box.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Which of the host's addresses a fixture uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HostAddress {
    /// The one every lan has.
    First,
    /// Another one ([`crate::Need::SecondHostAddress`]).
    Second,
    /// The first global (unique local) IPv6 address ([`crate::Need::HostIpv6`]).
    FirstIpv6,
    /// Another one of those.
    SecondIpv6,
    /// The link-local IPv6 address, with the host's own scope id in it.
    LinkLocal,
}

impl HostAddress {
    /// Whether it is an IPv6 address.
    #[must_use]
    pub const fn is_ipv6(self) -> bool {
        matches!(self, Self::FirstIpv6 | Self::SecondIpv6 | Self::LinkLocal)
    }

    /// Another address of the same family.
    #[must_use]
    pub const fn second(self) -> Self {
        if self.is_ipv6() {
            Self::SecondIpv6
        } else {
            Self::Second
        }
    }
}

/// What a lan can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LanProperties {
    /// [`crate::Need::SecondHostAddress`].
    pub second_host_address: bool,
    /// [`crate::Need::HonestTcp`].
    pub honest_tcp: bool,
    /// [`crate::Need::BlackHole`].
    pub black_hole: bool,
    /// [`crate::Need::SourcePorts`].
    pub source_ports: bool,
    /// IUT and fixtures share one address and one set of ports, so a port number must be free on both.
    pub shared_ports: bool,
    /// [`crate::Need::HostIpv6`].
    pub host_ipv6: bool,
    /// [`crate::Need::Cable`].
    pub cable: bool,
    /// There is no lan: nobody can be there that the IUT could reach. A case is skipped where it first needs somebody.
    pub no_peers: bool,
    /// Why there is no cable, for the reason of a skip; empty for the usual words.
    pub why_no_cable: &'static str,
}

/// Opens host sockets where the IUT can reach them, and translates between the two views.
pub trait SocketFactory: Send + Sync {
    /// The lan's name, for messages.
    fn name(&self) -> &str;

    /// What the lan can do.
    fn properties(&self) -> LanProperties;

    /// A socket of the host on this lan, not bound yet. Fixtures make all their sockets here: on a wire they belong
    /// into its namespace, and a socket stays where it was made.
    ///
    /// # Errors
    /// The system's.
    fn socket(&self, domain: Domain, kind: Type) -> io::Result<Socket> {
        Socket::new(domain, kind, None)
    }

    /// The cable, where the runner owns it.
    fn cable(&self) -> Option<Arc<dyn Cable>> {
        None
    }

    /// The services on that cable, for cases that script them: what [`Services::start`] gave when the wire was made.
    fn services(&self) -> Option<Arc<Services>> {
        None
    }

    /// Where a fixture binds: an address of the host, port 0.
    fn bind_address(&self, which: HostAddress) -> SocketAddr;

    /// The address under which the IUT reaches (and sees) the host's socket `host`.
    fn seen_by_iut(&self, host: SocketAddr) -> SocketAddr;

    /// Where the host reaches port `port` of the IUT; sets up a forward where the lan needs one.
    fn reach(&self, protocol: Protocol, iut: SocketAddr) -> BoxFuture<'_, io::Result<SocketAddr>>;

    /// A port number that is free on the IUT's side, and stays so for the length of a case.
    fn free_iut_port(&self, protocol: Protocol) -> io::Result<u16>;
}
