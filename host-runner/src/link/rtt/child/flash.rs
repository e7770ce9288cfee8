//! Brings the image to the chip, unless it is there already.

use std::path::Path;

use probe_rs::flashing::{
    DownloadOptions, ElfLoader, ElfOptions, FlashProgress, ProgressEvent, ProgressOperation,
    build_loader,
};
use probe_rs::{MemoryInterface, Session};

use super::image::Image;
use super::start::{CORE, HALT_PATIENCE};
use super::{Runner, in_words};
use crate::link::rtt::message::{Step, Word};
use crate::link::rtt::{Phase, ProbeError, Progress};

/// Whether the build id in the chip's memory is that of the image. An image without one never is.
pub(super) fn is_there(session: &mut Session, image: &Image) -> bool {
    let Some((address, expected)) = &image.build_id else {
        return false;
    };
    let mut found = vec![0; expected.len()];
    // What cannot be read is not the image.
    let read = session
        .core(CORE)
        .and_then(|mut core| core.read(*address, &mut found));
    read.is_ok() && found == *expected
}

/// How often it is tried: a cable may be disturbed once.
const TRIES: usize = 2;

/// Writes the image and reads it back. The core is halted afterwards, in no particular place.
pub(super) fn write(
    session: &mut Session,
    elf: &Path,
    image: &Image,
    runner: &Runner,
) -> Result<(), ProbeError> {
    let mut problem = String::new();
    for _ in 0..TRIES {
        runner.doing(Step::Flash);
        match write_once(session, elf, runner) {
            Ok(()) if image.build_id.is_none() || is_there(session, image) => return Ok(()),
            Ok(()) => return Err(ProbeError::NotThere),
            Err(why) => problem = why,
        }
    }
    Err(ProbeError::Flash { problem })
}

fn write_once(session: &mut Session, elf: &Path, runner: &Runner) -> Result<(), String> {
    // What runs now must not run over what is being written.
    let halted = session.core(CORE).and_then(|mut core| {
        core.reset_and_halt(HALT_PATIENCE)
            .or_else(|_| core.halt(HALT_PATIENCE))
    });
    halted.map_err(|error| in_words(&error))?;
    let loader = build_loader(session, elf, ElfLoader(ElfOptions::default()), None)
        .map_err(|error| in_words(&error))?;
    let mut told = Told::default();
    let mut options = DownloadOptions::default();
    options.verify = true;
    options.progress = FlashProgress::new(|event| told.hear(&event, runner));
    loader
        .commit(session, options)
        .map_err(|error| in_words(&error))
}

/// How far each phase has come.
#[derive(Default)]
struct Told {
    phases: [(u64, Option<u64>); 4],
}

impl Told {
    fn hear(&mut self, event: &ProgressEvent, runner: &Runner) {
        let (operation, more) = match event {
            ProgressEvent::AddProgressBar { operation, total } => {
                self.phases[index(*operation)].1 = *total;
                return;
            }
            ProgressEvent::Started(operation) => (*operation, 0),
            ProgressEvent::Progress {
                operation, size, ..
            } => (*operation, *size),
            _ => return,
        };
        let (done, total) = &mut self.phases[index(operation)];
        *done += more;
        runner.say(&Word::Progress(Progress {
            phase: phase(operation),
            done: *done,
            total: *total,
        }));
    }
}

const fn index(operation: ProgressOperation) -> usize {
    operation as usize
}

const fn phase(operation: ProgressOperation) -> Phase {
    match operation {
        ProgressOperation::Fill => Phase::Fill,
        ProgressOperation::Erase => Phase::Erase,
        ProgressOperation::Program => Phase::Program,
        ProgressOperation::Verify => Phase::Verify,
    }
}
