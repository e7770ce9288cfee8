//! Ctrl-C, and a runner that is killed: results so far are kept, nothing is left behind.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::bench::{Bench, Board, Live, have_qemu};

/// So many rounds that it would go on for long.
const LONG: [&str; 6] = ["run", "--repeat", "10000", "--json", "-", "--junit"];

/// Starts a long run of a suite and returns in the middle of a case after the first one.
fn in_the_middle(bench: &Bench, board: &str, suite: &str) -> Live {
    let mut arguments = LONG.to_vec();
    arguments.extend(["junit.xml", "--board", board, "--suite", suite]);
    let mut live = Live::of(bench.start(&arguments));
    live.until(|event| event["event"] == "case-finished");
    live.until(|event| event["event"] == "case-started");
    live
}

fn count(events: &[Value], word: &str) -> usize {
    events.iter().filter(|event| event["event"] == word).count()
}

fn ctrl_c(bench: &Bench, board: &str, suite: &str) {
    let live = in_the_middle(bench, board, suite);
    let process = live.board();
    live.signal(Signal::INT);
    let (exit, events) = live.end();
    process.assert_ends();
    assert_eq!(exit, Some(130));
    let last = events.last().expect("events");
    assert_eq!(
        (last["event"].as_str(), last["exit"].as_u64()),
        (Some("run-finished"), Some(130))
    );
    let finished = count(&events, "case-finished");
    let numbers = last["verdicts"].as_object().expect("numbers").values();
    assert_eq!(
        numbers.filter_map(Value::as_u64).sum::<u64>(),
        finished as u64
    );
    let journal = std::fs::read_to_string(bench.path().join("target/hil/latest/events.jsonl"))
        .expect("a journal");
    assert_eq!(journal.lines().count(), events.len());
    let junit = std::fs::read_to_string(bench.path().join("junit.xml")).expect("a report");
    assert_eq!(junit.matches("<testcase ").count(), finished);
    assert!(junit.trim_end().ends_with("</testsuites>"));
    bench.assert_nothing_left();
}

#[test]
fn ctrl_c_keeps_what_is_done_and_leaves_nothing() {
    ctrl_c(&Bench::of(&["obedient"]), "obedient", "tcp");
}

#[test]
fn ctrl_c_leaves_nothing_of_an_emulator() {
    if have_qemu() {
        ctrl_c(&Bench::emulated(), "qemu-mps2-an385", "tcp");
    }
}

#[test]
fn ctrl_c_during_the_greeting_ends_at_once() {
    let bench = Bench::of(&["silent"]);
    let mut live = Live::of(bench.start(&["run", "--board", "silent", "--json", "-"]));
    live.until(|event| event["event"] == "board-preparing");
    live.signal(Signal::TERM);
    let (exit, events) = live.end();
    assert_eq!(exit, Some(130));
    assert_eq!(count(&events, "case-finished"), 0);
    bench.assert_nothing_left();
}

#[test]
fn ctrl_c_during_a_build_is_no_failure_and_ends_the_compilers() {
    let bench = Bench::real("native-posix", "kind = \"native\"", "posix");
    // Stands for cargo: starts somebody else, as cargo does, and waits for it.
    let pid_file = bench.path().join("compiler");
    let script = format!(
        "#!/bin/sh\nsleep 600 &\necho $! > '{0}.new'\nmv '{0}.new' '{0}'\nwait\n",
        pid_file.display()
    );
    let cargo = bench.path().join("cargo");
    std::fs::write(&cargo, script).expect("a file");
    std::fs::set_permissions(&cargo, PermissionsExt::from_mode(0o700)).expect("ours");

    let mut command = bench.command(&["run", "--json", "-"]);
    command.env("CARGO", &cargo).process_group(0);
    let mut live = Live::of(command.spawn().expect("hil starts"));
    live.until(|event| event["event"] == "board-preparing");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !pid_file.exists() {
        assert!(Instant::now() < deadline, "the build never began");
        std::thread::yield_now();
    }
    let compiler = Board::of(
        std::fs::read_to_string(&pid_file)
            .expect("a file")
            .trim()
            .parse()
            .expect("a number"),
    );
    // As a terminal does: to the whole group.
    live.signal_group(Signal::INT);
    let (exit, events) = live.end();
    compiler.assert_ends();
    assert_eq!((exit, count(&events, "board-failed")), (Some(130), 0));
    bench.assert_nothing_left();
}

/// The kernel ends the board; the next run takes over its lock and removes its directory.
fn killed(bench: &Bench, board: &str, suite: &str) {
    let live = in_the_middle(bench, board, suite);
    let process = live.board();
    live.signal(Signal::KILL);
    let (exit, events) = live.end();
    process.assert_ends();
    assert_eq!((exit, count(&events, "run-finished")), (None, 0));
    assert_ne!(
        bench.runtime_files().len(),
        0,
        "or there is nothing to show"
    );

    let next = bench.hil(&["run", "--board", board, "--suite", "legacy", "--json", "-"]);
    assert_eq!(count(&next.events(), "board-failed"), 0, "{}", next.stderr);
    assert_ne!(next.verdicts(board).len(), 0);
    bench.assert_nothing_left();
    // What the killed run has found can still be read.
    let runs = std::fs::read_dir(bench.path().join("target/hil")).expect("runs");
    let unfinished = runs.flatten().any(|run| {
        std::fs::read_to_string(run.path().join("events.jsonl")).is_ok_and(|journal| {
            journal.contains("case-finished") && !journal.contains("run-finished")
        })
    });
    assert!(unfinished, "the journal of the killed run is gone");
}

#[test]
fn the_run_after_a_killed_one_cleans_up() {
    killed(&Bench::of(&["obedient"]), "obedient", "tcp");
}

#[test]
fn the_run_after_a_killed_one_with_an_emulator_cleans_up() {
    if have_qemu() {
        killed(&Bench::emulated(), "qemu-mps2-an385", "udp");
    }
}
