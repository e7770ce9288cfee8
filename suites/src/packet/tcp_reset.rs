//! TCP: resets and other segments that attack a connection, and what answers them.

use core::time::Duration;
use std::time::Instant;

use hil_kit::wire::{Flags, GhostTcp, Got, TcpOptions};
use hil_kit::{Ctx, Outcome, case};

use super::tcp::{
    SILENCE, SOON, SPACING, accepted, challenged, converse, is_gone, listening, opened,
};

/// A closed port answers a SYN with a reset that the peer accepts.
///
/// Sequence number 0, and an acknowledgement of the SYN and of what came with it.
#[case(level = Must, cite = ["packet.tcp.closed-port", "TCP-W-19"], needs = [Tcp, Cable], profile = Quick)]
async fn closed_port(cx: &mut Ctx) -> Outcome {
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    for data in [&b""[..], b"ten bytes."] {
        let port = cx.free_port(hil_kit::Protocol::Tcp)?;
        let mut tcp = ghost.tcp(port, &TcpOptions::default());
        tcp.seg().flags(Flags::SYN).seq(-1).data(data).send();
        let got = tcp.expect_rst(SOON).await?;
        let end = data.len() as i64;
        cx.require(
            got.has(Flags::ACK) && got.raw_seq == 0 && got.ack == end,
            "numbers",
            format!("RST+ACK with seq 0 and ack {end}"),
            format!("{got}, on the wire seq {}", got.raw_seq),
        )?;
    }
    Ok(())
}

/// A closed port answers a segment that acknowledges something with a reset at that place.
#[case(level = Must, cite = ["packet.tcp.closed-port-ack", "TCP-W-21"], needs = [Tcp, Cable], profile = Quick)]
async fn closed_port_acknowledged(cx: &mut Ctx) -> Outcome {
    const PLACE: u32 = 0x1234_5678;
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    for flags in [Flags::ACK, Flags::ACK | Flags::FIN] {
        let port = cx.free_port(hil_kit::Protocol::Tcp)?;
        let mut tcp = ghost.tcp(port, &TcpOptions::default());
        tcp.seg()
            .flags(flags)
            .seq(0)
            .spoil(|craft| {
                craft.edit_transport(|segment| {
                    if let Some(ack) = segment.get_mut(8..12) {
                        ack.copy_from_slice(&PLACE.to_be_bytes());
                    }
                })
            })
            .send();
        let got = tcp.expect_rst(SOON).await?;
        cx.require(
            got.raw_seq == PLACE && !got.has(Flags::ACK),
            "numbers",
            format!("RST with seq {PLACE} and no ACK"),
            format!("{got}, on the wire seq {}", got.raw_seq),
        )?;
    }
    Ok(())
}

/// A closed port answers a segment without ACK with a reset that acknowledges all of it.
#[case(level = Must, cite = ["packet.tcp.closed-port-no-ack", "TCP-W-20"], needs = [Tcp, Cable], profile = Quick)]
async fn closed_port_unacknowledged(cx: &mut Ctx) -> Outcome {
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    for (flags, data, end) in [
        (Flags::FIN, &b""[..], 1),
        (Flags::PSH, b"ten bytes.", 10),
        (Flags::FIN, b"ten bytes.", 11),
    ] {
        let port = cx.free_port(hil_kit::Protocol::Tcp)?;
        let mut tcp = ghost.tcp(port, &TcpOptions::default());
        tcp.seg().flags(flags).seq(0).data(data).send();
        let got = tcp.expect_rst(SOON).await?;
        cx.require(
            got.has(Flags::ACK) && got.raw_seq == 0 && got.ack == end,
            "numbers",
            format!("RST+ACK with seq 0 and ack {end}"),
            format!("{got}, on the wire seq {}", got.raw_seq),
        )?;
    }
    Ok(())
}

/// A reset is never answered, neither by a closed port nor by a listener.
#[case(level = Must, cite = ["packet.tcp.reset-unanswered", "TCP-W-22"], needs = [Tcp, Server, Cable], profile = Full)]
async fn reset_is_not_answered(cx: &mut Ctx) -> Outcome {
    let (listener, ghost) = listening(cx, 1).await?;
    let closed = cx.free_port(hil_kit::Protocol::Tcp)?;
    ghost.mark();
    for port in [closed, listener.port()] {
        for flags in [Flags::RST, Flags::RST | Flags::ACK] {
            let mut tcp = ghost.tcp(port, &TcpOptions::default());
            tcp.seg().flags(flags).seq(0).send();
        }
    }
    ghost.silence(hil_kit::wire::tcp(), SILENCE).await?;
    let (child, mut peer) = accepted(cx, &listener, &ghost, TcpOptions::default()).await?;
    converse(&child, &mut peer).await
}

/// A SYN on a connection is answered by an ACK, so that a peer that has rebooted can begin anew.
///
/// Neither one within the window nor one far outside changes the connection; what ends it is the reset that the
/// rebooted peer sends at the place which the ACK told. A stack may follow RFC 793 and reset at once on a SYN in the
/// window.
#[case(level = Must, cite = ["packet.tcp.syn-challenged", "TCP-W-39"], needs = [Tcp, Server, Cable], profile = Full)]
async fn syn_on_a_connection(cx: &mut Ctx) -> Outcome {
    const IN_WINDOW: i64 = 10;
    let (listener, ghost) = listening(cx, 2).await?;
    let (child, mut peer) = accepted(cx, &listener, &ghost, TcpOptions::default()).await?;
    converse(&child, &mut peer).await?;
    let wire = cx.wire()?;
    let mut is_reset = false;
    for distance in [1 << 30, IN_WINDOW] {
        let (place, heard) = (peer.place(), peer.rcv_nxt());
        peer.mark();
        peer.seg().flags(Flags::SYN).seq(place + distance).send();
        let words = format!("ACK with seq {heard} and ack {place}");
        let challenge = |got: &Got| got.is_pure_ack() && got.seq == heard && got.ack == place;
        let rst = |got: &Got| got.has(Flags::RST) && distance == IN_WINDOW;
        let got = peer
            .expect_as("challenge", &words, SOON, |got| challenge(got) || rst(got))
            .await?;
        if rst(&got) {
            cx.lenient("RFC 793 §3.9: a SYN in the window is an error that resets");
            is_reset = true;
        }
        wire.pause(SPACING).await;
    }
    if !is_reset {
        converse(&child, &mut peer).await?;
        let place = peer.acked();
        peer.seg().flags(Flags::RST).seq(place).window(0).send();
    }
    is_gone(&child).await?;

    let same = TcpOptions::default().port(peer.port());
    let (again, mut peer) = accepted(cx, &listener, &ghost, same).await?;
    converse(&again, &mut peer).await
}

/// A reset in the window but not at its beginning is challenged, and the connection lives on.
#[case(level = Should, cite = ["packet.tcp.reset-challenged", "TCP-W-90"], needs = [Tcp, Cable], profile = Full)]
async fn reset_in_the_window(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = opened(cx, TcpOptions::default()).await?;
    converse(&tcp, &mut peer).await?;
    cx.positive_control();
    let wire = cx.wire()?;
    let window = i64::from(peer.board_window());
    for distance in [1, 100, window - 1] {
        let (place, heard) = (peer.place(), peer.rcv_nxt());
        peer.mark();
        peer.seg()
            .flags(Flags::RST)
            .seq(place + distance)
            .window(0)
            .send();
        challenged(&mut peer, heard, place).await?;
        wire.pause(SPACING).await;
    }
    converse(&tcp, &mut peer).await
}

/// A reset outside of the window is not answered, and does nothing.
#[case(level = Must, cite = ["packet.tcp.reset-outside", "TCP-W-91"], needs = [Tcp, Cable], profile = Full)]
async fn reset_outside_the_window(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = opened(cx, TcpOptions::default()).await?;
    converse(&tcp, &mut peer).await?;
    let window = i64::from(peer.board_window());
    let place = peer.place();
    peer.mark();
    for distance in [-1, window + 1000, 1 << 30] {
        peer.seg()
            .flags(Flags::RST)
            .seq(place + distance)
            .window(0)
            .send();
    }
    peer.silence(SILENCE).await?;
    converse(&tcp, &mut peer).await
}

/// A reset exactly where the board expects the next byte ends the connection at once, and is not answered.
#[case(level = Must, cite = ["packet.tcp.reset-taken", "TCP-W-89"], needs = [Tcp, Lanes, Cable], profile = Full)]
async fn reset_is_taken(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = opened(cx, TcpOptions::default()).await?;
    converse(&tcp, &mut peer).await?;
    let recv = tcp.recv(16).blocked().await?;

    peer.mark();
    peer.rst();

    recv.finish()
        .await?
        .expect(crate::codes::broken())?
        .elapsed_at_most(Duration::ZERO, SOON)?;
    peer.silence(SILENCE).await
}

/// Challenges are limited, connection by connection, and two sides that answer each other do not go on for ever.
///
/// A ghost answers each ACK with the same bad reset, then sends them without being asked: at most ten ACKs a second come
/// of it. Another connection is challenged meanwhile.
#[case(level = Should, cite = ["packet.tcp.challenges-limited", "TCP-W-93"], needs = [Tcp, Cable], profile = Full)]
async fn challenges_are_limited(cx: &mut Ctx) -> Outcome {
    const A_SECOND: usize = 10;
    let (tcp, mut peer) = opened(cx, TcpOptions::default()).await?;
    let (other, mut bystander) = opened(cx, TcpOptions::default()).await?;
    converse(&tcp, &mut peer).await?;
    converse(&other, &mut bystander).await?;
    cx.positive_control();
    let wire = cx.wire()?;

    peer.mark();
    let mut answers = 0;
    let began = Instant::now();
    bad_reset(&mut peer);
    while began.elapsed() < Duration::from_secs(1)
        && peer
            .wait_for(Duration::from_millis(200), |_| true)
            .await
            .is_some()
    {
        answers += 1;
        bad_reset(&mut peer);
    }
    for _ in 0..50 {
        bad_reset(&mut peer);
        wire.pause(Duration::from_millis(20)).await;
    }
    answers += peer.since_mark().len();
    let seconds = began.elapsed().as_secs_f64().ceil();
    let limit = A_SECOND as f64 * seconds;
    cx.require(
        answers > 0 && answers as f64 <= limit,
        "rate",
        format!("1 to {limit} answers in {seconds} s"),
        answers.to_string(),
    )?;

    let (place, heard) = (bystander.place(), bystander.rcv_nxt());
    bystander.mark();
    bad_reset(&mut bystander);
    challenged(&mut bystander, heard, place).await?;
    wire.pause(SPACING).await;
    converse(&tcp, &mut peer).await?;
    converse(&other, &mut bystander).await
}

fn bad_reset(peer: &mut GhostTcp) {
    let place = peer.place();
    peer.seg()
        .flags(Flags::RST)
        .seq(place + 10)
        .window(0)
        .send();
}
