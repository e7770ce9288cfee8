//! The specification of judging, row by row.

use core::time::Duration;

use hil_kit::{Level, Observation, Outcome, Stop, Trouble, Violation};

use super::*;
use crate::engine::deviations::Deviations;

const LISTED: &str = r#"
[[deviation]]
case = "x"
key = "recv.reset"
reason = "known"
"#;

const SPORADIC: &str = r#"
[[deviation]]
case = "x"
key = "recv.reset"
reason = "known"
sporadic = true
"#;

const CRASHES: &str = r#"
[[deviation]]
case = "x"
key = "crash"
reason = "known"
"#;

fn observed(outcome: Outcome) -> Observation {
    Observation {
        outcome,
        lenient: Vec::new(),
        traits: Vec::new(),
        controlled: false,
        steps: Vec::new(),
        jitter: Duration::ZERO,
        left: (0, 0),
        aftermath: None,
        elapsed: Duration::from_millis(3),
    }
}

fn violated(key: &str) -> Outcome {
    Err(Violation::new(key, "recv(64) on tcp#1", "0", "NO_SOCKET").into())
}

fn late(slack_ms: u64) -> Outcome {
    let mut violation = Violation::new(
        "recv.timeout",
        "recv(64) on tcp#1",
        "WOULD_BLOCK within 150 ms",
        "after 190 ms",
    );
    violation.slack = Some(Duration::from_millis(slack_ms));
    Err(violation.into())
}

fn trouble(trouble: Trouble) -> Outcome {
    Err(Stop::Trouble(trouble))
}

fn hang() -> Trouble {
    Trouble::Hang {
        request: "accept on tcp#1".into(),
        waited_ms: 900,
    }
}

/// Verdict with its cause, and what follows.
fn verdict(observation: &Observation, level: Level, deviations: &str) -> (String, After) {
    let deviations = Deviations::parse("d.toml", deviations).unwrap();
    let (judgement, after) = judge(observation, level, &deviations.of("x", "board", "lan"));
    let word = match judgement.cause {
        Some(cause) => format!("{}({cause})", judgement.verdict),
        None => judgement.verdict.to_string(),
    };
    (word, after)
}

#[test]
fn a_case_that_held() {
    let lenient = || Observation {
        lenient: vec!["D-06".into()],
        ..observed(Ok(()))
    };
    let noted = |controlled| Observation {
        traits: vec![("backlog".into(), "4".into())],
        controlled,
        ..observed(Ok(()))
    };
    let table: &[(&str, Observation, &str, &str)] = &[
        ("plain", observed(Ok(())), "", "pass"),
        ("with an allowed alternative", lenient(), "", "lenient"),
        ("characterised", noted(true), "", "noted"),
        (
            "characterised, with an alternative",
            Observation {
                lenient: vec!["D-06".into()],
                ..noted(true)
            },
            "",
            "noted",
        ),
        (
            "characterised without a control",
            noted(false),
            "",
            "infra(uncontrolled)",
        ),
        ("listed", observed(Ok(())), LISTED, "xpass"),
        ("listed, with an alternative", lenient(), LISTED, "xpass"),
        ("listed as sporadic", observed(Ok(())), SPORADIC, "pass"),
        (
            "listed as sporadic, with an alternative",
            lenient(),
            SPORADIC,
            "lenient",
        ),
    ];
    for (name, observation, deviations, expected) in table {
        assert_eq!(
            verdict(observation, Level::Must, deviations),
            ((*expected).to_owned(), After::GoOn),
            "{name}"
        );
    }
}

#[test]
fn a_violation_by_level_control_and_deviation() {
    let table: &[(Level, bool, &str, &str, &str)] = &[
        (Level::Must, false, "recv.reset", "", "fail"),
        (Level::Must, true, "recv.reset", "", "fail"),
        (Level::Should, false, "recv.reset", "", "fail"),
        (Level::Should, true, "recv.reset", "", "lenient"),
        (Level::May, false, "recv.reset", "", "fail"),
        (Level::May, true, "recv.reset", "", "lenient"),
        (Level::Must, false, "recv.reset", LISTED, "xfail"),
        (Level::Must, false, "recv.reset", SPORADIC, "xfail"),
        (Level::Should, true, "recv.reset", LISTED, "xfail"),
        (Level::Must, false, "recv.other", LISTED, "fail"),
        (Level::Must, false, "recv.other", SPORADIC, "fail"),
    ];
    for (level, controlled, key, deviations, expected) in table {
        let observation = Observation {
            controlled: *controlled,
            ..observed(violated(key))
        };
        let found = verdict(&observation, *level, deviations);
        assert_eq!(
            found,
            ((*expected).to_owned(), After::GoOn),
            "{level:?}, controlled: {controlled}, {key}, {deviations}"
        );
    }
}

#[test]
fn a_time_limit_needs_a_quiet_rig() {
    let table: &[(u64, u64, &str, After)] = &[
        (100, 0, "fail", After::GoOn),
        (100, 49, "fail", After::GoOn),
        (100, 50, "infra(rig-slow)", After::RigSlow),
        (100, 500, "infra(rig-slow)", After::RigSlow),
        (0, 0, "infra(rig-slow)", After::RigSlow),
    ];
    for (slack, jitter, expected, after) in table {
        let observation = Observation {
            jitter: Duration::from_millis(*jitter),
            ..observed(late(*slack))
        };
        assert_eq!(
            verdict(&observation, Level::Must, ""),
            ((*expected).to_owned(), *after),
            "slack {slack}, jitter {jitter}"
        );
    }
    // Jitter is no excuse for anything but an upper time limit.
    let observation = Observation {
        jitter: Duration::from_secs(9),
        ..observed(violated("recv.reset"))
    };
    assert_eq!(verdict(&observation, Level::Must, "").0, "fail");
}

#[test]
fn trouble_is_a_verdict_only_where_the_core_did_it() {
    let silent = || Trouble::Silent {
        request: "recv".into(),
        waited_ms: 900,
    };
    let rejected = Trouble::Rejected {
        request: "recv".into(),
        reason: "no such handle".into(),
    };
    let table: &[(Trouble, &str, &str, After)] = &[
        (hang(), "", "fail(hang)", After::GoOn),
        (
            Trouble::Rebooted { crashed: true },
            "",
            "fail(crash)",
            After::Restart,
        ),
        (
            Trouble::Rebooted { crashed: true },
            CRASHES,
            "xfail(crash)",
            After::Restart,
        ),
        (
            Trouble::Rebooted { crashed: true },
            LISTED,
            "fail(crash)",
            After::Restart,
        ),
        (
            Trouble::Rebooted { crashed: false },
            "",
            "board-lost(rebooted)",
            After::Restart,
        ),
        (
            Trouble::Rebooted { crashed: false },
            CRASHES,
            "board-lost(rebooted)",
            After::Restart,
        ),
        (silent(), "", "board-lost(silent)", After::Restart),
        (silent(), LISTED, "board-lost(silent)", After::Restart),
        (
            Trouble::LinkLost("end of file".into()),
            "",
            "board-lost(link)",
            After::Restart,
        ),
        (rejected, "", "infra(rejected)", After::GoOn),
        (
            Trouble::Fixture {
                fixture: "echo",
                problem: "no port".into(),
            },
            LISTED,
            "infra(fixture)",
            After::GoOn,
        ),
        (
            Trouble::Lan("no forward".into()),
            "",
            "infra(lan)",
            After::GoOn,
        ),
    ];
    for (what, deviations, expected, after) in table {
        let name = what.to_string();
        let copy = match what {
            Trouble::Silent { .. } => silent(),
            Trouble::Hang { .. } => hang(),
            Trouble::Rebooted { crashed } => Trouble::Rebooted { crashed: *crashed },
            Trouble::LinkLost(text) => Trouble::LinkLost(text.clone()),
            Trouble::Rejected { request, reason } => Trouble::Rejected {
                request: request.clone(),
                reason: reason.clone(),
            },
            Trouble::Fixture { fixture, problem } => Trouble::Fixture {
                fixture,
                problem: problem.clone(),
            },
            Trouble::Lan(text) => Trouble::Lan(text.clone()),
            _ => unreachable!("every trouble of the table has a copy"),
        };
        // Controls must not soften a crash or a hang, whatever the level.
        let observation = Observation {
            controlled: true,
            ..observed(trouble(copy))
        };
        assert_eq!(
            verdict(&observation, Level::Should, deviations),
            ((*expected).to_owned(), *after),
            "{name}"
        );
    }
}

#[test]
fn a_case_may_skip_itself() {
    let observation = observed(Err(Stop::Skip("one socket only".into())));
    assert_eq!(
        verdict(&observation, Level::Must, LISTED),
        ("skipped".to_owned(), After::GoOn)
    );
}

#[test]
fn reasons_say_what_happened() {
    let deviations = Deviations::parse("d.toml", LISTED).unwrap();
    let listed = deviations.of("x", "board", "lan");
    let reason = |observation: &Observation, level, listed: &Listed<'_>| {
        judge(observation, level, listed).0.reason.unwrap()
    };

    let broken = observed(violated("recv.other"));
    assert_eq!(
        reason(&broken, Level::Must, &Listed::none()),
        "recv(64) on tcp#1: expected 0, observed NO_SOCKET"
    );
    assert_eq!(
        reason(&broken, Level::Must, &listed),
        "recv(64) on tcp#1: expected 0, observed NO_SOCKET (key recv.other; the listed deviation is recv.reset)"
    );
    assert_eq!(
        reason(&observed(violated("recv.reset")), Level::Must, &listed),
        "known"
    );
    assert_eq!(
        reason(&observed(Ok(())), Level::Must, &listed),
        "the deviation \"recv.reset\" (d.toml:2) is listed and did not show"
    );
}
