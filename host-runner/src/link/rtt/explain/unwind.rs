//! The way of calls by the image's debug information, through exceptions, with probe-rs-debug.
//!
//! Must not: trust it. It gives up with a panic on what it does not know, and goes on where a frame is damaged.

use std::panic::{AssertUnwindSafe, catch_unwind};

use probe_rs::Core;
use probe_rs_debug::{DebugInfo, DebugRegisters, exception_handler_for_core};

use crate::symbols::Symbols;

/// Frames asked for, inlined ones included.
const MOST: usize = 80;

/// Addresses of the instructions on the way, innermost first: where the core is, and the calls that led there. Ends
/// where an address is none of the image's.
pub(super) fn addresses(core: &mut Core<'_>, debug: &DebugInfo, symbols: &Symbols) -> Vec<u32> {
    let registers = DebugRegisters::from_core(core);
    let exceptions = exception_handler_for_core(core.core_type());
    let instructions = core.instruction_set().ok();
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        debug.unwind(core, registers, exceptions.as_ref(), instructions, MOST)
    }));
    let Ok(Ok(frames)) = unwound else {
        return Vec::new();
    };
    let mut addresses = Vec::new();
    // Of inlined functions each has a frame with an address of its own; the last of a group has the true one.
    for frame in frames.iter().filter(|frame| !frame.is_inlined) {
        let pc: Option<u32> = frame
            .registers
            .get_program_counter()
            .and_then(|register| register.value?.try_into().ok());
        let Some(pc) = pc.map(|pc| pc & !1).filter(|pc| symbols.is_code(*pc)) else {
            break;
        };
        // The unwinder takes the halfword before the return address for the call, which may be its second half.
        let pc = symbols.call_before((pc + 2) | 1).unwrap_or(pc);
        // An exception has a frame for itself and one for what it interrupted, at the same address.
        if addresses.last() != Some(&pc) {
            addresses.push(pc);
        }
    }
    addresses
}
