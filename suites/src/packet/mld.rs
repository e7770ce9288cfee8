//! Membership of groups as the cable sees it over IPv6, by MLD (RFC 2710, RFC 3810).

use core::net::{IpAddr, Ipv6Addr};

use hil_kit::wire::{Craft, Node, Packet, Pattern, from_board};
use hil_kit::{Ctx, Outcome, case};

use super::multicast::{ANSWERED, SOON, join, leave, records};

/// A group of this link.
const GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0x6869, 0x6c01);
/// The option that lets routers look at a packet (RFC 2711).
const ROUTER_ALERT: [u8; 4] = [5, 2, 0, 0];

/// The ICMPv6 message behind a hop-by-hop header, as it is.
fn mld<'a>(packet: &Packet<'a>) -> &'a [u8] {
    let is_mld = packet
        .icmp()
        .is_some_and(|icmp| icmp.v6 && matches!(icmp.kind, 131 | 132 | 143));
    if is_mld { packet.ip_payload() } else { &[] }
}

/// Reports of version 2 of MLD with a record of one of these types for the group.
fn report(kinds: &'static [u8]) -> Pattern {
    from_board().that(format!("a report of {GROUP} of type {kinds:?}"), |packet| {
        let message = mld(packet);
        message.first() == Some(&143)
            && records(message, 16)
                .iter()
                .any(|(kind, ip)| kinds.contains(kind) && *ip == GROUP.octets())
    })
}

/// Joining and leaving a group of IPv6 are told in reports of MLDv2: a change to excluding nobody, then one to including
/// nobody.
///
/// To all routers that speak MLDv2, hop limit 1, from a link-local address, with the router alert.
#[case(
    level = Must,
    cite = ["packet.mld.reports", "MC-W-07"],
    needs = [Udp, Multicast, Ipv6, Cable],
    profile = Quick
)]
async fn reports(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let udp = cx.udp().await?;
    let routers = Node::group(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16));

    wire.mark();
    join(&udp, GROUP).await?;
    let joined = wire.expect_as("join", report(&[4]), SOON).await?;
    leave(&udp, GROUP).await?;
    let left = wire.expect_as("leave", report(&[3]), SOON).await?;

    for frame in [joined, left] {
        let packet = frame.packet();
        let observed = packet.to_string();
        let hops = packet.ttl() == Some(1);
        cx.require(hops, "hop-limit", "hop limit 1", &observed)?;
        let sum = packet.checksum_ok() == Some(true);
        cx.require(sum, "checksum", "a right checksum", &observed)?;
        let link_local =
            matches!(packet.src_ip(), Some(IpAddr::V6(ip)) if ip.is_unicast_link_local());
        cx.require(link_local, "source", "from a link-local address", &observed)?;
        let there = packet.dst_ip() == Some(routers.ip) && packet.destination() == routers.mac;
        cx.require(there, "destination", "to ff02::16", &observed)?;
        let header = packet.ip_packet();
        let first = header.get(6) == Some(&0);
        let options = header.get(42..48).unwrap_or_default();
        let alert = first && options.windows(4).any(|it| it == ROUTER_ALERT);
        let words = format!("options {options:02x?} in {observed}");
        cx.require(alert, "router-alert", "the router alert option", words)?;
    }
    Ok(())
}

/// A router that asks for memberships of IPv6 hears of the group within its time, asked for all and for this one.
#[case(
    level = Must,
    cite = ["packet.mld.query", "MC-W-08"],
    needs = [Udp, Multicast, Ipv6, Cable],
    profile = Full
)]
async fn queries_are_answered(cx: &mut Ctx) -> Outcome {
    const MILLIS: u16 = 1000;
    let wire = cx.wire()?;
    let udp = cx.udp().await?;
    let router = cx.ghost_v6().await?;
    let node = router.node().at(router.link_local());
    wire.mark();
    join(&udp, GROUP).await?;
    wire.expect(report(&[4]), SOON).await?;

    for group in [None, Some(GROUP)] {
        let key = if group.is_some() {
            "specific"
        } else {
            "general"
        };
        wire.mark();
        wire.inject(Craft::mld_query(node, group, MILLIS));
        // Mode is exclude (2); a change that was told before may be repeated and says the same (4).
        wire.expect_as(key, report(&[2, 4]), ANSWERED).await?;
    }
    Ok(())
}
