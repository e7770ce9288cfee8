//! What becomes of faults and panics: a beacon in the memory that survives, a line in the log, a reset.
//!
//! Must not: return, hang, or fault again; a second fault is a lockup, which ends the emulator.
#![expect(
    unsafe_code,
    reason = "a fault is entered with whatever stack there is"
)]

use core::arch::naked_asm;
use core::fmt::Write as _;
use core::panic::PanicInfo;

use cortex_m::peripheral::SCB;

use crate::keep;
use crate::text::say;

unsafe extern "C" {
    /// Limits of the stack (link/memory.x); only their addresses mean something.
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
        crash(
            "hard-fault",
            frame.pc,
            frame.lr,
            cfsr,
            format_args!("at {:#010x}", frame.pc),
        )
    }
    crash(
        "stack-overflow",
        0,
        0,
        cfsr,
        format_args!("the stack ended at {:#010x}", frame.addr()),
    )
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let lr = cortex_m::register::lr::read();
    match info.location() {
        Some(at) => crash(
            "panic",
            0,
            lr,
            0,
            format_args!("{}:{}: {}", at.file(), at.line(), info.message()),
        ),
        None => crash("panic", 0, lr, 0, format_args!("{}", info.message())),
    }
}

fn crash(kind: &str, pc: u32, lr: u32, cfsr: u32, message: core::fmt::Arguments<'_>) -> ! {
    cortex_m::interrupt::disable();
    keep::leave_beacon(|bytes| {
        let mut text = Cut { bytes, length: 0 };
        let _ = write!(
            text,
            "{kind} pc={pc:#x} lr={lr:#x} cfsr={cfsr:#x} {message}"
        );
        text.length
    });
    say!("{kind}: pc {pc:#010x} lr {lr:#010x} cfsr {cfsr:#010x}: {message}");
    SCB::sys_reset()
}

/// Text cut off where the room ends.
struct Cut<'a> {
    bytes: &'a mut [u8],
    length: usize,
}

impl core::fmt::Write for Cut<'_> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for byte in text.bytes() {
            *self.bytes.get_mut(self.length).ok_or(core::fmt::Error)? = byte;
            self.length += 1;
        }
        Ok(())
    }
}
