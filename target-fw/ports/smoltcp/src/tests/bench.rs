//! The test bench: cable, clock, hosts, counters, and shorthands for operations.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::net::Ipv6Addr;
use core::sync::atomic::{AtomicUsize, Ordering};

use nsapi::interface::NetworkInterface as _;
use nsapi::{
    Callback, Error, EventSink, IpAddress, NetworkStack as _, Protocol, Result, SocketAddress,
    StackHandle,
};
use smoltcp::phy::{self, DeviceCapabilities, Medium};
use smoltcp::time::Instant;

use super::alloc;
use crate::{Config, SmoltcpStack, StackResources};

/// A frame on the cable.
pub(super) type Frame = Vec<u8>;

/// One end's incoming frames.
pub(super) type Inbox = Rc<RefCell<VecDeque<Frame>>>;

/// What decides over the frames one end sends.
pub(super) type Filter = Rc<RefCell<Option<Box<dyn FnMut(&Frame) -> bool>>>>;

/// A network card on a cable in memory.
pub(super) struct Card {
    pub(super) inbox: Inbox,
    outbox: Inbox,
    /// Frames this card sends are lost if it says so.
    loses: Filter,
}

impl phy::Device for Card {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sending<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received, Sending<'_>)> {
        let frame = self.inbox.borrow_mut().pop_front()?;
        Some((Received(frame), Sending(self)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sending<'_>> {
        Some(Sending(self))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

pub(super) struct Received(Frame);

impl phy::RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

pub(super) struct Sending<'a>(&'a mut Card);

impl phy::TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        // As in a card's memory: with what was there before.
        let mut frame = alloc::vec![0xa5; len];
        let result = f(&mut frame);
        let lost = self
            .0
            .loses
            .borrow_mut()
            .as_mut()
            .is_some_and(|loses| loses(&frame));
        if !lost {
            self.0.outbox.borrow_mut().push_back(frame);
        }
        result
    }
}

/// Memory of the stacks under test: as on the board.
pub(super) type Memory = StackResources<12, 5, 18>;

/// A stack and the end of the cable it is on.
pub(super) struct Host {
    pub(super) stack: SmoltcpStack<Card>,
    pub(super) ip: [u8; 4],
    pub(super) inbox: Inbox,
    pub(super) loses: Filter,
    now: Rc<Cell<u64>>,
}

/// A counter of events.
pub(super) struct Counter(AtomicUsize);

impl EventSink for Counter {
    fn event(&self, _: usize) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Counter {
    pub(super) fn new() -> &'static Self {
        Box::leak(Box::new(Self(AtomicUsize::new(0))))
    }

    pub(super) fn callback(&'static self) -> Callback {
        Callback::new(self, 0)
    }

    /// Events since the last call.
    pub(super) fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

pub(super) fn v4(ip: [u8; 4], port: u16) -> SocketAddress {
    SocketAddress::new(IpAddress::V4(ip), port)
}

pub(super) fn v6(ip: [u16; 8], port: u16) -> SocketAddress {
    SocketAddress::new(IpAddress::V6(Ipv6Addr::from(ip).octets()), port)
}

/// The link-local address of the host whose hardware address ends in `last`.
pub(super) fn link_local(last: u8, port: u16) -> SocketAddress {
    v6([0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, u16::from(last)], port)
}

pub(super) fn any(port: u16) -> SocketAddress {
    SocketAddress::new(IpAddress::Unspec, port)
}

pub(super) fn same(a: SocketAddress, b: SocketAddress) -> bool {
    a.ip == b.ip && a.port == b.port
}

/// Two hosts, `a` at 10.0.0.1 and `b` at 10.0.0.2, and the time.
pub(super) struct Bench {
    pub(super) a: Host,
    pub(super) b: Host,
    pub(super) now: Rc<Cell<u64>>,
}

impl Bench {
    /// Both hosts up with fixed addresses.
    pub(super) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(super) fn with(config: Config) -> Self {
        let bench = Self::down(config);
        for host in [&bench.a, &bench.b] {
            let (mask, gateway) = (v4([255, 255, 255, 0], 0), any(0));
            host.stack
                .set_network(&v4(host.ip, 0), &mask, &gateway)
                .unwrap();
            host.stack.connect().unwrap();
        }
        bench.run();
        bench
    }

    /// Both hosts down.
    pub(super) fn down(config: Config) -> Self {
        let now = Rc::new(Cell::new(1_000_000));
        let (to_a, to_b) = (Inbox::default(), Inbox::default());
        let host = |last: u8, inbox: &Inbox, outbox: &Inbox| {
            let loses = Filter::default();
            let card = Card {
                inbox: Rc::clone(inbox),
                outbox: Rc::clone(outbox),
                loses: Rc::clone(&loses),
            };
            let memory: &'static mut Memory = Box::leak(Box::new(Memory::new()));
            let mac = [2, 0, 0, 0, 0, last];
            let seed = 0x1234_5678_9abc_def0 ^ u64::from(last) << 17;
            let stack = SmoltcpStack::new(card, memory, mac, now.get(), seed, config);
            Host {
                stack,
                ip: [10, 0, 0, last],
                inbox: Rc::clone(inbox),
                loses,
                now: Rc::clone(&now),
            }
        };
        let (a, b) = (host(1, &to_a, &to_b), host(2, &to_b, &to_a));
        Self { a, b, now }
    }

    /// Lets both work until nobody has anything to do at this time.
    pub(super) fn run(&self) {
        for _ in 0..10_000 {
            let next = crate::pipes::earliest(self.a.poll(), self.b.poll());
            let frames = !self.a.inbox.borrow().is_empty() || !self.b.inbox.borrow().is_empty();
            if !frames && next.is_none_or(|next| next > self.now.get()) {
                return;
            }
        }
        panic!("the stacks never come to rest");
    }

    /// The time.
    pub(super) fn now_us(&self) -> u64 {
        self.now.get()
    }

    /// Moves the clock without letting anybody work.
    pub(super) fn advance_ms(&self, ms: u64) {
        self.now.set(self.now.get() + ms * 1000);
    }

    /// Lets time pass, in steps to whatever the stacks ask for.
    pub(super) fn pass_ms(&self, ms: u64) {
        let end = self.now.get() + ms * 1000;
        self.run();
        for _ in 0..100_000 {
            let next = crate::pipes::earliest(self.a.poll(), self.b.poll());
            let next = next.unwrap_or(end).clamp(self.now.get() + 1, end);
            self.now.set(next);
            self.run();
            if next == end {
                return;
            }
        }
        panic!("the stacks ask to be polled without end");
    }

    /// A listener on `b` and a connection from `a` to it: client, listener, accepted.
    pub(super) fn connection(&self, port: u16) -> (StackHandle, StackHandle, StackHandle) {
        let listener = self.b.listener(port, 4);
        let client = self.connect_to(port);
        let (child, _) = self.b.accept(listener).unwrap();
        (client, listener, child)
    }

    /// A connection from `a` to a port of `b`.
    pub(super) fn connect_to(&self, port: u16) -> StackHandle {
        let client = self.a.tcp();
        assert_eq!(
            self.a.connect(client, v4(self.b.ip, port)),
            Err(Error::IN_PROGRESS)
        );
        self.run();
        assert_eq!(
            self.a.connect(client, v4(self.b.ip, port)),
            Err(Error::IS_CONNECTED)
        );
        client
    }
}

impl Host {
    pub(super) fn poll(&self) -> Option<u64> {
        self.stack.poll(self.now.get())
    }

    pub(super) fn tcp(&self) -> StackHandle {
        self.stack.socket_open(Protocol::Tcp).unwrap()
    }

    pub(super) fn udp(&self) -> StackHandle {
        self.stack.socket_open(Protocol::Udp).unwrap()
    }

    pub(super) fn bound_udp(&self, port: u16) -> StackHandle {
        let socket = self.udp();
        self.bind(socket, port).unwrap();
        socket
    }

    pub(super) fn listener(&self, port: u16, backlog: usize) -> StackHandle {
        let socket = self.tcp();
        self.bind(socket, port).unwrap();
        self.stack.socket_listen(socket, backlog).unwrap();
        socket
    }

    pub(super) fn bind(&self, socket: StackHandle, port: u16) -> Result<()> {
        self.stack.socket_bind(socket, &any(port))
    }

    pub(super) fn accept(&self, listener: StackHandle) -> Result<(StackHandle, SocketAddress)> {
        self.stack.socket_accept(listener)
    }

    pub(super) fn connect(&self, socket: StackHandle, to: SocketAddress) -> Result<()> {
        self.stack.socket_connect(socket, &to)
    }

    pub(super) fn send(&self, socket: StackHandle, data: &[u8]) -> Result<usize> {
        self.stack.socket_send(socket, data)
    }

    /// Up to `size` bytes.
    pub(super) fn recv(&self, socket: StackHandle, size: usize) -> Result<Vec<u8>> {
        let mut buffer = alloc::vec![0; size];
        let count = self.stack.socket_recv(socket, &mut buffer)?;
        buffer.truncate(count);
        Ok(buffer)
    }

    pub(super) fn sendto(
        &self,
        socket: StackHandle,
        to: SocketAddress,
        data: &[u8],
    ) -> Result<usize> {
        self.stack.socket_sendto(socket, &to, data)
    }

    pub(super) fn recvfrom(
        &self,
        socket: StackHandle,
        size: usize,
    ) -> Result<(Vec<u8>, SocketAddress)> {
        let mut buffer = alloc::vec![0; size];
        let (count, from) = self.stack.socket_recvfrom(socket, &mut buffer)?;
        buffer.truncate(count);
        Ok((buffer, from))
    }

    pub(super) fn close(&self, socket: StackHandle) {
        self.stack.socket_close(socket).unwrap();
    }

    pub(super) fn watch(&self, socket: StackHandle) -> &'static Counter {
        let counter = Counter::new();
        self.stack.socket_attach(socket, Some(counter.callback()));
        counter
    }

    /// Loses every frame this host sends from now on that `loses` picks.
    pub(super) fn lose(&self, loses: impl FnMut(&Frame) -> bool + 'static) {
        *self.loses.borrow_mut() = Some(Box::new(loses));
    }

    pub(super) fn lose_nothing(&self) {
        *self.loses.borrow_mut() = None;
    }
}

/// The TCP flags of a frame, if it is TCP over IPv4 without options in the IP header.
pub(super) fn tcp_flags(frame: &[u8]) -> Option<u8> {
    (frame.get(12..14) == Some(&[8, 0]) && frame.get(23) == Some(&6)).then(|| frame[47])
}

/// FIN, SYN, RST in the flags.
pub(super) const FIN: u8 = 1;
pub(super) const SYN: u8 = 2;
pub(super) const RST: u8 = 4;
