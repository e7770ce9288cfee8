//! TCP: opening connections, from either side, with odd segments in between; initial sequence numbers.

use core::net::Ipv4Addr;
use core::time::Duration;
use std::collections::BTreeSet;

use hil_kit::wire::{self, Craft, Flags, Ghost, GhostListener, Got, Node, TcpOptions};
use hil_kit::{Ctx, Error, Fails, Outcome, Protocol, Status, Stop, case};

use super::tcp::{SILENCE, SOON, accept_from, accepted, backs_off, converse, listening, opened_to};
use super::tcp_send::{REPEATED, repetitions};

/// Options of an ordinary SYN: MSS 1460.
const MSS: [u8; 4] = [2, 4, 0x05, 0xb4];
/// Ports of the ghost that connections for initial sequence numbers go to.
const PORTS: usize = 4;

/// A SYN to or from a broadcast or multicast address is dropped silently, and the listener goes on listening.
#[case(level = Must, cite = ["packet.tcp.syn-to-many", "TCP-W-24"], needs = [Tcp, Server, Ipv4, Cable], profile = Full)]
async fn syn_to_many(cx: &mut Ctx) -> Outcome {
    let (listener, ghost) = listening(cx, 2).await?;
    let wire = cx.wire()?;
    let (open, closed) = (listener.port(), cx.free_port(Protocol::Tcp)?);
    let many = [
        Node::broadcast(Ipv4Addr::BROADCAST),
        Node::broadcast(wire.broadcast()),
        Node::group(Ipv4Addr::new(224, 0, 0, 1)),
    ];
    let nobodies = [
        Ipv4Addr::UNSPECIFIED,
        Ipv4Addr::BROADCAST,
        Ipv4Addr::new(224, 0, 0, 9),
    ];
    let ends = many
        .into_iter()
        .map(|to| (ghost.node(), to))
        .chain(nobodies.map(|from| (ghost.node().at(from), ghost.board())));
    wire.mark();
    for ((from, to), number) in ends.zip(50_000_u16..) {
        for port in [open, closed] {
            wire.inject(syn(from, number, to, port));
        }
    }
    let answer = wire::from_board().tcp();
    let answer = answer.clone().src_port(open).or(answer.src_port(closed));
    wire.silence(answer, SILENCE).await?;

    let (child, mut peer) = accepted(cx, &listener, &ghost, TcpOptions::default()).await?;
    converse(&child, &mut peer).await?;
    listener.set_blocking(false).await?;
    listener.accept().await?.expect(Fails(Error::WOULD_BLOCK))?;
    Ok(())
}

/// A SYN as a node sends it that a ghost only pretends to be.
fn syn(from: Node, src_port: u16, to: Node, dst_port: u16) -> Craft {
    Craft::tcp(from, src_port, to, dst_port)
        .flags(Flags::SYN)
        .seq_ack(1_000_000, 0)
        .window(8192)
        .tcp_options(&MSS)
}

/// A SYN from the board's own address and port does no harm: the listener goes on listening.
#[case(level = Must, cite = ["packet.tcp.land", "TCP-W-25"], needs = [Tcp, Server, Cable], profile = Full)]
async fn syn_from_itself(cx: &mut Ctx) -> Outcome {
    let (listener, ghost) = listening(cx, 2).await?;
    let wire = cx.wire()?;
    let itself = ghost.board();
    let port = listener.port();
    wire.mark();
    wire.inject(syn(itself.with_mac(ghost.mac()), port, itself, port));
    let to_itself = wire::from_board().tcp().dst_ip(itself.ip);
    let asks = wire::from_board().asks_for(itself.ip);
    wire.silence(to_itself.or(asks), SILENCE).await?;
    let (child, mut peer) = accepted(cx, &listener, &ghost, TcpOptions::default()).await?;
    converse(&child, &mut peer).await
}

/// A reset of an opening that is half done gives its place in the queue back.
///
/// More such openings than the queue has places, then a real one: accept hands out that one alone.
#[case(level = Must, cite = ["packet.tcp.reset-while-opening", "TCP-W-31"], needs = [Tcp, Server, Cable], profile = Quick)]
async fn reset_while_opening(cx: &mut Ctx) -> Outcome {
    let (listener, ghost) = listening(cx, 1).await?;
    for _ in 0..cx.limits().backlog.min(32) + 3 {
        let mut half = ghost.tcp(listener.port(), &TcpOptions::default());
        half.syn();
        half.expect_syn_ack(SOON).await?;
        half.rst();
    }
    let (child, mut peer) = accepted(cx, &listener, &ghost, TcpOptions::default()).await?;
    converse(&child, &mut peer).await?;
    listener.set_blocking(false).await?;
    listener.accept().await?.expect(Fails(Error::WOULD_BLOCK))?;
    Ok(())
}

/// An ACK at a listener is reset at its place, and an ACK of what was not sent while opening, too; the opening goes on.
#[case(level = Must, cite = ["packet.tcp.ack-while-opening", "TCP-W-23", "TCP-W-30"], needs = [Tcp, Server, Cable], profile = Quick)]
async fn ack_while_opening(cx: &mut Ctx) -> Outcome {
    let (listener, ghost) = listening(cx, 2).await?;
    let mut stray = ghost.tcp(listener.port(), &TcpOptions::default());
    stray.seg().flags(Flags::ACK).seq(0).send();
    let got = stray.expect_rst(SOON).await?;
    cx.require(
        got.raw_seq == 0 && !got.has(Flags::ACK),
        "numbers",
        "RST at the acknowledged place, on the wire 0, and no ACK",
        format!("{got}, on the wire seq {}", got.raw_seq),
    )?;

    let mut peer = ghost.tcp(listener.port(), &TcpOptions::default());
    peer.syn();
    peer.expect_syn_ack(SOON).await?;
    peer.seg().ack(1).send();
    peer.expect_as("reset", "RST with seq 1", SOON, |got| {
        got.has(Flags::RST) && got.seq == 1
    })
    .await?;
    peer.seg().ack(0).send();
    let child = accept_from(cx, &listener, &peer).await?;
    converse(&child, &mut peer).await
}

/// While opening, only a reset that acknowledges the SYN counts, and that one ends the attempt.
#[case(level = Must, cite = ["packet.tcp.reset-of-attempt", "TCP-W-32"], needs = [Tcp, Cable], profile = Full)]
async fn reset_of_an_attempt(cx: &mut Ctx) -> Outcome {
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    let mut listener = ghost.tcp_listen(TcpOptions::default());
    let tcp = super::tcp::patient(cx).await?;
    let connect = tcp.connect(listener.address()).start().await?;
    let mut peer = listener.syn(SOON).await?;
    peer.seg().flags(Flags::RST).seq(0).send();
    peer.seg()
        .flags(Flags::RST | Flags::ACK)
        .seq(0)
        .ack(5)
        .send();
    peer.expect_as("again", "SYN again", Duration::from_millis(3200), |got| {
        got.has(Flags::SYN)
    })
    .await?;
    peer.seg()
        .flags(Flags::RST | Flags::ACK)
        .seq(0)
        .ack(0)
        .send();
    connect.finish().await?.expect(crate::codes::refused())?;
    Ok(())
}

/// While opening, an ACK of something else is reset, and the attempt goes on.
///
/// A bare ACK comes from a peer that still has an older connection of the same ports, SYN+ACK from a confused one.
#[case(level = Must, cite = ["packet.tcp.foreign-ack-of-attempt", "TCP-W-33", "TCP-W-34"], needs = [Tcp, Cable], profile = Full)]
async fn foreign_ack_of_an_attempt(cx: &mut Ctx) -> Outcome {
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    for flags in [Flags::ACK, Flags::SYN | Flags::ACK] {
        let mut listener = ghost.tcp_listen(TcpOptions::default());
        let tcp = super::tcp::patient(cx).await?;
        let connect = tcp.connect(listener.address()).start().await?;
        let mut peer = listener.syn(SOON).await?;
        peer.seg().flags(flags).seq(-1).ack(77).send();
        peer.expect_as("reset", "RST with seq 77", SOON, |got| {
            got.has(Flags::RST) && got.seq == 77
        })
        .await?;
        peer.syn_ack();
        peer.expect_as("handshake", "ACK of the SYN", SOON, |got| got.acks(0))
            .await?;
        connect.finish().await?.expect(hil_kit::Done)?;
        converse(&tcp, &mut peer).await?;
    }
    Ok(())
}

/// SYN+ACK that is not acknowledged comes again, the same each time and further and further apart; a late ACK opens.
#[case(level = Must, cite = ["packet.tcp.syn-ack-repeated", "TCP-W-26"], needs = [Tcp, Server, Cable], profile = Full, deadline_ms = 12_000)]
async fn syn_ack_is_repeated(cx: &mut Ctx) -> Outcome {
    let (listener, ghost) = listening(cx, 1).await?;
    let mut peer = ghost.tcp(listener.port(), &TcpOptions::default());
    peer.syn();
    let copies = repetitions(&mut peer, |got| got.has(Flags::SYN | Flags::ACK)).await;
    cx.require(
        copies.len() >= 3,
        "copies",
        "SYN+ACK and two repetitions at least",
        format!("{copies:?}"),
    )?;
    same_opening(cx, &copies)?;
    let times: Vec<Duration> = copies.iter().map(|copy| copy.at).collect();
    peer.seg().send();
    let child = accept_from(cx, &listener, &peer).await?;
    converse(&child, &mut peer).await?;
    backs_off(cx, &times)
}

/// A SYN that nobody answers comes again, the same each time and further and further apart; a late answer opens.
#[case(level = Must, cite = ["packet.tcp.syn-repeated", "TCP-W-27"], needs = [Tcp, Cable], profile = Full, deadline_ms = 12_000)]
async fn syn_is_repeated(cx: &mut Ctx) -> Outcome {
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    let mut listener = ghost.tcp_listen(TcpOptions::default());
    let tcp = cx.tcp().await?;
    let connect = tcp.connect(listener.address()).start().await?;
    let mut peer = listener.syn(SOON).await?;
    let syns = wire::from_board().syn().dst_port(peer.port());
    let Some(first) = cx.wire()?.frames(&syns).first().map(|frame| frame.at) else {
        return Err(hil_kit::Trouble::CaseBug("a SYN came, and is not there".into()).into());
    };
    let mut copies = Vec::new();
    for _ in 0..2 {
        let copy = peer
            .expect_as("copies", "SYN again", REPEATED, |got| got.has(Flags::SYN))
            .await?;
        copies.push(copy);
    }
    let mut times = vec![first];
    times.extend(copies.iter().map(|copy| copy.at));
    cx.require(
        times[1].saturating_sub(first) >= Duration::from_millis(900),
        "timeout",
        "about a second until the first repetition, or more",
        format!("{times:?}"),
    )?;
    same_opening(cx, &copies)?;
    peer.syn_ack();
    connect.finish().await?.expect(hil_kit::Done)?;
    converse(&tcp, &mut peer).await?;
    backs_off(cx, &times)
}

/// Segments that open a connection are the same each time.
fn same_opening(cx: &Ctx, copies: &[Got]) -> Outcome {
    // Not the bytes of all options: timestamps go on.
    let options = |copy: &Got| (copy.mss, copy.window_scale, copy.options.len());
    let is_same = |copy: &Got| {
        copy.seq == -1 && copy.raw_seq == copies[0].raw_seq && options(copy) == options(&copies[0])
    };
    cx.require(
        copies.iter().all(is_same),
        "content",
        "the same number and options",
        format!("{copies:?}"),
    )
}

/// Initial sequence numbers of the board's connections, in the order in which it opened them.
async fn initial_numbers(cx: &Ctx, ghost: &Ghost, count: usize) -> Result<Vec<u32>, Stop> {
    let mut listeners: Vec<GhostListener> = (0..PORTS)
        .map(|_| ghost.tcp_listen(TcpOptions::default()))
        .collect();
    let mut numbers = Vec::new();
    for index in 0..count {
        let listener = &mut listeners[index % PORTS];
        let (tcp, mut peer) = opened_to(cx, listener).await?;
        numbers.extend(peer.board_isn());
        peer.rst();
        tcp.delete().await?;
    }
    Ok(numbers)
}

fn steps(numbers: &[u32]) -> Vec<u32> {
    numbers
        .windows(2)
        .map(|pair| pair[1].wrapping_sub(pair[0]))
        .collect()
}

/// Initial sequence numbers differ from connection to connection, and not by the same step each time.
#[case(level = Must, cite = ["packet.tcp.initial-numbers", "TCP-W-37"], needs = [Tcp, Cable], profile = Full)]
async fn initial_numbers_differ(cx: &mut Ctx) -> Outcome {
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    let numbers = initial_numbers(cx, &ghost, 20).await?;
    let distinct: BTreeSet<u32> = numbers.iter().copied().collect();
    let distinct_steps: BTreeSet<u32> = steps(&numbers).into_iter().collect();
    cx.require(
        distinct.len() == numbers.len() && numbers.len() == 20,
        "constant",
        "20 different numbers",
        format!("{numbers:?}"),
    )?;
    cx.require(
        distinct_steps.len() > 1,
        "step",
        "different steps between them",
        format!("{numbers:?}"),
    )
}

/// Initial sequence numbers cannot be guessed from those of other connections.
///
/// Numbers that follow a clock alone lie close together; with a secret of each pair of addresses and ports (RFC 6528 §3)
/// they lie anywhere, so of 19 steps at least 5 are more than 2^24 wide (it fails once in 10^40).
#[case(level = Should, cite = ["packet.tcp.initial-numbers-secret", "TCP-W-37"], needs = [Tcp, Cable], profile = Full)]
async fn initial_numbers_are_secret(cx: &mut Ctx) -> Outcome {
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    let numbers = initial_numbers(cx, &ghost, 20).await?;
    cx.positive_control();
    let wide = steps(&numbers)
        .into_iter()
        .filter(|step| step.cast_signed().unsigned_abs() > 1 << 24)
        .count();
    cx.require(
        wide >= 5,
        "guessable",
        "numbers anywhere",
        format!("{numbers:?}"),
    )
}

/// Initial sequence numbers do not repeat after a restart.
///
/// The first connections after one restart are compared with the first after another, with all ports of the peer the
/// same.
#[case(level = Must, cite = ["packet.tcp.initial-numbers-restart", "TCP-W-37"], needs = [Tcp, Cable], profile = Full, tags = ["exclusive"], deadline_ms = 60_000)]
async fn initial_numbers_after_restart(cx: &mut Ctx) -> Outcome {
    const UP: Duration = Duration::from_secs(15);
    let mut boots = Vec::new();
    for _ in 0..2 {
        cx.restart().await?;
        cx.interface().becomes(Status::GlobalUp, UP).await?;
        cx.wire()?.forget_board().await;
        let ghost = cx.ghost().await?;
        ghost.warm().await?;
        boots.push(initial_numbers(cx, &ghost, 5).await?);
    }
    let first: BTreeSet<u32> = boots[0].iter().copied().collect();
    cx.require(
        boots.iter().all(|numbers| numbers.len() == 5)
            && boots[1].iter().all(|number| !first.contains(number))
            && steps(&boots[0]) != steps(&boots[1]),
        "repeated",
        "other numbers after the second restart",
        format!("{boots:?}"),
    )
}
