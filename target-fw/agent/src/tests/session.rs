//! Greeting, scopes, repeats, and a link that loses, repeats and delays.

use core::sync::atomic::{AtomicBool, Ordering};

use nsapi_protocol::{CrashKind, Event, Reject, ScopeReport};

use super::*;

#[test]
fn an_agent_tells_that_it_started_and_wants_a_greeting() {
    let mut bench = Bench::ungreeted(Box::leak(Box::new(Null::new(|| 0))));
    assert_eq!(
        bench.run(),
        [FromAgent::Event(Event::Boot {
            boot: 77,
            crashed: false
        })]
    );
    assert_eq!(bench.ask(Op::Ping), Answer::Rejected(Reject::NoSession));
    assert!(!bench.agent.has_session());
    let Answer::Hello(hello) = bench.ask(Op::Hello {
        protocol: PROTOCOL,
        nonce: 9,
    }) else {
        panic!()
    };
    assert_eq!(
        (hello.nonce, hello.boot, hello.board, hello.port),
        (9, 77, "bench", "null")
    );
    assert_eq!(hello.build_id, [1, 2, 3]);
    assert!(bench.agent.has_session());
    assert!(hello.ip && hello.credits >= 8 && hello.lanes >= 6);
    assert_eq!(bench.ask(Op::Ping), Answer::Code(0));
}

#[test]
fn another_protocol_is_answered_but_gets_no_session() {
    let mut bench = with_null();
    let answer = bench.ask(Op::Hello {
        protocol: PROTOCOL + 1,
        nonce: 2,
    });
    assert!(matches!(answer, Answer::Hello(hello) if hello.protocol == PROTOCOL));
    assert_eq!(bench.ask(Op::Ping), Answer::Rejected(Reject::NoSession));
}

#[test]
fn a_crash_is_told_with_its_beacon() {
    let mut beacon = crate::BeaconRecord::new(crate::beacon::FaultKind::Panic, 1, 2, 3);
    core::fmt::Write::write_str(&mut beacon, "index out of bounds").unwrap();
    let mut identity = Identity {
        board: "b",
        build_id: &[],
        boot: 1,
        beacon: Some(beacon),
        jitter_us: || 0,
    };
    // The longest names must fit into a frame as well.
    identity.board = "a board whose name is so long that it has to be cut somewhere";
    identity.build_id = &[3; 64];
    let null = Box::leak(Box::new(Null::new(|| 0)));
    let mut bench = Bench::ungreeted(null);
    bench.agent = Agent::new(
        null,
        identity,
        Box::leak(Box::new(Counters::new())),
        Box::leak(Box::default()),
    );
    assert_eq!(
        bench.run(),
        [FromAgent::Event(Event::Boot {
            boot: 1,
            crashed: true
        })]
    );
    let Answer::Hello(hello) = bench.ask(Op::Hello {
        protocol: PROTOCOL,
        nonce: 9,
    }) else {
        panic!()
    };
    let beacon = hello.beacon.unwrap();
    assert_eq!(
        (beacon.kind, beacon.message, beacon.pc),
        ("panic", "index out of bounds", 1)
    );
    assert_eq!((hello.board.len(), hello.build_id.len()), (48, 32));
}

#[test]
fn a_repeated_request_is_answered_again_and_not_executed_again() {
    let (mut bench, script) = with_script();
    bench.send_as(100, new(1, 1));
    let first = bench.run();
    bench.send_as(100, new(1, 1));
    bench.send_as(100, new(1, 1));
    let again = bench.run();
    assert_eq!(again, first, "two repeats at once need one answer only");
    bench.send_as(100, new(1, 1));
    assert_eq!(bench.run(), first);
    assert_eq!(script.made.get(), 1);
}

#[test]
fn a_repeated_request_in_flight_is_being_worked_on() {
    let (mut bench, script) = with_script();
    bench.open(1, 1);
    let op = Op::Recv { handle: 1, size: 4 };
    let id = bench.send(op);
    assert_eq!(bench.run(), []);
    bench.send_as(id, op);
    assert_eq!(bench.run(), [FromAgent::Event(Event::Working { id })]);
    script.answer(0, Ok(0));
    let replies = bench.run();
    assert!(
        matches!(replies[..], [FromAgent::Reply(reply)] if reply.id == id),
        "{replies:?}"
    );
}

#[test]
fn a_long_call_is_not_executed_again_after_many_short_ones() {
    let (mut bench, script) = with_script();
    bench.open(1, 1);
    let op = Op::Recv { handle: 1, size: 4 };
    let id = bench.send(op);
    bench.run();
    for _ in 0..600 {
        assert_eq!(bench.ask(Op::Ping), Answer::Code(0));
    }
    script.answer(0, Ok(1));
    let first = bench.run();
    // The reply was lost on the way; it is still there.
    script.answer(0, Ok(2));
    bench.send_as(id, op);
    assert_eq!(bench.run(), first);
    for _ in 0..600 {
        assert_eq!(bench.ask(Op::Ping), Answer::Code(0));
    }
    // Now it is not, but that is no reason to receive once more.
    bench.send_as(id, op);
    let messages = bench.run();
    assert!(
        matches!(
            messages[..],
            [FromAgent::Reply(Reply {
                answer: Answer::Rejected(Reject::Forgotten),
                ..
            })]
        ),
        "{messages:?}"
    );
    assert_eq!(
        script.sizes.borrow()[0].len(),
        1,
        "the second answer is unused"
    );
}

#[test]
fn while_the_link_takes_nothing_the_agent_rests() {
    let (mut bench, script) = with_script();
    script.now_us.set(1000);
    bench.send(Op::AwaitCounter {
        scope: 1,
        counter: 0,
        at_least: 1,
        timeout_ms: 10,
    });
    bench.run();
    bench.link.room = 0;
    for _ in 0..1000 {
        bench.agent.log("full");
    }
    script.now_us.set(50_000);
    assert_eq!(bench.agent.poll(&mut bench.link), None);
    bench.link.room = usize::MAX;
    let replies: Vec<_> = bench.run().into_iter().filter_map(reply).collect();
    assert_eq!(replies.len(), 1, "{replies:?}");
}

#[test]
fn eight_of_the_largest_replies_are_kept_and_older_ones_are_not_executed_again() {
    let (mut bench, script) = with_script();
    script.writes.set(Some(0xff));
    bench.open(1, 1);
    let op = Op::Recv {
        handle: 1,
        size: 512,
    };
    let ids: Vec<u16> = (0..40)
        .map(|_| {
            script.answer(0, Ok(512));
            let id = bench.send(op);
            bench.run();
            id
        })
        .collect();
    for (back, &id) in ids.iter().rev().enumerate() {
        bench.send_as(id, op);
        let [FromAgent::Reply(reply)] = bench.run()[..] else {
            panic!("{back} back: no answer")
        };
        match reply.answer {
            Answer::Bytes { code: 512, .. } => {}
            Answer::Rejected(Reject::Forgotten) => assert!(back >= 8, "{back} back is forgotten"),
            other => panic!("{other:?}"),
        }
    }
    // The last one repeated was the oldest.
    assert_eq!(script.sizes.borrow()[0].len(), 0);
}

#[test]
fn ending_a_scope_ends_only_what_is_in_it() {
    let (mut bench, script) = with_script();
    bench.open(1, 10);
    bench.open(1, 11);
    bench.open(2, 20);
    assert_eq!(
        bench.ask(Op::New {
            scope: 1,
            handle: 12,
            kind: Kind::Udp,
            open: false
        }),
        Answer::Code(0)
    );
    assert_eq!(bench.ask(Op::Close { handle: 11 }), Answer::Code(0));
    bench.send(Op::Recv {
        handle: 10,
        size: 1,
    });
    let kept = bench.send(Op::Recv {
        handle: 20,
        size: 1,
    });
    bench.send(Op::AwaitCounter {
        scope: 1,
        counter: 0,
        at_least: 1,
        timeout_ms: 1000,
    });
    assert_eq!(bench.run(), []);
    let report = ScopeReport {
        open: 1,
        calls: 2,
        jitter_us: 5,
    };
    assert_eq!(bench.ask(Op::EndScope { scope: 1 }), Answer::Scope(report));
    assert_eq!((script.deleted.get(), script.cancelled.get()), (3, 1));
    assert_eq!(
        bench.ask(Op::Close { handle: 10 }),
        Answer::Rejected(Reject::Handle)
    );
    script.answer(2, Ok(1));
    let replies = bench.run();
    assert!(
        matches!(replies[..], [FromAgent::Reply(reply)] if reply.id == kept),
        "{replies:?}"
    );
    let report = ScopeReport {
        open: 0,
        calls: 0,
        jitter_us: 5,
    };
    assert_eq!(bench.ask(Op::EndScope { scope: 1 }), Answer::Scope(report));
}

#[test]
fn a_new_greeting_ends_everything_and_a_repeated_one_nothing() {
    let (mut bench, script) = with_script();
    bench.open(1, 1);
    bench.send(Op::Recv { handle: 1, size: 1 });
    bench.ask(Op::Hello {
        protocol: PROTOCOL,
        nonce: 1,
    });
    assert_eq!((script.deleted.get(), script.cancelled.get()), (0, 0));
    // Ids begin anew with the session.
    bench.send_as(
        1,
        Op::Hello {
            protocol: PROTOCOL,
            nonce: 2,
        },
    );
    bench.run();
    assert_eq!((script.deleted.get(), script.cancelled.get()), (1, 1));
    bench.send_as(2, new(1, 1));
    assert!(matches!(
        bench.run()[..],
        [FromAgent::Reply(Reply {
            answer: Answer::Code(0),
            ..
        })]
    ));
}

#[test]
fn counters_belong_to_the_scope_of_their_socket() {
    let (mut bench, script) = with_script();
    bench.open(1, 1);
    assert_eq!(
        bench.ask(Op::Sigio {
            handle: 1,
            counter: Some(3)
        }),
        Answer::Code(0)
    );
    let callback = script.callback.get().unwrap();
    callback.call();
    callback.call();
    let waited = Op::AwaitCounter {
        scope: 1,
        counter: 3,
        at_least: 2,
        timeout_ms: 0,
    };
    assert_eq!(bench.ask(waited), Answer::Code(2));
    assert_eq!(bench.ask(Op::ResetCounter { counter: 3 }), Answer::Code(2));
    callback.call();
    bench.ask(Op::EndScope { scope: 2 });
    assert_eq!(bench.ask(Op::ResetCounter { counter: 3 }), Answer::Code(1));
    callback.call();
    bench.ask(Op::EndScope { scope: 1 });
    assert_eq!(bench.ask(Op::ResetCounter { counter: 3 }), Answer::Code(0));
    assert_eq!(
        bench.ask(Op::ResetCounter { counter: 16 }),
        Answer::Rejected(Reject::Limit)
    );
}

#[test]
fn garbage_between_frames_costs_nothing_but_itself() {
    let mut bench = with_null();
    for garbage in [
        &[0xff; 700][..],
        &[1, 2, 3],
        &[0; 40],
        &request(7, Op::Ping)[..4],
    ] {
        bench.agent.receive(garbage);
        bench.agent.receive(&[0]);
        assert_eq!(bench.ask(Op::Ping), Answer::Code(0));
    }
}

#[test]
fn a_slow_link_loses_nothing() {
    let mut bench = with_null();
    bench.open(1, 1);
    bench.link.per_write = 3;
    let mut wanted = Vec::new();
    let mut got = Vec::new();
    let mut unsent: Vec<u8> = Vec::new();
    for _ in 0..200 {
        let id = bench.next_id;
        wanted.push(id);
        unsent.extend(request(
            id,
            Op::Recv {
                handle: 1,
                size: 512,
            },
        ));
        bench.next_id += 1;
    }
    for _ in 0..10_000 {
        let now = bench.agent.room().min(unsent.len()).min(50);
        let piece: Vec<u8> = unsent.drain(..now).collect();
        bench.agent.receive(&piece);
        bench.link.room = 200;
        bench.agent.poll(&mut bench.link);
        if unsent.is_empty() && !bench.agent.has_output() {
            break;
        }
    }
    for message in bench.run() {
        got.extend(reply(message).map(|reply| reply.id));
    }
    assert_eq!(got, wanted);
}

#[test]
fn a_log_line_is_cut_between_characters_and_dropped_without_room() {
    let mut bench = with_null();
    bench.agent.log(&"ä".repeat(200));
    let messages = bench.run();
    let [FromAgent::Event(Event::Log(line))] = messages[..] else {
        panic!("{messages:?}")
    };
    assert_eq!(line, "ä".repeat(120));
    bench.link.room = 0;
    for _ in 0..1000 {
        bench.agent.log("full");
    }
    bench.link.room = usize::MAX;
    assert!(bench.run().len() < 1000);
    assert_eq!(bench.ask(Op::Ping), Answer::Code(0));
}

#[test]
fn lateness_is_reported_once() {
    let (mut bench, script) = with_script();
    script.now_us.set(1000);
    bench.send(Op::AwaitCounter {
        scope: 1,
        counter: 0,
        at_least: 1,
        timeout_ms: 10,
    });
    bench.run();
    script.now_us.set(11_000 + 700);
    let replies = bench.run();
    assert!(
        matches!(
            replies[..],
            [FromAgent::Reply(Reply {
                elapsed_us: 10_700,
                ..
            })]
        ),
        "{replies:?}"
    );
    let Answer::Scope(report) = bench.ask(Op::EndScope { scope: 1 }) else {
        panic!()
    };
    assert_eq!(report.jitter_us, 700);
    let Answer::Scope(report) = bench.ask(Op::EndScope { scope: 1 }) else {
        panic!()
    };
    assert_eq!(report.jitter_us, 5, "what the board itself says");
}

#[test]
fn a_board_restarts_only_if_it_can_and_its_answer_has_left() {
    let mut bench = with_null();
    assert_eq!(
        bench.ask(Op::Restart),
        Answer::Code(nsapi::Error::UNSUPPORTED.code())
    );
    assert!(!bench.agent.restart_is_due());
    bench.agent.allow_restart();
    bench.link.room = 0;
    bench.send(Op::Restart);
    bench.send(Op::Ping);
    assert_eq!(bench.run(), []);
    assert!(!bench.agent.restart_is_due());
    bench.link.room = usize::MAX;
    let replies: Vec<_> = bench.run().into_iter().filter_map(reply).collect();
    assert_eq!(replies.len(), 1, "the ping is for the one who comes after");
    assert_eq!(replies[0].answer, Answer::Code(0));
    assert!(bench.agent.restart_is_due());
}

#[test]
fn a_board_breaks_only_if_it_may() {
    let mut bench = with_null();
    let claims = |bench: &mut Bench<_>, nonce| match bench.ask(Op::Hello {
        protocol: PROTOCOL,
        nonce,
    }) {
        Answer::Hello(hello) => hello.capabilities >> 16 & 1 == 1,
        other => panic!("{other:?}"),
    };
    let how = CrashKind::Loop;
    assert!(!claims(&mut bench, 10));
    assert_eq!(
        bench.ask(Op::Crash { how }),
        Answer::Rejected(Reject::Unclaimed)
    );
    static ASKED: AtomicBool = AtomicBool::new(false);
    bench
        .agent
        .allow_crash(|how| ASKED.store(how == CrashKind::Loop, Ordering::Relaxed));
    assert!(claims(&mut bench, 11));
    assert_eq!(
        bench.ask(Op::Crash { how }),
        Answer::Rejected(Reject::Unclaimed),
        "whoever is asked and returns cannot do it"
    );
    assert!(ASKED.load(Ordering::Relaxed));
}
