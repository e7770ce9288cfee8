//! Lan `wire`: a cable between the board and the kernel of a namespace, which the runner owns.
//!
//! ```text
//!  board ── frames ──[ cable ]── packet socket ── hil1 ═ veth ═ hil0 ── kernel ── fixtures
//!                                                └─────── namespace of a keeper ───────┘
//! ```
//!
//! The kernel's end has the addresses of [`WirePlan::STANDARD`]; every fixture's socket is made in its namespace.
//! The board's end is one of these:
//!
//! * a Unix datagram socket, a frame each, for an IUT that has a stack of its own. A datagram of one byte is no
//!   frame: it says that the cable is plugged in (1) or pulled (0), as far as the board has a PHY to see it;
//! * a kernel in a namespace of its own, for an IUT that is the kernel's sockets;
//! * an interface of this machine that only the board is behind;
//! * nobody.
//!
//! Must not: judge.

mod enter;
pub(super) mod interface;
mod joined;
mod namespace;
mod packet;
mod refusal;
pub mod relay;

use core::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use hil_kit::rig::{BoxFuture, HostAddress, LanProperties, SocketFactory};
use hil_kit::wire::{Cable, Mac, Services, WirePlan};
use nsapi::Protocol;
use rustix::net::{SendFlags, send};
use socket2::{Domain, Socket, Type};

pub(crate) use self::enter::inherit;
pub(crate) use self::joined::Joined;
pub use self::namespace::keep_if_asked;
use self::namespace::{Addresses, Namespace};
pub use self::packet::no_offloads;
pub use self::refusal::{Refusal, is_required};
use self::relay::{Relay, SetPhy};
use super::ports::OwnPorts;
pub use crate::helper::use_program;

/// Says on the board's end that the cable is plugged in.
const PLUGGED: [u8; 1] = [1];
/// Says that it is pulled.
const PULLED: [u8; 1] = [0];

/// MAC address of a board that is a kernel in a namespace.
const KERNEL_BOARD_MAC: [u8; 6] = [0x02, 0x68, 0x69, 0x6c, 0x00, 0x02];

/// Who tells a board that takes frames about its PHY.
pub(crate) enum Phy {
    /// The cable does, between the frames.
    Cable,
    /// Somebody who knows the board.
    Other(SetPhy),
}

/// A cable with a kernel at one end.
#[derive(Debug)]
pub struct Wire {
    name: &'static str,
    plan: WirePlan,
    ports: OwnPorts,
    services: Arc<Services>,
    cable: Arc<Relay>,
    /// Where the board is, if that is a kernel.
    board: Mutex<Option<Namespace>>,
    namespace: Arc<Namespace>,
}

impl Wire {
    /// Makes one whose frames are written to `capture`. Takes some ten milliseconds and blocks that long; wants a
    /// runtime for its services.
    ///
    /// # Errors
    /// The system refuses, or the environment forbids it.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn make(capture: Option<PathBuf>) -> Result<Self, Refusal> {
        if let Some(refusal) = Refusal::by_environment() {
            return Err(refusal);
        }
        let plan = WirePlan::STANDARD;
        let (namespace, far) = host_namespace(plan)?;
        let namespace = Arc::new(namespace);
        let cable = Relay::start(far, capture, plan)
            .map_err(|error| Refusal::new("starting the cable", error))?;
        let kernel = Arc::downgrade(&namespace);
        cable.on_flush_neighbours(Some(Box::new(move || match kernel.upgrade() {
            Some(kernel) => kernel.flush_neighbours(),
            None => Err(io::Error::other("the wire is gone")),
        })));
        Ok(Self {
            name: "wire",
            plan,
            ports: OwnPorts::default(),
            services: Services::start(Arc::clone(&cable) as _),
            cable,
            board: Mutex::new(None),
            namespace,
        })
    }

    /// The same cable with an interface of this machine at the board's end: nobody else is to be behind it.
    #[must_use]
    pub(crate) fn beyond_a_nic(self) -> Self {
        Self {
            name: "nic",
            ..self
        }
    }

    /// Whether one can be made here, and whether it speaks IPv6: makes the costly part of one and drops it.
    ///
    /// # Errors
    /// The system refuses, or the environment forbids it.
    pub fn probe() -> Result<bool, Refusal> {
        if let Some(refusal) = Refusal::by_environment() {
            return Err(refusal);
        }
        host_namespace(WirePlan::STANDARD).map(|(namespace, _)| namespace.has_ipv6())
    }

    /// Plugs in a board that takes frames itself, instead of whatever was there; its end of the cable.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn plug_in_frames(&self, phy: Phy) -> io::Result<OwnedFd> {
        let [ours, theirs] = self.namespace.pair()?;
        self.cable.on_set_link(Some(match phy {
            Phy::Cable => by_cable(ours.try_clone()?),
            Phy::Other(other) => other,
        }));
        self.cable.attach_board(ours);
        Ok(theirs)
    }

    /// Plugs in a kernel of its own, which `agent` will run on. Blocks for some ten milliseconds.
    ///
    /// # Errors
    /// The system refuses.
    pub(crate) fn plug_in_kernel(&self, agent: &mut Command) -> Result<(), Refusal> {
        let plan = self.plan;
        // As it would make them itself: cases look for them there.
        let mac = Mac(KERNEL_BOARD_MAC);
        let (own, link_local) = (mac.address_in(plan.ipv6_prefix), mac.link_local());
        let (kernel, far) = Namespace::make(Addresses {
            mac: KERNEL_BOARD_MAC,
            ipv4: vec![plan.board_ipv4],
            ipv4_prefix: plan.ipv4_prefix,
            ipv6: vec![link_local, own],
            gateway: Some((plan.host_ipv4[0], plan.host_link_local)),
        })?;
        kernel
            .enter(agent)
            .map_err(|error| Refusal::new("plugging in the board", error))?;
        self.cable.attach_board(far);
        *self.board.lock().unwrap_or_else(PoisonError::into_inner) = Some(kernel);
        // The host's kernel may remember that the board of before did not answer.
        let _ = self.namespace.flush_neighbours();
        Ok(())
    }

    /// Plugs in whatever is behind an interface of this machine.
    ///
    /// # Errors
    /// There is none of that name, or this process may not take its frames.
    pub(crate) fn plug_in_nic(&self, name: &str) -> io::Result<()> {
        let index = interface::number(name)?;
        let frames = packet::open_for_all(index).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("taking the frames of {name} needs root or CAP_NET_RAW: {error}"),
            )
        })?;
        // Allowed to fewer: without it a burst may arrive as one long frame.
        let _ = no_offloads(name);
        self.cable.on_set_link(None);
        self.cable.attach_board(frames.into());
        Ok(())
    }

    /// The address that a board gets.
    pub(crate) const fn plan(&self) -> WirePlan {
        self.plan
    }

    /// Pulls the plug for good, before the board is replaced.
    pub(crate) fn unplug(&self) {
        self.cable.detach_board();
        self.cable.on_set_link(None);
        *self.board.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The namespace of the host's end, and the packet socket of the other end.
fn host_namespace(plan: WirePlan) -> Result<(Namespace, OwnedFd), Refusal> {
    let [first, second] = plan.host_ipv6;
    Namespace::make(Addresses {
        mac: plan.host_mac.0,
        ipv4: plan.host_ipv4.to_vec(),
        ipv4_prefix: plan.ipv4_prefix,
        ipv6: vec![plan.host_link_local, first, second],
        gateway: None,
    })
}

/// Tells the board by datagrams of one byte.
fn by_cable(end: OwnedFd) -> SetPhy {
    let end = Arc::new(end);
    Arc::new(move |up| {
        let end = Arc::clone(&end);
        let state = if up { PLUGGED } else { PULLED };
        Box::pin(async move {
            send(&*end, &state, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?;
            Ok(())
        })
    })
}

impl SocketFactory for Wire {
    fn name(&self) -> &str {
        self.name
    }

    fn properties(&self) -> LanProperties {
        LanProperties {
            second_host_address: true,
            honest_tcp: true,
            // A full listener of the kernel; see lan `loopback`.
            black_hole: true,
            source_ports: true,
            shared_ports: false,
            host_ipv6: self.namespace.has_ipv6(),
            cable: true,
            no_peers: false,
            why_no_cable: "",
        }
    }

    fn cable(&self) -> Option<Arc<dyn Cable>> {
        Some(Arc::clone(&self.cable) as _)
    }

    fn services(&self) -> Option<Arc<Services>> {
        Some(Arc::clone(&self.services))
    }

    fn socket(&self, domain: Domain, kind: Type) -> io::Result<Socket> {
        self.namespace.socket(domain, kind, 0)
    }

    fn bind_address(&self, which: HostAddress) -> SocketAddr {
        let plan = &self.plan;
        match which {
            HostAddress::First => (plan.host_ipv4[0], 0).into(),
            HostAddress::Second => (plan.host_ipv4[1], 0).into(),
            HostAddress::FirstIpv6 => (plan.host_ipv6[0], 0).into(),
            HostAddress::SecondIpv6 => (plan.host_ipv6[1], 0).into(),
            HostAddress::LinkLocal => self.scoped(plan.host_link_local, 0),
        }
    }

    fn seen_by_iut(&self, host: SocketAddr) -> SocketAddr {
        match host {
            // The number of the host's interface means nothing to the IUT.
            SocketAddr::V6(host) => (*host.ip(), host.port()).into(),
            SocketAddr::V4(_) => host,
        }
    }

    fn reach(&self, _protocol: Protocol, iut: SocketAddr) -> BoxFuture<'_, io::Result<SocketAddr>> {
        let reached = match iut.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => (self.plan.board_ipv4, iut.port()).into(),
            IpAddr::V6(ip) if ip.is_unicast_link_local() => self.scoped(ip, iut.port()),
            _ => iut,
        };
        Box::pin(core::future::ready(Ok(reached)))
    }

    fn free_iut_port(&self, _protocol: Protocol) -> io::Result<u16> {
        Ok(self.ports.next())
    }
}

impl Wire {
    /// A link-local address is one of an interface only.
    fn scoped(&self, ip: Ipv6Addr, port: u16) -> SocketAddr {
        SocketAddrV6::new(ip, port, 0, self.namespace.index()).into()
    }
}
