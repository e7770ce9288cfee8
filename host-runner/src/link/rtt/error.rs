//! What can be wrong between the runner and a chip behind a debug probe, with what to do about it.
//!
//! Goes from the child to the runner as it is. Must not: know how it is found out.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::event::CrashReport;

/// Trouble with a debug probe, the chip behind it, or the image on that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// What names the probe cannot be read.
    #[error(
        "\"{selector}\" names no debug probe: {problem}; write VID:PID or VID:PID:SERIAL as `hil boards --discover` shows it"
    )]
    BadSelector {
        /// What was given.
        selector: String,
        /// What is wrong with it.
        problem: String,
    },
    /// There is no probe at all.
    #[error(
        "there is no debug probe: is it plugged in? (`hil doctor` looks for missing permissions, too)"
    )]
    NoProbe,
    /// There is more than one, and nothing says which.
    #[error("there are {} debug probes; say which one in boards.toml with link.rtt.probe: {}", found.len(), found.join(", "))]
    Several {
        /// All of them, as selectors.
        found: Vec<String>,
    },
    /// The one that was asked for is not there.
    #[error(
        "there is no debug probe {selector}: is it plugged in?{}",
        others(found)
    )]
    NotFound {
        /// Which.
        selector: String,
        /// What there is instead, as selectors.
        found: Vec<String>,
    },
    /// A probe that is reached over the network is not there.
    #[error(
        "no debug probe listens at {address}: {problem}; is its server (`hil probe serve`, for one) running?"
    )]
    NobodyListens {
        /// Host and port.
        address: String,
        /// What the system said.
        problem: String,
    },
    /// The user may not open it.
    #[error(
        "you may not open the debug probe {probe}: install the udev rules of ci/udev, then plug it in again"
    )]
    Forbidden {
        /// Which.
        probe: String,
    },
    /// Somebody else has it.
    #[error("the debug probe {probe} is in use by another program, a debugger for one: {problem}")]
    Busy {
        /// Which.
        probe: String,
        /// What was said.
        problem: String,
    },
    /// It does not open for another reason.
    #[error("the debug probe {probe} does not open: {problem}")]
    Open {
        /// Which.
        probe: String,
        /// What was said.
        problem: String,
    },
    /// Nobody knows a chip of that name.
    #[error(
        "probe-rs knows no chip \"{chip}\"{}; a description of your own goes into link.rtt.chip_description",
        similar_to(similar)
    )]
    UnknownChip {
        /// The name.
        chip: String,
        /// Names like it.
        similar: Vec<String>,
    },
    /// No name was given, and the chip does not say who it is.
    #[error(
        "the chip does not say what it is ({problem}): name it in boards.toml with link.rtt.chip"
    )]
    UnnamedChip {
        /// What was said.
        problem: String,
    },
    /// The description of the chip cannot be used.
    #[error("the target description {} cannot be used: {problem}", path.display())]
    Description {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The probe is there, the chip is not, or is another one.
    #[error(
        "the debug probe does not reach the chip {chip}: {problem}; is the board powered and wired, is it that chip? If its firmware sleeps deeply or uses the debug pins, link.rtt.connect_under_reset may help"
    )]
    Attach {
        /// Name of the chip.
        chip: String,
        /// What was said.
        problem: String,
    },
    /// The image cannot be read.
    #[error("the image {} cannot be used: {problem}", path.display())]
    Image {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The image was built without RTT.
    #[error("the image {} has no RTT control block (symbol _SEGGER_RTT): it can only be reached over another link", path.display())]
    NoRtt {
        /// Which.
        path: PathBuf,
    },
    /// Writing the image failed.
    #[error("the image could not be written to the board: {problem}")]
    Flash {
        /// What was said.
        problem: String,
    },
    /// Writing the image succeeded, but it is not there.
    #[error(
        "the image was written to the board, but its build id is not there afterwards: does the description of the chip fit, is its memory protected?"
    )]
    NotThere,
    /// The image runs, or does not, but there is no RTT.
    #[error(
        "dead RTT: no control block at {address:#010x} after {waited_ms} ms, the core is {core}; does the image that was written run at all?"
    )]
    DeadRtt {
        /// Where it should be.
        address: u64,
        /// What the core does.
        core: String,
        /// How long it was waited for.
        waited_ms: u64,
    },
    /// RTT without the channels of the link.
    #[error("the image has no pair of RTT channels called \"hil\"; it has {}", if found.is_empty() { "none".into() } else { found.join(", ") })]
    NoChannel {
        /// The channels that there are.
        found: Vec<String>,
    },
    /// The core crashed before the link was there.
    #[error("the board has crashed before its RTT was there: {how}")]
    CrashedAtStart {
        /// In words.
        how: String,
        /// In detail.
        report: Box<CrashReport>,
    },
    /// The probe failed in the middle of something.
    #[error("the debug probe failed while {doing}: {problem}")]
    Failed {
        /// What was being done.
        doing: String,
        /// What was said.
        problem: String,
    },
    /// The probe does not answer any more.
    #[error(
        "the debug probe has not answered for {waited_ms} ms while {doing}; is it in use by another program? Otherwise plug it in again"
    )]
    Stalled {
        /// What was being done.
        doing: String,
        /// How long.
        waited_ms: u64,
    },
    /// The process that drives the probe is not there.
    #[error("the process that drives the debug probe: {problem}")]
    Child {
        /// What is wrong with it.
        problem: String,
    },
}

impl ProbeError {
    /// Whether the chip behind the probe has been reached: something done to the chip may help then.
    #[must_use]
    pub const fn reached_the_chip(&self) -> bool {
        match self {
            Self::Flash { .. }
            | Self::NotThere
            | Self::DeadRtt { .. }
            | Self::NoChannel { .. }
            | Self::CrashedAtStart { .. } => true,
            Self::BadSelector { .. }
            | Self::NoProbe
            | Self::Several { .. }
            | Self::NotFound { .. }
            | Self::NobodyListens { .. }
            | Self::Forbidden { .. }
            | Self::Busy { .. }
            | Self::Open { .. }
            | Self::UnknownChip { .. }
            | Self::UnnamedChip { .. }
            | Self::Description { .. }
            | Self::Attach { .. }
            | Self::Image { .. }
            | Self::NoRtt { .. }
            | Self::Failed { .. }
            | Self::Stalled { .. }
            | Self::Child { .. } => false,
        }
    }
}

fn others(found: &[String]) -> String {
    if found.is_empty() {
        String::new()
    } else {
        format!(" There is {}", found.join(", "))
    }
}

fn similar_to(names: &[String]) -> String {
    if names.is_empty() {
        String::new()
    } else {
        format!("; similar: {}", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_says_what_to_do() {
        let several = ProbeError::Several {
            found: vec!["0483:374b:A".into(), "0483:374b:B".into()],
        };
        let text = several.to_string();
        assert!(
            text.contains("link.rtt.probe") && text.contains("0483:374b:B"),
            "{text}"
        );
        let missing = ProbeError::NotFound {
            selector: "0483:374b:C".into(),
            found: vec!["0483:374b:A".into()],
        };
        assert!(missing.to_string().ends_with("There is 0483:374b:A"));
        let chip = ProbeError::UnknownChip {
            chip: "STM32F4".into(),
            similar: Vec::new(),
        };
        assert!(chip.to_string().contains("chip_description"));
    }
}
