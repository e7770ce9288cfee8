//! Where a core is that says nothing: whether it waits for something, or computes without an end.

use core::time::Duration;
use std::thread::sleep;

use probe_rs::{Core, CoreStatus, MemoryInterface};

use super::start::HALT_PATIENCE;

/// How often the core is looked at. One that ever waits is not caught in a loop.
const SAMPLES: usize = 8;
/// Between looks: long enough for a tick of the agent to pass.
const BETWEEN: Duration = Duration::from_millis(2);

/// The instructions a core waits in: wait for interrupt, for event.
const WFI: u16 = 0xbf30;
const WFE: u16 = 0xbf20;

/// Whether the core waits for something to happen. If so it runs on; otherwise it is halted.
pub(super) fn waits(core: &mut Core<'_>) -> Result<bool, probe_rs::Error> {
    for sample in 0..SAMPLES {
        if sample > 0 {
            core.run()?;
            sleep(BETWEEN);
        }
        match core.status()? {
            CoreStatus::Sleeping => return Ok(true),
            // Nobody here has done that: it has crashed.
            CoreStatus::LockedUp | CoreStatus::Halted(_) => return Ok(false),
            CoreStatus::Running | CoreStatus::Unknown => {}
        }
        let at = core.halt(HALT_PATIENCE)?.pc;
        if is_at_wait(core, at)? {
            core.run()?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// A halted core shows the instruction after the one it waits in, or that one itself.
fn is_at_wait(core: &mut Core<'_>, at: u64) -> Result<bool, probe_rs::Error> {
    let mut code = [0_u8; 4];
    core.read(at.saturating_sub(2), &mut code)?;
    let waits = |low, high| matches!(u16::from_le_bytes([low, high]), WFI | WFE);
    Ok(waits(code[0], code[1]) || waits(code[2], code[3]))
}
