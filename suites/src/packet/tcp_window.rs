//! TCP: windows to the byte, and sequence numbers that wrap.

use core::time::Duration;

use hil_kit::expect::Moved;
use hil_kit::wire::{Flags, GhostTcp, Got, TcpOptions};
use hil_kit::{Bytes, Ctx, Error, Fails, Outcome, Tcp, case};

use super::tcp::{ACK, SOON, converse, fill, is_gone, opened};
use super::tcp_receive::{PLENTY, read_pattern};
use crate::codes::broken;

/// Bytes behind the window's edge are not taken; they arrive when they come again.
#[case(level = Must, cite = ["packet.tcp.beyond-the-edge", "TCP-W-44"], needs = [Tcp, Cable], profile = Quick)]
async fn beyond_the_edge(cx: &mut Ctx) -> Outcome {
    const BEYOND: usize = 200;
    let (tcp, mut peer) = opened(cx, TcpOptions::default()).await?;
    let seed = cx.seed();
    let data = cx.pattern(seed, PLENTY);
    let filled = fill(&mut peer, &data, 100).await?;
    let edge = filled + usize::from(peer.board_window());
    let end = edge + BEYOND;

    peer.mark();
    peer.seg().data(&data[filled..end]).send();
    peer.expect_as("ack", "an ACK", ACK, |got| got.has(Flags::ACK))
        .await?;
    let taken = peer.acked();
    cx.require(
        taken <= edge as i64,
        "edge",
        format!("an ACK up to the edge, {edge}"),
        taken.to_string(),
    )?;
    let there = usize::try_from(taken).unwrap_or(0);
    read_pattern(cx, &tcp, seed, there).await?;
    tcp.set_blocking(false).await?;
    tcp.recv(1).await?.expect(Fails(Error::WOULD_BLOCK))?;
    tcp.set_timeout(3000).await?;

    peer.mark();
    peer.set_place(taken);
    peer.send(&data[there..end]);
    peer.expect_ack(end as i64, ACK).await?;
    tcp.recv_all(&data[there..end]).await?;
    converse(&tcp, &mut peer).await
}

/// How long a board would at most take to send again what it thinks was not acknowledged.
const NOT_AGAIN: Duration = Duration::from_millis(1300);

/// The IUT says something to a ghost that has shut the board's window; it is not acknowledged.
async fn says_something(cx: &Ctx, tcp: &Tcp, peer: &mut GhostTcp) -> Outcome {
    let end = peer.rcv_nxt() + 50;
    tcp.send_all(&cx.data(50)).await?;
    peer.expect_as("data", "50 bytes", SOON, |got| got.end() == end)
        .await?;
    peer.mark();
    Ok(())
}

/// With its window shut the board takes no data, but acknowledgements and resets.
///
/// What is acknowledged is not sent again. After the reset the data that was there may still be read, or be gone.
#[case(level = Must, cite = ["packet.tcp.shut-window", "TCP-W-47"], needs = [Tcp, Cable], profile = Full)]
async fn shut_window(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = opened(cx, TcpOptions::default()).await?;
    let seed = cx.seed();
    let data = cx.pattern(seed, PLENTY);
    let filled = fill(&mut peer, &data, 0).await?;
    says_something(cx, &tcp, &mut peer).await?;
    peer.ack();
    peer.silence_about("data again", NOT_AGAIN, |got| !got.data.is_empty())
        .await?;
    peer.rst();
    let total = u32::try_from(filled).unwrap_or(u32::MAX);
    let read = tcp.sink(seed, total, cx.identity().max_io).await?;
    if read.code() < 0 {
        read.expect(broken())?;
        return Ok(());
    }
    is_gone(&tcp).await
}

/// With its window shut the board takes the acknowledgement of a probe, too, though not its byte.
#[case(level = Should, cite = ["packet.tcp.shut-window-probe", "TCP-W-47"], needs = [Tcp, Cable], profile = Full)]
async fn acknowledging_probe(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = opened(cx, TcpOptions::default()).await?;
    let data = cx.data(PLENTY);
    let filled = fill(&mut peer, &data, 0).await?;
    says_something(cx, &tcp, &mut peer).await?;
    peer.ack();
    peer.silence_about("data again", NOT_AGAIN, |got| !got.data.is_empty())
        .await?;
    cx.positive_control();

    says_something(cx, &tcp, &mut peer).await?;
    peer.seg().data(&data[filled..=filled]).send();
    peer.expect_as("probe", "an ACK", ACK, Got::is_pure_ack)
        .await?;
    peer.silence_about("data again", NOT_AGAIN, |got| !got.data.is_empty())
        .await
}

/// Data that carries an old acknowledgement is taken all the same.
#[case(level = Must, cite = ["packet.tcp.old-ack", "TCP-W-48"], needs = [Tcp, Cable], profile = Quick)]
async fn old_acknowledgement(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = opened(cx, TcpOptions::default()).await?;
    let words = cx.data(50);
    tcp.send_all(&words).await?;
    peer.expect_data(0, &words, SOON).await?;
    peer.ack();
    peer.mark();
    let data = cx.data(80);
    peer.seg().ack(0).data(&data).advance().send();
    peer.expect_ack(80, ACK).await?;
    tcp.recv_all(&data).await?;
    converse(&tcp, &mut peer).await
}

/// Sequence numbers wrap: streams over 2^32 and over 2^31 stay exact, out of order and to their FIN.
#[case(level = Must, cite = ["packet.tcp.wrap", "TCP-W-49"], needs = [Tcp, Cable], profile = Quick)]
async fn sequence_numbers_wrap(cx: &mut Ctx) -> Outcome {
    const TOTAL: usize = 4000;
    const PART: usize = 400;
    // The last one has its FIN at the highest number.
    let last = u32::MAX - TOTAL as u32 - 1;
    for isn in [0xffff_ff00, 0x7fff_ff00, last] {
        let (tcp, mut peer) = opened(cx, TcpOptions::default().isn(isn)).await?;
        let data = cx.data(TOTAL);
        for from in (0..TOTAL).step_by(2 * PART) {
            let middle = from + PART;
            peer.mark();
            // The second half of each pair first.
            for part in [middle, from] {
                peer.seg()
                    .seq(part as i64)
                    .data(&data[part..part + PART])
                    .send();
            }
            // Again, for those that keep nothing ahead of a gap.
            peer.seg()
                .seq(middle as i64)
                .data(&data[middle..middle + PART])
                .send();
            peer.expect_ack((middle + PART) as i64, ACK).await?;
            tcp.recv_all(&data[from..middle + PART]).await?;
        }
        let seed = cx.seed();
        let total = u32::try_from(TOTAL).unwrap_or(u32::MAX);
        let sending = tcp
            .source(seed, total, cx.identity().max_io)
            .start()
            .await?;
        peer.set_place(TOTAL as i64);
        peer.expect_data(0, &cx.pattern(seed, TOTAL), Duration::from_secs(2))
            .await?;
        peer.ack();
        sending.finish().await?.expect(Moved(total))?;
        peer.fin();
        peer.expect_ack(TOTAL as i64 + 1, ACK).await?;
        tcp.recv(64).await?.expect(Bytes(b""))?;
        peer.rst();
        tcp.delete().await?;
    }
    Ok(())
}

/// Nothing is sent behind the edge of the peer's window.
#[case(level = Must, cite = ["packet.tcp.peers-window", "TCP-W-60"], needs = [Tcp, Cable], profile = Full)]
async fn peers_window(cx: &mut Ctx) -> Outcome {
    for (window, total) in [(10_u16, 30_u32), (536, 4000), (1461, 8000)] {
        let (tcp, mut peer) = opened(cx, TcpOptions::default().window(window)).await?;
        let seed = cx.seed();
        let sending = tcp
            .source(seed, total, cx.identity().max_io)
            .start()
            .await?;
        let mut acked = 0;
        while acked < i64::from(total) {
            let got = peer
                .expect_as("data", "more data", Duration::from_secs(2), |got| {
                    got.end() > acked
                })
                .await?;
            let edge = acked + i64::from(window);
            cx.require(
                got.end() <= edge,
                "edge",
                format!("nothing behind {edge}"),
                got.to_string(),
            )?;
            acked = got.end();
            peer.seg().ack(acked).send();
        }
        cx.require(
            peer.received() == cx.pattern(seed, total as usize),
            "stream",
            format!("{total} bytes as they were sent"),
            "others",
        )?;
        sending.finish().await?.expect(Moved(total))?;
        peer.rst();
        tcp.delete().await?;
    }
    Ok(())
}

/// A stream of many small islands is put together once its gaps are filled.
#[case(level = Must, cite = ["packet.tcp.islands", "TCP-W-58"], needs = [Tcp, Cable], profile = Quick)]
async fn islands(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = opened(cx, TcpOptions::default()).await?;
    let data = cx.data(80);
    for at in (1..80).step_by(2) {
        peer.seg().seq(at as i64).data(&data[at..=at]).send();
    }
    for at in (0..80).step_by(2) {
        peer.seg().seq(at as i64).data(&data[at..=at]).send();
    }
    peer.mark();
    // A queue has an end: what was dropped comes again.
    peer.send(&data);
    peer.expect_ack(80, ACK).await?;
    tcp.recv_all(&data).await?;
    converse(&tcp, &mut peer).await
}
