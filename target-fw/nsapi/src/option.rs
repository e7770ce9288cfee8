//! Numbers of levels and options, and the values that are more than a number (contract §9).

use crate::IpAddress;

/// Level of the socket options below.
pub const LEVEL_SOCKET: i32 = 7000;
/// Level of the options of offloaded TLS.
pub const LEVEL_TLS: i32 = 7099;
/// Level of the stack options, which are not socket options.
pub const LEVEL_STACK: i32 = 5000;

/// `int` bool: allow local addresses to be used again.
pub const REUSEADDR: i32 = 0;
/// `int`: seconds, 0 to 7200; TCP only.
pub const KEEPALIVE: i32 = 1;
/// `int`: idle time before the first probe.
pub const KEEPIDLE: i32 = 2;
/// `int`: time between probes.
pub const KEEPINTVL: i32 = 3;
/// Linger on close.
pub const LINGER: i32 = 4;
/// Size of the send buffer.
pub const SNDBUF: i32 = 5;
/// Size of the receive buffer.
pub const RCVBUF: i32 = 6;
/// Join a multicast group.
pub const ADD_MEMBERSHIP: i32 = 7;
/// Leave a multicast group.
pub const DROP_MEMBERSHIP: i32 = 8;
/// Bind to an interface by name.
pub const BIND_TO_DEVICE: i32 = 9;
/// Latency estimate, read only.
pub const LATENCY: i32 = 10;
/// Stagger estimate, read only.
pub const STAGGER: i32 = 11;
/// Type of service, one byte.
pub const IPTOS: i32 = 12;
/// `int` bool: allow broadcasts; UDP only.
pub const BROADCAST: i32 = 13;
/// `int` bool: packet information in control data.
pub const PKTINFO: i32 = 14;

/// Longest interface name in bytes (contract §2).
pub const INTERFACE_NAME: usize = 6;

/// Whether options of this level belong to a socket at all.
#[must_use]
pub const fn is_socket_level(level: i32) -> bool {
    matches!(level, LEVEL_SOCKET | LEVEL_TLS)
}

/// Value of [`ADD_MEMBERSHIP`] and [`DROP_MEMBERSHIP`] (`nsapi_ip_mreq_t`).
///
/// As bytes: group, then interface; of each its version (0 none, 1 IPv4, 2 IPv6) in one byte and 16 bytes of
/// address, of which IPv4 uses the first 4. That is the C layout where enumerations are as short as possible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// The multicast group.
    pub group: IpAddress,
    /// Address of the interface; unspecified lets the stack choose.
    pub interface: IpAddress,
}

impl Membership {
    /// Size as bytes.
    pub const SIZE: usize = 2 * ADDRESS_SIZE;

    /// The option value.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        for (place, ip) in bytes
            .chunks_exact_mut(ADDRESS_SIZE)
            .zip([self.group, self.interface])
        {
            let version = match ip {
                IpAddress::Unspec => 0,
                IpAddress::V4(_) => 1,
                IpAddress::V6(_) => 2,
            };
            for (byte, value) in place.iter_mut().zip([version].iter().chain(ip.bytes())) {
                *byte = *value;
            }
        }
        bytes
    }

    /// From an option value; `None` for a wrong length or version.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (group, interface) = bytes.split_at_checked(ADDRESS_SIZE)?;
        Some(Self {
            group: address(group)?,
            interface: address(interface)?,
        })
    }
}

/// Version and bytes of one address.
const ADDRESS_SIZE: usize = 17;

fn address(bytes: &[u8]) -> Option<IpAddress> {
    let (version, bytes) = bytes.split_first()?;
    let bytes: [u8; 16] = bytes.try_into().ok()?;
    match version {
        0 => Some(IpAddress::Unspec),
        1 => bytes.first_chunk().copied().map(IpAddress::V4),
        2 => Some(IpAddress::V6(bytes)),
        _ => None,
    }
}

/// The word for an option number used in capability names (`option:reuseaddr`).
#[must_use]
pub const fn name(option: i32) -> Option<&'static str> {
    Some(match option {
        REUSEADDR => "reuseaddr",
        KEEPALIVE => "keepalive",
        KEEPIDLE => "keepidle",
        KEEPINTVL => "keepintvl",
        LINGER => "linger",
        SNDBUF => "sndbuf",
        RCVBUF => "rcvbuf",
        ADD_MEMBERSHIP => "add-membership",
        DROP_MEMBERSHIP => "drop-membership",
        BIND_TO_DEVICE => "bind-to-device",
        LATENCY => "latency",
        STAGGER => "stagger",
        IPTOS => "tos",
        BROADCAST => "broadcast",
        PKTINFO => "pktinfo",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memberships_to_bytes_and_back() {
        for membership in [
            Membership {
                group: IpAddress::V4([224, 0, 0, 251]),
                interface: IpAddress::Unspec,
            },
            Membership {
                group: IpAddress::V6([0xff; 16]),
                interface: IpAddress::V6([1; 16]),
            },
        ] {
            assert_eq!(
                Membership::from_bytes(&membership.to_bytes()),
                Some(membership)
            );
        }
        let value = Membership {
            group: IpAddress::V4([224, 0, 0, 1]),
            ..Membership::default()
        }
        .to_bytes();
        assert_eq!(value.get(..6), Some(&[1, 224, 0, 0, 1, 0][..]));
        for bad in [&[][..], &[0; 33], &[0; 35], &[3; 34]] {
            assert_eq!(Membership::from_bytes(bad), None);
        }
    }
}
