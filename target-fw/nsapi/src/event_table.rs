//! What an event does (contract §5): count it, call back if armed, wake who waits. Safe in an interrupt.
//!
//! Kept apart from the socket objects so that a stack may raise events from anywhere while it need not be
//! `Sync` itself. Callbacks and wakers run outside the critical section.
//!
//! Must not: call the stack, or know what a socket is.

use core::cell::RefCell;
use core::mem;
use core::task::Waker;

use critical_section::Mutex;

use crate::{Callback, EventSink, SocketId};

/// Tasks that one socket can wake. One more displaces the oldest, which is woken early and comes back.
const WAITERS: usize = 4;

/// The events of `N` sockets. One table belongs to one [`crate::Sockets`] and lives as long as the stack:
///
/// ```
/// static EVENTS: nsapi::EventTable<8> = nsapi::EventTable::new();
/// ```
pub struct EventTable<const N: usize> {
    entries: Mutex<RefCell<[Entry; N]>>,
}

struct Entry {
    /// Of the socket object the entry serves now; events for another one are dropped.
    generation: u16,
    /// Events so far, modulo 2³².
    count: u32,
    /// The callback was called and no operation has begun since.
    marked: bool,
    callback: Option<Callback>,
    waiters: [Option<Waiter>; WAITERS],
}

struct Waiter {
    waker: Waker,
    /// When to wake it even without an event; [`NEVER`] for not at all. Not an option: without one an empty
    /// table is all zero, so that it takes no room in an image.
    until_us: u64,
}

/// A time that does not come.
const NEVER: u64 = u64::MAX;

impl Entry {
    const fn new(generation: u16) -> Self {
        Self {
            generation,
            count: 0,
            marked: false,
            callback: None,
            waiters: [const { None }; WAITERS],
        }
    }

    fn happen(&mut self) -> Consequence {
        self.count = self.count.wrapping_add(1);
        let call = if self.marked { None } else { self.callback };
        // Without a callback the mark stays as it is.
        self.marked |= call.is_some();
        Consequence {
            call,
            wake: mem::take(&mut self.waiters),
        }
    }

    fn add(&mut self, waiter: Waiter) -> Option<Waiter> {
        let mut free = None;
        for place in &mut self.waiters {
            match place {
                Some(known) if known.waker.will_wake(&waiter.waker) => {
                    // The same task may wait for two things; it is woken for the earlier one.
                    known.until_us = known.until_us.min(waiter.until_us);
                    return None;
                }
                Some(_) => {}
                None if free.is_none() => free = Some(place),
                None => {}
            }
        }
        if let Some(place) = free {
            *place = Some(waiter);
            return None;
        }
        self.waiters.rotate_left(1);
        self.waiters
            .last_mut()
            .and_then(|place| place.replace(waiter))
    }
}

/// What is left to do once the critical section is over.
#[derive(Default)]
struct Consequence {
    call: Option<Callback>,
    wake: [Option<Waiter>; WAITERS],
}

impl Consequence {
    fn carry_out(self) {
        if let Some(callback) = self.call {
            callback.call();
        }
        for waiter in self.wake.into_iter().flatten() {
            waiter.waker.wake();
        }
    }
}

impl<const N: usize> EventTable<N> {
    /// A table nobody has used yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            entries: Mutex::new(RefCell::new([const { Entry::new(0) }; N])),
        }
    }

    /// What a stack is told to report the events of socket object `id` with.
    pub(crate) fn callback(&'static self, id: SocketId) -> Callback {
        Callback::new(
            self,
            usize::from(id.generation) << 16 | usize::from(id.index),
        )
    }

    /// Makes the entry serve another object; whoever still waits is woken.
    pub(crate) fn reset(&self, id: SocketId) {
        let old = self.with(id.index, |entry| {
            mem::replace(entry, Entry::new(id.generation))
        });
        if let Some(old) = old {
            Consequence {
                call: None,
                wake: old.waiters,
            }
            .carry_out();
        }
    }

    /// Sets or removes the callback. Not retroactive, and leaves the mark alone.
    pub(crate) fn set_callback(&self, index: u16, callback: Option<Callback>) {
        self.with(index, |entry| entry.callback = callback);
    }

    /// An operation is about to ask the stack: clears the mark and returns the number of events so far.
    pub(crate) fn attempt(&self, index: u16) -> u32 {
        self.with(index, |entry| {
            entry.marked = false;
            entry.count
        })
        .unwrap_or_default()
    }

    /// Number of events so far.
    pub(crate) fn count(&self, index: u16) -> u32 {
        self.with(index, |entry| entry.count).unwrap_or_default()
    }

    /// Something happened to the socket now served by `index`.
    pub(crate) fn fire(&self, index: u16) {
        self.with(index, Entry::happen)
            .unwrap_or_default()
            .carry_out();
    }

    /// Wakes the waiters though nothing happened.
    pub(crate) fn wake(&self, index: u16) {
        let wake = self
            .with(index, |entry| mem::take(&mut entry.waiters))
            .unwrap_or_default();
        Consequence { call: None, wake }.carry_out();
    }

    /// Has `waker` woken by the next event or at `until_us`.
    pub(crate) fn wait(&self, index: u16, waker: &Waker, until_us: Option<u64>) {
        let waiter = Waiter {
            waker: waker.clone(),
            until_us: until_us.unwrap_or(NEVER),
        };
        if let Some(displaced) = self.with(index, |entry| entry.add(waiter)).flatten() {
            displaced.waker.wake();
        }
    }

    /// Wakes everybody whose time has come; returns when the next one's comes.
    pub(crate) fn wake_due(&self, now_us: u64) -> Option<u64> {
        let mut next: Option<u64> = None;
        for index in 0..u16::try_from(N).unwrap_or(u16::MAX) {
            let wake = self.with(index, |entry| {
                let mut due = [const { None }; WAITERS];
                for (place, due) in entry.waiters.iter_mut().zip(&mut due) {
                    match place.as_ref().map(|waiter| waiter.until_us) {
                        None | Some(NEVER) => {}
                        Some(until) if until <= now_us => *due = place.take(),
                        Some(until) => next = Some(next.map_or(until, |next| next.min(until))),
                    }
                }
                due
            });
            Consequence {
                call: None,
                wake: wake.unwrap_or_default(),
            }
            .carry_out();
        }
        next
    }

    fn with<R>(&self, index: u16, change: impl FnOnce(&mut Entry) -> R) -> Option<R> {
        critical_section::with(|cs| {
            self.entries
                .borrow_ref_mut(cs)
                .get_mut(usize::from(index))
                .map(change)
        })
    }
}

impl<const N: usize> Default for EventTable<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> EventSink for EventTable<N> {
    fn event(&self, token: usize) {
        // The two halves of the token, see `callback`.
        let (index, generation) = (token as u16, (token >> 16) as u16);
        self.with(index, |entry| {
            if entry.generation == generation {
                entry.happen()
            } else {
                Consequence::default()
            }
        })
        .unwrap_or_default()
        .carry_out();
    }
}
