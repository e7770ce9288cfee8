//! Ways to break this board, for a runner that wants to see what becomes of it. Each leads through two functions
//! whose names say what they do, so that a backtrace can be told right from wrong.
//!
//! None of them has the type of a function that does not return, nor looks like one to the compiler: it would
//! save no return address in those.
//!
//! Must not: be in an image whose port is to be tested.
#![expect(unsafe_code, reason = "nothing safe breaks a board")]

use core::arch::asm;
use core::hint::black_box;

use nsapi_agent::CrashKind;

/// An address at which nothing answers on this board; most others that are not used read as 0.
const NOWHERE: usize = 0x3000_0000;

/// Breaks the board.
#[inline(never)]
pub(crate) fn on_request(how: CrashKind) {
    defmt::warn!("a crash, as the runner asked");
    let survived = match how {
        CrashKind::BusFault => read_where_nothing_is(),
        CrashKind::UndefinedInstruction => run_into_data(),
        CrashKind::StackOverflow => recurse_without_end(),
        CrashKind::Panic => panic_on_purpose(),
        CrashKind::Loop => wait_for_what_never_comes(),
        CrashKind::Lockup => fault_where_no_fault_may_be(),
    };
    defmt::error!("survived it, with {=u32:#x}", survived);
}

#[inline(never)]
fn read_where_nothing_is() -> u32 {
    black_box(read_word(black_box(NOWHERE)))
}

#[inline(never)]
fn read_word(address: usize) -> u32 {
    // SAFETY: it is meant to fault.
    unsafe { core::ptr::with_exposed_provenance::<u32>(address).read_volatile() }
}

#[inline(never)]
fn run_into_data() -> u32 {
    black_box(execute_what_is_no_instruction())
}

#[inline(never)]
fn execute_what_is_no_instruction() -> u32 {
    // SAFETY: it is meant to fault.
    unsafe { asm!("udf #0", options(nomem, nostack)) };
    0
}

#[inline(never)]
fn recurse_without_end() -> u32 {
    black_box(dig_deeper(black_box(1)))
}

#[inline(never)]
fn dig_deeper(depth: u32) -> u32 {
    let room = black_box([depth; 16]);
    if depth == black_box(0) {
        return 0;
    }
    dig_deeper(depth.wrapping_add(1)).wrapping_add(black_box(&room)[0])
}

#[inline(never)]
fn panic_on_purpose() -> u32 {
    black_box(divide(black_box(1), black_box(0)))
}

#[inline(never)]
fn divide(dividend: u32, divisor: u32) -> u32 {
    assert!(divisor != 0, "a panic on purpose: {dividend} by {divisor}");
    dividend / divisor
}

#[inline(never)]
fn wait_for_what_never_comes() -> u32 {
    black_box(go_round(black_box(true)))
}

#[inline(never)]
fn go_round(again: bool) -> u32 {
    let mut rounds = 0_u32;
    while black_box(again) {
        rounds = rounds.wrapping_add(1);
    }
    rounds
}

#[inline(never)]
fn fault_where_no_fault_may_be() -> u32 {
    // SAFETY: it is meant to make every fault fatal.
    unsafe { asm!("cpsid f", options(nomem, nostack)) };
    black_box(read_where_nothing_is())
}
