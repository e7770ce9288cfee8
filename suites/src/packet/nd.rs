//! Neighbour discovery (RFC 4861) and the defence of addresses (RFC 4862): what the board answers to solicitations, and
//! what it must not believe.

use core::net::Ipv6Addr;
use core::time::Duration;

use hil_kit::wire::{
    Advertised, Craft, Frame, Ghost, Mac, Node, Packet, Pattern, from_board, icmp,
};
use hil_kit::{Ctx, Outcome, Stop, case};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(1);
/// How long no answer may come: longer than any delay of an answer (RFC 4861 §10, half a second for groups).
const SILENCE: Duration = Duration::from_millis(1200);
/// Flags of an advertisement (RFC 4861 §4.4).
const SOLICITED: u8 = 0x40;
const OVERRIDE: u8 = 0x20;
/// All nodes of the link.
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// The group in which the owner of an address hears solicitations (RFC 4291 §2.7.1).
pub(super) fn solicited_node(ip: Ipv6Addr) -> Node {
    let [.., a, b, c] = ip.octets();
    let last = u16::from_be_bytes([b, c]);
    let high = 0xff00 | u16::from(a);
    Node::group(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, high, last))
}

/// Advertisements of an address.
fn advertises(ip: Ipv6Addr) -> Pattern {
    icmp().icmp_type(true, 136, 0).tells_of(ip)
}

/// The flags of an advertisement.
fn flags(packet: &Packet<'_>) -> u8 {
    packet.icmp().map_or(0, |icmp| icmp.rest[0])
}

/// The board's addresses.
async fn own_addresses(cx: &Ctx) -> Result<(Mac, Vec<Ipv6Addr>), Stop> {
    let board = cx.wire()?.board().await?;
    let addresses = board.ipv6.into_iter().chain(board.link_local).collect();
    Ok((board.mac, addresses))
}

/// The ghost as it speaks with this address of the board.
fn facing(ghost: &Ghost, target: Ipv6Addr) -> Node {
    if target.is_unicast_link_local() {
        ghost.node().at(ghost.link_local())
    } else {
        ghost.node()
    }
}

/// The ways to ask for an address of the board: in words, the question, and whether the answer must tell the hardware
/// address in an option.
fn questions(from: Node, mac: Mac, target: Ipv6Addr) -> [(&'static str, Craft, bool); 3] {
    let to = Node::new(mac, target);
    let group = solicited_node(target);
    [
        (
            "to the group",
            Craft::neighbour_solicitation(from, group, target, true),
            true,
        ),
        (
            "to itself",
            Craft::neighbour_solicitation(from, to, target, true),
            false,
        ),
        (
            "to itself, without the asker's hardware address",
            Craft::neighbour_solicitation(from, to, target, false),
            false,
        ),
    ]
}

/// What every advertisement of the board must say, whomever it is for.
fn well_formed(cx: &Ctx, frame: &Frame, mac: Mac, option_needed: bool) -> Outcome {
    let packet = frame.packet();
    let observed = packet.to_string();
    let hops = packet.ttl();
    let words = format!("{hops:?} in {observed}");
    cx.require(hops == Some(255), "hop-limit", "hop limit 255", words)?;
    let sum = packet.checksum_ok() == Some(true);
    cx.require(sum, "checksum", "a right checksum", &observed)?;
    let told = packet.icmp().and_then(|icmp| {
        let option = icmp.nd_option(2)?;
        Some(Mac(option.get(..6)?.try_into().ok()?))
    });
    let right = told.map_or(!option_needed, |told| told == mac);
    let words = format!("{told:?} in {observed}");
    cx.require(right, "option", format!("target at {mac}"), words)
}

/// Who asks for an address of the board is told its hardware address: in a well-formed advertisement, solicited, from
/// an own address to the asker. Asked in the group it is in an option.
///
/// Every address of the board, asked in the group and at itself, with and without the asker's hardware address.
#[case(level = Must, cite = ["packet.nd.solicited", "ND-W-01"], needs = [Ipv6, Cable], profile = Quick)]
async fn solicited(cx: &mut Ctx) -> Outcome {
    let ghost = cx.ghost_v6().await?;
    let (mac, own) = own_addresses(cx).await?;
    ghost.warm().await?;

    for target in &own {
        let from = facing(&ghost, *target);
        for (words, question, option_needed) in questions(from, mac, *target) {
            cx.say(format!("asked for {target} {words}"));
            ghost.mark();
            ghost.send(question);
            let frame = ghost.expect(advertises(*target), ANSWER).await?;
            well_formed(cx, &frame, mac, option_needed)?;
            let packet = frame.packet();
            let observed = packet.to_string();
            let solicited = flags(&packet) & SOLICITED != 0;
            cx.require(solicited, "solicited", "the flag S is set", &observed)?;
            let source = packet.src_ip();
            let from_own = own.iter().any(|ip| source == Some((*ip).into()));
            cx.require(from_own, "source", "from an own address", &observed)?;
            let to_asker = packet.dst_ip() == Some(from.ip) && packet.destination() == from.mac;
            let expected = format!("to {} at {}", from.ip, from.mac);
            cx.require(to_asker, "destination", expected, &observed)?;
        }
    }
    Ok(())
}

/// An advertisement that tells the hardware address replaces what the asker may know: the flag O is set.
///
/// The control: the question is answered at all.
#[case(level = Should, cite = ["packet.nd.override", "ND-W-01"], needs = [Ipv6, Cable], profile = Quick)]
async fn overrides(cx: &mut Ctx) -> Outcome {
    let ghost = cx.ghost_v6().await?;
    let (_, own) = own_addresses(cx).await?;
    ghost.warm().await?;

    for target in own {
        ghost.mark();
        ghost.send(Craft::who_has(facing(&ghost, target), target.into()));
        let frame = ghost.expect(advertises(target), ANSWER).await?;
        cx.positive_control();
        let packet = frame.packet();
        let set = flags(&packet) & OVERRIDE != 0;
        cx.require(set, "override", "the flag O is set", packet.to_string())?;
    }
    Ok(())
}

/// Who wants to take an address of the board for itself is told that it is taken: an advertisement to all nodes, not
/// solicited.
///
/// The question comes from the unspecified address, as duplicate address detection asks (RFC 4862 §5.4.2). The control:
/// for an address that nobody has the board stays silent.
#[case(level = Must, cite = ["packet.nd.defence", "ND-W-02"], needs = [Ipv6, Cable], profile = Quick)]
async fn defends_its_addresses(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let ghost = cx.ghost_v6().await?;
    let (mac, own) = own_addresses(cx).await?;
    let nobody = Node::new(ghost.mac(), Ipv6Addr::UNSPECIFIED);

    for target in own {
        wire.mark();
        let group = solicited_node(target);
        wire.inject(Craft::neighbour_solicitation(nobody, group, target, false));
        let told = from_board().and(advertises(target));
        let frame = wire.expect_as("defence", told, ANSWER).await?;
        well_formed(cx, &frame, mac, true)?;
        let packet = frame.packet();
        let observed = packet.to_string();
        let all = Node::group(ALL_NODES);
        let to_all = packet.dst_ip() == Some(all.ip) && packet.destination() == all.mac;
        cx.require(to_all, "destination", "to all nodes", &observed)?;
        let solicited = flags(&packet) & SOLICITED != 0;
        cx.require(!solicited, "solicited", "the flag S is not set", &observed)?;
    }

    let Some(target) = wire.board().await?.link_local else {
        return Ok(());
    };
    // An address of nobody, asked for in the same group.
    let mut foreign = target.octets();
    foreign[9] ^= 0x55;
    let foreign = Ipv6Addr::from(foreign);
    let group = solicited_node(foreign);
    wire.inject(Craft::neighbour_solicitation(nobody, group, foreign, false));
    wire.ping().await?;
    let told = wire.count(&from_board().and(advertises(foreign)));
    let observed = format!("{told} advertisements of {foreign}");
    cx.require(told == 0, "foreign", "silence about it", observed)
}

/// What neighbours say is not believed, nor answered, if it breaks a rule of validity: hop limit, code, checksum,
/// lengths, addresses.
///
/// Each wrong solicitation names another hardware address for the ghost; a ping after it is still answered to the
/// right one. Then silence, and the board is as before. The control: a right solicitation is answered.
#[case(
    level = Must,
    cite = ["packet.nd.validity", "ND-W-06"],
    needs = [Ipv6, Tcp, Udp, Cable],
    profile = Full,
    deadline_ms = 30_000
)]
async fn invalid_messages(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let witness = cx.witness().await?;
    let ghost = cx.ghost_v6().await?;
    let board = ghost.board();
    let Some(target) = wire.board().await?.ipv6 else {
        return Err(Stop::Skip("the board has no global IPv6 address".into()));
    };
    ghost.warm().await?;
    ghost.mark();
    // It was told who the board is when it asked.
    let before = wire.count(&about(&ghost, target));

    for (words, craft) in wrong(&ghost, board, target) {
        cx.say(format!("a neighbour says something wrong: {words}"));
        ghost.send(craft);
        let pong = ghost.ping(words.as_bytes()).await?;
        let to = pong.packet().destination();
        let observed = format!("to {to} after: {words}");
        cx.require(
            to == ghost.mac(),
            "believed",
            "the echo reply comes here",
            observed,
        )?;
        let answers = wire.count(&about(&ghost, target)) - before;
        let observed = format!("{answers} advertisements after: {words}");
        cx.require(answers == 0, "answered", "no answer", observed)?;
    }
    ghost.silence(advertises(target), SILENCE).await?;
    let late = wire.count(&about(&ghost, target)) - before;
    let observed = format!("{late} advertisements");
    cx.require(late == 0, "answered", "no answer", observed)?;
    witness.check(cx).await?;

    ghost.mark();
    ghost.send(Craft::who_has(ghost.node(), target.into()));
    ghost.expect(advertises(target), ANSWER).await.map(drop)
}

/// Advertisements of the board for the ghost, for the hardware address it does not have, or for everybody.
fn about(ghost: &Ghost, target: Ipv6Addr) -> Pattern {
    let (true_mac, wrong_mac) = (ghost.mac(), other(ghost));
    let all = Node::group(ALL_NODES).mac;
    from_board()
        .and(advertises(target))
        .that("to the ghost or to all", move |packet| {
            [true_mac, wrong_mac, all].contains(&packet.destination())
        })
}

/// Another hardware address, of nobody.
fn other(ghost: &Ghost) -> Mac {
    let mut mac = ghost.mac();
    mac.0[4] = 0xee;
    mac
}

/// Messages that each break one rule (RFC 4861 §7.1.1, §7.1.2), in words and as frames.
fn wrong(ghost: &Ghost, board: Node, target: Ipv6Addr) -> Vec<(&'static str, Craft)> {
    let liar = ghost.node().with_mac(other(ghost));
    let group = solicited_node(target);
    let ask = || Craft::neighbour_solicitation(liar, board, target, true);
    let nobody = liar.at(Ipv6Addr::UNSPECIFIED);
    let all = Node::group(ALL_NODES);
    let claim = |to, solicited| {
        let flags = Advertised {
            router: false,
            solicited,
            overrides: true,
        };
        Craft::neighbour_advertisement(liar, to, ghost.ipv6(), flags)
    };
    vec![
        ("hop limit 254", ask().ttl(254)),
        ("code 1", ask().edit_transport(|it| it[1] = 1)),
        ("a wrong checksum", ask().checksum_off_by(1)),
        (
            "a group as target",
            Craft::neighbour_solicitation(liar, board, ALL_NODES, true),
        ),
        (
            "an option of length 0",
            ask().edit_transport(|it| it[25] = 0),
        ),
        (
            "an option past the end",
            ask().edit_transport(|it| it[25] = 2),
        ),
        (
            "no whole target",
            ask().edit_transport(|it| it.truncate(20)),
        ),
        (
            "nobody asks, and tells its hardware address",
            Craft::neighbour_solicitation(nobody, group, target, true),
        ),
        (
            "nobody asks at the address itself",
            Craft::neighbour_solicitation(nobody, board, target, false),
        ),
        (
            "an answer to everybody that claims to be asked for",
            claim(all, true),
        ),
        ("an answer with hop limit 254", claim(board, true).ttl(254)),
        (
            "an answer with code 1",
            claim(board, true).edit_transport(|it| it[1] = 1),
        ),
        (
            "an answer with an option of length 0",
            claim(board, true).edit_transport(|it| it[25] = 0),
        ),
    ]
}
