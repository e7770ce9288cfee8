//! ARP: answers, probes, changes of a neighbour, malformed packets, resolution.

use core::net::Ipv4Addr;
use core::time::Duration;

use hil_kit::wire::{self, Craft, Frame, Ghost, Mac, Manners, Wire};
use hil_kit::{Ctx, Outcome, Size, Stop, case};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(1);
/// How long nothing must come.
const QUIET: Duration = Duration::from_millis(500);
/// Nobody yet.
const NOBODY: Mac = Mac([0; 6]);

/// The board's IPv4 address.
async fn own_ip(wire: &Wire) -> Result<Ipv4Addr, Stop> {
    let board = wire.board().await?;
    Ok(board.ipv4.unwrap_or(Ipv4Addr::UNSPECIFIED))
}

/// A request for the board's own address is answered to the asker alone, at once, with exact fields.
///
/// Asked by broadcast and by unicast, by two hosts.
#[case(level = Must, cite = ["packet.arp.reply", "ARP-W-01"], needs = [Cable, Ipv4], profile = Quick)]
async fn reply(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let own = own_ip(&wire).await?;
    for _ in 0..2 {
        let ghost = cx.ghost().await?;
        let board = ghost.board().mac;
        for to in [Mac::BROADCAST, board] {
            ghost.mark();
            ghost.send(Craft::arp(
                1,
                (ghost.mac(), ghost.ipv4()),
                (NOBODY, own),
                to,
            ));
            let answer = wire::from_board().arp_reply().tells_of(own);
            let frame = ghost.expect_as("reply", answer, ANSWER).await?;
            let packet = frame.packet();
            let exact = packet.arp().is_some_and(|arp| {
                (arp.sender_mac, arp.target_mac, arp.target_ip)
                    == (board, ghost.mac(), ghost.ipv4())
            });
            cx.require(
                exact && packet.source() == board && packet.destination() == ghost.mac(),
                "fields",
                format!("{own} is at {board}, said to {} only", ghost.mac()),
                format!("{packet}"),
            )?;
            let asked = wire.frames(&wire::Pattern::injected().arp_request());
            if let Some(asked) = asked.last() {
                let took = frame.at.saturating_sub(asked.at);
                cx.require_within("latency", took, Duration::from_millis(200))?;
            }
        }
    }
    Ok(())
}

/// A probe for the board's own address, which comes from 0.0.0.0, is answered: others must see that it is taken.
#[case(level = Must, cite = ["packet.arp.probe", "ARP-W-03"], needs = [Cable, Ipv4], profile = Quick)]
async fn probe(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let own = own_ip(&wire).await?;
    let ghost = cx.ghost().await?;
    for _ in 0..3 {
        ghost.mark();
        let sender = (ghost.mac(), Ipv4Addr::UNSPECIFIED);
        ghost.send(Craft::arp(1, sender, (NOBODY, own), Mac::BROADCAST));
        let answer = wire::from_board().arp_reply().tells_of(own);
        ghost.expect_as("reply", answer, ANSWER).await?;
    }
    Ok(())
}

/// Sends a datagram to a ghost and gives the frame that carries it.
async fn datagram_to(cx: &Ctx, ghost: &Ghost) -> Result<Frame, Stop> {
    let data = cx.data(20);
    let udp = cx.udp().await?;
    ghost.mark();
    udp.send_to(ghost.address(4_000), &data)
        .await?
        .expect(Size(data.len()))?;
    let frame = ghost
        .expect_as("datagram", wire::from_board().udp().payload(data), ANSWER)
        .await?;
    udp.delete().await?;
    Ok(frame)
}

/// What a known neighbour announces about itself is believed: the next datagram goes to its new hardware address.
///
/// Announced by a gratuitous request, then by a gratuitous reply, as a gateway does that takes over.
#[case(level = Must, cite = ["packet.arp.update", "ARP-W-04"], needs = [Cable, Ipv4, Udp], profile = Quick)]
async fn update(cx: &mut Ctx) -> Outcome {
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    let first = datagram_to(cx, &ghost).await?;
    cx.require(
        first.packet().destination() == ghost.mac(),
        "known",
        format!("a datagram to {}", ghost.mac()),
        format!("{}", first.packet()),
    )?;
    let [a, b, c, d, e, g] = ghost.mac().0;
    for (operation, mac) in [
        (1, Mac([a, b, c, d, e ^ 0x40, g])),
        (2, Mac([a, b, c, d, e ^ 0x80, g])),
    ] {
        let said = (mac, ghost.ipv4());
        let target = if operation == 1 { NOBODY } else { mac };
        let announcement =
            Craft::arp(operation, said, (target, ghost.ipv4()), Mac::BROADCAST).src_mac(mac);
        ghost.send(announcement);
        // The board has seen it once it has answered what came behind it.
        cx.wire()?.ping().await?;
        let next = datagram_to(cx, &ghost).await?;
        cx.require(
            next.packet().destination() == mac,
            "updated",
            format!("a datagram to the announced address {mac}"),
            format!("{}", next.packet()),
        )?;
    }
    Ok(())
}

/// Malformed ARP packets change nothing: no answer, no other neighbour, no harm.
///
/// Wrong types and lengths of addresses, operations that do not exist, packets that are cut.
#[case(level = Must, cite = ["packet.arp.malformed", "ARP-W-06"], needs = [Cable, Ipv4, Tcp, Udp], profile = Full)]
async fn malformed(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let own = own_ip(&wire).await?;
    let witness = cx.witness().await?;
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    let liar = Mac([0x02, 0x68, 0x69, 0x6c, 0x7f, 0x01]);
    let good = |operation| {
        Craft::arp(
            operation,
            (liar, ghost.ipv4()),
            (NOBODY, own),
            Mac::BROADCAST,
        )
        .bytes()
    };
    let spoiled = |at: usize, bytes: &[u8]| {
        let mut frame = good(1);
        frame[at..at + bytes.len()].copy_from_slice(bytes);
        frame
    };
    let mut frames = vec![
        // Not 6: stacks take what is meant for IEEE 802 networks as Ethernet's.
        spoiled(14, &[0, 7]),
        spoiled(14, &[0xff, 0xff]),
        spoiled(16, &[0x86, 0xdd]),
        spoiled(20, &[0, 0]),
        spoiled(20, &[0, 3]),
        spoiled(20, &[0xff, 0xff]),
    ];
    frames.extend([0, 5, 8, 255].map(|length| spoiled(18, &[length])));
    frames.extend([0, 5, 16, 255].map(|length| spoiled(19, &[length])));
    frames.extend((14..42).map(|length| good(1)[..length].to_vec()));
    ghost.mark();
    wire.inject_all("malformed ARP packet", frames);
    let to_liar = wire::from_board().dst_mac(liar);
    wire.silence_unwitnessed(to_liar, QUIET).await?;
    let next = datagram_to(cx, &ghost).await?;
    cx.require(
        next.packet().destination() == ghost.mac(),
        "neighbour",
        format!("a datagram to {} as before", ghost.mac()),
        format!("{}", next.packet()),
    )?;
    witness.check(cx).await
}

/// An unanswered request is repeated, not more than once a second, and what waits for the answer is sent then.
///
/// The third request is answered. A single datagram that is given up in the meantime is lenient (RFC 1122 §2.3.2.2
/// says SHOULD), if the next one arrives.
#[case(level = Should, cite = ["packet.arp.repeat", "ARP-W-10"], needs = [Cable, Ipv4, Udp], profile = Full, deadline_ms = 15_000)]
async fn repeat(cx: &mut Ctx) -> Outcome {
    const THIRD: Duration = Duration::from_secs(4);
    let wire = cx.wire()?;
    let known = cx.ghost().await?;
    known.warm().await?;
    datagram_to(cx, &known).await?;
    cx.positive_control();

    let ghost = cx.ghost().await?;
    ghost.manners(Manners::FromNth(3));
    let data = cx.data(20);
    let udp = cx.udp().await?;
    udp.send_to(ghost.address(4_000), &data)
        .await?
        .expect(Size(data.len()))?;
    let datagram = ghost
        .wait_for(wire::from_board().udp().payload(data), THIRD)
        .await;
    let requests = wire.frames(&wire::from_board().arp_request().asks_for(ghost.ipv4()));
    cx.require(
        requests.len() >= 2,
        "repeated",
        "at least two requests",
        format!("{}", requests.len()),
    )?;
    for pair in requests.windows(2) {
        let gap = pair[1].at.saturating_sub(pair[0].at);
        cx.require(
            gap >= Duration::from_millis(900),
            "rate",
            "at most one request per second",
            hil_kit::text::duration(gap),
        )?;
    }
    cx.require(
        datagram.is_some(),
        "kept",
        "the datagram arrives once the address is known",
        "it never comes",
    )
}
