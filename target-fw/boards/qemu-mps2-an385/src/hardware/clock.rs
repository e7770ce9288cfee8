//! Time: the microsecond counter of the FPGA, and a 1 ms tick that bounds every sleep.
//!
//! The tick never stops. It is also what keeps QEMU's own network loop awake: without a periodic timer each
//! new connection through its user network stalls for half a second.

use core::cell::Cell;
use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;
use critical_section::Mutex;
use nsapi::Clock;

use super::interrupts;
use super::mmio::Block;

const COUNTER: usize = 0x18;
const PRESCALE: usize = 0x1c;
/// Counts at 25 MHz / (24 + 1).
const PRESCALE_1_MHZ: u32 = 24;
/// The tick counts at 1 MHz (the external clock of SysTick).
const TICK_US: u32 = 1000;

/// High word, and the low word as last seen. The tick looks far more often than the counter wraps (71 min).
static COUNTED: Mutex<Cell<(u32, u32)>> = Mutex::new(Cell::new((0, 0)));
static LAST_TICK: AtomicU32 = AtomicU32::new(0);
static WORST_DELAY_US: AtomicU32 = AtomicU32::new(0);

/// The clock of the socket layer.
pub(crate) struct BoardClock;

impl Clock for BoardClock {
    fn now_us(&self) -> u64 {
        now_us()
    }

    /// Sleeps until an interrupt, at most until the next tick. The stack works in the main loop, which
    /// makes no blocking call; there is nobody else who would wait here.
    fn idle(&self, _until_us: Option<u64>) {
        interrupts::sleep_unless(|| false);
    }
}

/// Starts counter and tick.
pub(crate) fn start(mut tick: SYST) {
    Block::FPGAIO.write::<PRESCALE>(PRESCALE_1_MHZ);
    LAST_TICK.store(Block::FPGAIO.read::<COUNTER>(), Ordering::Relaxed);
    tick.set_clock_source(SystClkSource::External);
    tick.set_reload(TICK_US - 1);
    tick.clear_current();
    tick.enable_interrupt();
    tick.enable_counter();
}

/// Microseconds since reset.
pub(crate) fn now_us() -> u64 {
    critical_section::with(|cs| {
        let (high, last) = COUNTED.borrow(cs).get();
        let low = Block::FPGAIO.read::<COUNTER>();
        let high = if low < last {
            high.wrapping_add(1)
        } else {
            high
        };
        COUNTED.borrow(cs).set((high, low));
        u64::from(high) << 32 | u64::from(low)
    })
}

/// By how many microseconds the latest tick was late at worst since this was last asked: how far this
/// machine can be trusted to have been on time.
pub(crate) fn take_jitter_us() -> u32 {
    WORST_DELAY_US.swap(0, Ordering::Relaxed)
}

#[exception]
fn SysTick() {
    // Low words only: two ticks are never 71 minutes apart.
    let now = now_us() as u32;
    let gap = now.wrapping_sub(LAST_TICK.swap(now, Ordering::Relaxed));
    WORST_DELAY_US.fetch_max(gap.saturating_sub(TICK_US), Ordering::Relaxed);
}
