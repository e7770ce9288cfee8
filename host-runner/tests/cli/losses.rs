//! Boards that do not come up, and boards that are lost in the middle: what becomes of the cases.

use crate::bench::Bench;

#[test]
fn boards_that_never_answer_properly_are_infra_each_with_its_cause() {
    let causes = [
        ("silent", "infra(silent)"),
        ("garbage", "infra(garbage)"),
        ("wrong-nonce", "infra(wrong-nonce)"),
        ("wrong-board", "infra(wrong-board)"),
        ("wrong-image", "infra(wrong-image)"),
        ("wrong-protocol", "infra(protocol)"),
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
    assert_eq!(bench.left_over(), Vec::<String>::new());
}

#[test]
fn a_board_that_is_lost_in_the_middle_costs_one_case() {
    let modes = [
        ("dies", "board-lost(gone)"),
        ("reboots", "board-lost(rebooted)"),
        ("crashes", "fail(crash)"),
        ("freezes", "board-lost(silent)"),
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
            .filter(|verdict| verdict.starts_with("board-lost") || verdict.contains("crash"))
            .collect();
        assert_eq!(touched, [expected], "{board}: {verdicts:?}");
        let restarts = finished
            .events()
            .iter()
            .filter(|e| e["event"] == "board-restarted" && e["board"] == board)
            .count();
        assert_eq!(restarts, 1, "{board}");
    }
    assert_eq!(bench.left_over(), Vec::<String>::new());
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
    assert!(reason.contains("hard-fault at pc 0x00001234"), "{reason}");
    assert_eq!(finished.exit, Some(100));
}
