//! Numbers of levels and options (contract §9).

/// Level of the socket options below.
pub const LEVEL_SOCKET: i32 = 7000;
/// Level of the stack options.
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
