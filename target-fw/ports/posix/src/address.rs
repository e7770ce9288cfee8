//! Addresses of the kernel and of the API, and how far this stack reaches.

use std::net::{Ipv4Addr, SocketAddrV4};

use nsapi::{Error, IpAddress, Result, SocketAddress};
use rustix::net::SocketAddrAny;

/// Own address, and with it the part of the world that may be talked to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    own: Ipv4Addr,
}

impl Reach {
    pub(crate) const fn new(own: Ipv4Addr) -> Self {
        Self { own }
    }

    /// Where to bind: an all-zero address of either family counts as unset, then it is any own address.
    /// Everything that is not ours is `PARAMETER` (contract §6.1).
    pub(crate) fn local(&self, address: &SocketAddress) -> Result<SocketAddrV4> {
        match address.ip {
            IpAddress::Unspec | IpAddress::V4([0, 0, 0, 0]) => {}
            IpAddress::V4(ip) if Ipv4Addr::from(ip) == self.own => {}
            IpAddress::V6(ip) if ip == [0; 16] => {}
            IpAddress::V4(_) | IpAddress::V6(_) => return Err(Error::PARAMETER),
        }
        Ok(SocketAddrV4::new(self.any(), address.port))
    }

    /// All own addresses. On loopback that is the one, so that nobody outside can reach us.
    pub(crate) const fn any(&self) -> Ipv4Addr {
        if self.own.is_loopback() {
            self.own
        } else {
            Ipv4Addr::UNSPECIFIED
        }
    }

    /// Whom to talk to: `PARAMETER` for an unset address or port and for the other family; `NO_CONNECTION`
    /// where no way leads.
    pub(crate) fn remote(&self, address: &SocketAddress) -> Result<SocketAddrV4> {
        let ip = match address.ip {
            IpAddress::V4(ip) if ip != [0; 4] && address.port != 0 => Ipv4Addr::from(ip),
            _ => return Err(Error::PARAMETER),
        };
        if self.own.is_loopback() && !ip.is_loopback() {
            return Err(Error::NO_CONNECTION);
        }
        Ok(SocketAddrV4::new(ip, address.port))
    }
}

/// A peer that the kernel names.
pub(crate) fn peer(address: Option<SocketAddrAny>) -> SocketAddress {
    match address.map(SocketAddrV4::try_from) {
        Some(Ok(address)) => {
            SocketAddress::new(IpAddress::V4(address.ip().octets()), address.port())
        }
        _ => SocketAddress::default(),
    }
}
