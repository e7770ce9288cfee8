//! Who frames are from and for: nodes, groups, and the addresses that belong to them.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::wire::frame::Mac;

/// Something with a hardware and an IP address: the board, the host, a ghost, a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// Hardware address.
    pub mac: Mac,
    /// IP address.
    pub ip: IpAddr,
}

impl Node {
    /// A node.
    pub fn new(mac: Mac, ip: impl Into<IpAddr>) -> Self {
        Self { mac, ip: ip.into() }
    }

    /// A multicast group with the hardware address that belongs to it (RFC 1112 §6.4, RFC 2464 §7).
    pub fn group(ip: impl Into<IpAddr>) -> Self {
        let ip = ip.into();
        Self {
            mac: Mac::of_group(ip),
            ip,
        }
    }

    /// An IPv4 broadcast address: everybody's hardware address.
    #[must_use]
    pub const fn broadcast(ip: Ipv4Addr) -> Self {
        Self {
            mac: Mac::BROADCAST,
            ip: IpAddr::V4(ip),
        }
    }

    /// The same node under another IP address.
    #[must_use]
    pub fn at(self, ip: impl Into<IpAddr>) -> Self {
        Self {
            ip: ip.into(),
            ..self
        }
    }

    /// The same IP address under another hardware address.
    #[must_use]
    pub const fn with_mac(self, mac: Mac) -> Self {
        Self { mac, ..self }
    }
}

impl Mac {
    /// The hardware address of a multicast group (RFC 1112 §6.4, RFC 2464 §7).
    #[must_use]
    pub fn of_group(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => {
                let [_, b, c, d] = ip.octets();
                Self([0x01, 0x00, 0x5e, b & 0x7f, c, d])
            }
            IpAddr::V6(ip) => {
                let [.., a, b, c, d] = ip.octets();
                Self([0x33, 0x33, a, b, c, d])
            }
        }
    }

    /// The link-local address that is made of this hardware address (RFC 4291 Appendix A).
    #[must_use]
    pub fn link_local(self) -> Ipv6Addr {
        self.address_in(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0))
    }

    /// The address in a prefix of 64 bits that is made of this hardware address (RFC 4291 Appendix A).
    #[must_use]
    pub fn address_in(self, prefix: Ipv6Addr) -> Ipv6Addr {
        let [a, b, c, d, e, g] = self.0;
        let mut octets = prefix.octets();
        octets[8..].copy_from_slice(&[a ^ 2, b, c, 0xff, 0xfe, d, e, g]);
        octets.into()
    }
}
