//! A case that somebody has to look at, with all that is known about it.

use std::fmt::Write;

use super::{Paint, duration};
use crate::event::{CaseFinished, CrashReport, Frame, Trace};

/// Steps and transcript lines shown; the rest is in the journal and the link's log.
const SHOWN: usize = 30;

/// Lines of the target's log shown: the last ones say most.
const LOGGED: usize = 15;

/// Functions shown of a backtrace.
const FRAMES: usize = 16;

/// Registers on a line.
const REGISTERS: usize = 4;

/// The block, ending with a newline. `all` shows steps, transcript, log and backtrace in full, and registers.
#[must_use]
pub(super) fn render(case: &CaseFinished, dir: &str, paint: Paint, all: bool) -> String {
    let mut out = String::new();
    let round = if case.round > 0 {
        format!(", round {}", case.round + 1)
    } else {
        String::new()
    };
    let verdict = paint.verdict(case.verdict, &case.verdict_word());
    let _ = writeln!(
        out,
        "{verdict}  {}  on {}{round}",
        paint.bold(&case.case),
        case.board
    );
    let _ = writeln!(out, "  {}", case.title);
    let mut field = |name: &str, value: &str| {
        if value.is_empty() {
            return;
        }
        for (index, line) in value.lines().enumerate() {
            let name = if index == 0 { name } else { "" };
            let _ = writeln!(out, "  {} {line}", paint.dim(&format!("{name:<9}")));
        }
    };
    let requires = core::iter::once(case.level.clone())
        .chain(case.cites.iter().cloned())
        .collect::<Vec<_>>()
        .join(", ");
    field("requires", &requires);
    match &case.violation {
        Some(violation) => {
            field("call", &violation.call);
            field("expected", &violation.expected);
            field("observed", &violation.observed);
            field("key", &violation.key);
            field(
                "at",
                if violation.at.is_empty() {
                    &case.source
                } else {
                    &violation.at
                },
            );
            // The reason repeats the violation, unless more was known.
            let more = (case.cause.is_some() || case.attempts > 1 || case.deviation.is_some())
                && case.reason.as_deref() != Some(&violation.observed);
            field(
                "reason",
                if more {
                    case.reason.as_deref().unwrap_or_default()
                } else {
                    ""
                },
            );
        }
        None => {
            field("reason", case.reason.as_deref().unwrap_or_default());
            field("at", &case.source);
        }
    }
    if let Some(crash) = &case.crash {
        field("crash", &what(crash));
        field("backtrace", &backtrace(crash, all));
        field(
            "registers",
            &if all { registers(crash) } else { String::new() },
        );
    }
    field("deviation", case.deviation.as_deref().unwrap_or_default());
    if case.attempts > 1 {
        field("attempts", &case.attempts.to_string());
    }
    if case.left_open > 0 || case.left_calls > 0 {
        field(
            "left",
            &format!(
                "{} open socket(s), {} call(s) in flight",
                case.left_open, case.left_calls
            ),
        );
    }
    let steps: Vec<String> = case
        .steps
        .iter()
        .map(|step| format!("{:>9}  {}", duration(step.at_ms), step.text))
        .collect();
    field("steps", &tail(&steps, SHOWN, all));
    field("link", &tail(&case.transcript, SHOWN, all));
    let log: Vec<String> = case.log.iter().map(ToString::to_string).collect();
    field("log", &tail(&log, LOGGED, all));
    if case.jitter_us >= 1000 {
        field("jitter", &duration(case.jitter_us as f64 / 1e3));
    }
    let evidence: Vec<String> = case
        .evidence
        .iter()
        .map(|path| format!("{dir}/{path}"))
        .collect();
    field("evidence", &evidence.join("\n"));
    field("again", &case.again);
    out
}

/// What happened, a line for each thing that is known of it.
fn what(crash: &CrashReport) -> String {
    let first = match &crash.message {
        Some(message) => format!("{}: {message}", crash.kind),
        None => crash.kind.clone(),
    };
    core::iter::once(&first)
        .chain(&crash.fault)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join("\n")
}

/// The functions by number, innermost first, and how far to believe them.
fn backtrace(crash: &CrashReport, all: bool) -> String {
    let shown = if all {
        crash.frames.len()
    } else {
        crash.frames.len().min(FRAMES)
    };
    let mut lines: Vec<String> = Vec::new();
    let mut again = 0;
    for (number, frame) in crash.frames[..shown].iter().enumerate() {
        let before = number.checked_sub(1).and_then(|at| crash.frames.get(at));
        let says = |it: &Frame| (it.to_string(), it.inlined);
        let same = before.is_some_and(|before| says(before) == says(frame));
        // A function that calls itself without end says it once.
        if same {
            again += 1;
        }
        let is_last = number + 1 == shown;
        if again > 0 && (!same || is_last) {
            lines.push(format!("    (and {again} times more)"));
            again = 0;
        }
        if !same {
            let inlined = if frame.inlined { ", inlined" } else { "" };
            lines.push(format!("{number:>2}  {frame}{inlined}"));
        }
    }
    if shown < crash.frames.len() {
        lines.push(format!(
            "({} further out left out)",
            crash.frames.len() - shown
        ));
    }
    match crash.trace {
        Trace::StackScan => {
            lines.push("found by scanning the stack: may contain old calls".into());
        }
        Trace::Beacon => {
            lines.push("found on the stack by the board itself: may contain old calls".into());
        }
        Trace::Unwound | Trace::None => {}
    }
    lines.join("\n")
}

fn registers(crash: &CrashReport) -> String {
    let lines: Vec<String> = crash
        .registers
        .chunks(REGISTERS)
        .map(|registers| {
            let line: Vec<String> = registers
                .iter()
                .map(|(name, value)| format!("{name:<4} {value:08x}"))
                .collect();
            line.join("  ")
        })
        .collect();
    lines.join("\n")
}

/// The end of the lines; says how many are left out.
fn tail(lines: &[String], shown: usize, all: bool) -> String {
    if all || lines.len() <= shown {
        return lines.join("\n");
    }
    let left_out = lines.len() - shown;
    format!(
        "({left_out} earlier lines left out)\n{}",
        lines[left_out..].join("\n")
    )
}
