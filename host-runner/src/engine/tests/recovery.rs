//! The way back of a lost board: which steps are taken, what is told of them, and when it ends.

use core::time::Duration;
use std::time::Instant;

use hil_kit::{Trouble, Violation};

use super::script::{self, Act, Helps, Script, board, cases, run_all, run_of, verdicts};
use super::{silent, trouble};
use crate::engine::{Loss, Remedy, Stop};
use crate::event::{BoardRecovery, Event, Exit};

const LADDER: [(Remedy, Helps); 4] = [
    (Remedy::Resync, Helps::Yes),
    (Remedy::Reset, Helps::Yes),
    (Remedy::Reflash, Helps::Yes),
    (Remedy::Power, Helps::Yes),
];

/// The steps that were told of, as `reset did not help`.
fn steps(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::BoardRecovery(BoardRecovery { step, ok, .. }) => Some(format!(
                "{step} {}",
                if *ok { "helped" } else { "did not help" }
            )),
            _ => None,
        })
        .collect()
}

async fn all(script: &Script, names: &[&str]) -> (Exit, Vec<Event>) {
    run_all(
        run_of(cases(names)),
        vec![board("one", script)],
        Stop::default(),
    )
    .await
}

#[tokio::test]
async fn an_agent_out_of_step_is_greeted_again_on_the_same_link() {
    let script = Script::of(&[("a", vec![silent()])]).with_remedies(&LADDER);
    let (_, events) = all(&script, &["a", "b"]).await;
    assert_eq!(verdicts(&events), ["a board-lost(silent)", "b pass"]);
    assert_eq!(steps(&events), ["resync helped"]);
    // The session that was lost is the one that goes on.
    assert_eq!(script.log(), ["prepare", "start", "resync", "stop"]);
}

#[tokio::test]
async fn each_step_does_more_until_one_helps() {
    let script = Script::of(&[("a", vec![silent()])]).with_remedies(&[
        (Remedy::Resync, Helps::No),
        (Remedy::Reset, Helps::No),
        (Remedy::Reflash, Helps::Yes),
        (Remedy::Power, Helps::Yes),
    ]);
    let (_, events) = all(&script, &["a", "b"]).await;
    assert_eq!(verdicts(&events), ["a board-lost(silent)", "b pass"]);
    assert_eq!(
        steps(&events),
        [
            "resync did not help",
            "reset did not help",
            "reflash helped"
        ]
    );
    assert_eq!(
        script.log(),
        [
            "prepare", "start", "resync", "drop", "reset", "reflash", "start", "stop"
        ]
    );
}

#[tokio::test]
async fn the_kind_of_loss_is_told_to_whoever_knows_what_helps() {
    let script = Script::of(&[
        ("a", vec![trouble(Trouble::Rebooted { crashed: true })]),
        ("b", vec![Act::Dies { crashed: false }]),
        ("c", vec![Act::Dies { crashed: true }]),
        (
            "d",
            vec![Act::SeesAndReboots(
                Violation::new("k", "c", "e", "o").into(),
            )],
        ),
        ("e", vec![silent()]),
    ])
    .with_remedies(&LADDER[1..]);
    let (_, events) = all(&script, &["a", "b", "c", "d", "e", "f"]).await;
    assert_eq!(
        script.losses(),
        [
            Loss::Crashed,
            Loss::Gone,
            Loss::Crashed,
            Loss::Stuck,
            Loss::OutOfStep
        ]
    );
    assert_eq!(verdicts(&events).last().map(String::as_str), Some("f pass"));
    let script = Script::of(&[("a", vec![silent()])])
        .with_a_looping_core()
        .with_remedies(&LADDER);
    all(&script, &["a", "b"]).await;
    assert_eq!(script.losses(), [Loss::Stuck]);
}

#[tokio::test]
async fn what_brought_nothing_but_another_loss_is_not_tried_first_again() {
    let script = Script::of(&[
        ("a", vec![silent()]),
        ("b", vec![silent()]),
        ("c", vec![silent()]),
    ])
    .with_remedies(&LADDER);
    let (_, events) = all(&script, &["a", "b", "c", "d"]).await;
    assert_eq!(
        steps(&events),
        ["resync helped", "reset helped", "reflash helped"]
    );
    assert_eq!(verdicts(&events).last().map(String::as_str), Some("d pass"));
}

#[tokio::test]
async fn a_judged_case_lets_the_next_recovery_begin_at_the_bottom() {
    let script = Script::of(&[("a", vec![silent()]), ("c", vec![silent()])]).with_remedies(&LADDER);
    let (_, events) = all(&script, &["a", "b", "c", "d"]).await;
    assert_eq!(steps(&events), ["resync helped", "resync helped"]);
}

#[tokio::test]
async fn nothing_is_written_through_a_probe_that_is_not_there() {
    let script = Script::of(&[("a", vec![silent()])]).with_remedies(&[
        (Remedy::Reset, Helps::NoProbe),
        (Remedy::Reflash, Helps::Yes),
        (Remedy::Power, Helps::NoProbe),
    ]);
    let (exit, events) = all(&script, &["a", "b", "c"]).await;
    assert_eq!(steps(&events), ["reset did not help", "power did not help"]);
    assert_eq!(
        verdicts(&events),
        [
            "a board-lost(silent)",
            "b board-lost(probe)",
            "c board-lost(probe)"
        ]
    );
    let reason = script::finished(&events)[1].reason.clone();
    assert_eq!(
        reason.as_deref(),
        Some("the board could not be brought back; reset: told so; power: told so")
    );
    assert_eq!(exit, Exit::RigTrouble);
}

#[tokio::test]
async fn a_board_lost_for_good_costs_its_steps_once_and_not_a_timeout_per_case() {
    let script = Script::of(&[("a", vec![silent()])])
        .with_remedies(&[(Remedy::Resync, Helps::Hangs), (Remedy::Reset, Helps::No)]);
    let names: Vec<String> = (0..200).map(|n| format!("case_{n}")).collect();
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.insert(0, "a");
    let began = Instant::now();
    let (exit, events) = all(&script, &names).await;
    let limit = Remedy::Resync.limit();
    let took = began.elapsed();
    assert!(
        took >= limit && took < limit + Duration::from_secs(5),
        "{took:?}"
    );
    assert_eq!(
        steps(&events),
        ["resync did not help", "reset did not help"]
    );
    let lost = verdicts(&events)
        .iter()
        .filter(|verdict| verdict.ends_with("board-lost(scripted)"))
        .count();
    assert_eq!((lost, exit), (200, Exit::RigTrouble));
}

#[tokio::test]
async fn an_interruption_does_not_wait_for_a_step() {
    let script =
        Script::of(&[("a", vec![silent()])]).with_remedies(&[(Remedy::Reset, Helps::Hangs)]);
    let stop = Stop::default();
    let raise = stop.clone();
    let run = run_all(
        run_of(cases(&["a", "b"])),
        vec![board("one", &script)],
        stop,
    );
    let raised = async {
        while !script.log().iter().any(|word| word == "reset") {
            tokio::task::yield_now().await;
        }
        raise.raise();
    };
    let ((exit, events), ()) =
        tokio::time::timeout(Duration::from_secs(10), async { tokio::join!(run, raised) })
            .await
            .expect("it stops");
    assert_eq!(exit, Exit::Interrupted);
    assert_eq!(verdicts(&events), ["a board-lost(silent)"]);
}
