//! The client against a scripted agent and a link that loses, repeats and damages bytes.

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use nsapi_protocol::{Answer, Op, PROTOCOL, Reject};
use tokio::io::{AsyncWriteExt, duplex};

use super::{Dut, Expected, GreetError, Returned, Tap};
use crate::Trouble;
use crate::fake::{Does, NONCE, agent, expected, greeted, hello, mangled, usual};

fn soon() -> Instant {
    Instant::now() + Duration::from_millis(400)
}

fn later() -> Instant {
    Instant::now() + Duration::from_secs(15)
}

async fn greet_error(answer: impl FnMut(&Op<'_>) -> Does + Send + 'static) -> GreetError {
    Dut::greet(
        Box::new(agent(answer)),
        expected(),
        Duration::from_millis(400),
    )
    .await
    .expect_err("the greeting must fail")
}

#[tokio::test]
async fn a_greeting_tells_who_is_there() {
    let (_dut, identity) = greeted(agent(usual)).await.unwrap();
    assert_eq!(
        (
            identity.board.as_str(),
            identity.nonce,
            identity.limits.backlog
        ),
        ("fake", NONCE, 2)
    );
}

#[tokio::test]
async fn every_wrong_greeting_has_its_own_error() {
    assert!(matches!(
        greet_error(|_| Does::Nothing).await,
        GreetError::Silent { .. }
    ));
    let answer_with = |change: fn(&mut nsapi_protocol::Hello<'static>)| {
        move |_: &Op<'_>| {
            let mut hello = hello(NONCE);
            change(&mut hello);
            Does::Answers(Answer::Hello(hello))
        }
    };
    assert_eq!(
        greet_error(answer_with(|hello| hello.nonce = 5)).await,
        GreetError::WrongNonce {
            expected: NONCE,
            found: 5
        }
    );
    assert_eq!(
        greet_error(answer_with(|hello| hello.protocol = PROTOCOL + 2)).await,
        GreetError::Protocol {
            agent: PROTOCOL + 2,
            runner: PROTOCOL
        }
    );
    let error = greet_error(answer_with(|hello| hello.board = "other")).await;
    assert_eq!(error.to_string(), "this is board other, not fake");
    let error = greet_error(answer_with(|hello| hello.build_id = &[1])).await;
    assert_eq!(
        error,
        GreetError::BuildId {
            expected: "abcd".into(),
            found: "01".into()
        }
    );
    let error = greet_error(answer_with(|hello| {
        hello.ip = false;
        hello.capabilities = 0;
    }));
    assert_eq!(
        error.await,
        GreetError::NoClass {
            port: "fake".into()
        }
    );
}

#[tokio::test]
async fn garbage_is_told_from_silence() {
    let (near, mut far) = duplex(4096);
    far.write_all(&[0x55, 0, 0xff, 0x17, 0, 3, 3, 3])
        .await
        .unwrap();
    let error = Dut::greet(Box::new(near), expected(), Duration::from_millis(200))
        .await
        .unwrap_err();
    assert!(
        matches!(error, GreetError::Garbage { bytes: 8, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_closed_link_is_told_from_silence() {
    let (near, far) = duplex(64);
    drop(far);
    let error = Dut::greet(Box::new(near), expected(), Duration::from_secs(5))
        .await
        .unwrap_err();
    assert!(matches!(error, GreetError::LinkLost(_)), "{error}");
}

#[tokio::test]
async fn the_greeting_is_repeated_until_the_board_has_started() {
    let asked = AtomicU32::new(0);
    let link = agent(move |op| match op {
        Op::Hello { .. } if asked.fetch_add(1, Ordering::Relaxed) < 3 => Does::Nothing,
        op => usual(op),
    });
    assert!(greeted(link).await.is_ok());
}

#[tokio::test]
async fn a_stored_answer_to_an_older_greeting_is_passed_over() {
    let asked = AtomicU32::new(0);
    let link = agent(move |op| match op {
        Op::Hello { nonce, .. } if asked.fetch_add(1, Ordering::Relaxed) < 2 => {
            Does::Answers(Answer::Hello(hello(nonce ^ 1)))
        }
        op => usual(op),
    });
    assert!(greeted(link).await.is_ok());
}

#[tokio::test]
async fn a_request_survives_a_link_that_loses_repeats_and_damages() {
    let mut state = 0x2545_f491_u32;
    let mut random = move |below: u32| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state % below
    };
    let executed = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&executed);
    let link = agent(move |op| match op {
        Op::Listen { backlog, .. } => {
            count.fetch_add(1, Ordering::Relaxed);
            Does::Answers(Answer::Code(*backlog))
        }
        op => usual(op),
    });
    let link = mangled(link, move |piece| match random(20) {
        0 => piece.clear(),
        1 => {
            let at = random(piece.len() as u32) as usize;
            piece[at] ^= 1 << random(8);
        }
        2 => piece.extend_from_within(..),
        3 => piece.truncate(piece.len() / 2),
        4 => piece.insert(0, 0),
        _ => {}
    });
    let (dut, _) = greeted(link).await.unwrap();
    for backlog in 1..=20 {
        let answer = dut
            .call(Op::Listen { handle: 1, backlog }, later())
            .await
            .unwrap();
        assert!(matches!(answer.returned, Returned::Code(code) if code == backlog));
    }
    assert_eq!(
        executed.load(Ordering::Relaxed),
        20,
        "every request is executed once"
    );
}

#[tokio::test]
async fn a_silent_agent_an_open_call_and_a_request_not_taken_are_told_apart() {
    let (dut, _) = greeted(agent(|op| match op {
        Op::Close { .. } => Does::Works,
        Op::Open { .. } => Does::Nothing,
        op => usual(op),
    }))
    .await
    .unwrap();
    let hang = dut.call(Op::Close { handle: 1 }, soon()).await.unwrap_err();
    assert!(matches!(hang, Trouble::Hang { .. }), "{hang}");
    let lost = dut
        .call(
            Op::Open {
                handle: 1,
                null: false,
            },
            soon(),
        )
        .await
        .unwrap_err();
    assert!(matches!(lost, Trouble::Rejected { .. }), "{lost}");

    let (dut, _) = greeted(agent(|op| match op {
        Op::Hello { .. } => usual(op),
        _ => Does::Nothing,
    }))
    .await
    .unwrap();
    let silent = dut.call(Op::Close { handle: 1 }, soon()).await.unwrap_err();
    assert!(matches!(silent, Trouble::Silent { .. }), "{silent}");
    assert!(silent.to_string().contains("close socket#1"), "{silent}");
}

#[tokio::test]
async fn silence_is_noticed_long_before_a_long_deadline() {
    let (dut, _) = greeted(agent(|op| match op {
        Op::Hello { .. } => usual(op),
        _ => Does::Nothing,
    }))
    .await
    .unwrap();
    let began = Instant::now();
    let silent = dut
        .call(Op::Close { handle: 1 }, began + Duration::from_secs(60))
        .await
        .unwrap_err();
    // The ping that asks for a sign of life goes unanswered, but the call's deadline is not waited for.
    assert!(matches!(silent, Trouble::Silent { .. }), "{silent}");
    assert!(began.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn a_call_is_started_only_when_the_agent_has_it() {
    let (dut, _) = greeted(agent(|op| match op {
        Op::Recv { .. } => Does::Works,
        op => usual(op),
    }))
    .await
    .unwrap();
    let blocked = dut
        .start(Op::Recv { handle: 1, size: 4 }, later())
        .await
        .unwrap();
    assert!(blocked.was_blocked());
    let answered = dut.start(Op::Close { handle: 1 }, later()).await.unwrap();
    assert!(!answered.was_blocked());
    assert!(matches!(
        answered.finish().await.unwrap().returned,
        Returned::Code(0)
    ));
}

#[tokio::test]
async fn a_reboot_ends_everything_until_the_next_greeting() {
    let (dut, _) = greeted(agent(|op| match op {
        Op::Close { .. } => Does::Reboots {
            boot: 8,
            crashed: true,
        },
        Op::Recv { .. } => Does::Works,
        op => usual(op),
    }))
    .await
    .unwrap();
    let open = dut
        .start(Op::Recv { handle: 1, size: 4 }, later())
        .await
        .unwrap();
    let trouble = dut
        .call(Op::Close { handle: 1 }, later())
        .await
        .unwrap_err();
    assert!(
        matches!(trouble, Trouble::Rebooted { crashed: true }),
        "{trouble}"
    );
    assert!(matches!(
        open.finish().await,
        Err(Trouble::Rebooted { crashed: true })
    ));
    assert!(matches!(
        dut.call(Op::Ping, later()).await,
        Err(Trouble::Rebooted { .. })
    ));
    dut.greet_again(
        Expected {
            nonce: 99,
            ..expected()
        },
        Duration::from_secs(5),
    )
    .await
    .unwrap();
    assert!(dut.ping(Duration::from_secs(5)).await.is_ok());
}

#[tokio::test]
async fn a_boot_event_of_the_boot_that_was_greeted_is_late_not_new() {
    let (dut, _) = greeted(agent(|op| match op {
        Op::Close { .. } => Does::Reboots {
            boot: 7,
            crashed: false,
        },
        op => usual(op),
    }))
    .await
    .unwrap();
    let _ = dut.call(Op::Close { handle: 1 }, soon()).await;
    assert!(dut.ping(Duration::from_secs(5)).await.is_ok());
}

#[tokio::test]
async fn an_agent_without_session_has_rebooted() {
    let (dut, _) = greeted(agent(|op| match op {
        Op::Close { .. } => Does::Answers(Answer::Rejected(Reject::NoSession)),
        op => usual(op),
    }))
    .await
    .unwrap();
    let trouble = dut
        .call(Op::Close { handle: 1 }, later())
        .await
        .unwrap_err();
    assert!(
        matches!(trouble, Trouble::Rebooted { crashed: false }),
        "{trouble}"
    );
}

#[tokio::test]
async fn calls_beyond_the_credits_wait_but_a_ping_does_not() {
    let (dut, _) = greeted(agent(|op| match op {
        Op::Recv { .. } => Does::Works,
        op => usual(op),
    }))
    .await
    .unwrap();
    let mut open = Vec::new();
    for handle in 0..3 {
        open.push(
            dut.start(Op::Recv { handle, size: 4 }, later())
                .await
                .unwrap(),
        );
    }
    let refused = dut.call(Op::Close { handle: 9 }, soon()).await.unwrap_err();
    assert!(refused.to_string().contains("no credit"), "{refused}");
    assert!(dut.ping(Duration::from_secs(5)).await.is_ok());
    drop(open);
    assert!(dut.call(Op::Close { handle: 9 }, later()).await.is_ok());
}

#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl Tap for Lines {
    fn message(&self, _toward_agent: bool, _at: Instant, text: &str) {
        self.0.lock().unwrap().push(text.into());
    }
}

#[tokio::test]
async fn the_transcript_reads_like_a_conversation() {
    let lines = Arc::new(Lines::default());
    let expected = Expected {
        tap: Some(Arc::clone(&lines) as Arc<dyn Tap>),
        ..expected()
    };
    let (dut, _) = Dut::greet(Box::new(agent(usual)), expected, Duration::from_secs(5))
        .await
        .unwrap();
    let handle = dut.new_handle(nsapi_protocol::Kind::Tcp);
    let address = nsapi_protocol::Address::V4([127, 0, 0, 1], 4711);
    dut.call(Op::Connect { handle, address }, later())
        .await
        .unwrap();
    let lines = lines.0.lock().unwrap().clone();
    assert!(
        lines.iter().any(
            |line| line.starts_with("→ #") && line.ends_with("connect tcp#1 to 127.0.0.1:4711")
        ),
        "{lines:?}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("← #") && line.ends_with("OK 1.5 ms")),
        "{lines:?}"
    );
}
