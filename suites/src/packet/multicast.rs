//! Membership of groups as the cable sees it over IPv4, by IGMP (RFC 2236, RFC 3376), and who gets what is sent to a
//! group.

use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;

use hil_kit::wire::{Craft, Frame, Ghost, Node, Packet, Pattern, from_board};
use hil_kit::{Bytes, Ctx, Done, Error, Fails, IpAddress, Outcome, SocketAddress, Stop, Udp, case};

/// Groups for local use (RFC 2365, RFC 4291 §2.7).
const GROUPS: [Ipv4Addr; 3] = [
    Ipv4Addr::new(239, 255, 104, 1),
    Ipv4Addr::new(239, 255, 104, 2),
    Ipv4Addr::new(239, 255, 105, 3),
];
/// A group with the hardware address of the first of them (RFC 1112 §6.4: 23 bits of it count).
const ALIAS: Ipv4Addr = Ipv4Addr::new(239, 127, 104, 1);
/// A port of the ghost.
const GHOST_PORT: u16 = 40_007;
/// How soon a membership is told.
pub(super) const SOON: Duration = Duration::from_secs(1);
/// What a query asks for: an answer within a second.
const TENTHS: u8 = 10;
/// That second, and how long the answer may be on its way.
pub(super) const ANSWERED: Duration = Duration::from_millis(1200);
/// The option that lets routers look at a packet (RFC 2113).
const ROUTER_ALERT: [u8; 4] = [0x94, 4, 0, 0];

fn address(ip: impl Into<IpAddr>) -> SocketAddress {
    let ip = match ip.into() {
        IpAddr::V4(ip) => IpAddress::V4(ip.octets()),
        IpAddr::V6(ip) => IpAddress::V6(ip.octets()),
    };
    SocketAddress::new(ip, 0)
}

pub(super) async fn join(udp: &Udp, group: impl Into<IpAddr>) -> Outcome {
    udp.multicast(true, address(group)).await?.expect(Done)?;
    Ok(())
}

pub(super) async fn leave(udp: &Udp, group: impl Into<IpAddr>) -> Outcome {
    udp.multicast(false, address(group)).await?.expect(Done)?;
    Ok(())
}

/// Records of a report of version 3 of IGMP or version 2 of MLD: type and group of each (RFC 3376 §4.2, RFC 3810 §5.2).
pub(super) fn records(message: &[u8], address_size: usize) -> Vec<(u8, Vec<u8>)> {
    let mut records = Vec::new();
    let mut rest = message.get(8..).unwrap_or_default();
    let count = message
        .get(6..8)
        .map_or(0, |it| u16::from_be_bytes([it[0], it[1]]));
    for _ in 0..count {
        let [kind, more, a, b, ..] = *rest else { break };
        let Some(group) = rest.get(4..4 + address_size) else {
            break;
        };
        records.push((kind, group.to_vec()));
        let sources = usize::from(u16::from_be_bytes([a, b]));
        let length = 4 + (1 + sources) * address_size + 4 * usize::from(more);
        rest = rest.get(length..).unwrap_or_default();
    }
    records
}

/// Whether a report says that the board is in the group: of version 1 or 2, or a record of version 3 that excludes
/// nothing (mode 2, or a change to it, 4).
fn tells_membership(packet: &Packet<'_>, group: Ipv4Addr) -> bool {
    let Some(message) = packet.igmp() else {
        return false;
    };
    match message.first() {
        Some(0x12 | 0x16) => message.get(4..8) == Some(&group.octets()),
        Some(0x22) => records(message, 4)
            .iter()
            .any(|(kind, ip)| matches!(kind, 2 | 4) && *ip == group.octets()),
        _ => false,
    }
}

/// Whether a message says that the board has left the group: a Leave, or a change to including nobody.
fn tells_leaving(packet: &Packet<'_>, group: Ipv4Addr) -> bool {
    let Some(message) = packet.igmp() else {
        return false;
    };
    match message.first() {
        Some(0x17) => message.get(4..8) == Some(&group.octets()),
        Some(0x22) => records(message, 4)
            .iter()
            .any(|(kind, ip)| *kind == 3 && *ip == group.octets()),
        _ => false,
    }
}

fn report(group: Ipv4Addr) -> Pattern {
    from_board().that(format!("a report of {group}"), move |packet| {
        tells_membership(packet, group)
    })
}

fn leaving(group: Ipv4Addr) -> Pattern {
    from_board().that(format!("a leave of {group}"), move |packet| {
        tells_leaving(packet, group)
    })
}

/// What every message of IGMP must be: from the board, TTL 1, with the router alert, a right checksum, to `to`.
fn well_formed(cx: &Ctx, frame: &Frame, own: Option<Ipv4Addr>, to: Ipv4Addr) -> Outcome {
    let packet = frame.packet();
    let observed = packet.to_string();
    let ttl = packet.ttl() == Some(1);
    cx.require(ttl, "ttl", "TTL 1", &observed)?;
    let sums = packet.checksum_ok() == Some(true) && packet.ip_checksum_ok() == Some(true);
    cx.require(sums, "checksum", "right checksums", &observed)?;
    let source = packet.src_ip() == own.map(IpAddr::from);
    cx.require(source, "source", "from the board's address", &observed)?;
    let group = Node::group(to);
    let there = packet.dst_ip() == Some(group.ip) && packet.destination() == group.mac;
    cx.require(there, "destination", format!("to {to}"), &observed)?;
    let options = packet.ip_header().get(20..).unwrap_or_default();
    let alert = options.windows(4).any(|it| it == ROUTER_ALERT);
    let words = format!("options {options:02x?} in {observed}");
    cx.require(alert, "router-alert", "the router alert option", words)
}

/// Whom a report or leave is for (RFC 2236 §9, RFC 3376 §4.2.14).
fn receiver(packet: &Packet<'_>, group: Ipv4Addr) -> Ipv4Addr {
    match packet.igmp().and_then(|it| it.first()) {
        Some(0x22) => Ipv4Addr::new(224, 0, 0, 22),
        Some(0x17) => Ipv4Addr::new(224, 0, 0, 2),
        _ => group,
    }
}

/// Joining a group is told on the cable, in the form of IGMP.
///
/// A report of version 2 goes to the group, one of version 3 to 224.0.0.22; TTL 1, the router alert, the board's own
/// address as source.
#[case(
    level = Must,
    cite = ["packet.multicast.join", "MC-W-01"],
    needs = [Udp, Multicast, Ipv4, Cable],
    profile = Quick
)]
async fn join_is_told(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let own = wire.board().await?.ipv4;
    let udp = cx.udp().await?;
    wire.mark();

    join(&udp, GROUPS[0]).await?;

    let frame = wire.expect(report(GROUPS[0]), SOON).await?;
    let to = receiver(&frame.packet(), GROUPS[0]);
    well_formed(cx, &frame, own, to)
}

/// Leaving a group is told on the cable: to all routers, or in a report of version 3. Closing the socket leaves, too.
///
/// The control: joining it is told.
#[case(
    level = Should,
    cite = ["packet.multicast.leave", "MC-W-03", "OPT-14"],
    needs = [Udp, Multicast, Ipv4, Cable],
    profile = Quick
)]
async fn leave_is_told(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let own = wire.board().await?.ipv4;
    let udp = cx.udp().await?;

    for group in [GROUPS[0], GROUPS[1]] {
        wire.mark();
        join(&udp, group).await?;
        wire.expect(report(group), SOON).await?;
    }
    cx.positive_control();

    wire.mark();
    leave(&udp, GROUPS[0]).await?;
    let frame = wire.expect_as("leave", leaving(GROUPS[0]), SOON).await?;
    well_formed(cx, &frame, own, receiver(&frame.packet(), GROUPS[0]))?;

    wire.mark();
    udp.close().await?.expect(Done)?;
    let frame = wire.expect_as("close", leaving(GROUPS[1]), SOON).await?;
    well_formed(cx, &frame, own, receiver(&frame.packet(), GROUPS[1]))
}

/// How many reports of each group there were since `mark`, and whether any was about all hosts.
fn reports(wire: &hil_kit::wire::Wire, mark: Duration) -> ([usize; 3], usize) {
    let all_hosts = Ipv4Addr::new(224, 0, 0, 1);
    let count = |group| {
        let frames = wire.frames(&report(group));
        frames.iter().filter(|frame| frame.at > mark).count()
    };
    (GROUPS.map(count), count(all_hosts))
}

/// Joins all groups, waits until that is told.
async fn join_all(cx: &Ctx) -> Result<Udp, Stop> {
    let wire = cx.wire()?;
    let udp = cx.udp().await?;
    for group in GROUPS {
        wire.mark();
        join(&udp, group).await?;
        wire.expect(report(group), SOON).await?;
    }
    Ok(udp)
}

/// Asks in the group of `query`, waits for as long as answers may take; when the question was put.
async fn ask(cx: &Ctx, query: Craft) -> Result<Duration, Stop> {
    let wire = cx.wire()?;
    wire.mark();
    let injected = query.bytes();
    wire.inject(injected.clone());
    let question = Pattern::injected().that("the query", move |it| it.bytes() == injected);
    let asked = wire.expect(question, SOON).await?.at;
    // Answers are told within this time; nothing else would end the wait earlier.
    wire.silence_unwitnessed(from_board().that("nothing", |_| false), ANSWERED)
        .await?;
    wire.ping().await?;
    Ok(asked)
}

/// A querier that asks for all memberships hears of each within its time, once; one that asks for a group hears of
/// that group alone. Nobody reports the group of all hosts.
///
/// Three groups are joined. A report may come twice, since one may be the repetition of what joining told.
#[case(
    level = Must,
    cite = ["packet.multicast.query", "MC-W-04"],
    needs = [Udp, Multicast, Ipv4, Cable],
    profile = Full
)]
async fn queries_are_answered(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let querier = cx.ghost().await?;
    let _member = join_all(cx).await?;

    let asked = ask(cx, Craft::igmp_query(querier.node(), None, TENTHS)).await?;
    let (each, all_hosts) = reports(&wire, asked);
    let words = format!("{each:?} reports of {GROUPS:?}");
    let told = each.iter().all(|count| matches!(count, 1 | 2));
    cx.require(told, "general", "one of each group", words)?;
    let words = format!("{all_hosts} reports of 224.0.0.1");
    cx.require(all_hosts == 0, "all-hosts", "none of 224.0.0.1", words)?;

    let query = Craft::igmp_query(querier.node(), Some(GROUPS[1]), TENTHS);
    let asked = ask(cx, query).await?;
    let ([a, b, c], _) = reports(&wire, asked);
    let words = format!("{:?} reports of {GROUPS:?}", [a, b, c]);
    let only = a == 0 && matches!(b, 1 | 2) && c == 0;
    cx.require(only, "specific", format!("one of {}", GROUPS[1]), words)
}

/// A querier without an address is answered: switches that snoop ask from 0.0.0.0 (RFC 4541 §2.1.1).
#[case(
    level = Must,
    cite = ["packet.multicast.nobody-asks", "MC-W-05"],
    needs = [Udp, Multicast, Ipv4, Cable],
    profile = Full
)]
async fn queries_of_nobody_are_answered(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let querier = cx.ghost().await?;
    let udp = cx.udp().await?;
    join(&udp, GROUPS[0]).await?;
    wire.expect(report(GROUPS[0]), SOON).await?;

    let nobody = querier.node().at(Ipv4Addr::UNSPECIFIED);
    wire.mark();
    wire.inject(Craft::igmp_query(nobody, None, TENTHS));
    wire.expect(report(GROUPS[0]), ANSWERED).await.map(drop)
}

/// Malformed messages of IGMP and such of other versions are survived; afterwards a right query is answered.
///
/// Cut at every byte, a wrong checksum, queries of version 3 with sources, such that promise more of them than are there,
/// unknown types. (No query of version 1: after it a host owes nobody a Leave for minutes, RFC 2236 §4, and later cases
/// would see that.)
#[case(
    level = Must,
    cite = ["packet.multicast.malformed", "MC-W-06"],
    needs = [Udp, Tcp, Multicast, Ipv4, Cable],
    profile = Full,
    deadline_ms = 30_000
)]
async fn malformed_messages(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let udp = cx.udp().await?;
    let witness = cx.witness().await?;
    let querier = cx.ghost().await?;
    join(&udp, GROUPS[0]).await?;
    wire.expect(report(GROUPS[0]), SOON).await?;
    let all = Node::group(Ipv4Addr::new(224, 0, 0, 1));
    let [a, b, c, d] = GROUPS[0].octets();
    let full = [0x11, TENTHS, 0, 0, a, b, c, d];
    let v3 = |count: u16| {
        let [high, low] = count.to_be_bytes();
        [
            0x11, 0x8f, 0, 0, a, b, c, d, 0, 125, high, low, 192, 0, 2, 1,
        ]
    };
    let say = |message: &[u8]| Craft::igmp(querier.node(), all, message);

    let mut messages: Vec<Craft> = (0..full.len()).map(|end| say(&full[..end])).collect();
    messages.push(say(&full).edit(|frame| frame[14 + 24 + 2] ^= 0x55));
    messages.extend([0, 1, 2, 1000, u16::MAX].map(|count| say(&v3(count))));
    messages.extend([0x10, 0x13, 0x99, 0xff].map(|kind| say(&[kind, 0, 0, 0, a, b, c, d])));
    messages.push(say(&full).ip_options(&[]));
    let words = "message of IGMP that is not quite right";
    wire.inject_all(words, messages.iter().map(Craft::bytes));
    witness.check(cx).await?;

    wire.mark();
    wire.inject(Craft::igmp_query(querier.node(), Some(GROUPS[0]), TENTHS));
    wire.expect(report(GROUPS[0]), ANSWERED).await.map(drop)
}

/// What is sent to a group reaches a socket only while it is a member, and only the group's own, not that of another
/// one with the same hardware address.
#[case(
    level = Must,
    cite = ["packet.multicast.delivery", "MC-W-09"],
    needs = [Udp, Multicast, Ipv4, Cable],
    profile = Quick
)]
async fn only_members_receive(cx: &mut Ctx) -> Outcome {
    let udp = cx.bound_udp().await?;
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    let to = |group: Ipv4Addr, data: &[u8]| {
        Craft::udp(
            ghost.node(),
            GHOST_PORT,
            Node::group(group),
            udp.port(),
            data,
        )
    };

    ghost.send(to(GROUPS[0], b"too early"));
    next_is(&ghost, &udp, b"not yet").await?;
    join(&udp, GROUPS[0]).await?;
    ghost.send(to(ALIAS, b"for others"));
    ghost.send(to(GROUPS[1], b"for others still"));
    ghost.send(to(GROUPS[0], b"for members"));
    udp.recv_from(64)
        .await?
        .expect(Bytes(b"for members"))?
        .expect_from(ghost.address(GHOST_PORT))?;
    leave(&udp, GROUPS[0]).await?;
    ghost.send(to(GROUPS[0], b"too late"));
    next_is(&ghost, &udp, b"no more").await
}

/// Sends a datagram to the board itself: it is what the socket receives next, and there is nothing behind it.
async fn next_is(ghost: &Ghost, udp: &Udp, data: &[u8]) -> Outcome {
    ghost.send(ghost.udp(GHOST_PORT, udp.port(), data));
    udp.recv_from(64).await?.expect(Bytes(data))?;
    udp.set_blocking(false).await?;
    udp.recv_from(64).await?.expect(Fails(Error::WOULD_BLOCK))?;
    udp.set_blocking(true).await?;
    Ok(())
}
