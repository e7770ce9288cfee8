//! Addresses that are nobody's: from the ranges that RFC 5737 and RFC 3849 set aside for documentation.
//!
//! Must not: hold an address that a packet could be sent to.

use hil_kit::IpAddress;

/// An IPv4 address that no machine has (RFC 5737).
pub(crate) const IPV4: IpAddress = IpAddress::V4([192, 0, 2, 77]);
/// An IPv6 address that no machine has (RFC 3849).
pub(crate) const IPV6: IpAddress = IpAddress::V6([
    0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x77,
]);

/// An address of the family that `own` is not of.
pub(crate) const fn of_the_other_family(own: IpAddress) -> IpAddress {
    match own {
        IpAddress::V6(_) => IPV4,
        IpAddress::V4(_) | IpAddress::Unspec => IPV6,
    }
}

/// An address of the family of `own` that is not the board's.
pub(crate) const fn of_the_same_family(own: IpAddress) -> IpAddress {
    match own {
        IpAddress::V6(_) => IPV6,
        IpAddress::V4(_) | IpAddress::Unspec => IPV4,
    }
}
