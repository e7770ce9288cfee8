//! TCP: what the board makes of segments that come out of order, overlap, or do not fit its window.

use core::time::Duration;

use hil_kit::expect::Moved;
use hil_kit::wire::{Flags, Got, TcpOptions};
use hil_kit::{Bytes, Ctx, Error, Fails, Matches as _, Outcome, SizeUpTo, Tcp, case, text};

use super::tcp::{ACK, SOON, SPACING, converse, ends, fill, opened};

/// More than any board keeps unread.
pub(super) const PLENTY: usize = 1 << 20;

/// Data ahead of a gap is answered at once by an acknowledgement of what is missing; the gap's data completes it.
///
/// Four segments come as 3, 4, 2, 1. A stack need not keep what is ahead (RFC 9293 §3.10.7.4 leaves it at SHOULD), then
/// it comes once more. An ACK that is not immediate is lenient (SHLD-31).
#[case(level = Must, cite = ["packet.tcp.out-of-order", "TCP-W-41"], needs = [Tcp, Cable], profile = Quick)]
async fn out_of_order(cx: &mut Ctx) -> Outcome {
    const PART: usize = 100;
    const AT_ONCE: Duration = Duration::from_millis(100);
    let (tcp, mut peer) = opened(cx, TcpOptions::default()).await?;
    let data = cx.data(4 * PART);

    for number in [2, 3, 1] {
        let from = number * PART;
        peer.mark();
        peer.seg()
            .seq(from as i64)
            .data(&data[from..from + PART])
            .send();
        let holds = |got: &Got| got.acks(0);
        if peer.wait_for(AT_ONCE, holds).await.is_none() {
            peer.expect_as("duplicate-ack", "ACK of 0", ACK, holds)
                .await?;
            cx.lenient("SHLD-31: the duplicate ACK is not immediate");
        }
    }
    peer.mark();
    peer.seg().seq(0).data(&data[..PART]).send();
    let all = |got: &Got| got.acks(4 * PART as i64);
    if peer.wait_for(ACK, all).await.is_none() {
        cx.lenient("SHLD-31: what was ahead of the gap is not kept");
        peer.send(&data);
        peer.expect_as("ack", "ACK of all", ACK, all).await?;
    }

    tcp.recv_all(&data).await?;
    peer.set_place(4 * PART as i64);
    converse(&tcp, &mut peer).await
}

/// Segments that overlap each other give every byte of the stream once.
///
/// Parts that touch, overlap at the left and at the right, lie within and around what is there already.
#[case(level = Must, cite = ["packet.tcp.overlap", "TCP-W-42"], needs = [Tcp, Cable], profile = Quick)]
async fn overlaps(cx: &mut Ctx) -> Outcome {
    const ROUND: usize = 64;
    let scripts: [&[(usize, usize)]; 4] = [
        &[(0, 10), (20, 30), (5, 25), (0, 40), (39, 64)],
        &[(10, 20), (10, 21), (9, 20), (9, 21), (0, 64)],
        &[(30, 40), (0, 31), (29, 41), (40, 63), (39, 64)],
        &[(0, 1), (63, 64), (1, 64), (0, 64), (0, 64)],
    ];
    let (tcp, mut peer) = opened(cx, TcpOptions::default()).await?;
    for script in scripts {
        let base = peer.place();
        let data = cx.data(ROUND);
        for &(from, to) in script {
            peer.seg()
                .seq(base + from as i64)
                .data(&data[from..to])
                .send();
        }
        // What was not kept ahead of a gap is there after this at the latest.
        peer.send(&data);
        peer.expect_ack(base + ROUND as i64, ACK).await?;
        tcp.recv_all(&data).await?;
    }
    tcp.set_blocking(false).await?;
    tcp.recv(1).await?.expect(Fails(Error::WOULD_BLOCK))?;
    tcp.set_timeout(3000).await?;
    converse(&tcp, &mut peer).await
}

/// Data that comes again is acknowledged again, and delivered once.
#[case(level = Must, cite = ["packet.tcp.repeated", "TCP-W-43"], needs = [Tcp, Cable], profile = Quick)]
async fn repeated_data(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = opened(cx, TcpOptions::default()).await?;
    let data = cx.data(100);
    for _ in 0..5 {
        peer.mark();
        peer.seg().seq(0).data(&data).send();
        peer.expect_ack(100, ACK).await?;
    }
    tcp.recv_all(&data).await?;
    peer.set_place(100);
    converse(&tcp, &mut peer).await
}

/// A FIN behind the window's edge is cut off together with the data before it.
///
/// A segment with 36 bytes and a FIN more than there is room for: the end of the stream comes only when all data has.
/// Data that fits may be taken or left.
#[case(level = Must, cite = ["packet.tcp.fin-outside", "TCP-W-45"], needs = [Tcp, Cable], profile = Full)]
async fn fin_outside_the_window(cx: &mut Ctx) -> Outcome {
    const BEYOND: usize = 36;
    let (tcp, mut peer) = opened(cx, TcpOptions::default()).await?;
    let seed = cx.seed();
    let data = cx.pattern(seed, PLENTY);
    let filled = fill(&mut peer, &data, 100).await?;
    let room = usize::from(peer.board_window());
    let end = filled + room + BEYOND;

    peer.mark();
    peer.seg().with(Flags::FIN).data(&data[filled..end]).send();
    peer.expect_as("ack", "an ACK", ACK, |got| got.has(Flags::ACK))
        .await?;
    let edge = (filled + room) as i64;
    let taken = peer.acked();
    cx.require(
        taken <= edge,
        "edge",
        format!("an ACK up to the edge, {edge}"),
        format!("{taken}"),
    )?;

    let there = usize::try_from(taken).unwrap_or(0);
    read_pattern(cx, &tcp, seed, there).await?;
    tcp.set_blocking(false).await?;
    tcp.recv(1).await?.expect(Fails(Error::WOULD_BLOCK))?;
    tcp.set_timeout(3000).await?;

    peer.mark();
    peer.seg()
        .seq(taken)
        .with(Flags::FIN)
        .data(&data[there..end])
        .send();
    peer.expect_ack(end as i64 + 1, ACK).await?;
    tcp.recv_all(&data[there..end]).await?;
    tcp.recv(64).await?.expect(Bytes(b""))?;
    Ok(())
}

/// Reads what the ghost sent of a pattern from its beginning.
pub(super) async fn read_pattern(cx: &Ctx, tcp: &Tcp, seed: u32, len: usize) -> Outcome {
    let total = u32::try_from(len).unwrap_or(u32::MAX);
    tcp.sink(seed, total, cx.identity().max_io)
        .await?
        .expect(Moved(total))?;
    Ok(())
}

/// A FIN ahead of a gap ends the stream only behind the data that is missing.
#[case(level = Must, cite = ["packet.tcp.fin-ahead", "TCP-W-46"], needs = [Tcp, Cable], profile = Quick)]
async fn fin_ahead_of_a_gap(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = opened(cx, TcpOptions::default()).await?;
    let data = cx.data(200);
    let tail = &data[100..];

    peer.mark();
    peer.seg().seq(100).with(Flags::FIN).data(tail).send();
    peer.expect_ack(0, ACK).await?;
    tcp.set_blocking(false).await?;
    tcp.recv(1).await?.expect(Fails(Error::WOULD_BLOCK))?;
    peer.silence_about("an ACK of more", Duration::from_millis(300), |got| {
        got.ack > 0
    })
    .await?;
    tcp.recv(1).await?.expect(Fails(Error::WOULD_BLOCK))?;
    tcp.set_timeout(3000).await?;

    peer.seg().seq(0).data(&data[..100]).send();
    // Not every peer cuts off what is acknowledged: the very same segment once more.
    peer.seg().seq(100).with(Flags::FIN).data(tail).send();
    peer.expect_ack(201, ACK).await?;
    tcp.recv_all(&data).await?;
    tcp.recv(64).await?.expect(Bytes(b""))?;
    Ok(())
}

/// A window that was shut is announced unasked once the application has read.
#[case(level = Should, cite = ["packet.tcp.window-opens", "TCP-W-52"], needs = [Tcp, Cable], profile = Quick)]
async fn window_opens(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = opened(cx, TcpOptions::default()).await?;
    let seed = cx.seed();
    let data = cx.pattern(seed, PLENTY);
    let filled = fill(&mut peer, &data, 0).await?;
    cx.positive_control();
    let segment = peer.board_mss().map_or(536, usize::from);
    let enough = segment.min(filled / 2);

    peer.mark();
    read_pattern(cx, &tcp, seed, filled).await?;

    let words = format!("an ACK of {filled} with a window of {enough} or more");
    peer.expect_as("update", &words, SOON, |got| {
        got.acks(filled as i64) && usize::from(got.window) >= enough
    })
    .await?;
    converse(&tcp, &mut peer).await
}

/// How long after reading the window is announced again at the latest.
const REOPENED: Duration = Duration::from_secs(1);

/// Probes of a shut window are answered, and their bytes are not lost or doubled.
///
/// Three probes a second apart are answered each; of five in a row at least one.
#[case(level = Must, cite = ["packet.tcp.probe-answered", "TCP-W-54"], needs = [Tcp, Cable], profile = Full)]
async fn probes_are_answered(cx: &mut Ctx) -> Outcome {
    const FAST: Duration = Duration::from_millis(100);
    let (tcp, mut peer) = opened(cx, TcpOptions::default()).await?;
    let wire = cx.wire()?;
    let seed = cx.seed();
    let data = cx.pattern(seed, PLENTY);
    let filled = fill(&mut peer, &data, 0).await?;
    let byte = [data[filled]];
    let (edge, behind) = (filled as i64, filled as i64 + 1);
    let answers = move |got: &Got| got.acks(edge) || got.acks(behind);
    for round in 0..3 {
        if round > 0 {
            wire.pause(SPACING).await;
        }
        peer.mark();
        peer.seg().seq(edge).data(&byte).send();
        peer.expect_as("probe", "an answer to the probe", ACK, answers)
            .await?;
    }
    wire.pause(SPACING).await;
    peer.mark();
    for _ in 0..5 {
        peer.seg().seq(edge).data(&byte).send();
        wire.pause(FAST).await;
    }
    peer.expect_as("probe", "an answer to one of five", ACK, answers)
        .await?;

    peer.mark();
    read_pattern(cx, &tcp, seed, filled).await?;
    // Before the window is open again the board need not take anything.
    let open = |got: &Got| got.acks(edge) && got.window >= 10;
    peer.expect_as("reopened", "an open window", REOPENED, open)
        .await?;
    peer.seg().seq(edge).data(&data[filled..filled + 10]).send();
    peer.expect_ack(edge + 10, ACK).await?;
    tcp.recv_all(&data[filled..filled + 10]).await?;
    peer.set_place(edge + 10);
    converse(&tcp, &mut peer).await
}

/// Urgent pointers of any value do no harm: the stream comes as it was sent, with or without its urgent bytes.
///
/// On segments with data in order and ahead of a gap, without data, and with the FIN. A stack that knows urgent data
/// takes out the byte before or at the pointer (RFC 6093 §2); other bytes stay where they are.
#[case(level = Must, cite = ["packet.tcp.urgent", "TCP-W-56"], needs = [Tcp, Udp, Cable], profile = Full)]
async fn urgent_pointers(cx: &mut Ctx) -> Outcome {
    const PART: usize = 20;
    let witness = cx.witness().await?;
    let (tcp, mut peer) = opened(cx, TcpOptions::default()).await?;
    // Neighbouring bytes differ, so that it shows which one is missing.
    let data: Vec<u8> = (0..12 * PART)
        .map(|at| u8::try_from(at % 251).unwrap_or(0))
        .collect();
    let pointers = [0_u16, 1, 20, 21, 1000, 65535];
    let mut urgent = vec![false; data.len()];
    for (index, pointer) in pointers.into_iter().enumerate() {
        let from = 2 * index * PART;
        let (middle, end) = (from + PART, from + 2 * PART);
        peer.seg()
            .seq(middle as i64)
            .data(&data[middle..end])
            .urgent(pointer)
            .send();
        peer.seg().seq(from as i64).urgent(pointer).send();
        peer.seg()
            .seq(from as i64)
            .data(&data[from..middle])
            .urgent(pointer)
            .send();
        // At the pointer, and one before it.
        for at in [from, middle].map(|place| place + usize::from(pointer)) {
            for at in [Some(at), at.checked_sub(1)].into_iter().flatten() {
                if let Some(urgent) = urgent.get_mut(at) {
                    *urgent = true;
                }
            }
        }
        // Again, for those that keep nothing ahead of a gap.
        peer.seg()
            .seq(middle as i64)
            .data(&data[middle..end])
            .send();
        peer.expect_ack(end as i64, ACK).await?;
    }
    let end = data.len() as i64;
    peer.seg().seq(end).with(Flags::FIN).urgent(7).send();
    peer.expect_ack(end + 1, ACK).await?;

    let mut heard = Vec::new();
    loop {
        let answer = tcp
            .recv(512)
            .await?
            .expect(SizeUpTo(512).or(Bytes(b""), "contract §6.1 recv: the end of the stream"))?;
        if answer.code() == 0 {
            break;
        }
        heard.extend_from_slice(answer.data());
    }
    let mut rest = heard.iter().copied().peekable();
    let mut taken_out = 0;
    let exact = data.iter().zip(&urgent).all(|(byte, urgent)| {
        if rest.peek() == Some(byte) {
            return rest.next().is_some();
        }
        taken_out += 1;
        *urgent
    });
    cx.require(
        exact && rest.next().is_none(),
        "data",
        format!("{} without urgent bytes at most", text::bytes(&data)),
        text::bytes(&heard),
    )?;
    peer.rst();
    tcp.delete().await?;
    witness.check(cx).await?;
    if taken_out > 0 {
        cx.positive_control();
        cx.note("urgent-bytes-taken-out", taken_out.to_string());
    }
    Ok(())
}

/// Data without PSH reaches the application.
#[case(level = Should, cite = ["packet.tcp.no-push", "TCP-W-57"], needs = [Tcp, Cable], profile = Quick)]
async fn without_push(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = opened(cx, TcpOptions::default()).await?;
    let data = cx.data(100);
    peer.seg().data(&data).advance().send();
    tcp.recv_all(&data).await?;
    ends(&tcp, &mut peer).await
}
