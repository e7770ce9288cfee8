//! The table of local ports: who holds which, and which one to choose (contract §6.1 bind).

use nsapi::{Error, IpAddress, Protocol, Result, SocketAddress};
use smoltcp::wire::IpAddress as WireAddress;

use crate::address::to_wire;
use crate::core::Core;
use crate::slots::{Body, Local, Phase};

/// Ports the stack chooses from (RFC 6335 §6).
const FIRST_EPHEMERAL: u16 = 49152;

impl Core {
    /// Binds a slot to a local address.
    pub(crate) fn bind(&mut self, index: usize, address: &SocketAddress) -> Result<()> {
        let slot = &self.slots[index];
        let free = match slot.body {
            Body::Tcp { phase, .. } => phase == Phase::Idle,
            Body::Udp { .. } => true,
            Body::Free => false,
        };
        if !free || slot.local.port != 0 {
            return Err(Error::PARAMETER);
        }
        let ip = self.local_address(&address.ip)?;
        let protocol = slot.protocol().ok_or(Error::NO_SOCKET)?;
        let port = if address.port == 0 {
            self.choose_port(protocol)?
        } else if self.port_taken(index, protocol, ip, address.port) {
            return Err(Error::PARAMETER);
        } else {
            address.port
        };
        self.slots[index].local = Local {
            ip,
            port,
            auto: false,
        };
        if let Body::Udp { queues } = self.slots[index].body {
            self.open_queues(queues, ip, port);
        }
        Ok(())
    }

    /// What a local address means: `None` is any. An all-zero address of either family counts as unset.
    fn local_address(&self, ip: &IpAddress) -> Result<Option<WireAddress>> {
        match to_wire(ip) {
            Some(ip) if !self.iface.has_ip_addr(ip) => Err(Error::PARAMETER),
            local => Ok(local),
        }
    }

    /// Whether somebody else holds `port`, sharing by mutual REUSEADDR set aside.
    fn port_taken(
        &self,
        index: usize,
        protocol: Protocol,
        ip: Option<WireAddress>,
        port: u16,
    ) -> bool {
        let reuse = self.slots[index].reuse;
        self.slots.iter().enumerate().any(|(other, slot)| {
            other != index
                && slot.protocol() == Some(protocol)
                && slot.local.port == port
                && (slot.local.ip.is_none() || ip.is_none() || slot.local.ip == ip)
                && !(reuse && slot.reuse)
        })
    }

    /// A port nobody uses: neither a slot nor a connection that is still closing.
    pub(crate) fn choose_port(&mut self, protocol: Protocol) -> Result<u16> {
        for _ in FIRST_EPHEMERAL..=u16::MAX {
            let port = self.next_port.max(FIRST_EPHEMERAL);
            self.next_port = port.wrapping_add(1).max(FIRST_EPHEMERAL);
            let taken = protocol == Protocol::Tcp && self.pipe_uses_port(port)
                || self
                    .slots
                    .iter()
                    .any(|slot| slot.protocol() == Some(protocol) && slot.local.port == port);
            if !taken {
                return Ok(port);
            }
        }
        Err(Error::NO_MEMORY)
    }

    /// Whether another listener serves the same address and port.
    pub(crate) fn already_served(&self, index: usize) -> bool {
        let local = self.slots[index].local;
        self.slots.iter().enumerate().any(|(other, slot)| {
            other != index
                && matches!(
                    slot.body,
                    Body::Tcp {
                        phase: Phase::Listening { .. },
                        ..
                    }
                )
                && slot.local.port == local.port
                && (slot.local.ip.is_none() || local.ip.is_none() || slot.local.ip == local.ip)
        })
    }
}
