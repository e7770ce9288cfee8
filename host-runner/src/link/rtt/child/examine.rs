//! A look at a chip without changing what it does: for people who want to know what is wrong before they run anything.
//!
//! Must not: write to the chip, halt it for longer than attaching does, or reset it (connecting under reset does).

use probe_rs::Core;
use probe_rs::rtt::{Rtt, RttChannel};

use super::channels::is_of_link;
use super::image::Image;
use super::start::{CORE, failed, in_a_word, is_stopped};
use super::{Runner, flash, in_words, open};
use crate::link::rtt::message::{Examination, Step};
use crate::link::rtt::{Examined, ProbeError};

/// Opens the probe, attaches, looks, and lets go.
pub(super) fn examine(examination: &Examination, runner: &Runner) -> Result<Examined, ProbeError> {
    let image = examination.elf.as_deref().map(Image::read).transpose()?;
    runner.doing(Step::Open);
    let probe = open::probe(&examination.attachment)?;
    runner.doing(Step::Attach);
    let mut session = open::attach(probe, &examination.attachment)?;
    let chip = session.target().name.clone();
    runner.doing(Step::Compare);
    let runs_image = image
        .as_ref()
        .map(|image| flash::is_there(&mut session, image));
    let mut core = session.core(CORE).map_err(failed(Step::Attach))?;
    let status = core.status().map_err(failed(Step::Attach))?;
    // What a core that is stopped has in its memory says nothing.
    if let (Some(image), Some(true), false) = (&image, runs_image, is_stopped(status)) {
        find(&mut core, image, in_a_word(status))?;
    }
    Ok(Examined {
        chip,
        core: in_a_word(status).into(),
        runs_image,
    })
}

fn find(core: &mut Core<'_>, image: &Image, state: &str) -> Result<(), ProbeError> {
    let rtt = Rtt::attach_at(core, image.rtt).map_err(|error| ProbeError::DeadRtt {
        address: image.rtt,
        core: format!("{state} ({})", in_words(&error)),
        waited_ms: 0,
    })?;
    let names = |channels: &[&dyn RttChannel]| -> Vec<String> {
        let names = channels.iter().filter_map(|channel| channel.name());
        names.map(str::to_owned).collect()
    };
    let up: Vec<&dyn RttChannel> = rtt.up_channels.iter().map(|c| c as _).collect();
    let down: Vec<&dyn RttChannel> = rtt.down_channels.iter().map(|c| c as _).collect();
    let (up, down) = (names(&up), names(&down));
    let is_there = |names: &[String]| names.iter().any(|name| is_of_link(name));
    if is_there(&up) && is_there(&down) {
        Ok(())
    } else {
        let found = up.into_iter().chain(down).collect();
        Err(ProbeError::NoChannel { found })
    }
}
