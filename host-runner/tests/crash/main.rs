//! The emulated board broken in every way that its agent knows: each verdict says what happened and where, and the run
//! goes on at once.
//!
//! Builds the image with the commands for it, which takes a minute the first time.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use hil::event::{CaseFinished, Event, Record, Verdict};

/// The board of boards.toml whose agent may break it.
const BOARD: &str = "qemu-mps2-an385-crash";

/// Where it does so, in the tree.
const SOURCE: &str = "target-fw/boards/qemu-mps2-an385/src/crash.rs";

/// Longest way from the end of a crashed case to the beginning of the next, in milliseconds; with the time that it took
/// to see the crash. Without optimisation it takes much longer to read debug information.
const DETOUR_MS: u64 = if cfg!(debug_assertions) { 3000 } else { 1000 };

/// A machine that builds something else meanwhile gets another try.
const TRIES: u32 = 3;

/// What a case must come to.
struct Right {
    case: &'static str,
    word: &'static str,
    kind: &'static str,
    /// Function that is to blame, in [`SOURCE`].
    function: &'static str,
    /// Whether file and line must be told.
    placed: bool,
    /// What else the verdict must say.
    says: &'static str,
}

const RIGHT: [Right; 6] = [
    Right {
        case: "selftest/crash/bus-fault",
        word: "fail(crash)",
        kind: "bus fault",
        function: "read_word",
        placed: true,
        says: "0x30000000",
    },
    Right {
        case: "selftest/crash/undefined-instruction",
        word: "fail(crash)",
        kind: "usage fault",
        function: "execute_what_is_no_instruction",
        placed: true,
        says: "undefined instruction",
    },
    Right {
        case: "selftest/crash/stack-overflow",
        word: "fail(crash)",
        kind: "stack overflow",
        function: "dig_deeper",
        placed: false,
        says: "",
    },
    Right {
        case: "selftest/crash/panics",
        word: "fail(crash)",
        kind: "panic",
        function: "divide",
        placed: true,
        says: "a panic on purpose: 1 by 0",
    },
    Right {
        case: "selftest/crash/loops",
        word: "fail(hang)",
        kind: "hang",
        function: "go_round",
        placed: true,
        says: "",
    },
    Right {
        case: "selftest/crash/locks-up",
        word: "fail(crash)",
        kind: "lockup",
        function: "read_word",
        placed: true,
        says: "",
    },
];

/// Loud, because a machine without QEMU proves nothing here.
fn have_qemu() -> bool {
    let found = Command::new("qemu-system-arm")
        .arg("--version")
        .output()
        .is_ok();
    if !found {
        assert!(
            std::env::var_os("CI").is_none(),
            "qemu-system-arm is missing; CI must have it (ci/setup)"
        );
        eprintln!("NOT TESTED: qemu-system-arm is missing (ci/setup installs it)");
    }
    found
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("it lies in the workspace")
}

/// Runs the suite over this kind of link; its events and its exit code.
fn selftest(link: &str) -> (Vec<Record>, Option<i32>) {
    // One board, one user at a time.
    static BOARD_IN_USE: Mutex<()> = Mutex::new(());
    let _in_use = BOARD_IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
    let evidence = tempfile::tempdir().expect("a directory");
    let output = Command::new(env!("CARGO_BIN_EXE_hil"))
        .current_dir(workspace())
        .args(["run", "--board", BOARD, "--link", link, "--lan", "user"])
        .args(["--suite", "selftest", "--json", "-", "--out"])
        .arg(evidence.path())
        .output()
        .expect("hil runs");
    let said = String::from_utf8_lossy(&output.stderr);
    let events = String::from_utf8(output.stdout).expect("events are text");
    let records: Vec<Record> = events
        .lines()
        .map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).expect("an object");
            serde_json::from_value(value).unwrap_or_else(|error| panic!("{error}: {line}"))
        })
        .collect();
    assert!(!records.is_empty(), "{said}");
    (records, output.status.code())
}

fn finished(records: &[Record]) -> BTreeMap<String, CaseFinished> {
    records
        .iter()
        .filter_map(|record| match &record.event {
            Event::CaseFinished(case) => Some((case.case.clone(), (**case).clone())),
            _ => None,
        })
        .collect()
}

/// The lines of a function in [`SOURCE`], its own among them.
fn lines_of(function: &str) -> core::ops::RangeInclusive<u32> {
    let source = std::fs::read_to_string(workspace().join(SOURCE)).expect("the source");
    let number = |index: usize| u32::try_from(index + 1).expect("a file of few lines");
    let mut lines = source.lines().enumerate();
    let (first, _) = lines
        .find(|(_, line)| line.contains(&format!("fn {function}(")))
        .unwrap_or_else(|| panic!("{SOURCE} has a function {function}"));
    let (last, _) = lines.find(|(_, line)| *line == "}").expect("it ends");
    number(first)..=number(last)
}

fn check(right: &Right, case: &CaseFinished) {
    let name = right.case;
    let reason = case.reason.as_deref().unwrap_or_default();
    assert_eq!(case.verdict_word(), right.word, "{name}: {reason}");
    let crash = case
        .crash
        .as_ref()
        .unwrap_or_else(|| panic!("{name} has no report: {reason}"));
    assert_eq!(crash.kind, right.kind, "{name}: {crash:?}");
    assert!(
        !crash.registers.is_empty() || crash.kind == "panic",
        "{name}: {crash:?}"
    );
    let culprit = crash.culprit().expect("somebody is to blame");
    assert!(
        culprit
            .function
            .ends_with(&format!("crash::{}", right.function)),
        "{name}: {crash:?}"
    );
    if right.placed {
        assert_eq!(culprit.file.as_deref(), Some(SOURCE), "{name}: {crash:?}");
        let line = culprit.line.expect("a line");
        assert!(
            lines_of(right.function).contains(&line),
            "{name}: line {line}: {crash:?}"
        );
    }
    // One line says all that: in the list, and as what was observed.
    assert!(!reason.contains('\n'), "{name}: {reason}");
    let observed = &case.violation.as_ref().expect("a violation").observed;
    for part in [&culprit.to_string(), right.says] {
        assert!(reason.contains(part), "{name}: {part} is not in: {reason}");
        assert!(
            observed.contains(part),
            "{name}: {part} is not in: {observed}"
        );
    }
}

/// For each crash: how long it took to see it, and from then on to the next case.
fn detours(records: &[Record]) -> BTreeMap<String, u64> {
    let mut detours = BTreeMap::new();
    let mut after: Option<(String, u64)> = None;
    for record in records {
        match &record.event {
            Event::CaseStarted(_) => {
                if let Some((case, from)) = after.take() {
                    detours.insert(case, record.at_ms - from);
                }
            }
            Event::CaseFinished(case) if case.verdict == Verdict::Fail => {
                let seen_ms = match case.cause.as_deref() {
                    // A hang has the deadline of its case.
                    Some("hang") => 0,
                    _ => case.elapsed_ms as u64,
                };
                after = Some((case.case.clone(), record.at_ms.saturating_sub(seen_ms)));
            }
            _ => {}
        }
    }
    detours
}

fn every_way_to_break_is_explained(link: &str) {
    if !have_qemu() {
        return;
    }
    let mut best: BTreeMap<String, u64> = BTreeMap::new();
    for _ in 0..TRIES {
        let (records, exit) = selftest(link);
        let finished = finished(&records);
        for right in &RIGHT {
            let case = finished
                .get(right.case)
                .unwrap_or_else(|| panic!("{} did not run", right.case));
            check(right, case);
        }
        let last = &finished["selftest/recovery/works-as-before"];
        assert_eq!(last.verdict, Verdict::Pass, "{:?}", last.reason);
        assert_eq!(finished.len(), RIGHT.len() + 1);
        assert_eq!(exit, Some(100));

        let detours = detours(&records);
        assert_eq!(detours.len(), RIGHT.len());
        for (case, ms) in detours {
            let before = best.entry(case).or_insert(u64::MAX);
            *before = ms.min(*before);
        }
        if best.values().all(|ms| *ms < DETOUR_MS) {
            break;
        }
    }
    println!("link {link}, detours in ms: {best:?}");
    assert!(
        best.values().all(|ms| *ms < DETOUR_MS),
        "detours in ms: {best:?}"
    );
}

#[test]
fn every_way_to_break_is_explained_over_serial() {
    every_way_to_break_is_explained("serial");
}

#[test]
fn every_way_to_break_is_explained_over_rtt() {
    every_way_to_break_is_explained("rtt");
}
