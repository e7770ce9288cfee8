//! From what became of a test to its verdict. Pure: no file, no process, no probe.
//!
//! The target does not know what was expected of it: a test that is to panic panics like any other. Must not: take
//! silence, or the trouble of an emulator or a probe, for the word of a test.

use core::time::Duration;

use super::Test;
use crate::event::{CrashReport, Frame, LogLine, Trace, Verdict};
use crate::fault::FaultRegisters;

/// The status of a test that has passed.
const PASSED: i32 = 0;
/// The statuses of our own images (target-fw/tests/src/status.rs).
const PANICKED: i32 = 101;
const FAULTED: i32 = 102;
/// The status of embedded-test for everything that is no success: an error, and the panics of images that use its
/// own handler for them.
const ABORTED: i32 = 134;

/// How a test ended, whoever ran it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// With this status.
    Status(i32),
    /// The core locked up.
    LockedUp,
    /// Not within its time; where the core was then (program counter, link register), if somebody could look.
    Late(Duration, Option<(u32, u32)>),
    /// What ran it broke: a cause in one word, and what happened.
    Trouble(&'static str, String),
}

/// The verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The word.
    pub verdict: Verdict,
    /// What kind of it.
    pub cause: Option<&'static str>,
    /// In words, where the word does not say it all.
    pub reason: Option<String>,
    /// The crash or the endless loop, in detail.
    pub crash: Option<Box<CrashReport>>,
}

impl Judgement {
    /// Passed, with nothing to say about it.
    #[must_use]
    pub const fn pass() -> Self {
        Self {
            verdict: Verdict::Pass,
            cause: None,
            reason: None,
            crash: None,
        }
    }

    /// One that needs words.
    #[must_use]
    pub fn new(verdict: Verdict, cause: Option<&'static str>, reason: impl Into<String>) -> Self {
        Self {
            verdict,
            cause,
            reason: Some(reason.into()),
            crash: None,
        }
    }
}

/// What an image knows of its addresses. Asked only of a test that has failed.
pub trait Places {
    /// The function at an address, and those it is inlined in, innermost first.
    fn at(&self, address: u32) -> Vec<Frame>;

    /// Likewise, at the call that this is the return address of.
    fn of_call(&self, return_address: u32) -> Vec<Frame>;
}

/// Judges a test that ran by itself.
pub fn judge(test: &Test, end: &End, log: &[LogLine], places: &dyn Places) -> Judgement {
    match end {
        End::Status(PASSED) if test.should_panic => Judgement::new(
            Verdict::Fail,
            None,
            "it should have panicked, and came to its end",
        ),
        End::Status(PASSED) => Judgement::pass(),
        End::Status(PANICKED | ABORTED) if test.should_panic => Judgement::pass(),
        End::Status(status) => failed(*status, log, places),
        End::LockedUp => crashed(CrashReport {
            kind: "lockup".into(),
            fault: vec!["a fault in the handler of a fault".into()],
            ..CrashReport::default()
        }),
        End::Late(after, place) => late(*after, *place, places),
        End::Trouble(cause, what) => Judgement::new(Verdict::Infra, Some(*cause), what),
    }
}

/// Judges what ended an image with such a status.
pub(super) fn failed(status: i32, log: &[LogLine], places: &dyn Places) -> Judgement {
    let last = last_error(log);
    match status {
        PANICKED => Judgement::new(
            Verdict::Fail,
            Some("panic"),
            panic_in_words(last.unwrap_or("without a word")),
        ),
        FAULTED => crashed(fault(last.unwrap_or_default(), places)),
        ABORTED => Judgement::new(
            Verdict::Fail,
            None,
            log.last().map_or(
                "it ended with an error, and said nothing about it",
                |line| line.text.as_str(),
            ),
        ),
        status => Judgement::new(
            Verdict::Fail,
            None,
            format!("it ended with status {status}, which means nothing here"),
        ),
    }
}

fn late(after: Duration, place: Option<(u32, u32)>, places: &dyn Places) -> Judgement {
    let mut report = CrashReport {
        kind: "hang".into(),
        ..CrashReport::default()
    };
    if let Some((pc, lr)) = place {
        report.registers = vec![("lr".into(), lr), ("pc".into(), pc)];
        report.frames = places.at(pc);
        report.trace = Trace::Unwound;
    }
    let at = report
        .frames
        .first()
        .map_or_else(String::new, |frame| format!("; the core was in {frame}"));
    Judgement {
        crash: Some(Box::new(report)),
        ..Judgement::new(
            Verdict::Fail,
            Some("hang"),
            format!("no end within {} s{at}", after.as_secs_f64()),
        )
    }
}

fn crashed(report: CrashReport) -> Judgement {
    Judgement {
        crash: Some(Box::new(report.clone())),
        ..Judgement::new(Verdict::Fail, Some("crash"), report.to_string())
    }
}

fn last_error(log: &[LogLine]) -> Option<&str> {
    log.iter()
        .rev()
        .find(|line| line.level.as_deref() == Some("error"))
        .map(|line| line.text.as_str())
}

/// `panic: FILE:LINE: message`, and what other handlers say, as a sentence.
fn panic_in_words(line: &str) -> String {
    let said = line.strip_prefix("panic: ").unwrap_or(line);
    match said.split_once(": ") {
        Some((place, message)) if place.contains(':') => format!("{message} ({place})"),
        _ => said.into(),
    }
}

/// `hard fault: pc 0x… lr 0x… cfsr 0x…`, or whatever else the image's last word was.
fn fault(line: &str, places: &dyn Places) -> CrashReport {
    let number = |name: &str| {
        let digits = line.split(&format!(" {name} 0x")).nth(1)?;
        u32::from_str_radix(digits.get(..8)?, 16).ok()
    };
    let (Some(pc), Some(lr), Some(cfsr)) = (number("pc"), number("lr"), number("cfsr")) else {
        return CrashReport {
            kind: "fault".into(),
            message: (!line.is_empty()).then(|| line.into()),
            ..CrashReport::default()
        };
    };
    let registers = FaultRegisters {
        cfsr,
        hfsr: number("hfsr").unwrap_or_default(),
        mmfar: number("mmfar"),
        bfar: number("bfar"),
    };
    // After an overflow the core has nowhere to put them.
    let known = pc != 0;
    let mut frames = Vec::new();
    if known {
        frames = places.at(pc);
        frames.extend(places.of_call(lr));
    }
    CrashReport {
        kind: registers.kind().into(),
        message: None,
        fault: registers.in_words(),
        registers: if known {
            vec![("lr".into(), lr), ("pc".into(), pc)]
        } else {
            Vec::new()
        },
        // The return address is that of the last call made, which may be over.
        trace: if known { Trace::StackScan } else { Trace::None },
        frames,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(should_panic: bool) -> Test {
        Test {
            id: "unit::a".into(),
            address: 1,
            ignored: false,
            should_panic,
            timeout: None,
            source: String::new(),
        }
    }

    fn said(level: &str, text: &str) -> Vec<LogLine> {
        vec![LogLine {
            level: Some(level.into()),
            text: text.into(),
            ..LogLine::default()
        }]
    }

    struct Nowhere;

    impl Places for Nowhere {
        fn at(&self, _: u32) -> Vec<Frame> {
            Vec::new()
        }

        fn of_call(&self, _: u32) -> Vec<Frame> {
            Vec::new()
        }
    }

    struct Somewhere;

    impl Places for Somewhere {
        fn at(&self, address: u32) -> Vec<Frame> {
            vec![Frame {
                address,
                function: format!("f{address:x}"),
                file: Some("src/a.rs".into()),
                line: Some(7),
                inlined: false,
            }]
        }

        fn of_call(&self, return_address: u32) -> Vec<Frame> {
            self.at(return_address - 5)
        }
    }

    #[test]
    fn every_end_has_its_verdict() {
        let late = End::Late(Duration::from_secs(1), None);
        let trouble = End::Trouble("probe", "gone".into());
        let table: &[(&End, bool, &str)] = &[
            (&End::Status(0), false, "pass"),
            (&End::Status(0), true, "fail"),
            (&End::Status(PANICKED), false, "fail(panic)"),
            (&End::Status(PANICKED), true, "pass"),
            (&End::Status(ABORTED), false, "fail"),
            (&End::Status(ABORTED), true, "pass"),
            (&End::Status(FAULTED), false, "fail(crash)"),
            (&End::Status(FAULTED), true, "fail(crash)"),
            (&End::Status(1), true, "fail"),
            (&End::LockedUp, true, "fail(crash)"),
            (&late, false, "fail(hang)"),
            (&late, true, "fail(hang)"),
            (&trouble, true, "infra(probe)"),
        ];
        for (end, should_panic, expected) in table {
            let judged = judge(&test(*should_panic), end, &[], &Nowhere);
            let word = match judged.cause {
                Some(cause) => format!("{}({cause})", judged.verdict),
                None => judged.verdict.name().into(),
            };
            assert_eq!(word, *expected, "{end:?}, should panic: {should_panic}");
            assert_eq!(judged.reason.is_none(), judged.verdict == Verdict::Pass);
        }
    }

    #[test]
    fn a_panic_says_what_and_where() {
        let log = said(
            "error",
            "panic: src/unit/nic.rs:12: assertion failed: left == right",
        );
        let judged = judge(&test(false), &End::Status(PANICKED), &log, &Nowhere);
        assert_eq!(
            judged.reason.as_deref(),
            Some("assertion failed: left == right (src/unit/nic.rs:12)")
        );
    }

    #[test]
    fn a_fault_says_in_which_function() {
        let log = said(
            "error",
            "hard fault: pc 0x000012f0 lr 0x00001a2b cfsr 0x00008200",
        );
        let judged = judge(&test(false), &End::Status(FAULTED), &log, &Somewhere);
        let report = judged.crash.expect("a report");
        assert_eq!(report.kind, "bus fault");
        let functions: Vec<_> = report.frames.iter().map(|frame| &frame.function).collect();
        assert_eq!(functions, ["f12f0", "f1a26"]);
        assert!(
            judged
                .reason
                .expect("a reason")
                .contains("f12f0 (src/a.rs:7)")
        );
    }

    #[test]
    fn an_overflow_and_an_unknown_word_are_told_too() {
        let full = said(
            "error",
            "hard fault: pc 0x00000000 lr 0x00000000 cfsr 0x00000092",
        );
        let judged = judge(&test(false), &End::Status(FAULTED), &full, &Nowhere);
        let reason = judged.reason.expect("a reason");
        assert!(reason.starts_with("stack overflow"), "{reason}");
        let other = said("error", "unhandled interrupt 7");
        let judged = judge(&test(false), &End::Status(FAULTED), &other, &Nowhere);
        assert_eq!(
            judged.reason.as_deref(),
            Some("fault: unhandled interrupt 7")
        );
    }

    #[test]
    fn a_hang_says_where_the_core_was() {
        let end = End::Late(Duration::from_millis(1500), Some((0x100, 0x200)));
        let judged = judge(&test(false), &end, &[], &Somewhere);
        assert_eq!(
            judged.reason.as_deref(),
            Some("no end within 1.5 s; the core was in f100 (src/a.rs:7)")
        );
    }
}
