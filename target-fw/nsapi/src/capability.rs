//! What a port claims: its conformance statement in the terms of ISO 9646.

/// One thing a port may claim to offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Capability {
    /// IPv4.
    Ipv4 = 0,
    /// IPv6.
    Ipv6 = 1,
    /// TCP client sockets.
    Tcp = 2,
    /// UDP sockets.
    Udp = 3,
    /// TCP server sockets: listen and accept.
    Server = 4,
    /// A non-blocking connect returns before the connection is there.
    ConnectAsync = 5,
    /// Several calls may be in flight at once.
    Lanes = 6,
    /// Timeouts are honoured.
    Timeouts = 7,
    /// Event callbacks.
    Sigio = 8,
    /// Multicast groups.
    Multicast = 9,
    /// The interface can be brought up and down.
    Interface = 10,
    /// Name resolution.
    Dns = 11,
    /// The resolver's cache and server list can be controlled.
    DnsControl = 12,
    /// Cellular non-IP data delivery.
    Nidd = 13,
    /// `TcpServer` and text addresses of the older API.
    Legacy = 14,
    /// Calls that poison some stacks are allowed.
    Destructive = 15,
    /// The agent breaks its board when asked to. No port claims it: the agent does, where it was built to.
    CrashCommands = 16,
}

impl Capability {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Ipv4,
        Self::Ipv6,
        Self::Tcp,
        Self::Udp,
        Self::Server,
        Self::ConnectAsync,
        Self::Lanes,
        Self::Timeouts,
        Self::Sigio,
        Self::Multicast,
        Self::Interface,
        Self::Dns,
        Self::DnsControl,
        Self::Nidd,
        Self::Legacy,
        Self::Destructive,
        Self::CrashCommands,
    ];

    /// The word used in reports and lists.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Server => "server",
            Self::ConnectAsync => "connect-async",
            Self::Lanes => "lanes",
            Self::Timeouts => "timeouts",
            Self::Sigio => "sigio",
            Self::Multicast => "multicast",
            Self::Interface => "interface",
            Self::Dns => "dns",
            Self::DnsControl => "dns-control",
            Self::Nidd => "nidd",
            Self::Legacy => "legacy",
            Self::Destructive => "destructive",
            Self::CrashCommands => "crash-commands",
        }
    }
}

/// A set of capabilities and of socket options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    bits: u32,
    options: u32,
}

impl Capabilities {
    /// Nothing.
    pub const NONE: Self = Self {
        bits: 0,
        options: 0,
    };

    /// Everything that a port can claim, options included.
    pub const EVERYTHING: Self = Self {
        bits: (1 << Capability::CrashCommands as u8) - 1,
        options: 0x7fff,
    };

    /// The set with `capability` added.
    #[must_use]
    pub const fn with(self, capability: Capability) -> Self {
        Self {
            bits: self.bits | 1 << capability as u8,
            options: self.options,
        }
    }

    /// The set with socket option number `name` (0 to 31, level 7000) added.
    #[must_use]
    pub const fn with_option(self, name: i32) -> Self {
        Self {
            bits: self.bits,
            options: self.options | 1 << (name & 31),
        }
    }

    /// Whether `capability` is claimed.
    #[must_use]
    pub const fn has(self, capability: Capability) -> bool {
        self.bits & (1 << capability as u8) != 0
    }

    /// Whether socket option number `name` is claimed.
    #[must_use]
    pub const fn has_option(self, name: i32) -> bool {
        name >= 0 && name < 32 && self.options & (1 << name) != 0
    }

    /// As two words of bits, for the link: capabilities by their number, options by theirs.
    #[must_use]
    pub const fn to_bits(self) -> (u32, u32) {
        (self.bits, self.options)
    }

    /// From the two words of [`Self::to_bits`]; bits without a meaning are kept.
    #[must_use]
    pub const fn from_bits(bits: u32, options: u32) -> Self {
        Self { bits, options }
    }
}

/// How much of everything a port has. Cases derive their sizes from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// TCP sockets that can be open at once, accepted ones and listeners included.
    pub tcp_sockets: u16,
    /// UDP sockets that can be open at once.
    pub udp_sockets: u16,
    /// Sockets of any kind that can be open at once.
    pub sockets: u16,
    /// Connections a listener holds for accept at most.
    pub backlog: u16,
    /// Largest UDP payload in bytes that can be sent and received.
    pub udp_payload: u16,
    /// Datagrams (of 64 bytes) that queue unread on one UDP socket at least.
    pub udp_queue: u16,
    /// Bytes that a TCP connection takes for sending, at most, while its peer does not read.
    pub tcp_send_buffer: u32,
    /// How long an unanswered connection attempt lasts, in milliseconds.
    pub connect_timeout_ms: u32,
}
