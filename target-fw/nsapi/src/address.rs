//! Addresses: an IP address of either family or none, and a port number (contract §12).

/// An IP address, or none at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum IpAddress {
    /// No address.
    #[default]
    Unspec,
    /// IPv4, network order.
    V4([u8; 4]),
    /// IPv6, network order.
    V6([u8; 16]),
}

/// An IP address and a port number.
#[derive(Clone, Copy, Debug, Default)]
pub struct SocketAddress {
    /// The address.
    pub ip: IpAddress,
    /// The port number of the transport protocol.
    pub port: u16,
}

impl SocketAddress {
    /// An address of its parts.
    #[must_use]
    pub const fn new(ip: IpAddress, port: u16) -> Self {
        Self { ip, port }
    }
}
