//! Extension headers of IPv6 (RFC 8200 §4): taken in any number, passed over as they say, or refused as they say.

use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;

use hil_kit::wire::{Craft, Ghost, Node, from_board, protocol};
use hil_kit::{Bytes, Ctx, Outcome, case};

/// How long an answer may take: longer than a limit of errors lasts.
const ANSWER: Duration = Duration::from_millis(1200);
/// How long no answer may come.
const SILENCE: Duration = Duration::from_millis(1200);
/// A port of the ghost.
const GHOST_PORT: u16 = 40_008;
/// All nodes of the link.
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// Numbers of the headers.
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const NO_NEXT: u8 = 59;
const DESTINATION: u8 = 60;
/// Unknown options: the highest two bits say what to do with the packet (RFC 8200 §4.2).
const SKIP: u8 = 0x1e;
const DISCARD: u8 = 0x5e;
const TELL: u8 = 0x9e;
const TELL_UNLESS_GROUP: u8 = 0xde;
/// Offset of the first option in a packet whose first header is one of options.
const FIRST_OPTION: u32 = 42;
/// Codes of the parameter problem (RFC 4443 §3.4).
const UNKNOWN_HEADER: u8 = 1;
const UNKNOWN_OPTION: u8 = 2;

/// A header of 8 bytes: the number of what follows, and 6 bytes.
fn header(next: u8, rest: [u8; 6]) -> Vec<u8> {
    let mut bytes = vec![next, 0];
    bytes.extend_from_slice(&rest);
    bytes
}

/// Options that do nothing (RFC 8200 §4.2: PadN).
const PADDING: [u8; 6] = [1, 4, 0, 0, 0, 0];

/// One unknown option.
const fn option(kind: u8) -> [u8; 6] {
    [kind, 4, 0, 0, 0, 0]
}

/// These headers, one behind the other, in front of what has number `last`.
fn chain(headers: &[u8], last: u8) -> Vec<u8> {
    let next = headers.iter().skip(1).chain([&last]);
    let rest = |number| match number {
        // Of no known type, with nothing left to visit; not cut at all, number 1.
        ROUTING => [253, 0, 0, 0, 0, 0],
        FRAGMENT => [0, 0, 0, 0, 0, 1],
        _ => PADDING,
    };
    headers
        .iter()
        .zip(next)
        .flat_map(|(number, next)| header(*next, rest(*number)))
        .collect()
}

/// A datagram is received behind extension headers of every kind and in chains of them.
///
/// Hop-by-hop and destination options that do nothing, a routing header with nothing left to visit, a fragment header of a
/// packet that is whole.
#[case(level = Must, cite = ["packet.extensions.taken", "IP6-W-01"], needs = [Udp, Ipv6, Cable], profile = Quick)]
async fn taken(cx: &mut Ctx) -> Outcome {
    let udp = cx.bound_udp().await?;
    let ghost = cx.ghost_v6().await?;
    ghost.warm().await?;

    for headers in [
        &[HOP_BY_HOP][..],
        &[DESTINATION],
        &[ROUTING],
        &[FRAGMENT],
        &[HOP_BY_HOP, DESTINATION],
        &[DESTINATION, ROUTING, FRAGMENT],
        &[HOP_BY_HOP, DESTINATION, ROUTING, FRAGMENT, DESTINATION],
        &[DESTINATION, DESTINATION, DESTINATION],
    ] {
        let words = format!("behind {headers:?}");
        let datagram = ghost.udp(GHOST_PORT, udp.port(), words.as_bytes());
        ghost.send(datagram.extensions(headers[0], chain(headers, protocol::UDP)));
        udp.recv_from(128)
            .await?
            .expect(Bytes(words.as_bytes()))?
            .expect_from(ghost.address(GHOST_PORT))?;
    }
    Ok(())
}

/// Requires a parameter problem with this code at this byte in answer to a packet. It is sent a second time if there is
/// no answer: errors may be limited to so many a second.
async fn refused(cx: &Ctx, ghost: &Ghost, packet: &Craft, code: u8, at: u32) -> Outcome {
    let problem = move || from_board().icmp_type(true, 4, code);
    ghost.mark();
    ghost.send(packet.clone());
    let frame = match ghost.wait_for(problem(), ANSWER).await {
        Some(frame) => frame,
        None => {
            ghost.send(packet.clone());
            ghost.expect_as("refused", problem(), ANSWER).await?
        }
    };
    let seen = frame.packet();
    let pointer = seen.icmp().map(|icmp| u32::from_be_bytes(icmp.rest));
    let observed = format!("pointer {pointer:?} in {seen}");
    cx.require(
        pointer == Some(at),
        "pointer",
        format!("pointer {at}"),
        observed,
    )?;
    let unicast = matches!(seen.src_ip(), Some(IpAddr::V6(ip)) if !ip.is_multicast());
    cx.require(
        unicast,
        "source",
        "from a unicast address",
        seen.to_string(),
    )
}

/// An option that nobody knows is passed over, discards its packet, or has its sender told, as its number says.
///
/// Among the options of both headers, to the board and to all nodes. Where the sender is told the pointer is at the
/// option. The control: each time a packet with an option to be passed over is received.
#[case(
    level = Must,
    cite = ["packet.extensions.options", "IP6-W-02"],
    needs = [Udp, Ipv6, Cable],
    profile = Full,
    deadline_ms = 30_000
)]
async fn unknown_options(cx: &mut Ctx) -> Outcome {
    let udp = cx.bound_udp().await?;
    let ghost = cx.ghost_v6().await?;
    ghost.warm().await?;
    let all = Node::group(ALL_NODES);
    let errors = || from_board().icmp_error();

    for first in [HOP_BY_HOP, DESTINATION] {
        let with = |kind, to| {
            let datagram = Craft::udp(ghost.node(), GHOST_PORT, to, udp.port(), vec![kind]);
            datagram.extensions(first, header(protocol::UDP, option(kind)))
        };
        refused(
            cx,
            &ghost,
            &with(TELL, ghost.board()),
            UNKNOWN_OPTION,
            FIRST_OPTION,
        )
        .await?;
        let unless = with(TELL_UNLESS_GROUP, ghost.board());
        refused(cx, &ghost, &unless, UNKNOWN_OPTION, FIRST_OPTION).await?;
        refused(cx, &ghost, &with(TELL, all), UNKNOWN_OPTION, FIRST_OPTION).await?;
        ghost.mark();
        ghost.send(with(DISCARD, ghost.board()));
        ghost.send(with(TELL_UNLESS_GROUP, all));
        ghost.send(with(SKIP, ghost.board()));
        udp.recv_from(64).await?.expect(Bytes(&[SKIP]))?;
        ghost.silence(errors(), SILENCE).await?;
    }
    Ok(())
}

/// A header that nobody knows is refused with the place of its number; one that says that nothing follows is not
/// answered.
///
/// An unknown protocol behind the IPv6 header and behind options; hop-by-hop options anywhere but at the beginning.
#[case(
    level = Must,
    cite = ["packet.extensions.headers", "IP6-W-03"],
    needs = [Ipv6, Cable],
    profile = Full,
    deadline_ms = 30_000
)]
async fn unknown_headers(cx: &mut Ctx) -> Outcome {
    const UNKNOWN: u8 = 200;
    const NEXT_HEADER: u32 = 6;
    const NEXT_OF_FIRST: u32 = 40;
    let ghost = cx.ghost_v6().await?;
    ghost.warm().await?;
    let packet = |number| Craft::ip(ghost.node(), ghost.board(), number, *b"what is this?");

    refused(cx, &ghost, &packet(UNKNOWN), UNKNOWN_HEADER, NEXT_HEADER).await?;
    let behind = packet(UNKNOWN).extensions(DESTINATION, chain(&[DESTINATION], UNKNOWN));
    refused(cx, &ghost, &behind, UNKNOWN_HEADER, NEXT_OF_FIRST).await?;
    let inside = packet(UNKNOWN).extensions(
        DESTINATION,
        chain(&[DESTINATION, HOP_BY_HOP], protocol::UDP),
    );
    refused(cx, &ghost, &inside, UNKNOWN_HEADER, NEXT_OF_FIRST).await?;

    ghost.mark();
    ghost.send(packet(NO_NEXT));
    ghost.send(packet(NO_NEXT).extensions(DESTINATION, chain(&[DESTINATION], NO_NEXT)));
    ghost.silence(from_board().icmp_error(), SILENCE).await
}
