//! How a debug probe and the chip behind it are named: what boards.toml says under `link.rtt`.
//!
//! Must not: know whether a probe is a thing on the desk or a program.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A probe, the chip at it, and how to talk to both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// `VID:PID` or `VID:PID:SERIAL` as probe-rs writes it; without it, the only probe there is.
    pub probe: Option<String>,
    /// Name of the chip as probe-rs knows it, or as the description calls it.
    pub chip: Option<String>,
    /// A target description of the user's own (YAML, the format of probe-rs).
    pub chip_description: Option<PathBuf>,
    /// Clock of the wire in kHz; without it the probe's own choice.
    pub speed_khz: Option<u32>,
    /// Protocol of the wire; SWD without it.
    pub protocol: Option<DebugProtocol>,
    /// Hold the chip in reset while attaching.
    pub connect_under_reset: bool,
}

/// The protocol between probe and chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DebugProtocol {
    /// Serial wire debug.
    Swd,
    /// JTAG.
    Jtag,
}

impl DebugProtocol {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Swd, Self::Jtag];

    /// The word used in boards.toml.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Swd => "swd",
            Self::Jtag => "jtag",
        }
    }
}
