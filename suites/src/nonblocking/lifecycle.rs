//! Opening and closing: over and over, after a failure, and what outlives it.

use hil_kit::{Bytes, Ctx, Done, Outcome, case, text};

use crate::exhaust::{all_tcp, count_tcp};

/// Cycles, half of them TCP and half UDP.
const CYCLES: usize = 500;

/// After 500 times opening and closing TCP and UDP sockets there are as many sockets as before.
#[case(level = Must, cite = ["nonblocking.open.no-leak", "LIF-13"], needs = [Tcp, Udp], tags = ["exclusive"])]
async fn many_cycles(cx: &mut Ctx) -> Outcome {
    let before = count_tcp(cx).await?;
    let tcp = cx.unopened_tcp().await?;
    let udp = cx.unopened_udp().await?;

    for _ in 0..CYCLES / 2 {
        tcp.open().await?.expect(Done)?;
        tcp.close().await?.expect(Done)?;
        udp.open().await?.expect(Done)?;
        udp.close().await?.expect(Done)?;
    }

    let after = count_tcp(cx).await?;
    cx.require(
        after == before,
        "leak",
        format!("{before} TCP sockets as before"),
        after.to_string(),
    )
}

/// Noted: whether an object whose open failed for want of sockets can be opened once there is one (D-26).
///
/// The control: a fresh object can.
#[case(level = Must, cite = ["nonblocking.open.after-failure", "LIF-05"], needs = [Tcp], profile = Quick, tags = ["exclusive"])]
async fn after_a_failed_open(cx: &mut Ctx) -> Outcome {
    let (open, failed) = all_tcp(cx).await?;
    if let Some(one) = open.first() {
        one.delete().await?.expect(Done)?;
    }

    let fresh = cx.tcp().await?;
    fresh.delete().await?.expect(Done)?;
    cx.positive_control();

    let again = failed.open().await?;
    cx.note("open.after-a-failed-open", text::code(again.code()));
    Ok(())
}

/// Noted: whether a UDP socket that is closed and opened again still has its peer.
///
/// The control: before that, the peer's datagrams came through and the stranger's did not.
#[case(level = Must, cite = ["nonblocking.mode.survives-reopen", "LIF-12"], needs = [Udp, Timeouts], profile = Quick)]
async fn peer_after_reopen(cx: &mut Ctx) -> Outcome {
    let udp = cx.bound_udp().await?;
    let peer = cx.scripter().await?;
    let stranger = cx.scripter().await?;
    udp.connect(peer.address()).await?.expect(Done)?;
    stranger.send(&udp, b"stranger").await?;
    peer.send(&udp, b"peer").await?;
    udp.recv_from(16).await?.expect(Bytes(b"peer"))?;
    cx.positive_control();

    udp.close().await?.expect(Done)?;
    udp.open().await?.expect(Done)?;
    udp.bind_port(udp.port()).await?.expect(Done)?;
    stranger.send(&udp, b"stranger").await?;
    peer.send(&udp, b"peer").await?;

    let first = udp.recv_from(16).await?;
    let forgotten = first.data() == b"stranger";
    if !forgotten {
        first.expect(Bytes(b"peer"))?;
    }
    let word = if forgotten { "forgotten" } else { "kept" };
    cx.note("udp.peer-after-reopen", word);
    Ok(())
}
