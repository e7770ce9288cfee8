//! A wall below the stack. The emulator ignores writes where no memory is, so without it an overflow
//! would go unnoticed until something returned to nowhere.
#![expect(unsafe_code, reason = "the MPU is set up through raw register values")]

use cortex_m::peripheral::MPU;

unsafe extern "C" {
    /// Lowest address of the stack (link/memory.x); only its address means something.
    static _stack_end: u32;
}

/// 1 MiB, aligned to itself, as the MPU wants it; far more than any single stack frame.
const SIZE: u32 = 1 << 20;
/// RASR: size field (2^(n+1) bytes), no access for anybody, never executed, enabled.
const NO_ACCESS: u32 = 1 << 28 | (20 - 1) << 1 | 1;
/// CTRL: on for everything but faults, with the default map behind it.
const ENABLE: u32 = 1 << 2 | 1;

/// Forbids the memory below the stack.
pub(crate) fn raise(mpu: &MPU) {
    let below = (&raw const _stack_end).addr() as u32 - SIZE;
    // SAFETY: takes access away from addresses where no memory is; everything else keeps its default.
    unsafe {
        mpu.rnr.write(0);
        mpu.rbar.write(below);
        mpu.rasr.write(NO_ACCESS);
        mpu.ctrl.write(ENABLE);
    }
    cortex_m::asm::dsb();
    cortex_m::asm::isb();
}
