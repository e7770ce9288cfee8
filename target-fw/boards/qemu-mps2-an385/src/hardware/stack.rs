//! How deep the stack has been: the start-up code has painted it, and what was used is painted over.
//!
//! Must not: write to the stack, or look more often than now and then.
#![expect(
    unsafe_code,
    reason = "the stack is read as memory, below what is in use"
)]

use cortex_m_rt::STACK_PAINT_VALUE;

unsafe extern "C" {
    /// Limits of the stack (link/memory.x); only their addresses mean something.
    static _stack_end: u32;
    static _stack_start: u32;
}

/// How often to look, in microseconds.
const EVERY_US: u64 = 500_000;

/// Size of the stack in bytes.
pub(crate) fn size() -> usize {
    (&raw const _stack_start).addr() - (&raw const _stack_end).addr()
}

/// The deepest so far.
pub(crate) struct Watch {
    bytes: usize,
    look_at_us: u64,
}

impl Watch {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: 0,
            look_at_us: 0,
        }
    }

    /// If it is time to look and the stack has been deeper than was known: how many bytes.
    pub(crate) fn deeper(&mut self, now_us: u64) -> Option<usize> {
        if now_us < self.look_at_us {
            return None;
        }
        self.look_at_us = now_us + EVERY_US;
        let bytes = used();
        (bytes > self.bytes).then(|| {
            self.bytes = bytes;
            bytes
        })
    }
}

/// Bytes between the top of the stack and the lowest word that is not as it was painted.
fn used() -> usize {
    let untouched = (0..size() / 4)
        .take_while(|&word| {
            // SAFETY: inside the stack and aligned. Whoever uses the word at the same time is an interrupt,
            // whose values are as good as any.
            let value = unsafe { (&raw const _stack_end).add(word).read_volatile() };
            value == STACK_PAINT_VALUE
        })
        .count();
    size() - untouched * 4
}
