//! Where the core has been: the words of the stack that are return addresses.
//!
//! A word is taken for one if it has the Thumb bit, points into the code, and a call stands right before it. Some
//! that qualify are left from calls long over; whoever reads them has to allow for that.
//!
//! Must not: read outside of stack and code, whatever it is given.
#![expect(unsafe_code, reason = "stack and code are read as memory")]

use core::ops::Range;
use core::ptr::with_exposed_provenance;

unsafe extern "C" {
    /// Limits of the stack (link/memory.x) and of the code (cortex-m-rt); only their addresses mean something.
    static _stack_end: u32;
    static _stack_start: u32;
    static __stext: u32;
    static __etext: u32;
}

/// Hands `take` the return addresses on the stack from address `from` upwards, without the Thumb bit, until it has
/// enough and answers `false`; one that repeats, as in a recursion, once only. Below the stack it begins at the
/// stack's end.
pub(crate) fn return_addresses(from: usize, mut take: impl FnMut(u32) -> bool) {
    let stack = (&raw const _stack_end).addr()..(&raw const _stack_start).addr();
    let code = (&raw const __stext).addr()..(&raw const __etext).addr();
    let from = from.max(stack.start).next_multiple_of(4);
    let mut before = 0;
    for place in (from..stack.end).step_by(4) {
        // SAFETY: inside the stack and aligned; any word is as good as another.
        let word = unsafe { with_exposed_provenance::<u32>(place).read_volatile() };
        let address = word as usize & !1;
        if word & 1 == 0 || address == before || !follows_a_call(address, &code) {
            continue;
        }
        before = address;
        if !take(address as u32) {
            return;
        }
    }
}

/// Whether the instruction before `address` is a BL, or a BLX with a register.
fn follows_a_call(address: usize, code: &Range<usize>) -> bool {
    if !code.contains(&address) || address - code.start < 4 {
        return false;
    }
    // SAFETY: `address` is even, and two half-words before it are still in the code.
    let [first, second] =
        unsafe { with_exposed_provenance::<[u16; 2]>(address - 4).read_volatile() };
    let is_bl = first & 0xf800 == 0xf000 && second & 0xd000 == 0xd000;
    let is_blx = second & 0xff87 == 0x4780;
    is_bl || is_blx
}
