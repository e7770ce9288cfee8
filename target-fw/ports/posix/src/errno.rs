//! Errors of the kernel in the terms of the API (contract §1).

use nsapi::Error;
use rustix::io::Errno;

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
