//! One case from begin to end against a fake agent: what comes of it, and what is left of it.

use core::time::Duration;
use std::sync::Arc;

use nsapi_protocol::Op;

use super::{CaseRig, run_case};
use crate::fake::wired;
use crate::fake::{Does, Loopback, agent, greeted, usual};
use crate::wire::fake::FakeCable;
use crate::wire::fake_board::board4;
use crate::wire::{Craft, End, Node, Services, WirePlan, from_board};
use crate::{Case, Ctx, Done, Error, Fails, Level, Observation, Outcome, Profile, Stop, Trouble};

async fn passes(cx: &mut Ctx) -> Outcome {
    let tcp = cx.tcp().await?;
    cx.positive_control();
    cx.note("colour", "blue");
    let echo = cx.echo().await?;
    cx.say(format!("{:?}", echo.address()));
    tcp.close().await?.expect(Done)?;
    Ok(())
}

async fn violates(cx: &mut Ctx) -> Outcome {
    let tcp = cx.tcp().await?;
    tcp.close().await?.expect(Fails(Error::NO_SOCKET))?;
    Ok(())
}

async fn panics(cx: &mut Ctx) -> Outcome {
    assert!(cx.limits().backlog > 100, "a backlog to be proud of");
    Ok(())
}

async fn hangs(cx: &mut Ctx) -> Outcome {
    let tcp = cx.tcp().await?;
    tcp.recv(4).blocked().await?.finish().await?.expect(Done)?;
    Ok(())
}

async fn does_not_block(cx: &mut Ctx) -> Outcome {
    let tcp = cx.tcp().await?;
    tcp.close().blocked().await?;
    Ok(())
}

async fn takes_counters(cx: &mut Ctx) -> Outcome {
    for _ in 0..cx.identity().counters {
        cx.counter()?;
    }
    Ok(())
}

async fn run(case: &Case, rig: &CaseRig) -> Observation {
    run_case(case, rig).await
}

/// A case as `#[case]` would register it.
macro_rules! case {
    ($function:ident, $cite:literal, $deadline_ms:literal) => {
        &Case {
            module: module_path!(),
            function: stringify!($function),
            title: "",
            text: "",
            level: Level::Must,
            cites: &["KIT-01", $cite],
            needs: &[],
            profile: Profile::Quick,
            tags: &[],
            deadline_ms: $deadline_ms,
            file: file!(),
            line: line!(),
            run: |cx| Box::pin($function(cx)),
        }
    };
}

async fn rig() -> CaseRig {
    rig_with(|op| match op {
        Op::Recv { .. } => Does::Works,
        op => usual(op),
    })
    .await
}

async fn rig_with(script: fn(&Op<'_>) -> Does) -> CaseRig {
    let link = agent(script);
    let (dut, identity) = greeted(link).await.unwrap();
    CaseRig {
        dut,
        identity,
        lan: Arc::new(Loopback),
        scope: 3,
        seed: 1,
        deadline_scale: 1.0,
        allowance: Duration::from_millis(5),
        impairment: None,
    }
}

#[tokio::test]
async fn what_a_case_says_is_observed() {
    let seen = run(case!(passes, "kit.pass", 5000), &rig().await).await;
    assert!(seen.outcome.is_ok(), "{:?}", seen.outcome);
    assert!(seen.controlled);
    assert_eq!(seen.traits, [("colour".to_owned(), "blue".to_owned())]);
    assert_eq!(seen.left, (1, 0));
    assert!(
        seen.jitter >= Duration::from_micros(250),
        "the board's jitter counts"
    );
    let steps: Vec<_> = seen.steps.iter().map(|(_, step)| step.as_str()).collect();
    assert!(
        steps
            .iter()
            .any(|step| step.starts_with("iut: close tcp#1 → OK")),
        "{steps:?}"
    );
}

#[tokio::test]
async fn every_end_of_a_case_is_told_apart() {
    let rig = rig().await;
    match run(case!(violates, "kit.violation", 5000), &rig)
        .await
        .outcome
    {
        Err(Stop::Violation(violation)) => {
            assert_eq!(violation.key, "kit.violation/close");
            assert!(violation.at.contains("run/tests.rs"));
        }
        other => panic!("{other:?}"),
    }
    match run(case!(panics, "kit.panic", 5000), &rig).await.outcome {
        Err(Stop::Trouble(Trouble::CaseBug(text))) => assert!(text.contains("proud"), "{text}"),
        other => panic!("{other:?}"),
    }
    match run(case!(hangs, "kit.hang", 200), &rig).await.outcome {
        Err(Stop::Trouble(Trouble::Hang { request, .. })) => {
            assert!(request.starts_with("recv(4)"))
        }
        other => panic!("{other:?}"),
    }
    match run(case!(does_not_block, "kit.blocks", 5000), &rig)
        .await
        .outcome
    {
        Err(Stop::Violation(violation)) => assert_eq!(violation.key, "kit.blocks/blocks"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_board_that_cannot_clean_up_is_told_from_what_the_case_came_to() {
    let rig = rig_with(|op| match op {
        Op::EndScope { .. } => Does::Reboots {
            boot: 8,
            crashed: true,
        },
        op => usual(op),
    })
    .await;
    let seen = run(case!(violates, "kit.violation", 5000), &rig).await;
    assert!(matches!(seen.outcome, Err(Stop::Violation(_))));
    assert!(matches!(
        seen.aftermath,
        Some(Trouble::Rebooted { crashed: true })
    ));
}

#[tokio::test]
async fn counters_come_back_after_a_case() {
    let rig = rig().await;
    for _ in 0..2 {
        let seen = run(case!(takes_counters, "kit.counters", 5000), &rig).await;
        assert!(seen.outcome.is_ok(), "{:?}", seen.outcome);
    }
}

/// Serves an echo and waits for an answer that does not come.
async fn waits_with_an_echo(cx: &mut Ctx) -> Outcome {
    let echo = cx.echo().await?;
    cx.say(format!("echo at {}", crate::text::address(echo.address())));
    let tcp = cx.tcp().await?;
    tcp.recv(4).await?;
    Ok(())
}

#[tokio::test]
async fn a_cancelled_run_leaves_no_fixture_behind() {
    let rig = rig().await;
    let run = run(case!(waits_with_an_echo, "kit.cancel", 60_000), &rig);
    let before = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    assert!(
        tokio::time::timeout(Duration::from_millis(300), run)
            .await
            .is_err()
    );
    let gone = async {
        while tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
            > before
        {
            tokio::task::yield_now().await;
        }
    };
    assert!(
        tokio::time::timeout(Duration::from_secs(5), gone)
            .await
            .is_ok()
    );
}

/// Sees the board send a frame with a wrong checksum, which is not what it is about.
async fn sees_a_bad_frame(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let bad = from_board().udp();
    wire.expect(bad, Duration::from_secs(5)).await?;
    wire.drop_all(from_board().tcp());
    wire.cut().await?;
    Ok(())
}

#[tokio::test]
async fn a_bad_frame_fails_a_case_that_is_about_something_else() {
    let cable = FakeCable::new();
    let services = Services::start(cable.clone());
    let mut rig = rig().await;
    rig.lan = Arc::new(wired(&cable, &services));
    let sender = tokio::spawn({
        let cable = cable.clone();
        async move {
            let host = Node::new(WirePlan::STANDARD.host_mac, WirePlan::STANDARD.host_ipv4[0]);
            let bad = Craft::udp(board4(), 1, host, 2, *b"x").checksum_off_by(1);
            loop {
                cable.send(End::Board, bad.bytes());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    });
    let seen = run(case!(sees_a_bad_frame, "kit.frames", 10_000), &rig).await;
    sender.abort();
    match seen.outcome {
        Err(Stop::Violation(violation)) => {
            assert_eq!(violation.key, "passive.checksum");
            assert!(violation.at.ends_with("s on the cable"), "{}", violation.at);
        }
        other => panic!("{other:?}"),
    }
    assert!(
        seen.steps
            .iter()
            .any(|(_, step)| step.starts_with("passive.checksum"))
    );
    cable.arrived();
    cable.send(End::Board, Craft::tcp(board4(), 1, board4(), 2).bytes());
    assert_eq!(
        cable.arrived().len(),
        1,
        "the rule and the cut ended with the case"
    );
}

async fn waits_in_vain(cx: &mut Ctx) -> Outcome {
    cx.wire()?
        .expect(from_board().udp(), Duration::from_millis(1))
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_cable_that_lost_frames_itself_is_to_blame() {
    let cable = FakeCable::new();
    let services = Services::start(cable.clone());
    let mut rig = rig().await;
    rig.lan = Arc::new(wired(&cable, &services));
    let case = || case!(waits_in_vain, "kit.in-vain", 10_000);
    let seen = run(case(), &rig).await;
    match seen.outcome {
        Err(Stop::Violation(violation)) => {
            assert!(violation.at.contains("run/tests.rs"), "{}", violation.at);
        }
        other => panic!("{other:?}"),
    }
    cable.spoil("frames were lost");
    match run(case(), &rig).await.outcome {
        Err(Stop::Trouble(Trouble::Lan(text))) => {
            assert!(
                text.starts_with("frames were lost; meanwhile wire waits"),
                "{text}"
            );
        }
        other => panic!("{other:?}"),
    }
}
