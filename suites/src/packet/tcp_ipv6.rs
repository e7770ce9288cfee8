//! TCP over IPv6: what could be done for IPv4 alone.

use hil_kit::wire::{Flags, TcpOptions};
use hil_kit::{Ctx, Outcome, Protocol, case};

use super::tcp::{ACK, SOON, accepted, converse, opened_v6};
use super::tcp_segment::sends_at_most;

/// Over IPv6, too, a closed port answers a SYN with a reset that the peer accepts.
#[case(level = Must, cite = ["packet.tcp.closed-port", "TCP-W-19", "TCP-W-104"], needs = [Tcp, Ipv6, Cable], profile = Quick)]
async fn closed_port(cx: &mut Ctx) -> Outcome {
    let ghost = cx.ghost_v6().await?;
    ghost.warm().await?;
    let port = cx.free_port(Protocol::Tcp)?;
    let mut tcp = ghost.tcp(port, &TcpOptions::default());
    tcp.syn();
    let got = tcp.expect_rst(SOON).await?;
    cx.require(
        got.has(Flags::ACK) && got.raw_seq == 0 && got.ack == 0,
        "numbers",
        "RST+ACK with seq 0 and ack 0",
        format!("{got}, on the wire seq {}", got.raw_seq),
    )
}

/// Over IPv6, too, data ahead of a gap is answered by an ACK of what is missing, and delivered in order.
#[case(level = Must, cite = ["packet.tcp.out-of-order", "TCP-W-41", "TCP-W-104"], needs = [Tcp, Ipv6, Cable], profile = Quick)]
async fn out_of_order(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = opened_v6(cx, TcpOptions::default()).await?;
    let data = cx.data(200);
    peer.mark();
    peer.seg().seq(100).data(&data[100..]).send();
    peer.expect_ack(0, ACK).await?;
    peer.send(&data[..100]);
    // Again, for those that keep nothing ahead of a gap.
    peer.send(&data[100..]);
    peer.expect_ack(200, ACK).await?;
    tcp.recv_all(&data).await?;
    converse(&tcp, &mut peer).await
}

/// Over IPv6 a peer that says no MSS gets segments of at most 1220 bytes, and the board says no more than 1440.
#[case(level = Must, cite = ["packet.tcp.no-mss", "TCP-W-13", "TCP-W-14", "TCP-W-104"], needs = [Tcp, Ipv6, Cable], profile = Quick)]
async fn no_mss(cx: &mut Ctx) -> Outcome {
    let options = TcpOptions::default().options([]).window(20_000);
    let (tcp, mut peer) = opened_v6(cx, options).await?;
    let mss = peer.board_mss();
    cx.require(
        mss.is_none_or(|mss| mss <= 1440),
        "mss",
        "1440 at most",
        format!("{mss:?}"),
    )?;
    sends_at_most(cx, &tcp, &mut peer, 5000, 1220).await
}

/// A listener takes connections over IPv6.
#[case(level = Must, cite = ["packet.tcp.listens-v6", "TCP-W-104"], needs = [Tcp, Server, Ipv6, Cable], profile = Quick)]
async fn listens(cx: &mut Ctx) -> Outcome {
    let listener = cx.listener(1).await?;
    listener.set_timeout(3000).await?;
    let ghost = cx.ghost_v6().await?;
    ghost.warm().await?;
    let (child, mut peer) = accepted(cx, &listener, &ghost, TcpOptions::default()).await?;
    converse(&child, &mut peer).await
}
