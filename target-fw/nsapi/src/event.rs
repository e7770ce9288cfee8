//! Events without a payload, and time.
//!
//! Must not: allocate, block, or call back into a socket.

use core::fmt;

/// Somebody who wants to hear that something happened.
///
/// May be called from an interrupt or from inside a socket call, so it must only take a note
/// (contract §5: no I/O in a callback).
pub trait EventSink: Sync {
    /// Something happened to whatever `token` stands for. Carries no reason and may be spurious.
    fn event(&self, token: usize);

    /// An event of an interface, with its number and value (contract §2).
    fn interface_event(&self, token: usize, event: i32, value: i32) {
        let _ = (event, value);
        self.event(token);
    }
}

/// A callback: whom to tell and with which token. Two callbacks are equal when both agree, so a
/// registered one can be found again.
#[derive(Clone, Copy)]
pub struct Callback {
    sink: &'static dyn EventSink,
    token: usize,
}

impl Callback {
    /// A callback that tells `sink` about `token`.
    #[must_use]
    pub const fn new(sink: &'static dyn EventSink, token: usize) -> Self {
        Self { sink, token }
    }

    /// Tell.
    pub fn call(self) {
        self.sink.event(self.token);
    }

    /// Tell what happened to an interface: number and value of the event.
    pub fn tell(self, event: i32, value: i32) {
        self.sink.interface_event(self.token, event, value);
    }
}

impl PartialEq for Callback {
    fn eq(&self, other: &Self) -> bool {
        core::ptr::addr_eq(self.sink, other.sink) && self.token == other.token
    }
}

impl Eq for Callback {}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Callback({:p}, {})", self.sink, self.token)
    }
}

/// Monotonic time and the way to let it pass.
pub trait Clock {
    /// Microseconds since an arbitrary start. Never goes backwards.
    fn now_us(&self) -> u64;

    /// Lets the stack work and sleeps until an event may have happened or `until_us` has come.
    /// Returns early at will. Only the blocking convenience calls use it; poll-style callers have
    /// their own loop.
    fn idle(&self, until_us: Option<u64>);
}

impl<T: Clock + ?Sized> Clock for &T {
    fn now_us(&self) -> u64 {
        (**self).now_us()
    }

    fn idle(&self, until_us: Option<u64>) {
        (**self).idle(until_us);
    }
}
