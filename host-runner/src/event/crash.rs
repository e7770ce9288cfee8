//! What is known of a fault of the core, and what the target said: parts of events.
//!
//! Must not: find anything out; probe, beacon and image do that elsewhere.

use core::fmt;

use serde::{Deserialize, Serialize};

/// A fault, panic, lockup or endless loop, explained as far as it could be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrashReport {
    /// What it was: `panic`, `bus fault`, `usage fault`, `lockup`, `hang`, …
    pub kind: String,
    /// What the target said about it, if anything: the panic's message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The fault registers in words, one sentence each: `precise data access error at 0x30000000`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fault: Vec<String>,
    /// Core registers by name, in their usual order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub registers: Vec<(String, u32)>,
    /// Where the core was, innermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frames: Vec<Frame>,
    /// Where the frames are from.
    pub trace: Trace,
}

/// Where the frames of a [`CrashReport`] are from, and so how far they are to be believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trace {
    /// There are none.
    #[default]
    None,
    /// Unwound by the image's debug information: exact.
    Unwound,
    /// Words of the stack that are return addresses: some may be of calls that are long over.
    StackScan,
    /// Likewise, found by the target itself and kept in its beacon.
    Beacon,
}

/// One function on the way to a fault.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Its address, or that of the call in it.
    pub address: u32,
    /// The function, demangled; the address in words where the image knows none.
    pub function: String,
    /// Source file, relative to the workspace where it belongs to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Line in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Inlined into the next frame.
    #[serde(default, skip_serializing_if = "is_false")]
    pub inlined: bool,
}

/// A line of the target's log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// The target's own time since its reset, in microseconds, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_us: Option<u64>,
    /// `error`, `warn`, `info`, `debug` or `trace`, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// What it said.
    pub text: String,
    /// Where, `file:line`, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

impl CrashReport {
    /// The innermost function that is the IUT's or the agent's: not the panic's own machinery, nor the fault handler.
    #[must_use]
    pub fn culprit(&self) -> Option<&Frame> {
        let machinery = |frame: &&Frame| {
            let name = frame.function.as_str();
            [
                "core::",
                "alloc::",
                "std::",
                "__rustc",
                "<core::",
                "cortex_m",
                "rust_begin_unwind",
            ]
            .iter()
            .any(|start| name.starts_with(start))
                || ["HardFault", "hard_fault", "panic_handler"]
                    .iter()
                    .any(|part| name.contains(part))
        };
        self.frames
            .iter()
            .find(|frame| !machinery(frame))
            .or_else(|| self.frames.first())
    }
}

impl fmt::Display for CrashReport {
    /// In one line: what, where, and what was said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        if let Some(frame) = self.culprit() {
            write!(f, " in {frame}")?;
        }
        if let Some(message) = &self.message {
            write!(f, ": {message}")?;
        }
        if let Some(first) = self.fault.first() {
            write!(f, " ({first})")?;
        }
        Ok(())
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.function)?;
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, " ({file}:{line})"),
            (Some(file), None) => write!(f, " ({file})"),
            (None, _) => Ok(()),
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands references to these predicates"
)]
const fn is_false(flag: &bool) -> bool {
    !*flag
}
