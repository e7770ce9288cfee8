//! IPv4: headers, padding, source addresses, options, fragments.

use core::net::Ipv4Addr;
use core::time::Duration;

use hil_kit::wire::{self, Craft, Flags, Ghost, Mac, Pattern, TcpOptions};
use hil_kit::{Bytes, Ctx, Error, Fails, Outcome, Udp, case};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(1);
/// How long nothing must come.
const QUIET: Duration = Duration::from_millis(500);
/// Identifier of the echo requests here.
const ID: u16 = 0x4950;
/// How long a datagram that is delivered may take, in milliseconds.
const PATIENCE_MS: i32 = 2_000;

/// Echo replies to the requests of this file, to whomever.
fn echoes() -> Pattern {
    wire::from_board()
        .echo_reply()
        .that("of this case", |packet| {
            packet.icmp().is_some_and(|icmp| icmp.echo_id().0 == ID)
        })
}

/// Requires that nothing waits at the socket. What came before has been seen by the board once it answers a ping.
async fn nothing_waits(cx: &Ctx, udp: &Udp) -> Outcome {
    cx.wire()?.ping().await?;
    udp.set_blocking(false).await?;
    udp.recv_from(64).await?.expect(Fails(Error::WOULD_BLOCK))?;
    udp.set_timeout(PATIENCE_MS).await?;
    Ok(())
}

/// Version, header length and total length are checked against the frame; what does not fit is dropped.
#[case(level = Must, cite = ["packet.ipv4.header", "IP4-W-02"], needs = [Cable, Ipv4, Tcp, Udp], profile = Full)]
async fn header(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let witness = cx.witness().await?;
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    let good = || ghost.echo_request(ID, 1, cx.data(26));
    let mut frames: Vec<Vec<u8>> = Vec::new();
    for first in [0x05, 0x55, 0x65, 0xf5, 0x40, 0x41, 0x42, 0x43, 0x44, 0x4f] {
        frames.push(good().edit_ip(move |ip| ip[0] = first).bytes());
    }
    for length in [0, 1, 19, 20 + 8 + 26 + 7, 1500, 65_535] {
        frames.push(good().total_length(length).bytes());
    }
    let whole = good().bytes();
    frames.extend((15..34).map(|length| whole[..length].to_vec()));
    ghost.mark();
    wire.inject_all("IPv4 packet with a bad header", frames);
    ghost.silence(echoes(), QUIET).await?;
    ghost.send(good());
    ghost.expect_as("good", echoes(), ANSWER).await?;
    witness.check(cx).await
}

/// The total length says what belongs to the packet; what fills the frame up is not data.
///
/// Datagrams of 0, 1 and 5 bytes and a bare acknowledgement, padded with bytes that are not zero.
#[case(level = Must, cite = ["packet.ipv4.padding", "IP4-W-03"], needs = [Cable, Ipv4, Udp, Server], profile = Quick)]
async fn padding(cx: &mut Ctx) -> Outcome {
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    let udp = cx.bound_udp().await?;
    udp.set_timeout(PATIENCE_MS).await?;
    for length in [0_usize, 1, 5] {
        let data = cx.data(length);
        let filling = vec![0x5a; 60 - 42 - length];
        ghost.send(ghost.udp(4_000, udp.port(), data.clone()).padding(filling));
        udp.recv_from(64).await?.expect(Bytes(&data))?;
    }

    let listener = cx.listener(1).await?;
    let mut peer = ghost
        .tcp_connect(listener.port(), TcpOptions::default())
        .await?;
    let (tcp, _) = listener.accept().await?.connection()?;
    let filling = |craft: Craft| craft.padding(vec![0x5a; 6]);
    peer.seg().spoil(filling).send();
    cx.wire()?.ping().await?;
    tcp.set_blocking(false).await?;
    tcp.recv(64).await?.expect(Fails(Error::WOULD_BLOCK))?;
    tcp.set_timeout(PATIENCE_MS).await?;
    peer.seg()
        .data(b"four")
        .spoil(|craft| craft.padding(vec![0x5a; 2]))
        .advance()
        .send();
    tcp.recv(64).await?.expect(Bytes(b"four"))?;
    peer.expect_ack(4, ANSWER).await?;
    peer.rst();
    Ok(())
}

/// Offers the board an echo request, a datagram and a SYN, as `change` makes them.
fn offer(cx: &Ctx, ghost: &Ghost, udp_port: u16, tcp_port: u16, change: impl Fn(Craft) -> Craft) {
    let syn = ghost.segment(4_002, tcp_port).flags(Flags::SYN);
    ghost.send(change(ghost.echo_request(ID, 1, cx.data(10))));
    ghost.send(change(ghost.udp(4_001, udp_port, cx.data(10))));
    ghost.send(change(syn));
}

/// Packets from addresses that no host can have are dropped, whatever they carry.
///
/// Loopback, the board's own address, 0.0.0.0, a group, the broadcast addresses, class E: an echo request, a datagram to
/// a bound socket and a SYN to a listener each. Nothing is answered, nothing delivered.
#[case(level = Must, cite = ["packet.ipv4.source", "IP4-W-05"], needs = [Cable, Ipv4, Udp, Server], profile = Full)]
async fn source(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    let udp = cx.bound_udp().await?;
    let listener = cx.listener(1).await?;
    let own = match ghost.board().ip {
        core::net::IpAddr::V4(ip) => ip,
        core::net::IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    };
    let impossible = [
        Ipv4Addr::LOCALHOST,
        own,
        Ipv4Addr::UNSPECIFIED,
        Ipv4Addr::new(224, 0, 0, 9),
        Ipv4Addr::BROADCAST,
        wire.broadcast(),
        Ipv4Addr::new(240, 0, 0, 1),
    ];
    wire.mark();
    for source in impossible {
        offer(cx, &ghost, udp.port(), listener.port(), |craft| {
            craft.src_ip(source)
        });
    }
    let answers = echoes()
        .or(wire::from_board().tcp().src_port(listener.port()))
        .or(wire::from_board().icmp_error());
    wire.silence_unwitnessed(answers, QUIET).await?;
    udp.set_blocking(false).await?;
    for _ in impossible {
        udp.recv_from(64).await?.expect(Fails(Error::WOULD_BLOCK))?;
    }
    // The same from an address that may be: all three are served.
    wire.mark();
    offer(cx, &ghost, udp.port(), listener.port(), |craft| craft);
    ghost.expect_as("good", echoes(), ANSWER).await?;
    ghost
        .expect_as("listener", ghost.inbox().syn_ack(), ANSWER)
        .await?;
    udp.set_timeout(PATIENCE_MS).await?;
    udp.recv_from(64).await?.expect(hil_kit::SizeUpTo(10))?;
    ghost.send(ghost.segment(4_002, listener.port()).flags(Flags::RST));
    Ok(())
}

/// A packet for one address in a frame for many is dropped; in no case is it answered by a reset or an error.
///
/// An echo request, datagrams to an open and a closed port, a SYN to a listener and to a closed port, in a frame for
/// everybody (RFC 1122 §3.3.6 says SHOULD).
#[case(level = Should, cite = ["packet.ipv4.link-broadcast", "IP4-W-06"], needs = [Cable, Ipv4, Udp, Server], profile = Full)]
async fn link_broadcast(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    let udp = cx.bound_udp().await?;
    let listener = cx.listener(1).await?;
    let closed = cx.free_port(hil_kit::Protocol::Tcp)?;
    ghost.send(ghost.echo_request(ID, 1, cx.data(10)));
    ghost.expect_as("control", echoes(), ANSWER).await?;
    cx.positive_control();

    wire.mark();
    let everybody = |craft: Craft| craft.dst_mac(Mac::BROADCAST);
    offer(cx, &ghost, udp.port(), listener.port(), everybody);
    ghost.send(everybody(ghost.udp(4_003, closed, cx.data(10))));
    ghost.send(everybody(ghost.segment(4_004, closed).flags(Flags::SYN)));
    ghost
        .silence(ghost.inbox().icmp_error().or(ghost.inbox().rst()), QUIET)
        .await?;
    let served = wire.frames(&ghost.inbox().syn_ack());
    cx.require(
        served.is_empty(),
        "connection",
        "no connection from a SYN in a frame for everybody",
        format!("{} SYN-ACK", served.len()),
    )?;
    udp.set_blocking(false).await?;
    udp.recv_from(64).await?.expect(Fails(Error::WOULD_BLOCK))?;
    Ok(())
}

/// Options are skipped, known or not; malformed ones do no harm, and nothing is forwarded.
///
/// A reply carries no stale options, and its total length is right. Source routes are not followed.
#[case(level = Must, cite = ["packet.ipv4.options", "IP4-W-08"], needs = [Cable, Ipv4, Tcp, Udp], profile = Full)]
async fn options(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let witness = cx.witness().await?;
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    let route = |kind: u8, pointer: u8| {
        let mut option = vec![kind, 11, pointer];
        option.extend(wire.plan().host_ipv4[0].octets());
        option.extend(wire.plan().host_ipv4[1].octets());
        option
    };
    let mut sets: Vec<Vec<u8>> = vec![
        vec![1; 8],
        route(7, 4),
        vec![68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        vec![148, 4, 0, 0],
        vec![200, 6, 1, 2, 3, 4],
        route(131, 12),
        route(137, 12),
        route(131, 4),
        route(137, 4),
    ];
    for kind in [7, 68, 131, 148, 200] {
        for length in [0, 1, 2, 41, 255] {
            sets.push(vec![kind, length, 4, 0]);
        }
        for pointer in [0, 3, 255] {
            sets.push(route(kind, pointer));
        }
    }
    ghost.mark();
    let count = sets.len();
    for (sequence, options) in sets.into_iter().enumerate() {
        let sequence = u16::try_from(sequence).unwrap_or(0);
        let request = ghost.echo_request(ID, sequence, &b"with options"[..]);
        wire.inject_quietly(request.ip_options(&options));
        // One at a time: some may legally be answered by an error.
        ghost.ping(b"next").await?;
    }
    let replies = wire.frames(&echoes());
    cx.say(format!(
        "host: {} of {count} requests with options are answered",
        replies.len()
    ));
    for reply in replies {
        let packet = reply.packet();
        let whole = packet
            .icmp()
            .is_some_and(|icmp| icmp.body == b"with options");
        cx.require(
            whole,
            "reply",
            "the data of the request, whole",
            format!("{packet}"),
        )?;
    }
    let own = ghost.board().ip;
    let foreign = wire::from_board()
        .ipv4()
        .that("from another address", move |packet| {
            packet.src_ip().is_some_and(|ip| ip != own)
        });
    let forwarded = wire.frames(&foreign);
    cx.require(
        forwarded.is_empty(),
        "forwarded",
        "nothing is forwarded",
        forwarded
            .first()
            .map_or_else(String::new, |frame| format!("{}", frame.packet())),
    )?;
    witness.check(cx).await
}

/// Fragments that overlap, overflow or lie about their end are never delivered as a mixture, and do no harm.
#[case(level = Must, cite = ["packet.ipv4.fragments", "IP4-W-12"], needs = [Cable, Ipv4, Tcp, Udp], profile = Full)]
async fn hostile_fragments(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let witness = cx.witness().await?;
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    let udp = cx.bound_udp().await?;
    let data = cx.data(64);
    let whole = ghost.udp(4_000, udp.port(), data.clone());
    // The datagram with its UDP header, to be cut by hand.
    let body = whole.bytes()[34..34 + 72].to_vec();
    let piece = |id: u16, offset: u16, bytes: &[u8], more: bool| {
        Craft::ip(ghost.node(), ghost.board(), 17, bytes.to_vec())
            .ip_id(id)
            .fragment(offset, more)
            .bytes()
    };
    let other: Vec<u8> = body.iter().map(|byte| !byte).collect();
    let sets: [(&str, Vec<Vec<u8>>); 7] = [
        (
            "fragments that overlap with other bytes",
            vec![
                piece(1, 0, &body[..40], true),
                piece(1, 24, &other[24..48], true),
                piece(1, 48, &body[48..], false),
            ],
        ),
        (
            "fragments one inside of the other",
            vec![
                piece(2, 0, &body[..48], true),
                piece(2, 16, &other[16..24], false),
                piece(2, 48, &body[48..], false),
            ],
        ),
        (
            "fragments that end beyond 65535",
            vec![
                piece(3, 0, &body[..40], true),
                piece(3, 65_528, &body[40..], false),
            ],
        ),
        (
            "a first fragment whose length is not a multiple of 8",
            vec![
                piece(4, 0, &body[..43], true),
                piece(4, 40, &other[40..], false),
            ],
        ),
        (
            "fragments without data",
            vec![
                piece(5, 0, &[], true),
                piece(5, 40, &[], true),
                piece(5, 72, &[], false),
            ],
        ),
        (
            "two ends",
            vec![
                piece(6, 40, &body[40..], false),
                piece(6, 24, &other[24..40], false),
                piece(6, 0, &body[..24], true),
            ],
        ),
        (
            "an offset whose bytes look like a datagram of their own",
            vec![piece(7, 1_480, &body, false)],
        ),
    ];
    for (words, frames) in sets {
        wire.inject_all(words, frames);
    }
    cx.wire()?.ping().await?;
    udp.set_blocking(false).await?;
    loop {
        let answer = udp.recv_from(256).await?;
        if answer.failed_with(Error::WOULD_BLOCK) {
            break;
        }
        let answer = answer.expect(hil_kit::SizeUpTo(256))?;
        let got = answer.data();
        cx.require(
            got == data,
            "mixed",
            "nothing, or the datagram as it was",
            hil_kit::text::bytes(got),
        )?;
    }
    ghost.send(whole);
    udp.set_timeout(PATIENCE_MS).await?;
    udp.recv_from(256).await?.expect(Bytes(&data))?;
    nothing_waits(cx, &udp).await?;
    udp.delete().await?;
    witness.check(cx).await
}
