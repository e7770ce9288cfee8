//! The stack as the board and the socket layer see it.

use core::cell::RefCell;

use nsapi::interface::{CONNECTION_STATUS_CHANGE, Status};
use nsapi::{
    Callback, Capabilities, Capability, Limits, NetworkStack, Protocol, Result, SocketAddress,
    StackHandle, Statement, option,
};
use smoltcp::iface::{PollIngressSingleResult, PollResult};
use smoltcp::phy::Device;
use smoltcp::time::Instant;
use smoltcp::wire::EthernetAddress;

use crate::core::Core;
use crate::events::Event;
use crate::groups::Queries;
use crate::guard::{Fetched, Guard};
use crate::interface::Net;
use crate::pipes::earliest;
use crate::seeds::Seeds;
use crate::slots::{Body, Phase};
use crate::tap::{Ears, Tap};
use crate::updown::fresh;
use crate::{Config, StackResources};

/// Frames taken, and rounds of sending made, in one poll: the main loop has other things to do.
const INGRESS_BUDGET: usize = 32;
const EGRESS_BUDGET: usize = 16;

/// smoltcp as a [`NetworkStack`] and its one [`NetworkInterface`](nsapi::interface::NetworkInterface).
///
/// For one context only, the main loop; it cannot be shared with interrupts. Operations only change state:
/// call [`Self::poll`] after them, when a frame has arrived, and when the time it returned has come.
pub struct SmoltcpStack<D> {
    pub(crate) core: RefCell<Core>,
    pub(crate) device: RefCell<D>,
}

impl<D: Device> SmoltcpStack<D> {
    /// A stack that is down. `now_us` is the board's clock; `random_seed` must differ from boot to boot,
    /// ports and sequence numbers depend on it. A MAC address that is a group's is made one host's, because
    /// smoltcp would panic on it; the device must be an Ethernet one.
    pub fn new<
        const TCP: usize,
        const UDP: usize,
        const ALL: usize,
        const TCP_RX: usize,
        const TCP_TX: usize,
        const UDP_RX: usize,
        const UDP_TX: usize,
    >(
        mut device: D,
        resources: &'static mut StackResources<TCP, UDP, ALL, TCP_RX, TCP_TX, UDP_RX, UDP_TX>,
        mac: [u8; 6],
        now_us: u64,
        random_seed: u64,
        config: Config,
    ) -> Self {
        let mut mac = EthernetAddress(mac);
        mac.0[0] &= !1;
        let mut seeds = Seeds::new(random_seed);
        let iface = fresh(&mut device, mac, seeds.next(), time(now_us));
        let parts = resources.split(iface, &config);
        let core = Core {
            iface: parts.iface,
            guard: Guard::new(mac.0, parts.frame, parts.flows),
            sockets: parts.sockets,
            slots: parts.slots,
            pipes: parts.pipes,
            datagrams: parts.datagrams,
            net: Net::new(&config),
            queries: Queries::default(),
            searches: 0,
            first_mac: mac,
            mac,
            seeds,
            config,
            limits: parts.limits,
            now_us,
            next_port: (random_seed ^ (random_seed >> 32)) as u16 | 0xc000,
            arrivals: 0,
        };
        Self {
            core: RefCell::new(core),
            device: RefCell::new(device),
        }
    }

    /// Lets the stack work, then calls the callbacks of what happened; a callback may use the stack.
    /// Returns when to call again even if nothing happens, in microseconds of the same clock; `now_us` or
    /// earlier means at once, `None` not before a frame or an operation. If a callback was called it is at
    /// once, so that whoever sleeps until then looks first at what the callback has noted.
    pub fn poll(&self, now_us: u64) -> Option<u64> {
        let next = self.work(now_us);
        if self.dispatch() { Some(now_us) } else { next }
    }

    /// Takes note of whether the cable carries; until it is told, it does. A change is seen in the status, and
    /// the next poll is due at once.
    pub fn set_link(&self, up: bool) {
        let core = &mut *self.core.borrow_mut();
        core.set_link(&mut *self.device.borrow_mut(), up);
    }

    /// The device, for boards that share it with somebody (link state, counters). Not to be used to send
    /// or receive.
    pub fn with_device<R>(&self, f: impl FnOnce(&mut D) -> R) -> R {
        f(&mut self.device.borrow_mut())
    }

    fn work(&self, now_us: u64) -> Option<u64> {
        let core = &mut *self.core.borrow_mut();
        let device = &mut *self.device.borrow_mut();
        core.now_us = core.now_us.max(now_us);
        let now = core.instant();
        core.iface.poll_maintenance(now);
        let mut idle = false;
        for _ in 0..INGRESS_BUDGET {
            match core.guard.fetch(device, now, core.iface, &core.sockets) {
                Fetched::Nothing => {
                    idle = true;
                    break;
                }
                Fetched::Handled => continue,
                Fetched::Frame => {}
            }
            let ears = &mut Ears {
                routers: &mut core.net.routers,
                queries: &mut core.queries,
                hostname: &core.net.hostname,
                slots: core.slots,
                searches: &mut core.searches,
                now_us: core.now_us,
            };
            let device = &mut core.guard.over(device);
            let tap = &mut Tap { device, ears };
            match core.iface.poll_ingress_single(now, tap, &mut core.sockets) {
                // No room to answer: the frame is still held.
                PollIngressSingleResult::None => break,
                PollIngressSingleResult::PacketProcessed => {}
                PollIngressSingleResult::SocketStateChanged => core.settle(),
            }
        }
        let mut next = core.tend_interface();
        core.guard.tidy(&core.sockets);
        let up = core.net.link && core.net.status() != Status::Disconnected;
        if up {
            core.speak(device);
        }
        for _ in 0..if up { EGRESS_BUDGET } else { 0 } {
            let ears = &mut Ears {
                routers: &mut core.net.routers,
                queries: &mut core.queries,
                hostname: &core.net.hostname,
                slots: core.slots,
                searches: &mut core.searches,
                now_us: core.now_us,
            };
            let device = &mut core.guard.over(device);
            let tap = &mut Tap { device, ears };
            if core.iface.poll_egress(now, tap, &mut core.sockets) == PollResult::None {
                break;
            }
        }
        if core.end_egress() {
            next = Some(now_us);
        }
        core.settle();
        next = earliest(next, core.tend_attempts());
        next = earliest(next, core.tend_closing());
        next = earliest(next, core.tend_listeners());
        next = earliest(next, core.tend_queues());
        if up {
            next = earliest(next, core.net.routers.deadline_us());
            next = earliest(next, core.queries.deadline_us(core.now_us));
            let wire = core.iface.poll_at(now, &core.sockets);
            next = earliest(
                next,
                wire.map(|at| u64::try_from(at.total_micros()).unwrap_or(0)),
            );
        }
        if !idle {
            next = Some(now_us);
        }
        next
    }

    /// Calls the callbacks that are due; whether there was any.
    pub(crate) fn dispatch(&self) -> bool {
        // Bounded, lest callbacks that make events keep us here.
        for called in 0..64 {
            let next = self.core.borrow_mut().next_event();
            let Some(event) = next else {
                return called > 0;
            };
            match event {
                Event::Socket(callback) => callback.call(),
                Event::Status(listener, status) => {
                    listener.tell(CONNECTION_STATUS_CHANGE, status as i32);
                }
            }
        }
        true
    }
}

impl<D> SmoltcpStack<D> {
    /// Who this port is and what it claims.
    pub fn statement(&self) -> Statement {
        const CLAIMS: [Capability; 13] = [
            Capability::Ipv4,
            Capability::Ipv6,
            Capability::Tcp,
            Capability::Udp,
            Capability::Server,
            Capability::ConnectAsync,
            Capability::Lanes,
            Capability::Timeouts,
            Capability::Sigio,
            Capability::Interface,
            Capability::Multicast,
            Capability::Destructive,
            // Ours on every stack: it needs nothing of the stack.
            Capability::Legacy,
        ];
        let claims = CLAIMS
            .into_iter()
            .fold(Capabilities::NONE, Capabilities::with);
        let options = [
            option::REUSEADDR,
            option::KEEPALIVE,
            option::BROADCAST,
            option::ADD_MEMBERSHIP,
            option::DROP_MEMBERSHIP,
            option::IPTOS,
        ];
        let capabilities = options.into_iter().fold(claims, Capabilities::with_option);
        Statement {
            port: "smoltcp",
            capabilities,
            limits: self.limits(),
        }
    }

    /// How much there is of everything.
    pub fn limits(&self) -> Limits {
        self.core.borrow().limits
    }

    /// Runs an operation on the slot that a handle means.
    fn on<R>(
        &self,
        handle: StackHandle,
        f: impl FnOnce(&mut Core, usize) -> Result<R>,
    ) -> Result<R> {
        let core = &mut *self.core.borrow_mut();
        let index = core.slot_of(handle)?;
        f(core, index)
    }
}

fn time(now_us: u64) -> Instant {
    Instant::from_micros(i64::try_from(now_us).unwrap_or(i64::MAX))
}

impl<D> NetworkStack for SmoltcpStack<D> {
    fn socket_open(&self, protocol: Protocol) -> Result<StackHandle> {
        let core = &mut *self.core.borrow_mut();
        match protocol {
            Protocol::Tcp => {
                let (_, handle) = core.open(
                    protocol,
                    Body::Tcp {
                        phase: Phase::Idle,
                        pipe: None,
                    },
                )?;
                Ok(handle)
            }
            Protocol::Udp => core.open_udp(),
        }
    }

    fn socket_close(&self, handle: StackHandle) -> Result<()> {
        self.on(handle, |core, index| {
            core.close(index);
            Ok(())
        })
    }

    fn socket_bind(&self, handle: StackHandle, address: &SocketAddress) -> Result<()> {
        self.on(handle, |core, index| core.bind(index, address))
    }

    fn socket_listen(&self, handle: StackHandle, backlog: usize) -> Result<()> {
        self.on(handle, |core, index| core.listen(index, backlog))
    }

    fn socket_accept(&self, handle: StackHandle) -> Result<(StackHandle, SocketAddress)> {
        self.on(handle, Core::accept)
    }

    fn socket_connect(&self, handle: StackHandle, address: &SocketAddress) -> Result<()> {
        self.on(handle, |core, index| core.connect(index, address))
    }

    fn socket_send(&self, handle: StackHandle, data: &[u8]) -> Result<usize> {
        self.on(handle, |core, index| core.send(index, data))
    }

    fn socket_recv(&self, handle: StackHandle, buffer: &mut [u8]) -> Result<usize> {
        self.on(handle, |core, index| core.recv(index, buffer))
    }

    fn socket_sendto(
        &self,
        handle: StackHandle,
        address: &SocketAddress,
        data: &[u8],
    ) -> Result<usize> {
        self.on(handle, |core, index| core.sendto(index, address, data))
    }

    fn socket_recvfrom(
        &self,
        handle: StackHandle,
        buffer: &mut [u8],
    ) -> Result<(usize, SocketAddress)> {
        self.on(handle, |core, index| core.recvfrom(index, buffer))
    }

    fn setsockopt(&self, handle: StackHandle, level: i32, name: i32, value: &[u8]) -> Result<()> {
        self.on(handle, |core, index| {
            core.set_option(index, level, name, value)
        })
    }

    fn getsockopt(
        &self,
        handle: StackHandle,
        level: i32,
        name: i32,
        value: &mut [u8],
    ) -> Result<usize> {
        self.on(handle, |core, index| {
            core.get_option(index, level, name, value)
        })
    }

    fn socket_attach(&self, handle: StackHandle, callback: Option<Callback>) {
        let _ = self.on(handle, |core, index| {
            core.slots[index].callback = callback;
            core.slots[index].pending = false;
            Ok(())
        });
    }
}
