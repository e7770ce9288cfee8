//! TCP: the end of a connection as the cable sees it.

use core::time::Duration;

use hil_kit::expect::Moved;
use hil_kit::wire::{Flags, TcpOptions};
use hil_kit::{Bytes, Ctx, Done, Outcome, case};

use super::tcp::{ACK, SOON, backs_off, converse, ends, opened};
use super::tcp_send::repetitions;

/// A FIN that is not acknowledged comes again, further and further apart; its late ACK is taken, and nothing is left.
#[case(level = Must, cite = ["packet.tcp.fin-repeated", "TCP-W-78"], needs = [Tcp, Udp, Cable], profile = Full, deadline_ms = 12_000)]
async fn fin_is_repeated(cx: &mut Ctx) -> Outcome {
    let witness = cx.witness().await?;
    let (tcp, mut peer) = opened(cx, TcpOptions::default()).await?;
    converse(&tcp, &mut peer).await?;
    let end = peer.rcv_nxt();

    peer.mark();
    tcp.close().await?.expect(Done)?;
    let copies = repetitions(&mut peer, |got| got.has(Flags::FIN)).await;
    cx.require(
        copies.len() >= 3 && copies.iter().all(|copy| copy.end() == end + 1),
        "fin",
        format!("FIN at {end}, and two repetitions at least"),
        format!("{copies:?}"),
    )?;
    let times: Vec<Duration> = copies.iter().map(|copy| copy.at).collect();
    backs_off(cx, &times)?;

    peer.mark();
    peer.ack();
    peer.fin();
    let place = peer.place();
    peer.expect_ack(place, ACK).await?;
    tcp.delete().await?.expect(Done)?;
    peer.silence_about("FIN", Duration::from_millis(300), |got| got.has(Flags::FIN))
        .await?;
    peer.leave_alone();
    witness.check(cx).await
}

/// After the peer's FIN the board can still send, and closes when it wants to.
#[case(level = Must, cite = ["packet.tcp.half-closed", "TCP-W-80"], needs = [Tcp, Cable], profile = Quick)]
async fn half_closed(cx: &mut Ctx) -> Outcome {
    const TOTAL: u32 = 20_000;
    let (tcp, mut peer) = opened(cx, TcpOptions::default().window(2000)).await?;
    ends(&tcp, &mut peer).await?;
    let place = peer.place();
    let seed = cx.seed();
    peer.mark();
    let sending = tcp
        .source(seed, TOTAL, cx.identity().max_io)
        .start()
        .await?;
    let expected = cx.pattern(seed, TOTAL as usize);
    peer.expect_data(0, &expected, Duration::from_secs(2))
        .await?;
    // What came last may not be acknowledged yet.
    peer.ack();
    sending.finish().await?.expect(Moved(TOTAL))?;
    tcp.close().await?.expect(Done)?;
    let fin = peer
        .expect_as("fin", "FIN behind all data", SOON, |got| {
            got.has(Flags::FIN) && got.end() == i64::from(TOTAL) + 1
        })
        .await?;
    cx.require(
        fin.ack == place,
        "ack",
        format!("ACK of the peer's FIN, {place}"),
        format!("{fin}"),
    )?;
    peer.ack();
    peer.leave_alone();
    Ok(())
}

/// Both sides may close at the same time.
#[case(level = Must, cite = ["packet.tcp.simultaneous-close", "TCP-W-81"], needs = [Tcp, Udp, Cable], profile = Full)]
async fn both_close(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = opened(cx, TcpOptions::default()).await?;
    converse(&tcp, &mut peer).await?;
    let end = peer.rcv_nxt();
    tcp.close().await?.expect(Done)?;
    peer.expect_fin(SOON).await?;

    peer.mark();
    // As if the board's FIN were still on its way.
    peer.seg().with(Flags::FIN).ack(end).advance().send();
    let place = peer.place();
    let got = peer
        .expect_as("ack", "ACK of the FIN", ACK, |got| got.acks(place))
        .await?;
    cx.require(
        got.end() == end + 1,
        "numbers",
        format!("seq {} behind its own FIN, or the FIN again", end + 1),
        format!("{got}"),
    )?;
    peer.ack();
    peer.leave_alone();
    tcp.delete().await?.expect(Done)?;
    cx.alive().await
}

/// A FIN that comes with data ends the stream behind them.
#[case(level = Must, cite = ["packet.tcp.fin-with-data", "TCP-W-82"], needs = [Tcp, Cable], profile = Quick)]
async fn fin_with_data(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = opened(cx, TcpOptions::default()).await?;
    let data = cx.data(100);
    peer.seg().with(Flags::FIN).data(&data).advance().send();
    peer.expect_ack(101, ACK).await?;
    tcp.recv_all(&data).await?;
    tcp.recv(64).await?.expect(Bytes(b""))?;
    tcp.close().await?.expect(Done)?;
    peer.finish(SOON).await
}
