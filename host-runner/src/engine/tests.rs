//! The engine on scripted boards: what it does when boards are lost, slow, wrong or interrupted.

mod recovery;
mod script;

use core::time::Duration;

use hil_kit::{Trouble, Violation};

use self::script::{Act, Script, board, cases, finished, run_all, run_of, verdicts, words};
use super::deviations::Deviations;
use super::{Run, Stop};
use crate::event::{CrashReport, Event, Exit, Frame, Trace};

fn violated() -> Act {
    Act::Sees(Err(Violation::new("recv.reset", "recv(1)", "0", "5").into()))
}

fn trouble(trouble: Trouble) -> Act {
    Act::Sees(Err(trouble.into()))
}

fn silent() -> Act {
    trouble(Trouble::Silent {
        request: "recv".into(),
        waited_ms: 5,
    })
}

fn late() -> Act {
    let mut violation = Violation::new("recv.timeout", "recv(1)", "within 9 ms", "after 20 ms");
    violation.slack = Some(Duration::from_millis(5));
    Act::SeesLate(violation.into(), Duration::from_millis(50))
}

#[tokio::test]
async fn impairment_comes_from_the_seed_of_the_case_or_the_case_is_skipped() {
    let impaired = || Run {
        impair: Some("loss=5%".parse().expect("it is right")),
        ..run_of(cases(&["a", "b"]))
    };
    let script = Script::default().on_a_cable();
    let (exit, _) = run_all(impaired(), vec![board("one", &script)], Stop::default()).await;
    assert_eq!(exit, Exit::Conforms);
    let seeds = script
        .impairments()
        .into_iter()
        .map(|it| it.map(|it| it.seed));
    let expected: Vec<_> = script.seeds().into_iter().map(Some).collect();
    assert_eq!(seeds.collect::<Vec<_>>(), expected);

    let script = Script::default();
    let (exit, events) = run_all(impaired(), vec![board("one", &script)], Stop::default()).await;
    assert_eq!(verdicts(&events), ["a skipped", "b skipped"]);
    assert_eq!(exit, Exit::NothingSelected);
    assert!(script.impairments().is_empty());
}

#[tokio::test]
async fn a_board_lost_in_the_middle_is_restarted_and_the_rest_is_judged() {
    let script = Script::of(&[("b", vec![silent()])]);
    let (exit, events) = run_all(
        run_of(cases(&["a", "b", "c"])),
        vec![board("one", &script)],
        Stop::default(),
    )
    .await;
    assert_eq!(
        verdicts(&events),
        ["a pass", "b board-lost(silent)", "c pass"]
    );
    assert_eq!(exit, Exit::RigTrouble);
    assert_eq!(
        words(&events),
        [
            "run-started",
            "board-preparing",
            "board-started",
            "case-started",
            "case-finished",
            "case-started",
            "case-finished",
            "board-lost",
            "board-recovery",
            "board-restarted",
            "case-started",
            "case-finished",
            "run-finished"
        ]
    );
    assert_eq!(script.log(), ["prepare", "start", "drop", "start", "stop"]);
}

#[tokio::test]
async fn a_silent_agent_whose_core_loops_hangs() {
    let script = Script::of(&[("a", vec![silent()])]).with_a_looping_core();
    let (exit, events) = run_all(
        run_of(cases(&["a", "b"])),
        vec![board("one", &script)],
        Stop::default(),
    )
    .await;
    assert_eq!(verdicts(&events), ["a fail(hang)", "b pass"]);
    assert_eq!(exit, Exit::Violated);
    assert_eq!(script.log(), ["prepare", "start", "drop", "start", "stop"]);
}

/// A core that was stopped, or has stopped itself, in a function.
fn stopped_in(kind: &str, function: &str) -> CrashReport {
    CrashReport {
        kind: kind.into(),
        frames: vec![Frame {
            function: function.into(),
            file: Some("src/loop.rs".into()),
            line: Some(7),
            ..Frame::default()
        }],
        trace: Trace::Unwound,
        ..CrashReport::default()
    }
}

#[tokio::test]
async fn a_look_inside_tells_a_hang_from_a_fault_and_from_a_core_that_sleeps() {
    let table = [
        (CrashReport::HANG, false, "fail(hang)"),
        (CrashReport::HANG, true, "fail(hang)"),
        // It slept just then, but its process computes on and on.
        (CrashReport::ASLEEP, true, "fail(hang)"),
        (CrashReport::ASLEEP, false, "board-lost(silent)"),
        ("bus fault", false, "fail(crash)"),
        ("panic", true, "fail(crash)"),
    ];
    for (kind, looping, verdict) in table {
        let place = stopped_in(kind, "iut::turns");
        let mut script = Script::of(&[("a", vec![silent()])]).with_a_look_inside(place.clone());
        if looping {
            script = script.with_a_looping_core();
        }
        let (_, events) = run_all(
            run_of(cases(&["a", "b"])),
            vec![board("one", &script)],
            Stop::default(),
        )
        .await;
        assert_eq!(verdicts(&events), [&format!("a {verdict}"), "b pass"]);
        let finished = finished(&events);
        assert_eq!(finished[0].crash.as_deref(), Some(&place));
        assert!(finished[1].crash.is_none());
        let says = |text: &Option<String>| {
            text.as_deref()
                .is_some_and(|text| text.contains("iut::turns (src/loop.rs:7)"))
        };
        assert_eq!(says(&finished[0].reason), verdict != "board-lost(silent)");
        let violation = finished[0].violation.as_ref();
        let observed = violation.map(|violation| violation.observed.clone());
        assert_eq!(says(&observed), verdict != "board-lost(silent)");
        assert_eq!(script.log(), ["prepare", "start", "drop", "start", "stop"]);
    }
}

#[tokio::test]
async fn a_board_that_cannot_clean_up_is_restarted_and_the_verdict_stands() {
    let violation = Violation::new("recv.reset", "recv(1)", "0", "5");
    let script = Script::of(&[("a", vec![Act::SeesAndReboots(violation.into())])]);
    let (_, events) = run_all(
        run_of(cases(&["a", "b"])),
        vec![board("one", &script)],
        Stop::default(),
    )
    .await;
    assert_eq!(verdicts(&events), ["a fail", "b pass"]);
    assert_eq!(script.log(), ["prepare", "start", "drop", "start", "stop"]);
}

#[tokio::test]
async fn a_crash_is_the_fault_of_the_port() {
    let script = Script::of(&[
        ("a", vec![trouble(Trouble::Rebooted { crashed: true })]),
        ("b", vec![trouble(Trouble::Rebooted { crashed: false })]),
        ("c", vec![Act::Dies { crashed: true }]),
        ("d", vec![Act::Dies { crashed: false }]),
    ]);
    let (exit, events) = run_all(
        run_of(cases(&["a", "b", "c", "d"])),
        vec![board("one", &script)],
        Stop::default(),
    )
    .await;
    assert_eq!(
        verdicts(&events),
        [
            "a fail(crash)",
            "b board-lost(rebooted)",
            "c fail(crash)",
            "d board-lost(gone)"
        ]
    );
    assert_eq!(exit, Exit::Violated);
}

#[tokio::test]
async fn a_reboot_with_a_beacon_is_a_crash_and_says_where() {
    let script = Script::of(&[("a", vec![trouble(Trouble::Rebooted { crashed: false })])])
        .with_beacon("hard-fault at 0x1234");
    let (_, events) = run_all(
        run_of(cases(&["a"])),
        vec![board("one", &script)],
        Stop::default(),
    )
    .await;
    assert_eq!(verdicts(&events), ["a fail(crash)"]);
    let finished = finished(&events);
    assert!(
        finished[0]
            .reason
            .as_deref()
            .is_some_and(|reason| reason.contains("hard-fault at 0x1234"))
    );
    let kind = finished[0].crash.as_ref().map(|crash| crash.kind.as_str());
    assert_eq!(kind, Some("hard-fault at 0x1234"));
}

#[tokio::test]
async fn a_dead_link_waits_for_the_last_words_of_the_board() {
    let script = Script::of(&[("a", vec![Act::LinkDiesThenBoard { crashed: true }])]);
    let (_, events) = run_all(
        run_of(cases(&["a"])),
        vec![board("one", &script)],
        Stop::default(),
    )
    .await;
    assert_eq!(verdicts(&events), ["a fail(crash)"]);
}

#[tokio::test]
async fn restarts_are_bounded_and_the_rest_is_lost_at_once() {
    let script = Script::default().always(silent);
    let names = ["a", "b", "c", "d", "e", "f"];
    let (exit, events) = run_all(
        run_of(cases(&names)),
        vec![board("one", &script)],
        Stop::default(),
    )
    .await;
    assert_eq!(
        verdicts(&events),
        [
            "a board-lost(silent)",
            "b board-lost(silent)",
            "c board-lost(silent)",
            "d board-lost(silent)",
            "e board-lost(given-up)",
            "f board-lost(given-up)"
        ]
    );
    assert_eq!(exit, Exit::RigTrouble);
    assert_eq!(
        script.log().iter().filter(|word| *word == "start").count(),
        4
    );
}

#[tokio::test]
async fn a_board_that_cannot_be_restarted_loses_the_rest() {
    let script = Script::of(&[("a", vec![silent()])]).starting(&[true, false]);
    let (exit, events) = run_all(
        run_of(cases(&["a", "b"])),
        vec![board("one", &script)],
        Stop::default(),
    )
    .await;
    assert_eq!(
        verdicts(&events),
        ["a board-lost(silent)", "b board-lost(scripted)"]
    );
    assert_eq!(exit, Exit::RigTrouble);
}

#[tokio::test]
async fn a_board_that_never_starts_makes_every_case_infra() {
    let script = Script::default().starting(&[false]);
    let (exit, events) = run_all(
        run_of(cases(&["a", "b"])),
        vec![board("one", &script)],
        Stop::default(),
    )
    .await;
    assert_eq!(
        verdicts(&events),
        ["a infra(scripted)", "b infra(scripted)"]
    );
    assert_eq!(words(&events)[2], "board-failed");
    assert_eq!(exit, Exit::RigTrouble);
}

#[tokio::test]
async fn a_lost_board_does_not_disturb_the_other() {
    let (lost, good) = (Script::default().always(silent), Script::default());
    let boards = vec![board("lost", &lost), board("good", &good)];
    let (exit, events) = run_all(run_of(cases(&["a", "b"])), boards, Stop::default()).await;
    let of_good = finished(&events)
        .into_iter()
        .filter(|case| case.board == "good" && case.verdict_word() == "pass")
        .count();
    assert_eq!(of_good, 2);
    assert_eq!(exit, Exit::RigTrouble);
}

#[tokio::test]
async fn boards_run_side_by_side() {
    // Each waits, in its only case, until the other has begun its own.
    let meeting = script::Meeting::new(2);
    let (left, right) = (Script::default(), Script::default());
    for script in [&left, &right] {
        script.act("a", Act::Meets(meeting.clone()));
    }
    let boards = vec![board("left", &left), board("right", &right)];
    let all = run_all(run_of(cases(&["a"])), boards, Stop::default());
    let (exit, _) = tokio::time::timeout(Duration::from_secs(10), all)
        .await
        .expect("the boards meet");
    assert_eq!(exit, Exit::Conforms);
}

#[tokio::test]
async fn repeats_are_identical() {
    let script = Script::default();
    let mut run = run_of(cases(&["a", "b", "c"]));
    run.repeat = 10;
    let (exit, events) = run_all(run, vec![board("one", &script)], Stop::default()).await;
    let verdicts = verdicts(&events);
    assert_eq!(verdicts.len(), 30);
    assert!(
        verdicts
            .chunks(3)
            .all(|round| round == ["a pass", "b pass", "c pass"])
    );
    assert_eq!(finished(&events).last().map(|case| case.round), Some(9));
    assert_eq!(exit, Exit::Conforms);
    let seeds = script.seeds();
    assert!(
        seeds.chunks(3).all(|round| round == &seeds[..3]),
        "a case has the same seed in every round"
    );
    assert_ne!(seeds[0], seeds[1]);
}

#[tokio::test]
async fn a_slow_rig_repeats_a_case_three_times() {
    let script = Script::of(&[
        ("a", vec![late(), late(), late(), late()]),
        ("b", vec![late(), late(), late()]),
    ]);
    let (exit, events) = run_all(
        run_of(cases(&["a", "b"])),
        vec![board("one", &script)],
        Stop::default(),
    )
    .await;
    assert_eq!(verdicts(&events), ["a infra(rig-slow)", "b pass"]);
    assert_eq!(
        finished(&events)
            .iter()
            .map(|case| case.attempts)
            .collect::<Vec<_>>(),
        [4, 4]
    );
    assert_eq!(exit, Exit::RigTrouble);
}

#[tokio::test]
async fn retries_make_flaky() {
    let script = Script::of(&[("a", vec![violated()]), ("b", vec![violated(), violated()])]);
    let mut run = run_of(cases(&["a", "b"]));
    run.retries = 1;
    let (exit, events) = run_all(run, vec![board("one", &script)], Stop::default()).await;
    assert_eq!(verdicts(&events), ["a flaky", "b fail"]);
    let reason = finished(&events)[0].reason.clone();
    assert_eq!(
        reason.as_deref(),
        Some("pass at attempt 2 of 2, after: recv(1): expected 0, observed 5")
    );
    assert_eq!(exit, Exit::Violated);
}

#[tokio::test]
async fn a_retry_after_a_crash_has_a_fresh_board() {
    let script = Script::of(&[("a", vec![Act::Dies { crashed: true }])]);
    let mut run = run_of(cases(&["a"]));
    run.retries = 1;
    let (exit, events) = run_all(run, vec![board("one", &script)], Stop::default()).await;
    assert_eq!(verdicts(&events), ["a flaky(crash)"]);
    assert_eq!(script.log(), ["prepare", "start", "drop", "start", "stop"]);
    assert_eq!(exit, Exit::Violated);
}

#[tokio::test]
async fn an_interruption_keeps_what_is_done_and_stops_the_board() {
    let script = Script::of(&[("b", vec![Act::Waits])]);
    let stop = Stop::default();
    script.raise_when_waiting(&stop);
    let all = run_all(
        run_of(cases(&["a", "b", "c"])),
        vec![board("one", &script)],
        stop,
    );
    let (exit, events) = tokio::time::timeout(Duration::from_secs(10), all)
        .await
        .expect("it stops");
    assert_eq!(verdicts(&events), ["a pass"]);
    assert_eq!(exit, Exit::Interrupted);
    assert_eq!(script.log(), ["prepare", "start", "stop"]);
    let Some(Event::RunFinished(last)) = events.last() else {
        panic!("the last event is {:?}", events.last())
    };
    assert_eq!((last.exit, last.verdicts["pass"]), (130, 1));
}

#[tokio::test]
async fn a_second_interruption_does_not_wait_for_the_board_to_stop() {
    let script = Script::of(&[("a", vec![Act::Waits])]).that_never_stops();
    let stop = Stop::default();
    script.raise_when_waiting(&stop);
    script.raise_when_stopping(&stop);
    let all = run_all(run_of(cases(&["a"])), vec![board("one", &script)], stop);
    let (exit, _) = tokio::time::timeout(Duration::from_secs(10), all)
        .await
        .expect("it stops at once");
    assert_eq!(exit, Exit::Interrupted);
}

#[tokio::test]
async fn deviations_make_xfail_and_stale_ones_show() {
    let list = "[[deviation]]\ncase = \"a\"\nkey = \"recv.reset\"\nreason = \"known\"\n\
                [[deviation]]\ncase = \"gone\"\nkey = \"x\"\nreason = \"old\"\n\
                [[deviation]]\ncase = \"a\"\nkey = \"other\"\nreason = \"late\"\nexpires = 2020-01-01\n";
    let script = Script::of(&[("a", vec![violated()])]);
    let mut plan = board("one", &script);
    plan.deviations = Deviations::parse("d.toml", list).expect("a good file");
    let (exit, events) = run_all(run_of(cases(&["a", "b"])), vec![plan], Stop::default()).await;
    assert_eq!(verdicts(&events), ["a xfail", "b pass"]);
    let problems: Vec<String> = events
        .iter()
        .filter_map(|event| match event {
            Event::DeviationProblem(problem) => Some(format!("{} {}", problem.at, problem.problem)),
            _ => None,
        })
        .collect();
    assert_eq!(problems, ["d.toml:5 stale", "d.toml:9 expired"]);
    assert_eq!(exit, Exit::StaleDeviations);
}

#[tokio::test]
async fn a_port_without_a_class_fails_everything() {
    let script = Script::default().without_class();
    let (exit, events) = run_all(
        run_of(cases(&["a", "b"])),
        vec![board("one", &script)],
        Stop::default(),
    )
    .await;
    assert_eq!(verdicts(&events), ["a fail", "b fail"]);
    assert_eq!(exit, Exit::Violated);
}

#[tokio::test]
async fn the_engine_adds_less_than_a_millisecond_per_case() {
    const CASES: usize = 1000;
    let script = Script::default();
    let names: Vec<String> = (0..CASES).map(|n| format!("case_{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let began = std::time::Instant::now();
    let (exit, events) = run_all(
        run_of(cases(&names)),
        vec![board("one", &script)],
        Stop::default(),
    )
    .await;
    let took = began.elapsed();
    assert_eq!((exit, finished(&events).len()), (Exit::Conforms, CASES));
    assert!(took < Duration::from_secs(1), "{took:?} for {CASES} cases");
}
