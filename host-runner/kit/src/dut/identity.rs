//! Who the agent said it is, owned.
//!
//! Must not: judge it; the greeting does.

use std::fmt;

use nsapi::{Capabilities, Limits};
use nsapi_protocol::Hello;

use crate::Need;
use crate::rig::LanProperties;

/// An owned copy of the agent's Hello.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// Protocol number of the agent.
    pub protocol: u16,
    /// The nonce it gave back.
    pub nonce: u64,
    /// Name of the board.
    pub board: String,
    /// Name of the port.
    pub port: String,
    /// GNU build id of the image, from the board's memory.
    pub build_id: Vec<u8>,
    /// Differs after every reset.
    pub boot: u32,
    /// What the port claims.
    pub claims: Capabilities,
    /// It offers sockets over IP.
    pub ip: bool,
    /// Largest frame body in bytes.
    pub max_frame: u16,
    /// Requests that may be outstanding.
    pub credits: u8,
    /// Blocking calls that may be in flight.
    pub lanes: u8,
    /// Event counters.
    pub counters: u8,
    /// Largest payload in bytes that travels over the link.
    pub max_inline: u16,
    /// Largest single send or receive by pattern, in bytes.
    pub max_io: u32,
    /// Limits of the port.
    pub limits: Limits,
    /// What the last fault left behind.
    pub beacon: Option<Beacon>,
}

/// What a fault wrote down before it reset the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beacon {
    /// `panic`, `hard-fault` and the like.
    pub kind: String,
    /// Program counter.
    pub pc: u32,
    /// Link register.
    pub lr: u32,
    /// Configurable fault status.
    pub cfsr: u32,
    /// What was said about it.
    pub message: String,
    /// Words of the stack that look like return addresses, innermost first.
    pub returns: Vec<u32>,
}

impl fmt::Display for Beacon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} at pc {:#010x} (lr {:#010x}, cfsr {:#x})",
            self.kind, self.pc, self.lr, self.cfsr
        )?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

impl From<Hello<'_>> for Identity {
    fn from(hello: Hello<'_>) -> Self {
        let limits = hello.limits;
        Self {
            protocol: hello.protocol,
            nonce: hello.nonce,
            board: hello.board.into(),
            port: hello.port.into(),
            build_id: hello.build_id.into(),
            boot: hello.boot,
            claims: Capabilities::from_bits(hello.capabilities, hello.options),
            ip: hello.ip,
            max_frame: hello.max_frame,
            credits: hello.credits,
            lanes: hello.lanes,
            counters: hello.counters,
            max_inline: hello.max_inline,
            max_io: hello.max_io,
            limits: Limits {
                tcp_sockets: limits.tcp_sockets,
                udp_sockets: limits.udp_sockets,
                sockets: limits.sockets,
                backlog: limits.backlog,
                udp_payload: limits.udp_payload,
                udp_queue: limits.udp_queue,
                tcp_send_buffer: limits.tcp_send_buffer,
                connect_timeout_ms: limits.connect_timeout_ms,
            },
            beacon: hello.beacon.map(|beacon| Beacon {
                kind: beacon.kind.into(),
                pc: beacon.pc,
                lr: beacon.lr,
                cfsr: beacon.cfsr,
                message: beacon.message.into(),
                returns: beacon.return_addresses().collect(),
            }),
        }
    }
}

/// Whether the port claims `need`; true for needs that are not its business (properties of the lan).
#[must_use]
pub fn claims(identity: &Identity, need: Need) -> bool {
    match need {
        Need::Capability(capability) => identity.claims.has(capability),
        Need::Option(number) => identity.claims.has_option(number),
        Need::SecondHostAddress
        | Need::HonestTcp
        | Need::BlackHole
        | Need::SourcePorts
        | Need::HostIpv6
        | Need::Cable => true,
    }
}

/// Whether the lan provides `need`; true for needs that are not its business (claims of the port).
#[must_use]
pub const fn provides(lan: LanProperties, need: Need) -> bool {
    match need {
        Need::Capability(_) | Need::Option(_) => true,
        Need::SecondHostAddress => lan.second_host_address,
        Need::HonestTcp => lan.honest_tcp,
        Need::BlackHole => lan.black_hole,
        Need::SourcePorts => lan.source_ports,
        Need::HostIpv6 => lan.host_ipv6,
        Need::Cable => lan.cable,
    }
}
