//! What becomes of faults and panics: a beacon in the memory that survives, a line in the log, a reset.
//!
//! Must not: return, hang, or fault again; a second fault is a lockup, which ends the emulator.
#![expect(
    unsafe_code,
    reason = "a fault is entered with whatever stack there is"
)]

use core::arch::naked_asm;
use core::fmt::{self, Write as _};
use core::panic::PanicInfo;

use cortex_m::peripheral::SCB;
use cortex_m_rt::exception;
use nsapi_agent::BeaconRecord;
use nsapi_agent::beacon::FaultKind;

use crate::keep;
use crate::text::say;

unsafe extern "C" {
    /// Limits of the stack (link/memory.x); only their addresses mean something.
    static _stack_end: u32;
    static _stack_start: u32;
}

/// Parts of the configurable fault status.
const CFSR_MEMORY: u32 = 0x0000_00ff;
const CFSR_BUS: u32 = 0x0000_ff00;

/// What the core pushes when it enters an exception.
#[repr(C)]
struct Frame {
    _r0_to_r3: [u32; 4],
    _r12: u32,
    lr: u32,
    pc: u32,
    _xpsr: u32,
}

/// Entry of the hard fault; every other fault escalates to it. Hands over where the frame was pushed. If
/// little is left of the stack, it begins again at the top: whoever used it will not come back.
#[unsafe(no_mangle)]
#[unsafe(naked)]
extern "C" fn HardFault() -> ! {
    naked_asm!(
        "mov r0, sp",
        "ldr r1, ={limit}",
        "add r1, #1024",
        "cmp r0, r1",
        "bhs 0f",
        "ldr r1, ={top}",
        "mov sp, r1",
        "0: b {handler}",
        ".ltorg",
        limit = sym _stack_end,
        top = sym _stack_start,
        handler = sym hard_fault,
    )
}

extern "C" fn hard_fault(frame: *const Frame) -> ! {
    // SAFETY: reading the fault status changes nothing.
    let cfsr = unsafe { (*SCB::PTR).cfsr.read() };
    let stack =
        (&raw const _stack_end).addr()..(&raw const _stack_start).addr() - size_of::<Frame>() + 1;
    if stack.contains(&frame.addr()) && frame.is_aligned() {
        // SAFETY: the core has just pushed a frame there, inside the stack.
        let frame = unsafe { frame.read_volatile() };
        let kind = match cfsr {
            0 => FaultKind::HardFault,
            cfsr if cfsr & CFSR_MEMORY != 0 => FaultKind::MemManage,
            cfsr if cfsr & CFSR_BUS != 0 => FaultKind::BusFault,
            _ => FaultKind::UsageFault,
        };
        crash(
            kind,
            frame.pc,
            frame.lr,
            cfsr,
            format_args!("at {:#010x}", frame.pc),
        )
    }
    crash(
        FaultKind::MemManage,
        0,
        0,
        cfsr,
        format_args!("stack overflow, down to {:#010x}", frame.addr()),
    )
}

/// Every exception and interrupt without a handler of its own.
#[exception]
unsafe fn DefaultHandler(number: i16) -> ! {
    crash(
        FaultKind::Unhandled,
        0,
        0,
        0,
        format_args!("interrupt {number}"),
    )
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    match info.location() {
        Some(at) => crash(
            FaultKind::Panic,
            0,
            0,
            0,
            format_args!("{}:{}: {}", at.file(), at.line(), info.message()),
        ),
        None => crash(
            FaultKind::Panic,
            0,
            0,
            0,
            format_args!("{}", info.message()),
        ),
    }
}

fn crash(kind: FaultKind, pc: u32, lr: u32, cfsr: u32, message: fmt::Arguments<'_>) -> ! {
    cortex_m::interrupt::disable();
    let mut beacon = BeaconRecord::new(kind, pc, lr, cfsr);
    // What does not fit is cut off.
    let _ = beacon.write_fmt(message);
    beacon.seal();
    keep::leave_beacon(beacon);
    say!(
        "{}: pc {pc:#010x} lr {lr:#010x} cfsr {cfsr:#010x}: {message}",
        beacon.kind()
    );
    SCB::sys_reset()
}
