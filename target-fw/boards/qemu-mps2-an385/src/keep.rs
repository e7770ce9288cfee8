//! The memory that survives a reset: how often the board has started and crashed, and what its last fault
//! left behind.
//!
//! After power-on there is anything in it, so nothing is believed without its check word.
#![expect(
    unsafe_code,
    reason = "the memory lies outside of what the linker hands out"
)]

use critical_section::Mutex;
use nsapi_agent::BeaconRecord;

use crate::brake::Count;

/// Integers only: whatever the memory holds is a `Memory`.
#[repr(C)]
struct Memory {
    starts: Count,
    /// Crashes since a runner was last there.
    crashes: Count,
    beacon: BeaconRecord,
}

/// Bytes that link/memory.x reserves.
const SIZE: usize = 512;
const _: () = assert!(size_of::<Memory>() <= SIZE);

unsafe extern "C" {
    /// Begin of 512 bytes that belong to nobody else (link/memory.x).
    #[link_name = "__keep_start"]
    static mut MEMORY: Memory;
}

/// Guards `MEMORY`, which has no type of its own to do so.
static LOCK: Mutex<()> = Mutex::new(());

/// Counts this start of the board; called once after each reset. Begins anew after power-on.
pub(crate) fn count_start() -> u32 {
    with(|memory| memory.starts.add())
}

/// Leaves a beacon for after the reset, and counts a crash.
pub(crate) fn leave_beacon(beacon: BeaconRecord) {
    with(|memory| {
        memory.beacon = beacon;
        memory.crashes.add();
    });
}

/// How often the board has crashed since a runner was last there.
pub(crate) fn crashes() -> u32 {
    with(|memory| memory.crashes.get())
}

/// A runner is there; it will hear of every crash from now on.
pub(crate) fn forgive_crashes() {
    with(|memory| memory.crashes.set(0));
}

/// Takes the beacon that was left before the reset, if it is whole, and forgets it.
pub(crate) fn take_beacon() -> Option<BeaconRecord> {
    let beacon = with(|memory| core::mem::replace(&mut memory.beacon, BeaconRecord::EMPTY));
    beacon.is_valid().then_some(beacon)
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
