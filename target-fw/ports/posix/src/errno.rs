//! Errors of the kernel (contract §1), and peers as it names them, in the terms of the API.

use std::net::{IpAddr, SocketAddr};

use nsapi::{Error, IpAddress, SocketAddress};
use rustix::io::Errno;
use rustix::net::SocketAddrAny;

/// What an error of the kernel means to the application.
pub(crate) fn error(errno: Errno) -> Error {
    match errno {
        Errno::AGAIN | Errno::INTR => Error::WOULD_BLOCK,
        Errno::ADDRINUSE
        | Errno::ADDRNOTAVAIL
        | Errno::AFNOSUPPORT
        | Errno::INVAL
        | Errno::ACCESS
        | Errno::PERM
        | Errno::MSGSIZE
        | Errno::DESTADDRREQ => Error::PARAMETER,
        Errno::CONNREFUSED
        | Errno::CONNRESET
        | Errno::CONNABORTED
        | Errno::PIPE
        | Errno::TIMEDOUT
        | Errno::NOTCONN
        | Errno::HOSTUNREACH
        | Errno::NETUNREACH
        | Errno::NETDOWN => Error::NO_CONNECTION,
        Errno::MFILE | Errno::NFILE => Error::NO_SOCKET,
        Errno::NOMEM | Errno::NOBUFS => Error::NO_MEMORY,
        Errno::OPNOTSUPP | Errno::NOPROTOOPT | Errno::PROTONOSUPPORT => Error::UNSUPPORTED,
        Errno::INPROGRESS => Error::IN_PROGRESS,
        Errno::ALREADY => Error::ALREADY,
        Errno::ISCONN => Error::IS_CONNECTED,
        _ => Error::DEVICE_ERROR,
    }
}

/// A peer that the kernel names.
pub(crate) fn peer(address: Option<SocketAddrAny>) -> SocketAddress {
    let Some(Ok(address)) = address.map(SocketAddr::try_from) else {
        return SocketAddress::default();
    };
    let ip = match address.ip().to_canonical() {
        IpAddr::V4(ip) => IpAddress::V4(ip.octets()),
        IpAddr::V6(ip) => IpAddress::V6(ip.octets()),
    };
    SocketAddress::new(ip, address.port())
}
