//! The log: defmt frames to the semihosting standard output, each frame in one call, because a call stops the
//! core where there is a probe.
//!
//! Must not: be used from a context that interrupts a log statement other than by a fault; those take the
//! statement's place.
#![expect(
    unsafe_code,
    reason = "a defmt logger keeps its state in a static between calls"
)]

use core::cell::UnsafeCell;

use critical_section::RestoreState;
use semihosting::io::{self, Stdout, Write as _};

/// Longer frames are written in pieces.
const ROOM: usize = 256;

struct State {
    encoder: defmt::Encoder,
    buffer: Buffer,
    restore: RestoreState,
}

/// The frame that is being made.
struct Buffer {
    bytes: [u8; ROOM],
    filled: usize,
    out: Option<Stdout>,
}

impl Buffer {
    fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.filled == ROOM {
                self.write();
            }
            self.bytes[self.filled] = *byte;
            self.filled += 1;
        }
    }

    fn write(&mut self) {
        if self.out.is_none() {
            self.out = io::stdout().ok();
        }
        if let Some(out) = &mut self.out {
            // Without anybody who listens there is nothing to be done.
            let _ = out.write_all(&self.bytes[..self.filled]);
        }
        self.filled = 0;
    }
}

struct Shared(UnsafeCell<State>);

// SAFETY: used between `acquire` and `release` only, with interrupts off.
unsafe impl Sync for Shared {}

static STATE: Shared = Shared(UnsafeCell::new(State {
    encoder: defmt::Encoder::new(),
    buffer: Buffer {
        bytes: [0; ROOM],
        filled: 0,
        out: None,
    },
    restore: RestoreState::invalid(),
}));

#[defmt::global_logger]
struct Logger;

// SAFETY: `acquire` turns interrupts off until `release`, so a frame is never mixed with another.
unsafe impl defmt::Logger for Logger {
    fn acquire() {
        // SAFETY: released by `release` below, which defmt calls after every `acquire`.
        let restore = unsafe { critical_section::acquire() };
        // SAFETY: interrupts are off; a fault never returns to whom it interrupted.
        let state = unsafe { &mut *STATE.0.get() };
        state.restore = restore;
        state.buffer.filled = 0;
        let State {
            encoder, buffer, ..
        } = state;
        encoder.start_frame(|bytes| buffer.take(bytes));
    }

    unsafe fn flush() {}

    unsafe fn release() {
        // SAFETY: between `acquire` and the end of this function.
        let state = unsafe { &mut *STATE.0.get() };
        let State {
            encoder, buffer, ..
        } = state;
        encoder.end_frame(|bytes| buffer.take(bytes));
        buffer.write();
        // SAFETY: what the matching `acquire` gave.
        unsafe { critical_section::release(state.restore) };
    }

    unsafe fn write(bytes: &[u8]) {
        // SAFETY: between `acquire` and `release`.
        let state = unsafe { &mut *STATE.0.get() };
        let State {
            encoder, buffer, ..
        } = state;
        encoder.write(bytes, |bytes| buffer.take(bytes));
    }
}
