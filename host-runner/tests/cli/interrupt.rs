//! Ctrl-C: results so far are kept, nothing is left behind.

use rustix::process::Signal;

use crate::bench::{Bench, Live};

#[test]
fn ctrl_c_keeps_what_is_done_and_leaves_nothing() {
    let bench = Bench::of(&["obedient"]);
    // So many rounds that it would go on for long.
    let hil = bench.start(&[
        "run", "--board", "obedient", "--suite", "tcp", "--repeat", "10000", "--json", "-",
    ]);
    let mut live = Live::of(hil);
    live.until(|event| event["event"] == "case-finished");
    live.until(|event| event["event"] == "case-started");
    live.signal(Signal::INT);
    let (exit, events) = live.end();
    assert_eq!(exit, Some(130));
    let last = events.last().expect("events");
    assert_eq!(
        (last["event"].as_str(), last["exit"].as_u64()),
        (Some("run-finished"), Some(130))
    );
    let finished = events
        .iter()
        .filter(|event| event["event"] == "case-finished")
        .count();
    let counted: u64 = last["verdicts"]
        .as_object()
        .expect("numbers")
        .values()
        .filter_map(serde_json::Value::as_u64)
        .sum();
    assert_eq!(counted, finished as u64);
    let journal = std::fs::read_to_string(bench.path().join("target/hil/latest/events.jsonl"))
        .expect("a journal");
    assert_eq!(journal.lines().count(), events.len());
    assert_eq!(bench.left_over(), Vec::<String>::new());
}

#[test]
fn ctrl_c_during_the_greeting_ends_at_once() {
    let bench = Bench::of(&["silent"]);
    let mut live = Live::of(bench.start(&["run", "--board", "silent", "--json", "-"]));
    live.until(|event| event["event"] == "board-preparing");
    live.signal(Signal::TERM);
    let (exit, events) = live.end();
    assert_eq!(exit, Some(130));
    assert!(!events.iter().any(|event| event["event"] == "case-finished"));
    assert_eq!(bench.left_over(), Vec::<String>::new());
}
