//! What becomes of panics and faults: a line in the log and a status of their own. Never silence, which the
//! runner could only wait out.
//!
//! Must not: return, or fault again; a second fault is a lockup, which ends the emulator.
#![expect(
    unsafe_code,
    reason = "a fault is entered with whatever stack there is"
)]

use core::arch::naked_asm;
use core::panic::PanicInfo;

use cortex_m::peripheral::SCB;
use cortex_m_rt::exception;
use semihosting::process::exit;

use crate::status;

unsafe extern "C" {
    /// Limits of the stack (memory.x of the board); only their addresses mean something.
    static _stack_end: u32;
    static _stack_start: u32;
}

/// What the core pushes when it enters an exception.
#[repr(C)]
struct Frame {
    _r0_to_r3: [u32; 4],
    _r12: u32,
    lr: u32,
    pc: u32,
    _xpsr: u32,
}

/// Entry of the hard fault. If little is left of the stack, it begins again at the top: whoever used it will
/// not come back.
#[unsafe(no_mangle)]
#[unsafe(naked)]
extern "C" fn HardFault() -> ! {
    naked_asm!(
        "mov r0, sp",
        "ldr r1, ={limit}",
        "add r1, #2048",
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

/// The words of the line are what the runner reads the addresses from (host-runner/src/target_test/judge.rs).
extern "C" fn hard_fault(frame: *const Frame) -> ! {
    // SAFETY: reading the fault status changes nothing.
    let (cfsr, hfsr, mmfar, bfar) = unsafe {
        let scb = &*SCB::PTR;
        let (mmfar, bfar) = (scb.mmfar.read(), scb.bfar.read());
        (scb.cfsr.read(), scb.hfsr.read(), mmfar, bfar)
    };
    let stack =
        (&raw const _stack_end).addr()..(&raw const _stack_start).addr() - size_of::<Frame>() + 1;
    let (pc, lr) = if stack.contains(&frame.addr()) && frame.is_aligned() {
        // SAFETY: the core has just pushed a frame there, inside the stack.
        let frame = unsafe { frame.read_volatile() };
        (frame.pc, frame.lr)
    } else {
        (0, 0)
    };
    defmt::error!(
        "hard fault: pc {=u32:#010x} lr {=u32:#010x} cfsr {=u32:#010x} hfsr {=u32:#010x} mmfar {=u32:#010x} bfar {=u32:#010x}",
        pc,
        lr,
        cfsr,
        hfsr,
        mmfar,
        bfar
    );
    exit(status::FAULTED)
}

/// Every exception and interrupt without a handler of its own.
#[exception]
unsafe fn DefaultHandler(number: i16) -> ! {
    defmt::error!("unhandled interrupt {=i16}", number);
    exit(status::FAULTED)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    cortex_m::interrupt::disable();
    match info.location() {
        Some(at) => defmt::error!(
            "panic: {}:{=u32}: {}",
            at.file(),
            at.line(),
            defmt::Display2Format(&info.message())
        ),
        None => defmt::error!("panic: {}", defmt::Display2Format(&info.message())),
    }
    exit(status::PANICKED)
}
