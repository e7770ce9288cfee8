//! `hil target-test` on the emulated board, both ways: what passes, what fails and how, what there is, and what it
//! leaves behind.
//!
//! Builds the images, which takes a minute the first time; the times asked for are those with built images.

use core::time::Duration;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Instant;

use hil::event::{CaseFinished, Event, Record, Verdict};

const BOARD: &str = "qemu-mps2-an385";

/// Both ways to run an image.
const WAYS: [&str; 2] = ["emulator", "probe"];

/// Far beyond what anything here takes, the first build of the images included.
const DEADLINE: Duration = Duration::from_secs(600);

/// Fewest tests of the image that is meant to pass.
const FEWEST: usize = 20;

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

/// What a finished `hil` left.
struct Finished {
    exit: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Finished {
    fn events(&self) -> Vec<Event> {
        // By way of a value, as the journal is read (report/journal.rs).
        let record = |line: &str| {
            serde_json::from_str::<serde_json::Value>(line)
                .and_then(serde_json::from_value::<Record>)
                .unwrap_or_else(|error| panic!("{error}: {line}"))
                .event
        };
        self.stdout.lines().map(record).collect()
    }

    fn cases(&self) -> BTreeMap<String, CaseFinished> {
        self.events()
            .into_iter()
            .filter_map(|event| match event {
                Event::CaseFinished(case) => Some((case.case.clone(), *case)),
                _ => None,
            })
            .collect()
    }
}

/// Ends with the test, however that ends.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs `hil target-test` with these arguments, in the workspace; one at a time, because a board has one user and
/// times are looked at.
fn target_test(arguments: &[&str]) -> Finished {
    static ONE: Mutex<()> = Mutex::new(());
    let _turn = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("it lies in the workspace");
    let began = Instant::now();
    let mut hil = Killed(
        Command::new(env!("CARGO_BIN_EXE_hil"))
            .current_dir(workspace)
            .arg("target-test")
            .args(["--board", BOARD])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("hil starts"),
    );
    let mut stdout = hil.0.stdout.take().expect("a pipe");
    let mut stderr = hil.0.stderr.take().expect("a pipe");
    let (tell, told) = mpsc::channel();
    let readers = [tell.clone(), tell];
    let [first, second] = readers;
    std::thread::spawn(move || {
        let mut text = String::new();
        let _ = stdout.read_to_string(&mut text);
        let _ = first.send((true, text));
    });
    std::thread::spawn(move || {
        let mut text = String::new();
        let _ = stderr.read_to_string(&mut text);
        let _ = second.send((false, text));
    });
    let (mut out, mut err) = (String::new(), String::new());
    for _ in 0..2 {
        let (is_out, text) = told
            .recv_timeout(DEADLINE.saturating_sub(began.elapsed()))
            .expect("hil ends in time");
        *(if is_out { &mut out } else { &mut err }) = text;
    }
    let exit = hil.0.wait().expect("it can be waited for").code();
    Finished {
        exit,
        stdout: out,
        stderr: err,
    }
}

/// Likewise, with its events and an evidence directory that goes away.
fn run(arguments: &[&str]) -> Finished {
    let evidence = tempfile::tempdir().expect("a directory");
    let path = evidence.path().to_str().expect("text").to_owned();
    let mut all = vec!["--json", "-", "--out", &path];
    all.extend(arguments);
    target_test(&all)
}

#[test]
fn all_pass_both_ways() {
    if !have_qemu() {
        return;
    }
    // Builds what is missing.
    let listed = target_test(&["--list", "--json", "-"]);
    assert_eq!(listed.exit, Some(0), "{}", listed.stderr);
    for way in WAYS {
        let finished = run(&["--via", way]);
        let cases = finished.cases();
        let bad: Vec<_> = cases
            .values()
            .filter(|case| case.verdict.needs_attention())
            .map(|case| format!("{}: {:?}", case.case, case.reason))
            .collect();
        assert_eq!(bad, [""; 0], "via {way}: {}", finished.stderr);
        assert_eq!(finished.exit, Some(0), "via {way}: {}", finished.stderr);
        let count = |verdict: Verdict, image: &str| {
            cases
                .values()
                .filter(|case| case.verdict == verdict && case.case.starts_with(image))
                .count()
        };
        assert!(count(Verdict::Pass, "unit::") >= FEWEST, "via {way}");
        assert_eq!(count(Verdict::Skipped, "unit::"), 1, "via {way}");
        assert_eq!(count(Verdict::Pass, "steps::"), 5, "via {way}");
        assert_eq!(cases.len(), listed.stdout.lines().count(), "via {way}");
        assert!(
            cases
                .keys()
                .any(|id| id.ends_with("::a_vector_that_is_not_hexadecimal_is_noticed")),
            "the one that should panic is missing"
        );
        assert!(cases.values().all(|case| case.suite == "target"));
    }
}

#[test]
fn every_end_is_told_for_what_it_is() {
    if !have_qemu() {
        return;
    }
    let right = [
        ("passes", "pass", ""),
        ("panics", "fail(panic)", "what was promised is not there"),
        ("returns_an_error", "fail", "as it was told to"),
        (
            "hangs",
            "fail(hang)",
            "no end within 1 s; the core was in harness::ends::hangs",
        ),
        (
            "crashes",
            "fail(crash)",
            "bus fault in harness::ends::read_nowhere",
        ),
        ("should_panic_and_does", "pass", ""),
        ("should_panic_and_does_not", "fail", "should have panicked"),
        ("should_panic_and_crashes", "fail(crash)", "0x30000000"),
        ("is_ignored", "skipped", "ignored"),
    ];
    for way in WAYS {
        let finished = run(&["--via", way, "--image", "harness"]);
        let cases = finished.cases();
        assert_eq!(cases.len(), right.len(), "via {way}: {}", finished.stderr);
        for (name, word, says) in right {
            let case = &cases[&format!("harness::ends::{name}")];
            assert_eq!(
                case.verdict_word(),
                word,
                "via {way}: {name}: {:?}",
                case.reason
            );
            let reason = case.reason.clone().unwrap_or_default();
            assert!(reason.contains(says), "via {way}: {name}: {reason}");
        }
        let log = &cases["harness::ends::passes"].log;
        assert!(
            log.iter()
                .any(|line| line.text == "nothing to complain about"),
            "via {way}: {log:?}"
        );
        let crash = cases["harness::ends::crashes"]
            .crash
            .clone()
            .expect("a report");
        assert_eq!(crash.kind, "bus fault", "via {way}");
        let culprit = crash.culprit().expect("a function");
        assert!(culprit.line.is_some(), "via {way}: {culprit}");
        assert_eq!(finished.exit, Some(100), "via {way}");
    }
}

#[test]
fn an_image_that_is_not_named_does_not_run_and_wrong_names_are_told() {
    if !have_qemu() {
        return;
    }
    let listed = target_test(&["--list"]);
    assert!(listed.stdout.contains("unit::") && !listed.stdout.contains("harness::"));
    let unknown = target_test(&["--image", "units"]);
    assert_eq!(unknown.exit, Some(96));
    assert!(unknown.stderr.contains("harness"), "{}", unknown.stderr);
    let lost = target_test(&["nosuchtest"]);
    assert_eq!(lost.exit, Some(4));
    assert!(lost.stderr.contains("nosuchtest"), "{}", lost.stderr);
    let no_image = target_test(&["--elf", "README.md"]);
    assert_eq!(no_image.exit, Some(96));
    assert!(
        no_image.stderr.contains("not an ELF file"),
        "{}",
        no_image.stderr
    );
}

#[test]
fn one_test_runs_alone_and_junit_has_it() {
    if !have_qemu() {
        return;
    }
    let reports = tempfile::tempdir().expect("a directory");
    let junit = reports.path().join("junit.xml");
    let path = junit.to_str().expect("text");
    let finished = run(&["--junit", path, "golden_patterns"]);
    assert_eq!(finished.exit, Some(0), "{}", finished.stderr);
    assert_eq!(finished.cases().len(), 1);
    let text = std::fs::read_to_string(&junit).expect("a report");
    assert!(
        text.contains("qemu-mps2-an385/target") && text.contains("golden_patterns"),
        "{text}"
    );
}
