//! The process that drives the probe: this program again, started with [`ARGUMENT`]; one thread, in which
//! probe-rs may wait as long as it likes. Its standard input is the control socket; when that closes, it ends.
//!
//! Must not: outlive the runner, or write anywhere but to its sockets.

mod channels;
mod examine;
mod flash;
mod image;
mod look;
mod nap;
mod open;
mod piece;
mod pump;
mod rings;
mod serve;
mod start;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;

use probe_rs::Session;
use rustix::process::{Signal, set_parent_process_death_signal};

use super::message::{self, Step, Word};
use super::{Attachment, ProbeError};

/// The first argument of a runner that is to drive a probe.
pub(super) const ARGUMENT: &str = "--drive-a-probe";

/// Drives a probe if the arguments of this process say so. To be asked before there is any other thread.
#[must_use]
pub fn serve_if_asked() -> Option<ExitCode> {
    let asked = std::env::args_os().nth(1)? == ARGUMENT;
    asked.then(|| {
        // Besides the end of the socket; a parent that is gone already has closed that.
        let _ = set_parent_process_death_signal(Some(Signal::KILL));
        // The kernel otherwise makes every short nap longer by 50 µs. Without it the link is only slower.
        let _ = rustix::thread::set_current_timer_slack(core::num::NonZeroU64::new(1_000));
        match io::stdin().as_fd().try_clone_to_owned() {
            Ok(control) => serve::serve(&Runner(control)),
            Err(_) => ExitCode::FAILURE,
        }
    })
}

/// Opens a probe and attaches to the chip behind it, in a process that may be killed.
pub(crate) fn attach(attachment: &Attachment) -> Result<Session, ProbeError> {
    open::attach(open::probe(attachment)?, attachment)
}

/// The runner at the other end of the control socket.
struct Runner(OwnedFd);

impl Runner {
    /// Says something; a runner that is gone shows when it is listened to.
    fn say(&self, word: &Word) {
        let _ = message::send(&self.0, word, &[]);
    }

    fn doing(&self, step: Step) {
        self.say(&Word::Doing(step));
    }

    fn listen(&self) -> Option<(message::Request, Vec<OwnedFd>)> {
        message::receive(&self.0).ok().flatten()
    }
}

/// An error with all that it is about: probe-rs says the essential in the sources.
pub(crate) fn in_words(error: &(dyn core::error::Error + 'static)) -> String {
    let mut text = error.to_string().trim_end_matches('.').to_owned();
    let mut next = error.source();
    while let Some(source) = next {
        let said = source.to_string();
        let said = said.trim_end_matches('.');
        if !text.ends_with(said) {
            text.push_str(": ");
            text.push_str(said);
        }
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_show_what_they_are_about() {
        let error = probe_rs::Error::Probe(probe_rs::probe::DebugProbeError::Usb(
            io::Error::other("the cable is broken"),
        ));
        assert!(
            in_words(&error).ends_with("the cable is broken"),
            "{}",
            in_words(&error)
        );
    }
}
