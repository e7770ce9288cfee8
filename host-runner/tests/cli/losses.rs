//! Boards that do not come up, and boards that are lost in the middle: what becomes of the cases.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::bench::{Bench, Live, have_qemu, verdicts};

#[test]
fn boards_that_never_answer_properly_are_infra_each_with_its_cause() {
    let causes = [
        ("silent", "infra(silent)"),
        ("garbage", "infra(garbage)"),
        ("wrong-nonce", "infra(wrong-nonce)"),
        ("wrong-board", "infra(wrong-board)"),
        ("wrong-image", "infra(wrong-image)"),
        ("wrong-protocol", "infra(protocol)"),
        ("faulted", "infra(crashed)"),
    ];
    let bench = Bench::of(&causes.map(|(mode, _)| mode));
    let mut arguments = vec!["run", "--suite", "server", "--json", "-"];
    causes
        .iter()
        .for_each(|(mode, _)| arguments.extend(["--board", mode]));
    let finished = bench.hil(&arguments);
    for (board, cause) in causes {
        let verdicts = finished.verdicts(board);
        assert!(
            !verdicts.is_empty() && verdicts.iter().all(|verdict| verdict == cause),
            "{board}: {verdicts:?}"
        );
    }
    assert_eq!(finished.exit, Some(97), "{}", finished.stderr);
    bench.assert_nothing_left();
}

#[test]
fn a_board_that_is_lost_in_the_middle_costs_one_case() {
    let modes = [
        ("dies", "board-lost(gone)"),
        ("reboots", "board-lost(rebooted)"),
        ("crashes", "fail(crash)"),
        ("freezes", "board-lost(silent)"),
        ("loops", "fail(hang)"),
        ("babbles", "board-lost(silent)"),
    ];
    let bench = Bench::of(&modes.map(|(mode, _)| mode));
    let mut arguments = vec!["run", "--suite", "tcp", "--suite", "udp", "--json", "-"];
    modes
        .iter()
        .for_each(|(mode, _)| arguments.extend(["--board", mode]));
    let finished = bench.hil(&arguments);
    for (board, expected) in modes {
        let verdicts = finished.verdicts(board);
        let touched: Vec<&String> = verdicts
            .iter()
            .filter(|verdict| verdict.starts_with("board-lost") || verdict.contains('('))
            .collect();
        assert_eq!(touched, [expected], "{board}: {verdicts:?}");
        let restarts = finished
            .events()
            .iter()
            .filter(|e| e["event"] == "board-restarted" && e["board"] == board)
            .count();
        assert_eq!(restarts, 1, "{board}");
    }
    bench.assert_nothing_left();
}

#[test]
fn a_crash_shows_what_the_beacon_said() {
    let bench = Bench::of(&["crashes"]);
    let finished = bench.hil(&["run", "--board", "crashes", "--suite", "tcp", "--json", "-"]);
    let events = finished.events();
    let crash = events
        .iter()
        .find(|event| event["cause"] == "crash")
        .expect("it crashes");
    let reason = crash["reason"].as_str().expect("a reason");
    let said = "memory fault: as told";
    assert!(reason.contains(said), "{reason}");
    assert_eq!(finished.exit, Some(100));
}

#[test]
fn a_missing_emulator_is_trouble_of_the_rig_and_the_advice_is_given() {
    let bench = Bench::empty();
    // Any ELF file will do: nothing gets to run it.
    bench.link(env!("CARGO_BIN_EXE_bad-agent"), "image");
    bench.boards(
        "[board.emulated]\nkind = \"qemu\"\nmachine = \"mps2-an385\"\nfirmware = { elf = \"image\" }\nport = \"none\"\n",
    );
    fs::create_dir(bench.path().join("nothing")).expect("a directory");
    let mut command = bench.command(&["run", "--board", "emulated", "--suite", "udp"]);
    command.env("PATH", bench.path().join("nothing"));
    let finished = bench.up_to_its_end(command);
    assert_eq!(finished.exit, Some(97), "{}", finished.stderr);
    let advice = "qemu-system-arm is not installed: run ci/setup, which installs it or says how";
    assert!(finished.stdout.contains(advice), "{}", finished.stdout);
    let shown = bench.hil(&["report", "--json", "-"]);
    let verdicts = shown.verdicts("emulated");
    assert!(!verdicts.is_empty());
    assert!(
        verdicts.iter().all(|verdict| verdict == "infra(missing)"),
        "{verdicts:?}"
    );
    bench.assert_nothing_left();
}

/// Does something to the process of a conforming board in the middle of a run, and expects that this costs one
/// case, that all others are judged, and that the run ends with 97.
fn one_case_is_lost(bench: &Bench, board: &str, signal: Signal, expected: &str) {
    let mut live = Live::of(bench.start(&["run", "--suite", "udp", "--json", "-"]));
    live.until(|event| event["event"] == "case-finished" && event["verdict"] == "pass");
    live.until(|event| event["event"] == "case-started");
    let process = live.board();
    process.signal(signal);
    let (exit, events) = live.end();
    process.assert_ends();
    let verdicts = verdicts(&events, board);
    let touched: Vec<_> = verdicts
        .iter()
        .filter(|verdict| verdict.starts_with("board-lost"))
        .collect();
    assert_eq!(touched, [expected], "{verdicts:?}");
    // A loaded machine may keep a time limit from being judged, and no more.
    let usual = [
        "pass",
        "lenient",
        "noted",
        "unsupported",
        "skipped",
        "infra(rig-slow)",
        expected,
    ];
    assert!(
        verdicts.iter().all(|verdict| usual.contains(&&**verdict)),
        "{verdicts:?}"
    );
    let passed = verdicts.iter().filter(|verdict| *verdict == "pass").count();
    assert!(passed > verdicts.len() / 2, "{verdicts:?}");
    let restarts = events
        .iter()
        .filter(|event| event["event"] == "board-restarted")
        .count();
    assert_eq!((restarts, exit), (1, Some(97)));
    bench.assert_nothing_left();
}

#[test]
fn an_emulator_killed_in_the_middle_costs_one_case() {
    if have_qemu() {
        one_case_is_lost(
            &Bench::emulated(),
            "qemu-mps2-an385",
            Signal::KILL,
            "board-lost(gone)",
        );
    }
}

#[test]
fn an_emulator_behind_a_probe_that_is_killed_is_noticed_within_a_second() {
    if !have_qemu() {
        return;
    }
    let bench = Bench::emulated();
    bench.boards(
        "default = \"qemu-mps2-an385\"\n[board.qemu-mps2-an385]\nkind = \"qemu\"\nmachine = \"mps2-an385\"\nfirmware = \"qemu-mps2-an385\"\nport = \"smoltcp\"\nlink.rtt = {}\n",
    );
    let mut live = Live::of(bench.start(&["run", "--suite", "udp", "--json", "-"]));
    live.until(|event| event["event"] == "case-finished" && event["verdict"] == "pass");
    live.until(|event| event["event"] == "case-started");
    let emulator = live.emulator();
    let killed = Instant::now();
    emulator.signal(Signal::KILL);
    live.until(|event| event["event"] == "board-lost");
    let noticed = killed.elapsed();
    let (exit, events) = live.end();
    assert!(noticed < Duration::from_secs(1), "{noticed:?}");
    let verdicts = verdicts(&events, "qemu-mps2-an385");
    let lost: Vec<_> = verdicts
        .iter()
        .filter(|verdict| verdict.starts_with("board-lost"))
        .collect();
    assert_eq!(lost, ["board-lost(gone)"], "{verdicts:?}");
    let steps: Vec<_> = events
        .iter()
        .filter(|event| event["event"] == "board-recovery")
        .map(|event| (event["step"].as_str(), event["ok"].as_bool()))
        .collect();
    // Nothing can be reset where nothing runs.
    assert_eq!(steps, [(Some("start-again"), Some(true))]);
    assert_eq!(exit, Some(97));
    bench.assert_nothing_left();
}

#[test]
fn an_agent_that_falls_silent_costs_one_case() {
    one_case_is_lost(
        &Bench::real("native-posix", "kind = \"native\"", "posix"),
        "native-posix",
        Signal::STOP,
        "board-lost(silent)",
    );
}
