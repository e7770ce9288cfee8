//! Lanes, handles, limits, and an IUT that answers nonsense.

use nsapi::Error;
use nsapi_protocol::pattern::Pattern;
use nsapi_protocol::{Address, Payload, Reject};

use super::*;
use crate::Memory;
use crate::limits::{HANDLES, LANE_SLOTS, MAX_INLINE, MAX_IO};

#[test]
fn replies_come_in_the_order_in_which_calls_end() {
    let (mut bench, script) = with_script();
    bench.open(1, 1);
    bench.open(1, 2);
    let first = bench.send(Op::Recv { handle: 1, size: 4 });
    let second = bench.send(Op::Connect {
        handle: 2,
        address: Address::V4([1; 4], 1),
    });
    assert_eq!(bench.run(), []);
    script.answer(1, Err(Error::NO_CONNECTION));
    let [FromAgent::Reply(reply)] = bench.run()[..] else {
        panic!()
    };
    assert_eq!((reply.id, reply.answer), (second, Answer::Code(-3004)));
    script.writes.set(Some(9));
    script.answer(0, Ok(2));
    let [FromAgent::Reply(reply)] = bench.run()[..] else {
        panic!()
    };
    assert_eq!(
        (reply.id, reply.answer),
        (
            first,
            Answer::Bytes {
                code: 2,
                data: &[9, 9]
            }
        )
    );
}

#[test]
fn a_sender_that_was_told_at_the_first_poll_is_told_in_the_answer() {
    let (mut bench, script) = with_script();
    bench.open(1, 1);
    bench.send(Op::RecvFrom {
        handle: 1,
        size: 4,
        null_address: false,
    });
    assert_eq!(bench.run(), []);
    script.answer(0, Ok(1));
    let answers: Vec<_> = bench.run().into_iter().filter_map(reply).collect();
    let [
        Reply {
            answer: Answer::Datagram { from, .. },
            ..
        },
    ] = answers[..]
    else {
        panic!("{answers:?}")
    };
    assert_eq!(from, Some(Script::PEER.into()));
}

#[test]
fn a_request_is_done_before_the_next_one_is_looked_at() {
    let (mut bench, script) = with_script();
    script.answer(0, Ok(3));
    bench.send(new(1, 1));
    bench.send(Op::Send {
        handle: 1,
        data: Payload::Bytes(b"abc"),
    });
    bench.send(Op::Delete { handle: 1 });
    let answers: Vec<_> = bench
        .run()
        .into_iter()
        .filter_map(reply)
        .map(|reply| reply.answer)
        .collect();
    assert_eq!(answers, [Answer::Code(0), Answer::Code(3), Answer::Code(0)]);
}

#[test]
fn the_lanes_run_out_in_good_order() {
    let (mut bench, script) = with_script();
    bench.open(1, 1);
    for _ in 0..LANE_SLOTS {
        bench.send(Op::Recv { handle: 1, size: 1 });
    }
    assert_eq!(bench.run(), []);
    let op = Op::Recv { handle: 1, size: 1 };
    assert_eq!(bench.ask(op), Answer::Rejected(Reject::Lanes));
    assert_eq!(bench.ask(Op::Ping), Answer::Code(0));
    for _ in 0..LANE_SLOTS {
        script.answer(0, Err(Error::NO_SOCKET));
    }
    assert_eq!(bench.run().len(), LANE_SLOTS);
    script.answer(0, Ok(0));
    assert_eq!(bench.ask(op), Answer::Bytes { code: 0, data: &[] });
}

#[test]
fn handles_are_refused_when_unknown_used_or_promised() {
    let (mut bench, script) = with_script();
    assert_eq!(
        bench.ask(Op::Listen {
            handle: 1,
            backlog: 1
        }),
        Answer::Rejected(Reject::Handle)
    );
    bench.open(1, 1);
    assert_eq!(bench.ask(new(1, 1)), Answer::Rejected(Reject::Handle));
    let accept = Op::Accept {
        handle: 1,
        child: 2,
    };
    bench.send(accept);
    assert_eq!(bench.run(), []);
    assert_eq!(bench.ask(new(1, 2)), Answer::Rejected(Reject::Handle));
    assert_eq!(bench.ask(accept), Answer::Rejected(Reject::Handle));
    script.answer(0, Ok(0));
    assert_eq!(bench.run().len(), 1);
    // The child is open and in the listener's scope.
    let Answer::Scope(report) = bench.ask(Op::EndScope { scope: 1 }) else {
        panic!()
    };
    assert_eq!(report.open, 2);
}

#[test]
fn the_table_of_handles_has_an_end() {
    let mut bench = with_null();
    for handle in 0..HANDLES {
        bench.open(1, u16::try_from(handle).unwrap());
    }
    assert_eq!(bench.ask(new(1, 999)), Answer::Rejected(Reject::Limit));
    let accept = Op::Accept {
        handle: 1,
        child: 999,
    };
    assert_eq!(bench.ask(accept), Answer::Rejected(Reject::Limit));
    bench.ask(Op::Delete { handle: 0 });
    assert!(matches!(bench.ask(accept), Answer::Peer { code: 0, .. }));
}

#[test]
fn what_is_beyond_the_limits_is_refused() {
    let mut bench = with_null();
    bench.open(1, 1);
    let inline = u32::try_from(MAX_INLINE).unwrap();
    let io = u32::try_from(MAX_IO).unwrap();
    let limit = Answer::Rejected(Reject::Limit);
    assert_eq!(
        bench.ask(Op::Recv {
            handle: 1,
            size: inline + 1
        }),
        limit
    );
    assert_eq!(
        bench.ask(Op::Recv {
            handle: 1,
            size: u32::MAX
        }),
        limit
    );
    assert_eq!(
        bench.ask(Op::RecvFrom {
            handle: 1,
            size: inline + 1,
            null_address: false
        }),
        limit
    );
    assert_eq!(
        bench.ask(Op::RecvPattern {
            handle: 1,
            size: io + 1,
            seed: 0,
            offset: 0
        }),
        limit
    );
    assert_eq!(
        bench.ask(Op::GetOption {
            handle: 1,
            level: 0,
            name: 0,
            size: 65
        }),
        limit
    );
    let data = Payload::Pattern {
        seed: 1,
        len: io + 1,
    };
    assert_eq!(bench.ask(Op::Send { handle: 1, data }), limit);
    let data = Payload::Bytes(&[7; MAX_INLINE]);
    assert_eq!(bench.ask(Op::Send { handle: 1, data }), Answer::Code(512));
    let data = Payload::Pattern { seed: 1, len: io };
    assert_eq!(bench.ask(Op::Send { handle: 1, data }), Answer::Code(2048));
}

#[test]
fn absurd_sizes_are_told_and_do_no_harm() {
    let (mut bench, script) = with_script();
    bench.open(1, 1);
    for absurd in [usize::MAX, MAX_IO + 1, 600] {
        script.absurd.set(Some(absurd));
        let code = i32::try_from(absurd).unwrap_or(i32::MAX);
        let sent = Op::Send {
            handle: 1,
            data: Payload::Bytes(b"a"),
        };
        assert_eq!(bench.ask(sent), Answer::Code(code));
        let Answer::Bytes { code: got, data } = bench.ask(Op::Recv { handle: 1, size: 9 }) else {
            panic!()
        };
        assert_eq!((got, data.len()), (code, 9));
        let op = Op::RecvFrom {
            handle: 1,
            size: 9,
            null_address: true,
        };
        let Answer::Datagram {
            code: got,
            from: None,
            data,
        } = bench.ask(op)
        else {
            panic!()
        };
        assert_eq!((got, data.len()), (code, 9));
        let op = Op::RecvPattern {
            handle: 1,
            size: 9,
            seed: 1,
            offset: u32::MAX,
        };
        let Answer::Bulk(report) = bench.ask(op) else {
            panic!()
        };
        assert!(report.oversize && report.bytes == 9);
        let op = Op::GetOption {
            handle: 1,
            level: 7000,
            name: 1,
            size: 4,
        };
        let Answer::Bytes { code: got, data } = bench.ask(op) else {
            panic!()
        };
        assert_eq!((got, data.len()), (code, 4));
        let op = Op::FormatAddress {
            address: Address::V4([1, 2, 3, 4], 0),
        };
        let Answer::Bytes { code: got, data } = bench.ask(op) else {
            panic!()
        };
        assert_eq!((got, data.len()), (code, 64));
        assert_eq!(bench.ask(Op::ControlData { handle: 1 }), Answer::Code(code));
    }
}

#[test]
fn the_older_api_needs_a_port_that_has_it() {
    let (mut bench, _) = with_script();
    let op = Op::New {
        scope: 1,
        handle: 1,
        kind: Kind::TcpServer,
        open: true,
    };
    assert_eq!(bench.ask(op), Answer::Rejected(Reject::Unclaimed));
    let mut bench = with_null();
    assert_eq!(bench.ask(op), Answer::Code(0));
    bench.open(1, 2);
    let wrong = Op::LegacyAccept { server: 2, into: 1 };
    assert_eq!(bench.ask(wrong), Answer::Rejected(Reject::Kind));
    let right = Op::LegacyAccept { server: 1, into: 2 };
    assert!(matches!(bench.ask(right), Answer::Peer { code: 0, .. }));
    let data = Payload::Bytes(&[0; MAX_INLINE]);
    let op = Op::LegacySendTo {
        handle: 2,
        host: "h",
        port: 1,
        data,
    };
    assert_eq!(
        bench.ask(op),
        Answer::Rejected(Reject::Limit),
        "host and data share the room"
    );
    let op = Op::LegacySendTo {
        handle: 2,
        host: "h",
        port: 1,
        data: Payload::Bytes(b"xyz"),
    };
    assert_eq!(bench.ask(op), Answer::Code(3));
}

#[test]
fn the_interface_is_up_at_once_or_in_time() {
    let mut bench = with_null();
    let address = Some(Address::V4([127, 0, 0, 1], 0));
    let up = Answer::Peer {
        code: 0,
        peer: address,
    };
    assert_eq!(bench.ask(Op::InterfaceUp { timeout_ms: 0 }), up);
    assert_eq!(bench.ask(Op::InterfaceAddress), up);
    assert_eq!(bench.ask(Op::InterfaceStatus), Answer::Code(1));
    // This one says that it went down, and is up all the same.
    assert_eq!(bench.ask(Op::InterfaceReset { timeout_ms: 0 }), up);
}

#[test]
fn the_agent_fits_a_small_microcontroller() {
    // Pointers are twice as wide here as there.
    let size = size_of::<Agent<'_, Null>>() + size_of::<Memory>();
    assert!(size <= 17 * 1024, "{size} bytes");
}

#[test]
fn a_load_is_counted_and_answered_with_the_pattern() {
    let mut bench = with_null();
    let op = Op::Load {
        data: &[7; 300],
        size: 512,
    };
    let Answer::Bytes { code, data } = bench.ask(op) else {
        panic!()
    };
    assert_eq!((code, data.len()), (300, 512));
    assert_eq!(Pattern::new(0).first_mismatch(0, data), None);
    let too_much = Op::Load {
        data: &[],
        size: 513,
    };
    assert_eq!(bench.ask(too_much), Answer::Rejected(Reject::Limit));
}

#[test]
fn a_port_without_a_resolver_says_so_and_a_name_is_bounded() {
    let (mut bench, _) = with_script();
    let long = "x".repeat(MAX_INLINE + 1);
    let resolve = |name| Op::Resolve {
        scope: 1,
        family: nsapi_protocol::Family::Any,
        name,
    };
    let unsupported = Error::UNSUPPORTED.code();
    assert_eq!(
        bench.ask(resolve("host.test")),
        Answer::Peer {
            code: unsupported,
            peer: None
        }
    );
    assert_eq!(bench.ask(resolve(&long)), Answer::Rejected(Reject::Limit));
    let address = Address::V4([1; 4], 0);
    assert_eq!(
        bench.ask(Op::AddDnsServer { address }),
        Answer::Code(unsupported)
    );
}
