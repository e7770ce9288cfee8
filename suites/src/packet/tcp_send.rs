//! TCP: what the board sends, again and again if need be, and what it makes of windows and acknowledgements.

use core::time::Duration;

use hil_kit::expect::Moved;
use hil_kit::wire::{Got, TcpOptions};
use hil_kit::{Ctx, Outcome, case, text};

use super::tcp::{SOON, backs_off, converse, in_flight, opened};

/// Until the second repetition of something: 1 s, 2 s, and the slack of coarse timers.
pub(super) const REPEATED: Duration = Duration::from_millis(3200);

/// A peer may shrink its window: nothing more is sent until it opens, and the stream goes on exact.
#[case(level = Must, cite = ["packet.tcp.shrunk-window", "TCP-W-61"], needs = [Tcp, Cable], profile = Full)]
async fn shrunk_window(cx: &mut Ctx) -> Outcome {
    const TOTAL: u32 = 20_000;
    let (tcp, mut peer) = opened(cx, TcpOptions::default().window(8000)).await?;
    let seed = cx.seed();
    let sending = tcp
        .source(seed, TOTAL, cx.identity().max_io)
        .start()
        .await?;
    let high = in_flight(&mut peer).await;
    cx.require(
        (101..=8000).contains(&high),
        "window",
        "up to 8000 bytes in flight, and more than 100",
        high.to_string(),
    )?;

    peer.seg().ack(0).window(100).send();
    peer.mark();
    peer.silence_about("new data", Duration::from_millis(700), |got| {
        got.end() > high
    })
    .await?;

    peer.set_window(8000);
    peer.ack();
    let expected = cx.pattern(seed, TOTAL as usize);
    peer.expect_data(0, &expected, REPEATED).await?;
    sending.finish().await?.expect(Moved(TOTAL))?;
    Ok(())
}

/// A window update that is lost does not stop the stream: the board probes until it hears of room.
///
/// The first probe is told that there is none, the second that there is.
#[case(level = Must, cite = ["packet.tcp.lost-update", "TCP-W-63"], needs = [Tcp, Cable], profile = Full, deadline_ms = 12_000)]
async fn lost_update(cx: &mut Ctx) -> Outcome {
    const TOTAL: u32 = 3000;
    let (tcp, mut peer) = opened(cx, TcpOptions::default().window(1000)).await?;
    // The window is shut for longer than calls here usually wait.
    tcp.set_timeout(10_000).await?;
    let seed = cx.seed();
    let sending = tcp
        .source(seed, TOTAL, cx.identity().max_io)
        .start()
        .await?;
    let high = in_flight(&mut peer).await;
    cx.require(
        (1..=1000).contains(&high),
        "window",
        "up to 1000 bytes",
        high.to_string(),
    )?;

    peer.mark();
    peer.seg().ack(high).window(0).send();
    let is_probe = |got: &Got| got.seq <= high && got.end() <= high + 1;
    peer.expect_as("probe", "a probe of the window", REPEATED, is_probe)
        .await?;
    peer.seg().ack(high).window(0).send();
    // The update would be sent here, and be lost.
    peer.expect_as("probe", "another probe", REPEATED, is_probe)
        .await?;
    peer.set_window(8000);
    peer.ack();

    let expected = cx.pattern(seed, TOTAL as usize);
    peer.expect_data(0, &expected, REPEATED).await?;
    sending.finish().await?.expect(Moved(TOTAL))?;
    Ok(())
}

/// An acknowledgement of bytes that were never sent is answered by an ACK, and changes nothing.
///
/// The window lets only the first of 200 bytes out; the ghost acknowledges more of them.
#[case(level = Must, cite = ["packet.tcp.ack-of-unsent", "TCP-W-66"], needs = [Tcp, Cable], profile = Full)]
async fn ack_of_unsent_data(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = opened(cx, TcpOptions::default().window(10)).await?;
    let data = cx.data(200);
    tcp.send_all(&data).await?;
    // Where the window is small, data may wait for a timer (RFC 9293 §3.8.6.2.1).
    let first = peer
        .expect_as("data", "up to 10 bytes", REPEATED, |got| {
            !got.data.is_empty()
        })
        .await?;
    let sent = first.end();
    cx.require(sent <= 10, "window", "at most 10 bytes", format!("{first}"))?;

    peer.mark();
    peer.seg().ack(sent + 100).window(1000).send();
    let answer = peer
        .wait_for(SOON, |got| got.is_pure_ack() && got.seq == sent)
        .await;

    peer.set_window(1000);
    peer.ack();
    peer.expect_data(0, &data, REPEATED).await?;
    converse(&tcp, &mut peer).await?;
    cx.require(
        answer.is_some(),
        "challenge",
        format!("ACK with seq {sent}"),
        "none",
    )
}

/// Data that is not acknowledged comes again, further and further apart, the same bytes at the same place.
///
/// How soon the first repetition comes is noted: RFC 6298 §2.4 wants at least a second, many stacks do with less.
#[case(level = Must, cite = ["packet.tcp.retransmission", "TCP-W-67"], needs = [Tcp, Cable], profile = Full)]
async fn retransmission(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = opened(cx, TcpOptions::default()).await?;
    let data = cx.data(100);
    tcp.send_all(&data).await?;

    let copies = repetitions(&mut peer, |got| !got.data.is_empty()).await;
    cx.require(
        copies.len() >= 3,
        "copies",
        "the data and two repetitions at least",
        format!("{copies:?}"),
    )?;
    for copy in &copies {
        let from = usize::try_from(copy.seq).unwrap_or(usize::MAX);
        let there = data.get(from..).unwrap_or_default();
        cx.require(
            there.starts_with(&copy.data),
            "content",
            text::bytes(&data),
            format!("{copy}: {}", text::bytes(&copy.data)),
        )?;
    }
    let times: Vec<Duration> = copies.iter().map(|copy| copy.at).collect();
    backs_off(cx, &times)?;
    let first = times[1] - times[0];

    peer.ack();
    peer.expect_data(0, &data, SOON).await?;
    peer.mark();
    peer.silence_about("data", Duration::from_millis(300), |got| {
        !got.data.is_empty()
    })
    .await?;
    converse(&tcp, &mut peer).await?;
    if first < Duration::from_secs(1) {
        cx.positive_control();
        cx.note("first-retransmission", text::duration(first));
    }
    Ok(())
}

/// All such segments from now on until two repetitions must have come.
pub(super) async fn repetitions(
    peer: &mut hil_kit::wire::GhostTcp,
    about: impl Fn(&Got) -> bool,
) -> Vec<Got> {
    let mut copies = Vec::new();
    while copies.len() < 5
        && let Some(copy) = peer.wait_for(REPEATED, &about).await
    {
        copies.push(copy);
        // The third copy comes after 3 s where the timeout is never less than a second.
        let spent = copies[copies.len() - 1].at - copies[0].at;
        if copies.len() >= 3 && spent >= Duration::from_secs(1) {
            break;
        }
    }
    copies
}

/// An ACK in the middle of a segment is taken: the board goes on behind it, and repeats nothing once all is there.
#[case(level = Must, cite = ["packet.tcp.partial-ack", "TCP-W-72"], needs = [Tcp, Cable], profile = Full)]
async fn partial_ack(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = opened(cx, TcpOptions::default()).await?;
    let data = cx.data(500);
    tcp.send_all(&data).await?;
    let sent = in_flight(&mut peer).await;
    cx.require(
        sent == 500,
        "data",
        "all 500 bytes",
        format!("{sent} of them"),
    )?;

    for cuts in [&[150_i64][..], &[300, 450]] {
        peer.mark();
        let mut cut = 0;
        for next in cuts {
            cut = *next;
            peer.seg().ack(cut).send();
        }
        let words = format!("data from {cut} on");
        let got = peer
            .expect_as("rest", &words, REPEATED, |got| {
                got.seq <= cut && got.end() > cut && !got.data.is_empty()
            })
            .await?;
        if got.seq < cut {
            cx.lenient("whole segments are repeated, with what is acknowledged already");
        }
    }
    peer.ack();
    peer.expect_data(0, &data, SOON).await?;
    peer.mark();
    peer.silence_about("data", Duration::from_millis(300), |got| {
        !got.data.is_empty()
    })
    .await?;
    converse(&tcp, &mut peer).await
}
