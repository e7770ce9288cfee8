//! Where a core is that says nothing: whether it waits for something, or computes without an end.
//!
//! A core that is short of time, an emulated one on a busy machine, comes to wait in passing only: looking at it now and
//! then would take it for one in a loop. So it is stopped where it waits, if there are breakpoints enough.

use core::time::Duration;
use std::thread::sleep;
use std::time::Instant;

use probe_rs::{Core, CoreStatus, MemoryInterface};

use super::image::{Image, is_wait};
use super::start::{HALT_PATIENCE, is_stopped, set_breakpoints};

/// How long a core may compute between two waits.
const WITHIN: Duration = Duration::from_millis(300);
/// Between looks at whether it has stopped there; that it has is no event.
const BETWEEN: Duration = Duration::from_millis(1);
/// Between looks at where it is.
const SAMPLE: Duration = Duration::from_millis(7);

/// Whether the core waits for something to happen. If so it runs on; otherwise it is halted.
pub(super) fn waits(core: &mut Core<'_>, image: &Image) -> Result<bool, probe_rs::Error> {
    match core.status()? {
        CoreStatus::Sleeping => return Ok(true),
        // It has crashed a moment ago.
        status if is_stopped(status) => return Ok(false),
        _ => {}
    }
    let at = core.halt(HALT_PATIENCE)?.pc;
    let waits = is_at_wait(core, at)? || {
        let units = usize::try_from(core.available_breakpoint_units()?).unwrap_or(usize::MAX);
        if image.waits.is_empty() {
            false
        } else if image.waits.len() <= units {
            stops_where_it_waits(core, image)?
        } else {
            is_ever_at_wait(core)?
        }
    };
    if waits {
        core.run()?;
    }
    Ok(waits)
}

/// Whether a halted core comes to where it waits. It is halted afterwards.
fn stops_where_it_waits(core: &mut Core<'_>, image: &Image) -> Result<bool, probe_rs::Error> {
    set_breakpoints(core, &image.waits, image)?;
    core.run()?;
    let began = Instant::now();
    while !is_stopped(core.status()?) && began.elapsed() < WITHIN {
        sleep(BETWEEN);
    }
    let at = core.halt(HALT_PATIENCE)?.pc;
    let waits = image.waits.contains(&at) || is_at_wait(core, at)?;
    set_breakpoints(core, &[], image)?;
    Ok(waits)
}

/// Whether a halted core is ever seen waiting. It is halted afterwards.
fn is_ever_at_wait(core: &mut Core<'_>) -> Result<bool, probe_rs::Error> {
    let began = Instant::now();
    while began.elapsed() < WITHIN {
        core.run()?;
        sleep(SAMPLE);
        if is_stopped(core.status()?) {
            return Ok(false);
        }
        let at = core.halt(HALT_PATIENCE)?.pc;
        if is_at_wait(core, at)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A halted core shows the instruction after the one it waits in, or that one itself.
fn is_at_wait(core: &mut Core<'_>, at: u64) -> Result<bool, probe_rs::Error> {
    let mut code = [0_u8; 4];
    core.read(at.saturating_sub(2), &mut code)?;
    let [before, after, here, next] = code;
    Ok(is_wait([before, after]) || is_wait([here, next]))
}
