//! Addresses of the API in smoltcp's terms and back, and what kind of address one is.

use nsapi::{IpAddress, SocketAddress};
use smoltcp::wire::{
    EthernetAddress, HardwareAddress, IpAddress as WireAddress, IpEndpoint, Ipv4Address,
    Ipv6Address, Ipv6Cidr,
};

/// The same address for smoltcp; `None` for an unset one and for all zeros of either family.
pub(crate) fn to_wire(ip: &IpAddress) -> Option<WireAddress> {
    match *ip {
        IpAddress::V4(bytes) if bytes != [0; 4] => {
            Some(WireAddress::Ipv4(Ipv4Address::from(bytes)))
        }
        IpAddress::V6(bytes) if bytes != [0; 16] => {
            Some(WireAddress::Ipv6(Ipv6Address::from(bytes)))
        }
        _ => None,
    }
}

/// The same address for the API.
pub(crate) fn from_wire(ip: WireAddress) -> IpAddress {
    match ip {
        WireAddress::Ipv4(ip) => IpAddress::V4(ip.octets()),
        WireAddress::Ipv6(ip) => IpAddress::V6(ip.octets()),
    }
}

/// An address without a port.
pub(crate) fn bare(ip: impl Into<WireAddress>) -> SocketAddress {
    SocketAddress::new(from_wire(ip.into()), 0)
}

/// An endpoint of smoltcp in the terms of the API.
pub(crate) fn address_of(endpoint: IpEndpoint) -> SocketAddress {
    SocketAddress::new(from_wire(endpoint.addr), endpoint.port)
}

/// Whether an IPv4 address can be one host's.
pub(crate) const fn is_host(ip: Ipv4Address) -> bool {
    !(ip.is_unspecified() || ip.is_broadcast() || ip.is_multicast())
}

/// The link-local address made of a hardware address (RFC 4291 appendix A).
pub(crate) fn link_local(mac: [u8; 6]) -> Ipv6Cidr {
    const PREFIX: Ipv6Cidr = Ipv6Cidr::new(Ipv6Address::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 64);
    let hardware = HardwareAddress::Ethernet(EthernetAddress(mac));
    // There always is one for an Ethernet address and 64 bits of prefix.
    Ipv6Cidr::from_link_prefix(&PREFIX, hardware).unwrap_or(PREFIX)
}
