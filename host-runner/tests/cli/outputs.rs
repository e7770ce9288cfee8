//! What a run leaves for machines and people.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::bench::Bench;

#[test]
fn the_list_is_not_empty_and_every_line_is_complete() {
    // An empty list would mean that the linker dropped the crate of the cases.
    let bench = Bench::of(&[]);
    let listed = bench.hil(&["list", "--json"]).events();
    assert!(!listed.is_empty());
    let mut ids = BTreeSet::new();
    for line in &listed {
        let id = line["id"].as_str().expect("an id");
        assert!(ids.insert(id.to_owned()), "{id} is there twice");
        let suite = line["suite"].as_str().expect("a suite");
        assert!(
            id.starts_with(&format!("{suite}/")),
            "{id} is not in {suite}"
        );
        for field in ["title", "level", "profile", "origin"] {
            assert!(
                line[field].as_str().is_some_and(|text| !text.is_empty()),
                "{id}: {field}"
            );
        }
        for field in ["axes", "cites", "needs", "tags"] {
            assert!(line[field].is_array(), "{id}: {field}");
        }
    }
}

#[test]
fn a_run_leaves_its_evidence_and_can_be_shown_again() {
    let bench = Bench::of(&["obedient"]);
    let run = bench.hil(&[
        "run",
        "--board",
        "obedient",
        "--suite",
        "server",
        "--junit",
        "junit.xml",
        "--json",
        "run.jsonl",
    ]);
    let dir = bench.path().join("target/hil/latest");
    let journal = fs::read_to_string(dir.join("events.jsonl")).expect("a journal");
    assert_eq!(
        journal,
        fs::read_to_string(bench.path().join("run.jsonl")).expect("a copy")
    );
    assert!(
        fs::read_to_string(dir.join("obedient/link.log"))
            .expect("a transcript")
            .contains("hello")
    );
    assert!(
        fs::read_to_string(bench.path().join("junit.xml"))
            .expect("a report")
            .contains("<testsuite ")
    );
    let shown = bench.hil(&["report"]);
    assert_eq!(shown.exit, Some(0));
    assert_eq!(shown.stdout, run.stdout);
}

#[test]
fn json_on_standard_output_has_it_for_itself() {
    let bench = Bench::of(&["obedient"]);
    let run = bench.hil(&[
        "run", "--board", "obedient", "--suite", "server", "--json", "-",
    ]);
    let events = run.events();
    assert_eq!(
        events.first().map(|event| &event["event"]),
        Some(&Value::from("run-started"))
    );
    assert_eq!(
        events.last().map(|event| &event["event"]),
        Some(&Value::from("run-finished"))
    );
    assert_eq!(
        events.last().and_then(|event| event["exit"].as_i64()),
        run.exit.map(i64::from)
    );
    assert!(run.stderr.contains("exit "), "people read the other stream");
}

#[test]
fn repeats_give_the_same_verdicts() {
    let bench = Bench::of(&["obedient"]);
    let run = bench.hil(&[
        "run", "--board", "obedient", "--suite", "server", "--repeat", "3", "--seed", "1",
        "--json", "-",
    ]);
    let verdicts = run.verdicts("obedient");
    let (first, rest) = verdicts.split_at(verdicts.len() / 3);
    assert!(
        !first.is_empty() && rest.chunks(first.len()).all(|round| round == first),
        "{verdicts:?}"
    );
}

#[test]
fn an_agent_that_says_yes_to_everything_passes_nothing() {
    let bench = Bench::of(&["obedient"]);
    let run = bench.hil(&["run", "--board", "obedient", "--json", "-"]);
    let verdicts = run.verdicts("obedient");
    assert!(
        !verdicts
            .iter()
            .any(|verdict| ["pass", "lenient", "noted"].contains(&verdict.as_str())),
        "{verdicts:?}"
    );
    assert_eq!(run.exit, Some(100));
}

#[test]
fn a_directory_of_ones_own() {
    let bench = Bench::of(&["obedient"]);
    let run = bench.hil(&[
        "run", "--board", "obedient", "--suite", "server", "--out", "mine",
    ]);
    assert!(
        run.stdout.trim_end().ends_with("evidence in mine"),
        "{}",
        run.stdout
    );
    assert!(bench.path().join("mine/events.jsonl").is_file());
    assert!(!bench.path().join("target").exists());
    assert_eq!(bench.hil(&["report", "mine"]).stdout, run.stdout);
}

#[test]
fn on_a_terminal_everything_is_shown_too() {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let bench = Bench::of(&["obedient"]);
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
    grantpt(&master).expect("it can be used");
    unlockpt(&master).expect("it can be used");
    let name = ptsname(&master, Vec::new()).expect("a name");
    let name = name.to_str().expect("a path");
    let terminal = fs::File::options()
        .read(true)
        .write(true)
        .open(name)
        .expect("it opens");
    let mut hil = Command::new(env!("CARGO_BIN_EXE_hil"))
        .args(["run", "--board", "obedient", "--suite", "server"])
        .current_dir(bench.path())
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .stdin(Stdio::null())
        .stdout(terminal)
        .spawn()
        .expect("hil starts");
    let mut shown = Vec::new();
    // Ends with an error when the last writer has closed the terminal.
    let _ = fs::File::from(master).read_to_end(&mut shown);
    assert_eq!(hil.wait().expect("it ends").code(), Some(100));
    let shown = String::from_utf8_lossy(&shown);
    for part in [
        "\x1b[1;31mexit 100: violated",
        "evidence in target/hil/",
        "suite",
        "again ",
    ] {
        assert!(shown.contains(part), "{part:?} is missing in {shown:?}");
    }
}

#[test]
fn a_reader_that_leaves_changes_no_verdict() {
    let bench = Bench::of(&["obedient"]);
    for json in [&["--json", "-"][..], &[]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let other = writer.try_clone().expect("the pipe");
        drop(reader);
        let mut command = bench.command(&["run", "--board", "obedient", "--suite", "server"]);
        let status = command.args(json).stdout(writer).stderr(other).status();
        assert_eq!(status.expect("hil starts").code(), Some(100), "{json:?}");
        let shown = bench.hil(&["report", "--json", "-"]);
        assert_ne!(shown.verdicts("obedient").len(), 0, "the journal goes on");
    }
}
