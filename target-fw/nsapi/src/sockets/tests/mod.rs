//! The application side over a scripted stack and a clock that only moves when told.

mod datagram;
mod events;
mod lifecycle;
mod states;
mod stream;
mod timing;

use core::cell::{Cell, RefCell};
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Poll, Waker};
use std::boxed::Box;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::task::Wake;
use std::vec::Vec;

use crate::iut::{OpenOn, SocketKind};
use crate::{
    Call, Callback, Clock, Error, EventSink, EventTable, IpAddress, NetworkStack, Protocol, Result,
    SocketAddress, SocketId, Sockets, StackHandle,
};

pub(crate) const PEER: SocketAddress = SocketAddress::new(IpAddress::V4([192, 0, 2, 1]), 7);
pub(crate) const STRANGER: SocketAddress = SocketAddress::new(IpAddress::V4([192, 0, 2, 2]), 7);
pub(crate) const ALL_ZERO: SocketAddress = SocketAddress::new(IpAddress::V6([0; 16]), 7);

/// Answers in the order they were scripted; when none is left, data operations would block and the others
/// are fine.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) open: Answers<()>,
    pub(crate) close: Answers<()>,
    pub(crate) bind: Answers<()>,
    pub(crate) listen: Answers<()>,
    pub(crate) accept: Answers<SocketAddress>,
    pub(crate) connect: Answers<()>,
    pub(crate) send: Answers<usize>,
    pub(crate) recv: Answers<Vec<u8>>,
    pub(crate) sendto: Answers<usize>,
    pub(crate) recvfrom: Answers<(Vec<u8>, SocketAddress)>,
    pub(crate) option: Answers<usize>,
    /// Operations asked for, in order.
    log: RefCell<Vec<&'static str>>,
    attached: RefCell<HashMap<u32, Callback>>,
    next: Cell<u32>,
    /// Raise an event inside this many of the next receive operations.
    pub(crate) events_inside: Cell<usize>,
    pub(crate) backlog: Cell<usize>,
    /// What another thread does during the next receive operation.
    pub(crate) meanwhile: RefCell<Option<Box<dyn FnOnce()>>>,
}

/// A queue of answers.
pub(crate) struct Answers<T>(RefCell<VecDeque<Result<T>>>);

impl<T> Default for Answers<T> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<T> Answers<T> {
    pub(crate) fn then(&self, answer: Result<T>) -> &Self {
        self.0.borrow_mut().push_back(answer);
        self
    }

    fn or(&self, answer: Result<T>) -> Result<T> {
        self.0.borrow_mut().pop_front().unwrap_or(answer)
    }

    pub(crate) fn left(&self) -> usize {
        self.0.borrow().len()
    }
}

impl Script {
    /// How often `operation` was asked for.
    pub(crate) fn asked(&self, operation: &str) -> usize {
        self.log
            .borrow()
            .iter()
            .filter(|asked| **asked == operation)
            .count()
    }

    /// Sockets that are open and have somebody to tell.
    pub(crate) fn attached(&self) -> usize {
        self.attached.borrow().len()
    }

    /// Something happens to a socket, as if in an interrupt.
    pub(crate) fn event(&self, handle: u32) {
        let callback = self.attached.borrow().get(&handle).copied();
        if let Some(callback) = callback {
            callback.call();
        }
    }

    fn note(&self, operation: &'static str) {
        self.log.borrow_mut().push(operation);
    }

    fn inside(&self, handle: StackHandle) {
        if let Some(happen) = self.meanwhile.take() {
            happen();
        }
        if let Some(left) = self.events_inside.get().checked_sub(1) {
            self.events_inside.set(left);
            self.event(handle.0);
        }
    }
}

fn fill(buffer: &mut [u8], data: &[u8]) -> usize {
    let count = data.len().min(buffer.len());
    buffer[..count].copy_from_slice(&data[..count]);
    count
}

impl NetworkStack for Script {
    fn socket_open(&self, _: Protocol) -> Result<StackHandle> {
        self.note("open");
        self.open.or(Ok(()))?;
        self.next.set(self.next.get() + 1);
        Ok(StackHandle(self.next.get()))
    }

    fn socket_close(&self, handle: StackHandle) -> Result<()> {
        self.note("close");
        assert!(
            !self.attached.borrow().contains_key(&handle.0),
            "detached first"
        );
        self.close.or(Ok(()))
    }

    fn socket_bind(&self, _: StackHandle, _: &SocketAddress) -> Result<()> {
        self.note("bind");
        self.bind.or(Ok(()))
    }

    fn socket_listen(&self, _: StackHandle, backlog: usize) -> Result<()> {
        self.note("listen");
        self.backlog.set(backlog);
        self.listen.or(Ok(()))
    }

    fn socket_accept(&self, _: StackHandle) -> Result<(StackHandle, SocketAddress)> {
        self.note("accept");
        let peer = self.accept.or(Err(Error::WOULD_BLOCK))?;
        self.next.set(self.next.get() + 1);
        Ok((StackHandle(self.next.get()), peer))
    }

    fn socket_connect(&self, _: StackHandle, _: &SocketAddress) -> Result<()> {
        self.note("connect");
        self.connect.or(Ok(()))
    }

    fn socket_send(&self, _: StackHandle, _: &[u8]) -> Result<usize> {
        self.note("send");
        self.send.or(Err(Error::WOULD_BLOCK))
    }

    fn socket_recv(&self, handle: StackHandle, buffer: &mut [u8]) -> Result<usize> {
        self.note("recv");
        self.inside(handle);
        self.recv
            .or(Err(Error::WOULD_BLOCK))
            .map(|data| fill(buffer, &data))
    }

    fn socket_sendto(&self, _: StackHandle, _: &SocketAddress, _: &[u8]) -> Result<usize> {
        self.note("sendto");
        self.sendto.or(Err(Error::WOULD_BLOCK))
    }

    fn socket_recvfrom(
        &self,
        handle: StackHandle,
        buffer: &mut [u8],
    ) -> Result<(usize, SocketAddress)> {
        self.note("recvfrom");
        self.inside(handle);
        self.recvfrom
            .or(Err(Error::WOULD_BLOCK))
            .map(|(data, from)| (fill(buffer, &data), from))
    }

    fn setsockopt(&self, _: StackHandle, _: i32, _: i32, _: &[u8]) -> Result<()> {
        self.note("setsockopt");
        self.option.or(Err(Error::UNSUPPORTED)).map(drop)
    }

    fn getsockopt(&self, _: StackHandle, _: i32, _: i32, _: &mut [u8]) -> Result<usize> {
        self.note("getsockopt");
        self.option.or(Err(Error::UNSUPPORTED))
    }

    fn socket_attach(&self, handle: StackHandle, callback: Option<Callback>) {
        match callback {
            Some(callback) => self.attached.borrow_mut().insert(handle.0, callback),
            None => self.attached.borrow_mut().remove(&handle.0),
        };
    }
}

/// A clock that stands still; idling runs the next scripted happening, or else jumps to the end of the wait.
#[derive(Default)]
pub(crate) struct ManualClock {
    now_us: Cell<u64>,
    idled: Cell<u32>,
    happenings: RefCell<VecDeque<Box<dyn FnOnce()>>>,
}

impl ManualClock {
    pub(crate) fn pass_us(&self, us: u64) {
        self.now_us.set(self.now_us.get() + us);
    }

    pub(crate) fn pass_ms(&self, ms: u64) {
        self.pass_us(ms * 1000);
    }

    /// What happens the next time somebody idles.
    pub(crate) fn then(&self, happening: impl FnOnce() + 'static) {
        self.happenings.borrow_mut().push_back(Box::new(happening));
    }
}

impl Clock for ManualClock {
    fn now_us(&self) -> u64 {
        self.now_us.get()
    }

    fn idle(&self, until_us: Option<u64>) {
        self.idled.set(self.idled.get() + 1);
        assert!(self.idled.get() < 1000, "somebody idles for ever");
        let next = self.happenings.borrow_mut().pop_front();
        match next {
            Some(happen) => happen(),
            None => {
                let until = until_us
                    .expect("somebody waits without bound for something that never happens");
                self.now_us.set(until.max(self.now_us.get()));
            }
        }
    }
}

pub(crate) type Table = Sockets<&'static Script, &'static ManualClock, 4>;

/// A table over a fresh script.
pub(crate) struct Bench {
    pub(crate) sockets: &'static Table,
    pub(crate) script: &'static Script,
    pub(crate) clock: &'static ManualClock,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let script: &'static Script = Box::leak(Box::default());
        let clock: &'static ManualClock = Box::leak(Box::default());
        let events = Box::leak(Box::new(EventTable::new()));
        let sockets = Box::leak(Box::new(Sockets::new(script, clock, events)));
        Self {
            sockets,
            script,
            clock,
        }
    }

    pub(crate) fn unopened(&self, kind: SocketKind) -> SocketId {
        self.sockets.socket_new(kind).unwrap()
    }

    /// An object that is open; the first one of a bench has stack handle 1, the second 2.
    pub(crate) fn opened(&self, kind: SocketKind) -> SocketId {
        let id = self.unopened(kind);
        self.sockets.open(id, OpenOn::Stack).unwrap();
        id
    }

    pub(crate) fn close(&self, id: SocketId) -> Result<()> {
        now(self.sockets.poll_close(id, &mut Call::new()))
    }
}

/// The result of a call that must not have to wait.
pub(crate) fn now<T>(poll: Poll<T>) -> T {
    match poll {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("the call waits"),
    }
}

/// Counts what it hears: callbacks or wake-ups.
#[derive(Default)]
pub(crate) struct Counter(AtomicUsize);

impl Counter {
    pub(crate) fn sink() -> &'static Self {
        Box::leak(Box::default())
    }

    pub(crate) fn callback(&'static self) -> Callback {
        Callback::new(self, 0)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn waker() -> (Arc<Self>, Waker) {
        let counter = Arc::new(Self::default());
        (counter.clone(), counter.into())
    }
}

impl EventSink for Counter {
    fn event(&self, _: usize) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.event(0);
    }
}
