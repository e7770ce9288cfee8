//! Expectations as a table: what they let pass, what they call a violation, what they record.

use core::time::Duration;
use std::sync::Arc;

use nsapi::{Error, IpAddress, SocketAddress};
use nsapi_protocol::BulkReport;

use super::{
    Answered, Bytes, Counts, Done, Expect, Fails, FailsSomehow, Matches, Moved, Peer, Size,
    SizeUpTo,
};
use crate::Ctx;
use crate::dut::Returned;
use crate::fake::context;

fn answer(cx: &Ctx, returned: Returned) -> Answered {
    Answered {
        state: Arc::clone(&cx.state),
        call: "recv(64) on tcp#3".into(),
        returned,
        elapsed: Duration::from_millis(300),
    }
}

fn bytes(code: i32, data: &[u8]) -> Returned {
    Returned::Bytes {
        code,
        data: data.into(),
    }
}

const HOST: SocketAddress = SocketAddress::new(IpAddress::V4([127, 0, 0, 1]), 9);
const OTHER: SocketAddress = SocketAddress::new(IpAddress::V4([127, 0, 0, 1]), 10);

#[tokio::test]
async fn each_expectation_lets_pass_what_it_says_and_nothing_else() {
    let cx = context().await;
    let would_block = Error::WOULD_BLOCK.code();
    let good = BulkReport {
        code: 10,
        bytes: 10,
        calls: 1,
        ..BulkReport::default()
    };
    let table: Vec<(Expect, Returned, bool)> = vec![
        (Done.into(), Returned::Code(0), true),
        (Done.into(), Returned::Code(1), false),
        (Done.into(), Returned::Code(would_block), false),
        (
            Fails(Error::WOULD_BLOCK).into(),
            Returned::Code(would_block),
            true,
        ),
        (Fails(Error::WOULD_BLOCK).into(), Returned::Code(0), false),
        (
            Fails(Error::NO_SOCKET).into(),
            Returned::Code(would_block),
            false,
        ),
        (FailsSomehow.into(), Returned::Code(-1), true),
        (FailsSomehow.into(), Returned::Code(0), false),
        (Size(5).into(), Returned::Code(5), true),
        (Size(5).into(), Returned::Code(6), false),
        (Size(5).into(), Returned::Code(-5), false),
        (SizeUpTo(5).into(), Returned::Code(1), true),
        (SizeUpTo(5).into(), Returned::Code(0), false),
        (SizeUpTo(5).into(), Returned::Code(6), false),
        (Bytes(b"hi").into(), bytes(2, b"hi"), true),
        (Bytes(b"hi").into(), bytes(2, b"ho"), false),
        (Bytes(b"hi").into(), bytes(3, b"hi"), false),
        (Bytes(b"").into(), bytes(0, b""), true),
        (Bytes(b"hi").into(), Returned::Code(2), false),
        (
            Peer(HOST).into(),
            Returned::Peer {
                code: 0,
                peer: Some(HOST),
            },
            true,
        ),
        (
            Peer(HOST).into(),
            Returned::Peer {
                code: 0,
                peer: Some(OTHER),
            },
            false,
        ),
        (
            Peer(HOST).into(),
            Returned::Peer {
                code: -3004,
                peer: Some(HOST),
            },
            false,
        ),
        (
            Peer(HOST).into(),
            Returned::Peer {
                code: 0,
                peer: None,
            },
            false,
        ),
        (Counts(1).into(), Returned::Code(2), true),
        (Counts(1).into(), Returned::Code(0), false),
        (Moved(10).into(), Returned::Bulk(good), true),
        (Moved(11).into(), Returned::Bulk(good), false),
        (
            Moved(10).into(),
            Returned::Bulk(BulkReport {
                mismatch_at: Some(3),
                ..good
            }),
            false,
        ),
        (
            Moved(10).into(),
            Returned::Bulk(BulkReport {
                oversize: true,
                ..good
            }),
            false,
        ),
        (Moved(10).into(), Returned::Code(10), false),
        (
            Done.or(Fails(Error::BUSY), "C§1"),
            Returned::Code(Error::BUSY.code()),
            true,
        ),
    ];
    for (expect, returned, passes) in table {
        let said = format!("{} against {returned:?}", expect.text());
        assert_eq!(
            answer(&cx, returned).expect(expect).is_ok(),
            passes,
            "{said}"
        );
    }
}

#[tokio::test]
async fn only_lenient_alternatives_are_recorded() {
    let cx = context().await;
    let busy = || answer(&cx, Returned::Code(Error::BUSY.code()));
    busy()
        .expect(Done.or(Fails(Error::BUSY), "C§1 allows both"))
        .unwrap();
    assert!(cx.state.findings().lenient.is_empty());
    busy()
        .expect(Done.or_leniently(Fails(Error::BUSY), "D-00: some say so"))
        .unwrap();
    let lenient = cx.state.findings().lenient.clone();
    assert_eq!(
        lenient,
        ["recv(64) on tcp#3: BUSY (-3020) (D-00: some say so)"]
    );
}

#[tokio::test]
async fn a_violation_says_all_that_is_needed() {
    let cx = context().await;
    let violation = answer(&cx, bytes(3, b"abc"))
        .expect(Bytes(b"").or(Fails(Error::NO_CONNECTION), "D-06"))
        .unwrap_err();
    assert_eq!(violation.key, "kit.self/recv");
    assert_eq!(violation.call, "recv(64) on tcp#3");
    assert_eq!(
        violation.expected,
        "0 (the end, or nothing), or NO_CONNECTION (-3004) (D-06)"
    );
    assert_eq!(violation.observed, "3 bytes \"abc\"");
    assert!(
        violation.at.contains("expect/tests.rs:"),
        "{}",
        violation.at
    );
    assert_eq!(violation.slack, None);
}

#[tokio::test]
async fn a_lower_bound_is_strict_and_an_upper_bound_carries_its_slack() {
    let cx = context().await;
    let ms = Duration::from_millis;
    let it = || answer(&cx, Returned::Code(0));
    assert!(it().elapsed_at_least(ms(300)).is_ok());
    let early = it().elapsed_at_least(ms(301)).unwrap_err();
    assert_eq!(
        (early.key.as_str(), early.slack),
        ("kit.self/too-early", None)
    );
    assert!(it().elapsed_at_most(ms(250), ms(50)).is_ok());
    let late = it().elapsed_at_most(ms(200), ms(50)).unwrap_err();
    assert_eq!(
        (late.key.as_str(), late.slack),
        ("kit.self/too-late", Some(ms(50)))
    );
}

#[test]
#[should_panic(expected = "more than 4 alternatives")]
fn five_final_codes_are_too_many() {
    let _ = Fails(Error::NO_CONNECTION)
        .or(Fails(Error::CONNECTION_LOST), "a")
        .or(Fails(Error::CONNECTION_TIMEOUT), "b")
        .or(Fails(Error::DEVICE_ERROR), "c")
        .or(Fails(Error::IN_PROGRESS), "pending answers are not counted")
        .or(Fails(Error::PARAMETER), "d");
}
