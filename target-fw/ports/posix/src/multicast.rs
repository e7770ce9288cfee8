//! Multicast groups of a UDP socket (contract §9, options 7 and 8). The kernel keeps the memberships and ends them
//! with the socket.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;

use nsapi::option::Membership;
use nsapi::{Error, IpAddress, Result, SocketAddress};
use rustix::io::Errno;
use rustix::net::sockopt;

use crate::errno::error;
use crate::host::Host;
use crate::{Body, Socket};

/// Joins or leaves the group in `value`. A wrong length, a group that is none, a family we lack and an interface
/// that is not ours are `PARAMETER`; a group joined already `ADDRESS_IN_USE`; one not joined `NO_ADDRESS`; one too
/// many `NO_MEMORY`.
pub(crate) fn set(socket: &Socket, host: &Host, join: bool, value: &[u8]) -> Result<()> {
    let Body::Udp(udp) = &socket.body else {
        return Err(Error::UNSUPPORTED);
    };
    let Membership { group, interface } = Membership::from_bytes(value).ok_or(Error::PARAMETER)?;
    if interface != IpAddress::Unspec {
        if core::mem::discriminant(&interface) != core::mem::discriminant(&group) {
            return Err(Error::PARAMETER);
        }
        host.local(&SocketAddress::new(interface, 0))?;
    }
    let fd = udp.fd();
    let result = match group {
        IpAddress::V4(group) => {
            let group = Ipv4Addr::from(group);
            let (own, index) = (Ipv4Addr::UNSPECIFIED, host.index());
            if join {
                sockopt::set_ip_add_membership_with_ifindex(fd, &group, &own, index)
            } else {
                sockopt::set_ip_drop_membership_with_ifindex(fd, &group, &own, index)
            }
        }
        IpAddress::V6(group) if host.is_dual() => {
            let group = Ipv6Addr::from(group);
            if join {
                sockopt::set_ipv6_add_membership(fd, &group, host.index())
            } else {
                sockopt::set_ipv6_drop_membership(fd, &group, host.index())
            }
        }
        IpAddress::V6(_) | IpAddress::Unspec => return Err(Error::PARAMETER),
    };
    result.map_err(|errno| match errno {
        Errno::ADDRINUSE => Error::ADDRESS_IN_USE,
        Errno::ADDRNOTAVAIL => Error::NO_ADDRESS,
        other => error(other),
    })
}

/// Sends to groups over our interface, whatever the routes say. On loopback nothing is sent to groups.
pub(crate) fn send_over(fd: &OwnedFd, host: &Host) -> Result<()> {
    if host.is_loopback() {
        return Ok(());
    }
    let own = Ipv4Addr::UNSPECIFIED;
    sockopt::set_ip_multicast_if_with_ifindex(fd, &own, &own, host.index()).map_err(error)?;
    if host.is_dual() {
        sockopt::set_ipv6_multicast_if(fd, host.index()).map_err(error)?;
    }
    Ok(())
}
