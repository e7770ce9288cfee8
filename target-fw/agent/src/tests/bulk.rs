//! Source and sink.

use nsapi::Error;
use nsapi_protocol::{BulkReport, Reject, Then};

use super::*;

fn sink(total: u32, chunk: u32, then: Then) -> Op<'static> {
    Op::Sink {
        handle: 1,
        total,
        chunk,
        seed: 5,
        then,
    }
}

fn source(total: u32, chunk: u32, then: Then) -> Op<'static> {
    Op::Source {
        handle: 1,
        total,
        chunk,
        seed: 5,
        then,
    }
}

#[test]
fn a_port_that_moves_nothing_is_found_out() {
    let mut bench = with_null();
    bench.open(1, 1);
    let report = BulkReport {
        code: 100,
        bytes: 300,
        calls: 3,
        mismatch_at: Some(0),
        ..Default::default()
    };
    // The right data may have been in the buffer before.
    bench.ask(source(300, 100, Then::Stop));
    assert_eq!(bench.ask(sink(300, 100, Then::Stop)), Answer::Bulk(report));
}

#[test]
fn a_source_sends_all_in_chunks() {
    let mut bench = with_null();
    bench.open(1, 1);
    let report = BulkReport {
        code: 1,
        bytes: 100_001,
        calls: 51,
        ..Default::default()
    };
    let Answer::Bulk(got) = bench.ask(source(100_001, 2000, Then::Stop)) else {
        panic!()
    };
    assert_eq!(got, report);
    let Answer::Bulk(got) = bench.ask(source(0, 1, Then::Stop)) else {
        panic!()
    };
    assert_eq!(got, BulkReport::default());
}

#[test]
fn ends_errors_and_nonsense_stop_it() {
    let (mut bench, script) = with_script();
    bench.open(1, 1);
    for (answers, code, bytes, would_block, oversize) in [
        (&[Ok(4), Ok(0)][..], 0, 4, 0, false),
        (&[Ok(4), Err(Error::NO_CONNECTION)], -3004, 4, 0, false),
        (&[Ok(4), Err(Error::WOULD_BLOCK)], -3001, 4, 1, false),
        (&[Ok(4), Ok(11)], 11, 14, 0, true),
        (&[Ok(usize::MAX)], i32::MAX, 10, 0, true),
    ] {
        for &answer in answers {
            script.answer(0, answer);
        }
        let calls = u32::try_from(answers.len()).unwrap();
        let Answer::Bulk(got) = bench.ask(source(1000, 10, Then::Stop)) else {
            panic!()
        };
        let wanted = BulkReport {
            code,
            bytes,
            calls,
            would_block,
            mismatch_at: None,
            oversize,
        };
        assert_eq!(got, wanted);
    }
}

#[test]
fn it_waits_for_the_event_and_gives_up_in_time() {
    let (mut bench, script) = with_script();
    bench.open(1, 1);
    let then = Then::AwaitSigio(50);
    assert_eq!(
        bench.ask(source(10, 10, then)),
        Answer::Rejected(Reject::Limit),
        "no counter"
    );
    bench.ask(Op::Sigio {
        handle: 1,
        counter: Some(0),
    });
    script.answer(0, Err(Error::WOULD_BLOCK));
    let id = bench.send(source(10, 10, then));
    assert_eq!(bench.run(), []);
    script.answer(0, Ok(10));
    assert_eq!(bench.run(), [], "not before the event");
    script.callback.get().unwrap().call();
    let [FromAgent::Reply(reply)] = bench.run()[..] else {
        panic!()
    };
    let wanted = BulkReport {
        code: 10,
        bytes: 10,
        calls: 2,
        would_block: 1,
        ..Default::default()
    };
    assert_eq!((reply.id, reply.answer), (id, Answer::Bulk(wanted)));

    script.answer(0, Err(Error::WOULD_BLOCK));
    bench.send(source(10, 10, then));
    assert_eq!(bench.run(), []);
    script.now_us.set(50_000);
    let [FromAgent::Reply(reply)] = bench.run()[..] else {
        panic!()
    };
    let wanted = BulkReport {
        code: -3001,
        calls: 1,
        would_block: 1,
        ..Default::default()
    };
    assert_eq!(reply.answer, Answer::Bulk(wanted));
}

#[test]
fn an_event_during_the_call_is_not_missed() {
    let (mut bench, script) = with_script();
    bench.open(1, 1);
    bench.ask(Op::Sigio {
        handle: 1,
        counter: Some(0),
    });
    script.noisy.set(true);
    script.answer(0, Err(Error::WOULD_BLOCK));
    script.answer(0, Ok(10));
    let Answer::Bulk(report) = bench.ask(source(10, 10, Then::AwaitSigio(1000))) else {
        panic!()
    };
    assert_eq!((report.bytes, report.would_block), (10, 1));
}

#[test]
fn a_long_one_does_not_keep_the_others_waiting() {
    let mut bench = with_null();
    bench.open(1, 1);
    let long = bench.send(source(u32::MAX, 1, Then::Stop));
    bench.agent.poll(&mut bench.link);
    for _ in 0..100 {
        let id = bench.send(Op::Ping);
        bench.agent.poll(&mut bench.link);
        bench.agent.poll(&mut bench.link);
        let replies = decode(core::mem::take(&mut bench.link.bytes));
        assert!(
            matches!(replies[..], [FromAgent::Reply(reply)] if reply.id == id),
            "{replies:?}"
        );
    }
    let Answer::Scope(report) = ({
        bench.send(Op::EndScope { scope: 1 });
        bench.agent.poll(&mut bench.link);
        let replies = decode(core::mem::take(&mut bench.link.bytes));
        reply(replies[0]).unwrap().answer
    }) else {
        panic!()
    };
    assert_eq!((report.calls, report.open), (1, 1));
    let _ = long;
}
