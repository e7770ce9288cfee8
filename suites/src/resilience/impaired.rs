//! A bad cable: frames are lost, doubled and overtaken.

use core::time::Duration;

use hil_kit::expect::Moved;
use hil_kit::wire::{Fate, Impairment, Wire, any, protocol};
use hil_kit::{Ctx, Done, Error, Outcome, Size, Trouble, case};

/// Bytes each way: enough for a hundred segments, so that every kind of damage happens.
const TOTAL: u32 = 80_000;
/// Bytes of one call.
const CHUNK: u32 = 1000;
/// Datagrams each way.
const DATAGRAMS: u32 = 200;

/// One frame in twenty is lost, one doubled, one overtaken; seeded.
fn bad(cx: &Ctx) -> Impairment {
    Impairment {
        loss: 0.05,
        duplicate: 0.05,
        reorder: 0.05,
        ..Impairment::none(cx.seed().into())
    }
}

/// Over a cable that loses, doubles and reorders frames a stream comes back from an echo server complete and in order.
///
/// How long that takes is the affair of timers that the RFCs leave wide.
#[case(
    level = Must,
    cite = ["resilience.impaired.tcp", "RES-02"],
    needs = [Tcp, Lanes, Cable],
    profile = Full,
    deadline_ms = 180_000
)]
async fn tcp(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let echo = cx.echo().await?;
    wire.impair(Some(bad(cx)));
    let tcp = cx.tcp().await?;
    tcp.connect(echo.address()).await?.expect(Done)?;

    let seed = cx.seed();
    let source = tcp.source(seed, TOTAL, CHUNK).start().await?;
    let sink = tcp.sink(seed, TOTAL, CHUNK).start().await?;
    source.finish().await?.expect(Moved(TOTAL))?;
    sink.finish().await?.expect(Moved(TOTAL))?;
    damaged(&wire)
}

/// Makes sure that the cable was bad: a case on a good one proves nothing.
fn damaged(wire: &Wire) -> Outcome {
    let frames = wire.frames(
        &any()
            .ip_protocol(protocol::TCP)
            .or(any().ip_protocol(protocol::UDP)),
    );
    let count = |happened: fn(&Fate) -> bool| frames.iter().filter(|it| happened(&it.fate)).count();
    let lost = count(|fate| matches!(fate, Fate::Dropped(_)));
    let doubled = count(|fate| matches!(fate, Fate::Duplicated(_)));
    let late = count(|fate| matches!(fate, Fate::Delayed(_)));
    if lost == 0 || doubled == 0 || late == 0 {
        let problem =
            format!("impairment lost {lost}, doubled {doubled} and delayed {late} frames");
        return Err(Trouble::Lan(problem).into());
    }
    Ok(())
}

/// Over the same cable datagrams may be lost, doubled and overtaken, but none is changed, and most come through.
///
/// A datagram and its echo pass four frames' worth of chance: three quarters must come back, and no more than twice
/// as many as were sent.
#[case(
    level = Must,
    cite = ["resilience.impaired.udp", "RES-02"],
    needs = [Udp, Timeouts, Cable],
    profile = Full,
    deadline_ms = 60_000
)]
async fn udp(cx: &mut Ctx) -> Outcome {
    const ROUND: u32 = 4;
    let wire = cx.wire()?;
    let echo = cx.udp_echo().await?;
    let udp = cx.udp().await?;
    // The neighbours find each other before the cable gets bad.
    udp.send_to(echo.address(), b"first")
        .await?
        .expect(Size(5))?;
    udp.recv_from(8).await?.expect(hil_kit::Bytes(b"first"))?;
    wire.impair(Some(bad(cx)));
    let wait = cx.within(Duration::from_millis(20));
    udp.set_timeout(i32::try_from(wait.as_millis()).unwrap_or(20))
        .await?;

    let mut back = vec![0_u32; DATAGRAMS as usize];
    for first in (0..DATAGRAMS).step_by(ROUND as usize) {
        for number in first..first + ROUND {
            let data = datagram(number);
            udp.send_to(echo.address(), &data).await?.expect(Size(64))?;
        }
        loop {
            let answer = udp.recv_from(80).await?;
            if answer.failed_with(Error::WOULD_BLOCK) {
                break;
            }
            let number = (0..first + ROUND).find(|it| answer.data() == datagram(*it));
            let observed = hil_kit::text::received(answer.code(), answer.data());
            cx.require(number.is_some(), "data", "one that was sent", observed)?;
            if let Some(count) = number.and_then(|it| back.get_mut(it as usize)) {
                *count += 1;
            }
        }
    }

    let came = back.iter().filter(|count| **count > 0).count();
    let all: u32 = back.iter().sum();
    let observed = format!("{came} of {DATAGRAMS} came back, {all} times in all");
    cx.say(&observed);
    let plausible = came >= DATAGRAMS as usize * 3 / 4 && all <= 2 * DATAGRAMS;
    cx.require(plausible, "count", "three quarters or more", observed)?;
    damaged(&wire)
}

/// The datagram with this number: it says so all the way.
fn datagram(number: u32) -> [u8; 64] {
    let mut data = [0; 64];
    for chunk in data.chunks_exact_mut(4) {
        chunk.copy_from_slice(&number.to_be_bytes());
    }
    data
}
