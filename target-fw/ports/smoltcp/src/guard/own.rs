//! Which addresses are ours, and what others are to us.

use core::net::{Ipv4Addr, Ipv6Addr};

use smoltcp::wire::IpCidr;

use super::ipv4;
use super::packet::{Address, is_same, mapped};

/// Who we are, and what time it is in microseconds.
pub(super) struct Own<'a> {
    pub(super) mac: [u8; 6],
    pub(super) addresses: &'a [IpCidr],
    pub(super) now_us: u64,
}

impl Own<'_> {
    pub(super) fn has(&self, ip: Address) -> bool {
        self.addresses.iter().any(|own| match own {
            IpCidr::Ipv4(own) => is_same(&own.address().to_ipv6_mapped(), &ip),
            IpCidr::Ipv6(own) => is_same(&own.address(), &ip),
        })
    }

    /// The link-local IPv6 address.
    pub(super) fn link_local(&self) -> Option<Ipv6Addr> {
        let own = self.addresses.iter().map(|own| mapped(own.address()));
        own.into_iter().find(Ipv6Addr::is_unicast_link_local)
    }

    /// The IPv4 addresses with the lengths of their prefixes.
    fn v4_networks(&self) -> impl Iterator<Item = (Ipv4Addr, u8)> {
        self.addresses.iter().filter_map(|own| match own {
            IpCidr::Ipv4(own) => Some((own.address(), own.prefix_len())),
            IpCidr::Ipv6(_) => None,
        })
    }

    /// The IPv4 address.
    pub(super) fn v4(&self) -> Option<Ipv4Addr> {
        self.v4_networks().next().map(|(ip, _)| ip)
    }

    pub(super) fn is_on_link(&self, ip: Ipv4Addr) -> bool {
        self.addresses
            .iter()
            .any(|own| own.contains_addr(&ip.into()))
    }

    /// Whether an address means all hosts of our network; the smallest networks have none (RFC 3021).
    pub(super) fn is_subnet_broadcast(&self, ip: Ipv4Addr) -> bool {
        self.v4_networks().any(|(own, prefix)| {
            let hosts = u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
            prefix < 31 && own.to_bits() | hosts == ip.to_bits()
        })
    }

    /// Whether an address can be another host's.
    pub(super) fn is_host(&self, ip: Ipv4Addr) -> bool {
        ipv4::is_unicast(ip) && !self.is_subnet_broadcast(ip) && !self.has(ip.to_ipv6_mapped())
    }
}
