//! IPv6 and ICMPv6 (RFC 8200, RFC 4443): what must not reach a socket, what must be survived, what is answered.

use core::net::Ipv6Addr;
use core::time::Duration;

use hil_kit::wire::{Craft, Ghost, Node, from_board, protocol};
use hil_kit::{Bytes, Ctx, Error, Fails, Outcome, Udp, case, text};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(1);
/// How long no answer may come.
const SILENCE: Duration = Duration::from_millis(1200);
/// A port of the ghost.
const GHOST_PORT: u16 = 40_006;
/// All nodes of the link.
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// Data of an echo in the largest frame: MTU 1500 without the headers of IPv6 and ICMP.
const MOST: usize = 1452;
/// Numbers of extension headers (RFC 8200 §4).
const HOP_BY_HOP: u8 = 0;
const DESTINATION: u8 = 60;
/// Headers behind one another that nobody needs.
const CHAIN: usize = 60;

/// The next datagram is this one, and there is no other behind it.
async fn only(udp: &Udp, data: &[u8]) -> Outcome {
    udp.recv_from(64).await?.expect(Bytes(data))?;
    udp.set_blocking(false).await?;
    udp.recv_from(64).await?.expect(Fails(Error::WOULD_BLOCK))?;
    udp.set_blocking(true).await?;
    Ok(())
}

/// A datagram over IPv6 without a checksum, or with a wrong one, does not reach the socket; the right one behind it
/// does.
#[case(level = Must, cite = ["packet.ipv6.checksum", "IP6-W-06"], needs = [Udp, Ipv6, Cable], profile = Quick)]
async fn udp_without_checksum(cx: &mut Ctx) -> Outcome {
    let udp = cx.bound_udp().await?;
    let ghost = cx.ghost_v6().await?;
    ghost.warm().await?;
    let datagram = |data: &[u8]| ghost.udp(GHOST_PORT, udp.port(), data);

    ghost.send(datagram(b"unprotected").checksum(0));
    ghost.send(datagram(b"wrong").checksum_off_by(1));
    ghost.send(datagram(b"right"));

    only(&udp, b"right").await
}

/// Packets from addresses that no packet may come from, or to such that none may go to on a cable, do not reach the
/// socket.
///
/// From a group, from loopback; to loopback, to the group of this interface and to a reserved one. What comes behind
/// them does. (One from the board's own address may: no RFC forbids it over IPv6, and Linux takes it.)
#[case(level = Must, cite = ["packet.ipv6.addresses", "IP6-W-08"], needs = [Udp, Ipv6, Cable], profile = Quick)]
async fn bad_addresses(cx: &mut Ctx) -> Outcome {
    let udp = cx.bound_udp().await?;
    let ghost = cx.ghost_v6().await?;
    ghost.warm().await?;
    let datagram = |data: &[u8]| ghost.udp(GHOST_PORT, udp.port(), data);
    let interface = Ipv6Addr::new(0xff01, 0, 0, 0, 0, 0, 0, 1);
    let reserved = Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0);

    ghost.send(datagram(b"from a group").src_ip(ALL_NODES));
    ghost.send(datagram(b"from loopback").src_ip(Ipv6Addr::LOCALHOST));
    ghost.send(datagram(b"to loopback").dst_ip(Ipv6Addr::LOCALHOST));
    ghost.send(datagram(b"to interface-local").dst_ip(interface));
    ghost.send(datagram(b"to the reserved group").dst_ip(reserved));
    ghost.send(datagram(b"right"));

    only(&udp, b"right").await?;
    ghost.ping(b"still there").await.map(drop)
}

/// A packet whose lengths or extension headers lie is survived, and no cut or stuffed datagram comes of it.
///
/// Payload lengths beside the truth, options and headers that run over, long chains: what the socket gets of them is
/// whole or nothing. The board is as before.
#[case(
    level = Must,
    cite = ["packet.ipv6.lengths", "IP6-W-07"],
    needs = [Udp, Tcp, Ipv6, Cable],
    profile = Full,
    deadline_ms = 30_000
)]
async fn lying_lengths(cx: &mut Ctx) -> Outcome {
    const WHOLE: &[u8] = b"a whole datagram";
    let udp = cx.bound_udp().await?;
    let witness = cx.witness().await?;
    let ghost = cx.ghost_v6().await?;
    ghost.warm().await?;

    for (words, craft) in lies(&ghost, ghost.udp(GHOST_PORT, udp.port(), WHOLE)) {
        cx.say(format!("a packet lies: {words}"));
        ghost.send(craft);
        ghost.ping(words.as_bytes()).await?;
    }

    ghost.send(ghost.udp(GHOST_PORT, udp.port(), *b"the last one"));
    loop {
        let answer = udp.recv_from(64).await?;
        if answer.data() == b"the last one" {
            break;
        }
        let observed = text::received(answer.code(), answer.data());
        let whole = answer.data() == WHOLE;
        cx.require(whole, "data", "a whole datagram or none", observed)?;
    }
    witness.check(cx).await
}

/// An extension header: the number of what follows, its length field, options.
fn header(next: u8, length: u8, options: &[u8]) -> Vec<u8> {
    let mut bytes = vec![next, length];
    bytes.extend_from_slice(options);
    let size = bytes.len().next_multiple_of(8);
    bytes.resize(size, 0);
    bytes
}

/// Variations of a datagram that lie, in words and as frames.
fn lies(ghost: &Ghost, datagram: Craft) -> Vec<(&'static str, Craft)> {
    let right = u16::try_from(8 + 16).unwrap_or(0);
    let udp = protocol::UDP;
    let pad = [1, 4, 0, 0, 0, 0];
    let chain: Vec<u8> = (1..=CHAIN)
        .flat_map(|n| header(if n < CHAIN { DESTINATION } else { udp }, 0, &pad))
        .collect();
    let with = |first, bytes: Vec<u8>| datagram.clone().extensions(first, bytes);
    let length = |length| datagram.clone().total_length(length);
    let mut lies = vec![
        ("payload length 0", length(0)),
        ("payload length 1", length(1)),
        ("payload length without a header", length(7)),
        ("payload length too short", length(right - 1)),
        ("payload length too long", length(right + 1)),
        ("payload length far too long", length(u16::MAX)),
        ("the largest payload length without sign", length(0x7fff)),
        (
            "an echo request of no length",
            ghost.echo_request(1, 1, Vec::new()).total_length(0),
        ),
        ("a chain of headers", with(DESTINATION, chain)),
        (
            "hop-by-hop inside",
            with(
                DESTINATION,
                [header(HOP_BY_HOP, 0, &pad), header(udp, 0, &pad)].concat(),
            ),
        ),
    ];
    for (first, name) in [
        (
            HOP_BY_HOP,
            [
                "hop-by-hop alone",
                "hop-by-hop past the end",
                "hop-by-hop longest",
                "hop-by-hop with an option that runs over",
                "hop-by-hop with an endless option",
                "hop-by-hop with a jumbo length",
            ],
        ),
        (
            DESTINATION,
            [
                "options alone",
                "options past the end",
                "options longest",
                "options with one that runs over",
                "options with an endless one",
                "options with a jumbo length",
            ],
        ),
    ] {
        let headers = [
            header(udp, 0, &pad),
            header(udp, 4, &pad),
            header(udp, 255, &pad),
            header(udp, 0, &[1, 60, 0, 0]),
            header(udp, 0, &[0x1e, 255, 0, 0]),
            header(udp, 0, &[0xc2, 4, 0xff, 0xff, 0xff, 0xff]),
        ];
        for (words, bytes) in name.into_iter().zip(headers) {
            lies.push((words, with(first, bytes)));
        }
    }
    lies.push(("a frame cut in the header", datagram.clone().cut(14 + 30)));
    lies.push((
        "a frame cut behind the header",
        datagram.clone().cut(14 + 40),
    ));
    lies.push(("a frame cut in the datagram", datagram.clone().cut(14 + 45)));
    lies
}

/// Echo requests of all sizes come back exactly; one with a wrong checksum, or none, does not.
#[case(level = Must, cite = ["packet.ipv6.echo", "IP6-W-11"], needs = [Ipv6, Cable], profile = Full)]
async fn echo(cx: &mut Ctx) -> Outcome {
    let ghost = cx.ghost_v6().await?;
    ghost.warm().await?;
    for size in [0, 1, 2, 63, 1232, MOST] {
        let reply = ghost.ping(&cx.data(size)).await?;
        let right = reply.packet().checksum_ok() == Some(true);
        let observed = reply.packet().to_string();
        cx.require(right, "checksum", "a right checksum", observed)?;
    }

    ghost.mark();
    ghost.send(ghost.echo_request(0x4936, 1, *b"wrong").checksum_off_by(1));
    ghost.send(ghost.echo_request(0x4936, 2, *b"none").checksum(0));
    let replies = hil_kit::wire::icmp()
        .echo_reply()
        .that("with id 0x4936", |packet| {
            packet.icmp().is_some_and(|icmp| icmp.echo_id().0 == 0x4936)
        });
    ghost.silence(replies, SILENCE).await
}

/// An echo request to all nodes is answered, from a unicast address of the board.
///
/// The control: one to the board alone is answered.
#[case(level = Should, cite = ["packet.ipv6.group-echo", "IP6-W-11"], needs = [Ipv6, Cable], profile = Quick)]
async fn group_echo(cx: &mut Ctx) -> Outcome {
    let board = cx.wire()?.board().await?;
    let ghost = cx.ghost_v6().await?;
    ghost.warm().await?;
    ghost.ping(b"alone").await?;
    cx.positive_control();

    ghost.mark();
    let all = Node::group(ALL_NODES);
    ghost.send(Craft::echo_request(
        ghost.node(),
        all,
        0x4937,
        1,
        *b"all of you",
    ));
    let reply = hil_kit::wire::icmp().echo_reply().payload(*b"all of you");
    let reply = ghost.expect(reply, ANSWER).await?;
    let source = reply.packet().src_ip();
    let own = [board.ipv6, board.link_local];
    let from_own = own
        .into_iter()
        .flatten()
        .any(|ip| source == Some(ip.into()));
    let observed = reply.packet().to_string();
    cx.require(from_own, "source", "from an address of the board", observed)
}

/// Nobody is told of an error in a packet that was for a group, or in an error message.
///
/// A datagram for a closed port and a protocol that nobody knows, to all nodes; an error of an unknown type. The
/// control: the same datagram to the board alone is answered by an error.
#[case(level = Must, cite = ["packet.ipv6.no-errors", "IP6-W-09"], needs = [Udp, Ipv6, Cable], profile = Full)]
async fn no_errors_about_groups(cx: &mut Ctx) -> Outcome {
    const CLOSED: u16 = 40_999;
    const UNKNOWN_PROTOCOL: u8 = 200;
    let ghost = cx.ghost_v6().await?;
    ghost.warm().await?;
    let all = Node::group(ALL_NODES);
    let errors = || from_board().icmp_error();

    ghost.mark();
    ghost.send(ghost.udp(GHOST_PORT, CLOSED, *b"closed"));
    let about_port = errors().icmp_type(true, 1, 4);
    ghost.expect_as("control", about_port, ANSWER).await?;

    ghost.mark();
    ghost.send(Craft::udp(
        ghost.node(),
        GHOST_PORT,
        all,
        CLOSED,
        *b"closed",
    ));
    ghost.send(Craft::ip(ghost.node(), all, UNKNOWN_PROTOCOL, *b"unknown!"));
    // An error of a type that nobody has defined, about a datagram that the board might have sent.
    let quoted = Craft::udp(ghost.board(), CLOSED, ghost.node(), GHOST_PORT, *b"mine");
    let unknown = hil_kit::wire::IcmpError::Raw(99, 0, [0; 4]);
    let error = Craft::icmp_error(ghost.node(), ghost.board(), unknown, &quoted.bytes());
    ghost.send(error);
    ghost.silence(errors(), SILENCE).await
}
