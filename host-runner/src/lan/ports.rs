//! Port numbers for the IUT to bind: none twice in a row, none that the host hands out by itself.

use core::net::{Ipv4Addr, SocketAddr};
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use socket2::{Domain, Socket, Type};

/// Below what kernels (32768) and stacks (49152) choose from for unbound sockets.
const FIRST: u32 = 20_000;
const COUNT: u32 = 12_000;

/// Numbers that only the IUT uses.
#[derive(Debug, Default)]
pub(super) struct OwnPorts(AtomicU32);

impl OwnPorts {
    pub(super) fn next(&self) -> u16 {
        // Fits: FIRST + COUNT < 65536.
        (FIRST + self.0.fetch_add(1, Ordering::Relaxed) % COUNT) as u16
    }
}

/// Numbers from the host's own set, shared with everybody on it.
#[derive(Debug)]
pub(super) struct SharedPorts(AtomicU32);

impl Default for SharedPorts {
    fn default() -> Self {
        // Several runners on one machine start at different places.
        Self(AtomicU32::new(std::process::id().wrapping_mul(97) % COUNT))
    }
}

impl SharedPorts {
    /// A number that is free for TCP and UDP on every address.
    pub(super) fn next(&self) -> io::Result<u16> {
        for _ in 0..COUNT {
            let port = (FIRST + self.0.fetch_add(1, Ordering::Relaxed) % COUNT) as u16;
            if is_free(Type::STREAM, port) && is_free(Type::DGRAM, port) {
                return Ok(port);
            }
        }
        Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "no port number of this machine is free for the IUT",
        ))
    }
}

/// Binds without `SO_REUSEADDR`, so that a port with connections in TIME_WAIT does not count as free.
fn is_free(kind: Type, port: u16) -> bool {
    let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    Socket::new(Domain::IPV4, kind, None)
        .is_ok_and(|socket| socket.bind(&everywhere.into()).is_ok())
}
