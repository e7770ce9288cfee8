//! Addresses: an IP address of either family or none, and a port number (contract §12).
//!
//! Must not: resolve names, or know of interfaces and zones.

mod parse;
mod text;

#[cfg(test)]
mod tests;

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::Error;

pub use text::IpText;

/// An IP address, or none at all.
///
/// Compares byte by byte; [`SocketAddress`] has the looser rules of the API.
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

impl IpAddress {
    /// The address a text stands for; `None` if it is not exactly one IPv4 or IPv6 address.
    ///
    /// IPv4 is four decimal numbers up to 255, leading zeros allowed, at most 16 characters. IPv6 is what
    /// RFC 4291 §2.2 forms 1 and 2 allow, at most 39 characters: no dotted tail, zone, bracket or prefix.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        parse::ipv4(text)
            .map(Self::V4)
            .or_else(|| parse::ipv6(text).map(Self::V6))
    }

    /// The canonical text: IPv4 without leading zeros, IPv6 as RFC 5952 §4 demands (an IPv4-mapped one is
    /// written in hexadecimal too, so that every text can be parsed again). `None` without an address.
    #[must_use]
    pub fn text(&self) -> Option<IpText> {
        match self {
            Self::Unspec => None,
            Self::V4(bytes) => Some(IpText::of_ipv4(*bytes)),
            Self::V6(bytes) => Some(IpText::of_ipv6(*bytes)),
        }
    }

    /// The bytes in network order: none, 4 or 16.
    #[must_use]
    pub const fn bytes(&self) -> &[u8] {
        match self {
            Self::Unspec => &[],
            Self::V4(bytes) => bytes,
            Self::V6(bytes) => bytes,
        }
    }

    /// Whether there is an address and it is not all zeros.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.bytes().iter().any(|byte| *byte != 0)
    }
}

impl From<IpAddr> for IpAddress {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Self::V4(ip.octets()),
            IpAddr::V6(ip) => Self::V6(ip.octets()),
        }
    }
}

impl TryFrom<IpAddress> for IpAddr {
    /// [`Error::NO_ADDRESS`].
    type Error = Error;

    fn try_from(ip: IpAddress) -> Result<Self, Error> {
        match ip {
            IpAddress::Unspec => Err(Error::NO_ADDRESS),
            IpAddress::V4(bytes) => Ok(Self::V4(Ipv4Addr::from(bytes))),
            IpAddress::V6(bytes) => Ok(Self::V6(Ipv6Addr::from(bytes))),
        }
    }
}

impl fmt::Display for IpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text().as_deref().unwrap_or("(none)"))
    }
}

/// An IP address and a port number.
///
/// Two addresses that are not set ([`Self::is_set`]) are equal whatever their family and port; otherwise
/// family, bytes and port must agree. An IPv4 address never equals its IPv4-mapped IPv6 form.
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

    /// No address and this port: what `bind(port)` binds to.
    #[must_use]
    pub const fn any(port: u16) -> Self {
        Self {
            ip: IpAddress::Unspec,
            port,
        }
    }

    /// Takes the address from a text ([`IpAddress::parse`]) and says whether that went well. If not, the
    /// address is empty afterwards. The port is never touched.
    pub fn set_ip_address(&mut self, text: &str) -> bool {
        self.ip = IpAddress::parse(text).unwrap_or_default();
        !self.is_empty()
    }

    /// The text of the address; `None` when it is empty.
    #[must_use]
    pub fn get_ip_address(&self) -> Option<IpText> {
        self.ip.text()
    }

    /// Whether there is no address at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        matches!(self.ip, IpAddress::Unspec)
    }

    /// The address's value as a boolean: false when it is empty or all zeros. The port does not matter.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.ip.is_set()
    }
}

impl PartialEq for SocketAddress {
    fn eq(&self, other: &Self) -> bool {
        match (self.is_set(), other.is_set()) {
            (false, false) => true,
            (true, true) => self.ip == other.ip && self.port == other.port,
            _ => false,
        }
    }
}

impl Eq for SocketAddress {}

impl From<SocketAddr> for SocketAddress {
    fn from(address: SocketAddr) -> Self {
        Self::new(address.ip().into(), address.port())
    }
}

impl TryFrom<SocketAddress> for SocketAddr {
    /// [`Error::NO_ADDRESS`] for an empty address.
    type Error = Error;

    fn try_from(address: SocketAddress) -> Result<Self, Error> {
        Ok(Self::new(address.ip.try_into()?, address.port))
    }
}

impl fmt::Display for SocketAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ip {
            IpAddress::V6(_) => write!(f, "[{}]:{}", self.ip, self.port),
            IpAddress::Unspec | IpAddress::V4(_) => write!(f, "{}:{}", self.ip, self.port),
        }
    }
}
