//! The memory that survives a reset: how often the board has started, and what its last fault left behind.
//!
//! After power-on there is anything in it, so nothing is believed without its check word.
#![expect(
    unsafe_code,
    reason = "the memory lies outside of what the linker hands out"
)]

use critical_section::Mutex;

/// Bytes a beacon may have.
pub(crate) const BEACON_SIZE: usize = 256;

#[repr(C)]
struct Memory {
    starts: u32,
    starts_check: u32,
    beacon_length: u32,
    beacon_check: u32,
    beacon: [u8; BEACON_SIZE],
}

unsafe extern "C" {
    /// Begin of 512 bytes that belong to nobody else (link/memory.x).
    #[link_name = "__keep_start"]
    static mut MEMORY: Memory;
}

/// Guards `MEMORY`, which has no type of its own to do so.
static LOCK: Mutex<()> = Mutex::new(());

/// Counts this start of the board; called once after each reset. Begins anew after power-on.
pub(crate) fn count_start() -> u32 {
    with(|memory| {
        let known = memory.starts_check == check(&memory.starts.to_le_bytes());
        memory.starts = if known {
            memory.starts.wrapping_add(1)
        } else {
            1
        };
        memory.starts_check = check(&memory.starts.to_le_bytes());
        memory.starts
    })
}

/// Leaves a beacon for after the reset. `write` fills it and says how long it is.
pub(crate) fn leave_beacon(write: impl FnOnce(&mut [u8; BEACON_SIZE]) -> usize) {
    with(|memory| {
        let length = write(&mut memory.beacon).min(BEACON_SIZE);
        memory.beacon_length = length as u32;
        memory.beacon_check = check(&memory.beacon[..length]);
    });
}

/// Takes the beacon that was left before the reset, if it is whole: copies it into `into`, gives its length
/// and forgets it.
pub(crate) fn take_beacon(into: &mut [u8; BEACON_SIZE]) -> Option<usize> {
    with(|memory| {
        let length = memory.beacon_length as usize;
        let whole = length > 0
            && memory
                .beacon
                .get(..length)
                .is_some_and(|bytes| memory.beacon_check == check(bytes));
        *into = memory.beacon;
        memory.beacon_length = 0;
        memory.beacon_check = 0;
        whole.then_some(length)
    })
}

fn with<R>(f: impl FnOnce(&mut Memory) -> R) -> R {
    critical_section::with(|cs| {
        LOCK.borrow(cs);
        let memory = &raw mut MEMORY;
        // SAFETY: the linker script reserves the place, aligned and large enough; every bit pattern is a
        // `Memory`; only this function refers to it, interrupts are off and `f` cannot come back here.
        f(unsafe { &mut *memory })
    })
}

/// FNV-1a, starting from a value that memory full of zeroes or ones does not satisfy.
fn check(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, byte| {
        (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}
