//! What a host remembers of its neighbours (RFC 4861 §7.2): how it finds them, from whom it learns, and whom it does not
//! believe.

use core::net::Ipv6Addr;
use core::time::Duration;

use hil_kit::wire::{Advertised, Craft, Ghost, Mac, Manners, from_board};
use hil_kit::{Ctx, Outcome, Size, case};

use super::nd::solicited_node;

/// Least time between two questions for a hardware address: RetransTimer without what clocks may differ (RFC 4861 §10).
const BETWEEN: Duration = Duration::from_millis(900);
/// How long it takes until the second question is answered, and some.
const FOUND: Duration = Duration::from_secs(3);
/// A port of the ghost.
const GHOST_PORT: u16 = 40_009;

/// Another hardware address, of nobody.
fn other(ghost: &Ghost) -> Mac {
    let mut mac = ghost.mac();
    mac.0[4] = 0xef;
    mac
}

/// The board answers the ghost at this hardware address.
async fn is_held_at(cx: &Ctx, ghost: &Ghost, mac: Mac, after: &str) -> Outcome {
    let pong = ghost.ping(after.as_bytes()).await?;
    let to = pong.packet().destination();
    let observed = format!("to {to} after {after}");
    cx.require(
        to == mac,
        "learnt",
        format!("the echo reply to {mac}"),
        observed,
    )
}

/// Flags of an advertisement that nobody asked for.
const fn unasked(overrides: bool) -> Advertised {
    Advertised {
        router: false,
        solicited: false,
        overrides,
    }
}

/// A host learns the hardware address of a neighbour from questions for its own address and from advertisements about
/// an address that it knows: those replace what it knows only if they say so, and they are about their target, not about
/// their sender.
///
/// A question for somebody else's address teaches nothing.
#[case(level = Must, cite = ["packet.nd.learning", "ND-W-07"], needs = [Ipv6, Cable], profile = Quick)]
async fn learning(cx: &mut Ctx) -> Outcome {
    let (ghost, second) = (cx.ghost_v6().await?, cx.ghost_v6().await?);
    ghost.warm().await?;
    second.warm().await?;
    let board = ghost.board();
    let (right, wrong) = (ghost.mac(), other(&ghost));
    let liar = ghost.node().with_mac(wrong);
    let advertise =
        |target, overrides| Craft::neighbour_advertisement(liar, board, target, unasked(overrides));

    // An address of nobody, asked for in a group that the board listens to.
    let core::net::IpAddr::V6(own) = board.ip else {
        return Err(hil_kit::Stop::Skip("the board has no IPv6 address".into()));
    };
    let mut foreign = own.octets();
    foreign[9] ^= 0x5a;
    let foreign = Ipv6Addr::from(foreign);
    let group = solicited_node(foreign);
    ghost.send(Craft::neighbour_solicitation(liar, group, foreign, true));
    is_held_at(cx, &ghost, right, "a question for somebody else").await?;

    ghost.send(advertise(ghost.ipv6(), false));
    is_held_at(cx, &ghost, right, "an advertisement that does not override").await?;

    ghost.send(advertise(second.ipv6(), true));
    is_held_at(cx, &ghost, right, "an advertisement of somebody else").await?;
    is_held_at(
        cx,
        &second,
        wrong,
        "an advertisement of it by somebody else",
    )
    .await?;

    ghost.send(advertise(ghost.ipv6(), true));
    is_held_at(cx, &ghost, wrong, "an advertisement that overrides").await
}

/// A datagram waits while its receiver is looked for: asked again after a second the receiver answers and gets it.
#[case(level = Must, cite = ["packet.nd.resolution", "ND-W-08"], needs = [Udp, Ipv6, Cable], profile = Full)]
async fn resolution(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let ghost = cx.ghost_v6().await?;
    ghost.manners(Manners::FromNth(2));
    let udp = cx.udp().await?;
    let data = cx.data(24);

    udp.send_to(ghost.address(GHOST_PORT), &data)
        .await?
        .expect(Size(24))?;

    ghost.expect_udp(GHOST_PORT, &data, FOUND).await?;
    let questions = wire.frames(&from_board().asks_for(ghost.ipv6()));
    let times: Vec<Duration> = questions.iter().map(|frame| frame.at).collect();
    let gaps: Vec<Duration> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let right = !gaps.is_empty() && gaps.iter().all(|gap| *gap >= BETWEEN);
    let expected = format!("questions {BETWEEN:?} or more apart");
    cx.require(right, "spacing", expected, format!("{gaps:?}"))
}
