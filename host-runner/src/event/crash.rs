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

/// What a core that computes, or waits, is called where a fault has a name.
const HANG: &str = "hang";
const ASLEEP: &str = "sleeping core";

impl CrashReport {
    /// `kind` of a core that was stopped while it computed.
    pub const HANG: &str = HANG;
    /// `kind` of a core that was stopped while it waited for an interrupt.
    pub const ASLEEP: &str = ASLEEP;

    /// Whether the core had failed by itself, not merely been stopped to be looked at.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        !matches!(self.kind.as_str(), HANG | ASLEEP)
    }

    /// Whether the core was waiting for an interrupt.
    #[must_use]
    pub fn is_asleep(&self) -> bool {
        self.kind == ASLEEP
    }

    /// The innermost function that is the IUT's or the agent's: not the panic's own machinery, nor the fault handler.
    #[must_use]
    pub fn culprit(&self) -> Option<&Frame> {
        // In a chain of calls that is known, whatever stands before the entry of handler or panic belongs to it.
        let entry = match self.trace {
            Trace::Unwound => self
                .frames
                .iter()
                .rposition(|frame| frame.is_panic_entry() || frame.is_fault_entry()),
            Trace::None | Trace::StackScan | Trace::Beacon => None,
        };
        let outside = self.frames.get(entry.map_or(0, |entry| entry + 1)..);
        outside
            .into_iter()
            .flatten()
            .find(|frame| !frame.is_machinery())
            .or_else(|| self.frames.first())
    }
}

impl Frame {
    /// Whether a panic begins here: of the handler, or of what the compiler calls to panic.
    #[must_use]
    pub fn is_panic_entry(&self) -> bool {
        self.function.contains("rust_begin_unwind") || self.function.starts_with("core::panicking")
    }

    /// Whether this is the handler of a fault.
    #[must_use]
    pub fn is_fault_entry(&self) -> bool {
        [
            "HardFault",
            "MemoryManagement",
            "BusFault",
            "UsageFault",
            "SecureFault",
            "DefaultHandler",
        ]
        .iter()
        .any(|name| {
            let function = self.function.trim_end_matches('_');
            function == *name || function.ends_with(&format!("::{name}"))
        })
    }

    /// Whether it only does what somebody else is to blame for.
    fn is_machinery(&self) -> bool {
        const STARTS: [&str; 12] = [
            "core::",
            "alloc::",
            "std::",
            "compiler_builtins::",
            "__rustc",
            "<core::",
            "<alloc::",
            "cortex_m",
            "rust_begin_unwind",
            "__aeabi_",
            "OUTLINED_FUNCTION",
            "nothing that the image knows",
        ];
        const NAMES: [&str; 5] = ["memcpy", "memmove", "memset", "memcmp", "bcmp"];
        let name = self.function.as_str();
        STARTS.iter().any(|start| name.starts_with(start))
            || NAMES.contains(&name)
            || self.is_fault_entry()
            || ["hard_fault", "panic_handler"]
                .iter()
                .any(|part| self.function.contains(part))
    }
}

impl fmt::Display for CrashReport {
    /// In one line: what, where, and what was said about it: the message, or else the fault.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        if let Some(frame) = self.culprit() {
            write!(f, " in {frame}")?;
        }
        match (&self.message, self.fault.first()) {
            (Some(message), Some(first)) => write!(f, ": {message} ({first})"),
            (Some(said), None) | (None, Some(said)) => write!(f, ": {said}"),
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Display for LogLine {
    /// As the log's file has it: `[   123.456 ms] info  text  (file:line)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = self.at_us {
            write!(f, "[{:>6}.{:03} ms] ", at / 1000, at % 1000)?;
        }
        if let Some(level) = &self.level {
            write!(f, "{level:<5} ")?;
        }
        f.write_str(&self.text)?;
        match &self.at {
            Some(at) => write!(f, "  ({at})"),
            None => Ok(()),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn report(trace: Trace, functions: &[&str]) -> CrashReport {
        CrashReport {
            kind: "bus fault".into(),
            frames: functions
                .iter()
                .map(|function| Frame {
                    function: (*function).into(),
                    ..Frame::default()
                })
                .collect(),
            trace,
            ..CrashReport::default()
        }
    }

    #[test]
    fn the_culprit_is_who_panicked_or_faulted() {
        let table: &[(Trace, &[&str], &str)] = &[
            (
                Trace::Unwound,
                &[
                    "board::fault::crash",
                    "__rustc::rust_begin_unwind",
                    "core::panicking::panic_fmt",
                    "core::option::unwrap_failed",
                    "iut::recv",
                    "agent::poll",
                ],
                "iut::recv",
            ),
            (
                Trace::Unwound,
                &["HardFault", "core::ptr::read_volatile", "iut::send", "main"],
                "iut::send",
            ),
            (
                Trace::Unwound,
                &["board::fault::HardFault", "memcpy", "iut::copy"],
                "iut::copy",
            ),
            // A function may be called like what causes faults.
            (
                Trace::Unwound,
                &["HardFault", "board::crash::BusFaultMaker", "main"],
                "board::crash::BusFaultMaker",
            ),
            (
                Trace::StackScan,
                &["iut::deeper", "HardFault", "main"],
                "iut::deeper",
            ),
            (
                Trace::Beacon,
                &["core::panicking::panic_fmt", "iut::recv"],
                "iut::recv",
            ),
            // Nothing else is known.
            (Trace::Unwound, &["HardFault"], "HardFault"),
            (Trace::Unwound, &["iut::turns", "main"], "iut::turns"),
        ];
        for (trace, functions, culprit) in table {
            let report = report(*trace, functions);
            let found = report.culprit().map(|frame| frame.function.as_str());
            assert_eq!(found, Some(*culprit), "{functions:?}");
        }
        assert_eq!(CrashReport::default().culprit(), None);
    }

    #[test]
    fn one_line_says_what_where_and_why() {
        let mut report = report(Trace::Unwound, &["HardFault", "iut::send"]);
        assert_eq!(report.to_string(), "bus fault in iut::send");
        report.fault = vec![
            "precise data access error at 0x30000000".into(),
            "more".into(),
        ];
        report.frames[1].file = Some("src/iut.rs".into());
        report.frames[1].line = Some(31);
        assert_eq!(
            report.to_string(),
            "bus fault in iut::send (src/iut.rs:31): precise data access error at 0x30000000"
        );
        report.message = Some("said".into());
        assert_eq!(
            report.to_string(),
            "bus fault in iut::send (src/iut.rs:31): said (precise data access error at 0x30000000)"
        );
    }
}
