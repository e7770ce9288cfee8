//! Starts the image and finds its RTT.
//!
//! ```text
//!  halt → forget the old control block → reset, stay halted → breakpoints → run → wait for the control block
//! ```

use core::time::Duration;
use std::thread::sleep;
use std::time::Instant;

use probe_rs::rtt::{Rtt, ScanRegion};
use probe_rs::{Core, CoreStatus, MemoryInterface, Session};

use super::channels::{Channels, NoChannels};
use super::image::Image;
use super::{Runner, in_words};
use crate::link::rtt::ProbeError;
use crate::link::rtt::message::Step;

/// The core that the agent runs on.
pub(super) const CORE: usize = 0;
/// How long a core may take to halt.
pub(super) const HALT_PATIENCE: Duration = Duration::from_millis(500);

/// First and longest pause between looks for the control block: that it is there is no event.
const FIRST_PAUSE: Duration = Duration::from_micros(200);
const LONGEST_PAUSE: Duration = Duration::from_millis(5);

/// Enables the breakpoint unit of a Cortex-M; a power-on reset has cleared it.
const FP_CTRL: u64 = 0xe000_2000;

/// Why there is no RTT.
pub(super) enum NoRtt {
    /// The core has stopped at the end of a crash.
    Stopped,
    /// Anything else.
    Trouble(ProbeError),
}

impl From<ProbeError> for NoRtt {
    fn from(error: ProbeError) -> Self {
        Self::Trouble(error)
    }
}

/// Turns an error of probe-rs into one of the probe.
pub(super) fn failed(step: Step) -> impl Fn(probe_rs::Error) -> ProbeError + Copy {
    move |error| ProbeError::Failed {
        doing: step.doing().into(),
        problem: in_words(&error),
    }
}

/// Resets the core, lets it run and finds the channels of its agent.
pub(super) fn start(
    session: &mut Session,
    image: &Image,
    boot: Duration,
    runner: &Runner,
) -> Result<Channels, NoRtt> {
    runner.doing(Step::Reset);
    let mut core = session.core(CORE).map_err(failed(Step::Reset))?;
    reset(&mut core, image).map_err(failed(Step::Reset))?;
    runner.doing(Step::Boot);
    find(&mut core, image, boot)
}

fn reset(core: &mut Core<'_>, image: &Image) -> Result<(), probe_rs::Error> {
    // A core that cannot be halted can still be reset.
    if core.halt(HALT_PATIENCE).is_ok() {
        // What the last run has left in memory is no RTT of this one.
        let _ = Rtt::clear_control_block(core, &ScanRegion::Exact(image.rtt));
    }
    core.reset_and_halt(HALT_PATIENCE)?;
    let _ = Rtt::clear_control_block(core, &ScanRegion::Exact(image.rtt));
    set_breakpoints(core, &[], image)?;
    core.run()
}

/// A breakpoint wherever a crash ends, as far as the core has any, and at some places before; no others.
pub(super) fn set_breakpoints(
    core: &mut Core<'_>,
    before: &[u64],
    image: &Image,
) -> Result<(), probe_rs::Error> {
    core.clear_all_hw_breakpoints()?;
    let units = usize::try_from(core.available_breakpoint_units()?).unwrap_or(usize::MAX);
    let ends = image.ends.iter().map(|(address, _)| address);
    for address in before.iter().chain(ends).take(units) {
        core.set_hw_breakpoint(*address)?;
    }
    Ok(())
}

/// Waits until the control block is there, and complete.
pub(super) fn find(
    core: &mut Core<'_>,
    image: &Image,
    patience: Duration,
) -> Result<Channels, NoRtt> {
    let began = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        let found = match Channels::of(core, image.rtt) {
            Ok(channels) => return Ok(channels),
            Err(found) => found,
        };
        let status = core.status().map_err(failed(Step::Boot))?;
        if is_stopped(status) {
            return Err(NoRtt::Stopped);
        }
        let waited = began.elapsed();
        if waited >= patience {
            return Err(NoRtt::Trouble(match found {
                // Another image, or one of another time.
                NoChannels::Other(error) => error,
                NoChannels::Incomplete => ProbeError::DeadRtt {
                    address: image.rtt,
                    core: in_a_word(status).into(),
                    waited_ms: u64::try_from(waited.as_millis()).unwrap_or(u64::MAX),
                },
            }));
        }
        sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// After a reset that the core made itself: the breakpoints may be gone.
pub(super) fn restore_breakpoints(
    core: &mut Core<'_>,
    image: &Image,
) -> Result<(), probe_rs::Error> {
    if core.read_word_32(FP_CTRL)? & 1 == 0 {
        set_breakpoints(core, &[], image)?;
    }
    Ok(())
}

/// Whether the core does not go on by itself.
pub(super) const fn is_stopped(status: CoreStatus) -> bool {
    matches!(status, CoreStatus::Halted(_) | CoreStatus::LockedUp)
}

/// What the core does.
pub(super) fn in_a_word(status: CoreStatus) -> &'static str {
    match status {
        CoreStatus::Running => "running",
        CoreStatus::Halted(_) => "halted",
        CoreStatus::LockedUp => "locked up",
        CoreStatus::Sleeping => "sleeping",
        CoreStatus::Unknown => "in an unknown state",
    }
}
