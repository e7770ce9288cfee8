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

use crate::hardware::trace;
use crate::{keep, log};

unsafe extern "C" {
    /// Limits of the stack (link/memory.x); only their addresses mean something.
    static _stack_end: u32;
    static _stack_start: u32;
}

/// Parts of the configurable fault status.
const CFSR_MEMORY: u32 = 0x0000_00ff;
const CFSR_BUS: u32 = 0x0000_ff00;
/// The registers with the address of a memory management fault, or of a bus fault, hold one.
const CFSR_MEMORY_ADDRESS: u32 = 1 << 7;
const CFSR_BUS_ADDRESS: u32 = 1 << 15;

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
    let (cfsr, mmfar, bfar) = unsafe {
        let scb = &*SCB::PTR;
        (scb.cfsr.read(), scb.mmfar.read(), scb.bfar.read())
    };
    let from = frame.addr();
    let stack =
        (&raw const _stack_end).addr()..(&raw const _stack_start).addr() - size_of::<Frame>() + 1;
    if stack.contains(&from) && frame.is_aligned() {
        // SAFETY: the core has just pushed a frame there, inside the stack.
        let frame = unsafe { frame.read_volatile() };
        let kind = match cfsr {
            0 => FaultKind::HardFault,
            cfsr if cfsr & CFSR_MEMORY != 0 => FaultKind::MemManage,
            cfsr if cfsr & CFSR_BUS != 0 => FaultKind::BusFault,
            _ => FaultKind::UsageFault,
        };
        let beacon = BeaconRecord::new(kind, frame.pc, frame.lr, cfsr);
        let above = from + size_of::<Frame>();
        match cfsr {
            cfsr if cfsr & CFSR_BUS_ADDRESS != 0 => {
                write_down_and_reset(beacon, above, format_args!("access to {bfar:#010x}"))
            }
            cfsr if cfsr & CFSR_MEMORY_ADDRESS != 0 => {
                write_down_and_reset(beacon, above, format_args!("access to {mmfar:#010x}"))
            }
            _ => write_down_and_reset(beacon, above, format_args!("at {:#010x}", frame.pc)),
        }
    }
    // The frame did not fit; what lies above is the tail of what was called too often.
    write_down_and_reset(
        BeaconRecord::new(FaultKind::MemManage, 0, 0, cfsr),
        from,
        format_args!("stack overflow, down to {from:#010x}"),
    )
}

/// Every exception and interrupt without a handler of its own.
#[exception]
unsafe fn DefaultHandler(number: i16) -> ! {
    write_down_and_reset(
        BeaconRecord::new(FaultKind::Unhandled, 0, 0, 0),
        here(),
        format_args!("interrupt {number}"),
    )
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let beacon = BeaconRecord::new(FaultKind::Panic, 0, 0, 0);
    match info.location() {
        Some(at) => write_down_and_reset(
            beacon,
            here(),
            format_args!("{}:{}: {}", at.file(), at.line(), info.message()),
        ),
        None => write_down_and_reset(beacon, here(), format_args!("{}", info.message())),
    }
}

/// Where the stack ends now.
fn here() -> usize {
    cortex_m::register::msp::read() as usize
}

/// Completes the beacon with `message` and the return addresses on the stack from `scan_from` on, leaves it, and
/// resets the core.
fn write_down_and_reset(
    mut beacon: BeaconRecord,
    scan_from: usize,
    message: fmt::Arguments<'_>,
) -> ! {
    cortex_m::interrupt::disable();
    trace::return_addresses(scan_from, |address| beacon.add_return(address));
    // What does not fit is cut off.
    let _ = beacon.write_fmt(message);
    beacon.seal();
    keep::leave_beacon(beacon);
    log::begin_anew();
    defmt::error!("{=str}: {=str}", beacon.kind(), beacon.message());
    SCB::sys_reset()
}
