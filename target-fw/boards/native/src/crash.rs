//! Ways to break this process, for a runner that wants to see what becomes of it: those of a microcontroller that
//! a process has too, and that need no unsafe code.
//!
//! Must not: be in a board whose port is to be tested.

use std::hint::black_box;

use nsapi_agent::CrashKind;

/// Breaks the process, or returns.
#[inline(never)]
pub(crate) fn on_request(how: CrashKind) {
    match how {
        CrashKind::Panic => panic_on_purpose(),
        CrashKind::Loop => go_round(),
        CrashKind::StackOverflow => {
            black_box(dig_deeper(1));
        }
        // The nearest to a core that stops.
        CrashKind::Lockup => std::process::abort(),
        CrashKind::BusFault | CrashKind::UndefinedInstruction => {}
    }
}

#[inline(never)]
fn panic_on_purpose() {
    assert!(!black_box(true), "a panic on purpose");
}

#[inline(never)]
fn go_round() {
    while black_box(true) {
        std::hint::spin_loop();
    }
}

#[inline(never)]
fn dig_deeper(depth: u64) -> u64 {
    let room = black_box([depth; 64]);
    if depth == black_box(0) {
        return 0;
    }
    dig_deeper(depth + 1).wrapping_add(black_box(&room)[0])
}
