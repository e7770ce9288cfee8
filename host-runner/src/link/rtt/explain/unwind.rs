//! The way of calls by the image's debug information, through exceptions, with probe-rs-debug.
//!
//! Must not: trust it. It gives up with a panic on what it does not know, and goes on where a frame is damaged.

use std::panic::{AssertUnwindSafe, catch_unwind};

use probe_rs::{Core, RegisterId, RegisterValue};
use probe_rs_debug::{DebugInfo, DebugRegisters, exception_handler_for_core};

use crate::symbols::Symbols;

/// Frames asked for, inlined ones included.
const MOST: usize = 80;

/// Addresses of the instructions on the way, innermost first: where the core is, and the calls that led there. Ends
/// where an address is none of the image's.
///
/// With `before`, the registers (by their number) that an exception has saved: where the handler is, and the way from
/// where they were saved. The unwinder does not always find its own way out of a handler: debug information of functions
/// that the linker has dropped claims the lowest addresses, where a handler may lie.
pub(super) fn addresses(
    core: &mut Core<'_>,
    before: Option<&[Option<u32>]>,
    debug: &DebugInfo,
    symbols: &Symbols,
) -> Vec<u32> {
    let mut registers = DebugRegisters::from_core(core);
    let mut addresses = Vec::new();
    if let Some(before) = before {
        let handler: Option<u32> = registers
            .get_program_counter()
            .and_then(|register| register.value?.try_into().ok());
        addresses.extend(handler.map(|pc| pc & !1));
        for (number, value) in (0..).zip(before) {
            if let Some(register) = registers.get_register_mut(RegisterId(number)) {
                register.value = value.map(RegisterValue::U32);
            }
        }
    }
    let exceptions = exception_handler_for_core(core.core_type());
    let instructions = core.instruction_set().ok();
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        debug.unwind(core, registers, exceptions.as_ref(), instructions, MOST)
    }));
    let Ok(Ok(frames)) = unwound else {
        return addresses;
    };
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
