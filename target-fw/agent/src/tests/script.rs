//! An IUT that answers as a test tells it to: sizes from a queue, pending while that is empty. The rest is
//! the null port's.

use core::cell::{Cell, RefCell};
use core::task::Poll;
use std::boxed::Box;
use std::collections::VecDeque;

use nsapi::interface::{Control, NetworkInterface};
use nsapi::iut::{LegacyCalls, OpenOn, SocketKind};
use nsapi::{Call, Callback, Error, Iut, Result, SocketAddress, SocketId, Statement};
use nsapi_null::Null;

use super::net::Net;

pub(super) struct Script {
    null: Null,
    /// The interface, and its application side.
    pub(super) net: &'static Net,
    control: Control,
    pub(super) now_us: Cell<u64>,
    /// Answers of sends and receives per socket, by its index.
    pub(super) sizes: RefCell<[VecDeque<Result<usize>>; 8]>,
    /// What a receive writes to its buffer.
    pub(super) writes: Cell<Option<u8>>,
    /// The callback registered last.
    pub(super) callback: Cell<Option<Callback>>,
    /// Raise an event during every call.
    pub(super) noisy: Cell<bool>,
    /// Objects made, deleted, calls given up.
    pub(super) made: Cell<u32>,
    pub(super) deleted: Cell<u32>,
    pub(super) cancelled: Cell<u32>,
    /// Size that everything without a queue returns.
    pub(super) absurd: Cell<Option<usize>>,
}

impl Script {
    /// Who receives tell as the sender.
    pub(super) const PEER: SocketAddress = SocketAddress::any(7);

    pub(super) fn new() -> Self {
        let net: &'static Net = Box::leak(Box::default());
        Self {
            null: Null::new(|| 0),
            net,
            control: Control::new(net),
            now_us: Cell::new(0),
            sizes: RefCell::default(),
            writes: Cell::new(None),
            callback: Cell::new(None),
            noisy: Cell::new(false),
            made: Cell::new(0),
            deleted: Cell::new(0),
            cancelled: Cell::new(0),
            absurd: Cell::new(None),
        }
    }

    /// The next answer on the socket with this index.
    pub(super) fn answer(&self, index: usize, size: Result<usize>) {
        self.sizes.borrow_mut()[index].push_back(size);
    }

    fn next(&self, id: SocketId, call: &mut Call) -> Poll<Result<usize>> {
        if self.noisy.get()
            && let Some(callback) = self.callback.get()
        {
            callback.call();
        }
        if let Some(size) = self.absurd.get() {
            return Poll::Ready(Ok(size));
        }
        call.waiting = true;
        call.timeout_ms = -1;
        match self.sizes.borrow_mut()[usize::from(id.index)].pop_front() {
            Some(size) => Poll::Ready(size),
            None => Poll::Pending,
        }
    }

    fn count(counter: &Cell<u32>) {
        counter.set(counter.get() + 1);
    }
}

impl Iut for Script {
    fn statement(&self) -> Statement {
        self.null.statement()
    }

    fn now_us(&self) -> u64 {
        self.now_us.get()
    }

    fn socket_new(&self, kind: SocketKind) -> Result<SocketId> {
        Self::count(&self.made);
        self.null.socket_new(kind)
    }

    fn socket_delete(&self, _: SocketId) {
        Self::count(&self.deleted);
    }

    fn open(&self, _: SocketId, on: OpenOn) -> Result<()> {
        if on == OpenOn::Null {
            Err(Error::PARAMETER)
        } else {
            Ok(())
        }
    }

    fn poll_close(&self, id: SocketId, call: &mut Call) -> Poll<Result<()>> {
        self.null.poll_close(id, call)
    }

    fn bind(&self, _: SocketId, _: &SocketAddress) -> Result<()> {
        Ok(())
    }

    fn listen(&self, _: SocketId, _: i32) -> Result<()> {
        Ok(())
    }

    fn poll_accept(
        &self,
        id: SocketId,
        call: &mut Call,
    ) -> Poll<Result<(SocketId, SocketAddress)>> {
        match self.next(id, call) {
            Poll::Ready(Ok(_)) => self.null.poll_accept(id, call),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_connect(&self, id: SocketId, call: &mut Call, _: &SocketAddress) -> Poll<Result<()>> {
        self.next(id, call).map(|result| result.map(|_| ()))
    }

    fn poll_send(&self, id: SocketId, call: &mut Call, _: &[u8]) -> Poll<Result<usize>> {
        self.next(id, call)
    }

    fn poll_recv(&self, id: SocketId, call: &mut Call, buffer: &mut [u8]) -> Poll<Result<usize>> {
        if let Some(byte) = self.writes.get() {
            buffer.fill(byte);
        }
        self.next(id, call)
    }

    fn poll_sendto(
        &self,
        id: SocketId,
        call: &mut Call,
        _: &SocketAddress,
        _: &[u8],
    ) -> Poll<Result<usize>> {
        self.next(id, call)
    }

    fn poll_recvfrom(
        &self,
        id: SocketId,
        call: &mut Call,
        _: &mut [u8],
        from: Option<&mut SocketAddress>,
    ) -> Poll<Result<usize>> {
        // Once per call, as TCP sockets do.
        if let Some(from) = from
            && !call.waiting
        {
            *from = Self::PEER;
        }
        self.next(id, call)
    }

    fn cancel(&self, _: SocketId, _: &mut Call) {
        Self::count(&self.cancelled);
    }

    fn set_blocking(&self, _: SocketId, _: bool) {}

    fn set_timeout(&self, _: SocketId, _: i32) {}

    fn sigio(&self, _: SocketId, callback: Option<Callback>) {
        self.callback.set(callback);
    }

    fn setsockopt(&self, _: SocketId, _: i32, _: i32, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn getsockopt(&self, _: SocketId, _: i32, _: i32, value: &mut [u8]) -> Result<usize> {
        Ok(self.absurd.get().unwrap_or(value.len()))
    }

    fn getpeername(&self, id: SocketId) -> Result<SocketAddress> {
        self.null.getpeername(id)
    }

    fn multicast(&self, _: SocketId, _: bool, _: &SocketAddress) -> Result<()> {
        Ok(())
    }

    fn control_data(&self, _: SocketId) -> Result<usize> {
        Ok(self.absurd.get().unwrap_or(0))
    }

    fn parse_address(&self, text: &str) -> Option<SocketAddress> {
        self.null.parse_address(text)
    }

    fn format_address(&self, _: &SocketAddress, _: &mut [u8]) -> Option<usize> {
        self.absurd.get()
    }

    fn interface(&self) -> &dyn NetworkInterface {
        self.control.driver()
    }

    fn poll_interface_connect(&self, call: &mut Call) -> Poll<Result<()>> {
        self.control.poll_connect(call)
    }

    fn poll_interface_disconnect(&self, call: &mut Call) -> Poll<Result<()>> {
        self.control.poll_disconnect(call)
    }

    fn interface_set_blocking(&self, blocking: bool) -> Result<()> {
        self.control.set_blocking(blocking);
        Ok(())
    }

    fn interface_attach(&self, callback: Option<Callback>) -> Result<()> {
        self.control.attach(callback)
    }

    fn legacy(&self) -> Option<&dyn LegacyCalls> {
        None
    }
}
