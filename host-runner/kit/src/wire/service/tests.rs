//! The services on a cable in memory; the test plays the board.

use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use std::sync::Arc;

use dhcproto::v4::{DhcpOption, Flags, Message, MessageType, OptionCode};
use dhcproto::{Decodable, Decoder, Encodable, Encoder};

use super::{Answer, DhcpKind, Form, Services};
use crate::Stop;
use crate::fake::{context_on, wired};
use crate::wire::fake::{FakeCable, until};
use crate::wire::{Cable, Craft, End, Fate, Mac, Node, Packet, WirePlan};

const PLAN: WirePlan = WirePlan::STANDARD;
const BOARD: Mac = Mac([2, 0, 0, 0, 0, 9]);
const SOON: Duration = Duration::from_millis(200);

fn ask(kind: MessageType, change: impl FnOnce(&mut Message)) -> Vec<u8> {
    let nobody = Ipv4Addr::UNSPECIFIED;
    let mut message = Message::new_with_id(77, nobody, nobody, nobody, nobody, &BOARD.0);
    message.opts_mut().insert(DhcpOption::MessageType(kind));
    let name = DhcpOption::Hostname("board".into());
    message.opts_mut().insert(name);
    change(&mut message);
    let mut bytes = Vec::new();
    message.encode(&mut Encoder::new(&mut bytes)).unwrap();
    let from = Node::new(BOARD, nobody);
    Craft::udp(from, 68, Node::broadcast(Ipv4Addr::BROADCAST), 67, bytes).bytes()
}

/// The DHCP messages that reached the board since the last look, with where they were sent.
fn answers(cable: &FakeCable) -> Vec<(Message, Mac, core::net::IpAddr)> {
    let read = |(end, bytes): (End, Vec<u8>)| {
        let packet = Packet::of(&bytes);
        let udp = packet.udp().filter(|udp| udp.dst_port == 68)?;
        assert_eq!((end, packet.checksum_ok()), (End::Board, Some(true)));
        let message = Message::decode(&mut Decoder::new(udp.data)).ok()?;
        Some((message, packet.destination(), packet.dst_ip()?))
    };
    cable.arrived().into_iter().filter_map(read).collect()
}

async fn answered(cable: &FakeCable) -> (Message, Mac, core::net::IpAddr) {
    let sent = || {
        let (frames, _) = cable.frames();
        let to_client =
            |frame: &crate::wire::Frame| frame.packet().udp().is_some_and(|udp| udp.dst_port == 68);
        frames.iter().any(to_client)
    };
    until(sent).await;
    cable.begin_case("next");
    answers(cable).remove(0)
}

#[tokio::test]
async fn a_lease_is_had_without_a_script() {
    let cable = FakeCable::new();
    let _services = Services::start(cable.clone());
    cable.send(End::Board, ask(MessageType::Discover, |_| {}));
    let (offer, mac, ip) = answered(&cable).await;
    assert_eq!(offer.opts().msg_type(), Some(MessageType::Offer));
    assert_eq!((offer.xid(), offer.yiaddr()), (77, PLAN.board_ipv4));
    assert_eq!((mac, ip), (BOARD, PLAN.board_ipv4.into()));
    let Some(DhcpOption::ServerIdentifier(server)) =
        offer.opts().get(OptionCode::ServerIdentifier).cloned()
    else {
        panic!("no server id")
    };
    assert_eq!(
        offer.opts().get(OptionCode::SubnetMask),
        Some(&DhcpOption::SubnetMask(Ipv4Addr::new(255, 255, 255, 0)))
    );
    let request = |message: &mut Message| {
        let options = message.opts_mut();
        options.insert(DhcpOption::RequestedIpAddress(PLAN.board_ipv4));
        options.insert(DhcpOption::ServerIdentifier(server));
        message.set_flags(Flags::default().set_broadcast());
    };
    cable.send(End::Board, ask(MessageType::Request, request));
    let (ack, mac, ip) = answered(&cable).await;
    assert_eq!(ack.opts().msg_type(), Some(MessageType::Ack));
    assert_eq!(ack.yiaddr(), PLAN.board_ipv4);
    assert_eq!((mac, ip), (Mac::BROADCAST, Ipv4Addr::BROADCAST.into()));
    // Another address than the leased one is refused.
    let request = |message: &mut Message| {
        let wrong = DhcpOption::RequestedIpAddress(Ipv4Addr::new(192, 0, 2, 99));
        message.opts_mut().insert(wrong);
    };
    cable.send(End::Board, ask(MessageType::Request, request));
    let (nak, ..) = answered(&cable).await;
    assert_eq!(nak.opts().msg_type(), Some(MessageType::Nak));
}

#[tokio::test]
async fn a_script_is_followed_and_ends() {
    let cable = FakeCable::new();
    let services = Services::start(cable.clone());
    let cx = context_on(Arc::new(wired(&cable, &services))).await;
    let dhcp = cx.dhcp().unwrap();
    dhcp.next(DhcpKind::Discover, Answer::Silence);
    let mut lease = dhcp.standard_lease().lasting(20);
    lease.form = Form::Broadcast;
    lease.prefix = None;
    lease.more.push((43, vec![1, 2, 3]));
    dhcp.lease(lease);
    cable.send(End::Board, ask(MessageType::Discover, |_| {}));
    let seen = dhcp.expect(DhcpKind::Discover, SOON).await.unwrap();
    assert_eq!(seen.hostname.as_deref(), Some("board"));
    assert_eq!(seen.to, (Mac::BROADCAST, Ipv4Addr::BROADCAST));
    cable.send(End::Board, ask(MessageType::Discover, |_| {}));
    let (offer, mac, _) = answered(&cable).await;
    assert_eq!(mac, Mac::BROADCAST);
    assert!(offer.opts().get(OptionCode::SubnetMask).is_none());
    assert_eq!(
        offer.opts().get(OptionCode::AddressLeaseTime),
        Some(&DhcpOption::AddressLeaseTime(20))
    );
    dhcp.expect(DhcpKind::Discover, SOON).await.unwrap();
    match dhcp.expect(DhcpKind::Discover, SOON).await {
        Err(Stop::Violation(violation)) => assert_eq!(violation.key, "kit.self/dhcp"),
        other => panic!("{other:?}"),
    }
    dhcp.offers(Answer::spoiled(dhcp.standard_lease(), |bytes| bytes[0] = 9));
    let seen = dhcp.seen();
    assert_eq!(dhcp.compose(&Answer::Nak, &seen[0]).len(), 1);
    services.reset();
    assert!(dhcp.seen().is_empty());
    cable.send(End::Board, ask(MessageType::Discover, |_| {}));
    let (offer, mac, _) = answered(&cable).await;
    assert_eq!(offer.opcode(), dhcproto::v4::Opcode::BootReply);
    assert_eq!(mac, BOARD);
}

#[tokio::test]
async fn hostile_requests_are_survived() {
    let cable = FakeCable::new();
    let _services = Services::start(cable.clone());
    let good = ask(MessageType::Discover, |_| {});
    for at in 42..good.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut bad = good.clone();
            bad[at] = value;
            cable.send(End::Board, bad);
        }
        cable.send(End::Board, &good[..at]);
    }
    cable.begin_case("the good one");
    cable.arrived();
    until(|| {
        cable.send(End::Board, good.clone());
        !answers(&cable).is_empty()
    })
    .await;
}

#[tokio::test]
async fn the_server_can_be_asked_for_its_hardware_address() {
    let cable = FakeCable::new();
    let _services = Services::start(cable.clone());
    let server = Node::new(WirePlan::ghost_mac(0), WirePlan::ghost_ipv4(0));
    let board = Node::new(BOARD, PLAN.board_ipv4);
    cable.send(End::Board, Craft::who_has(board, server.ip).bytes());
    let told = || {
        let (frames, _) = cable.frames();
        frames.iter().any(|frame| {
            frame
                .packet()
                .arp()
                .is_some_and(|arp| arp.operation == 2 && arp.sender_mac == server.mac)
        })
    };
    until(told).await;
}

#[tokio::test]
async fn solicitations_are_answered_and_lost_ones_are_not() {
    let cable = FakeCable::new();
    let services = Services::start(cable.clone());
    let cx = context_on(Arc::new(wired(&cable, &services))).await;
    let router = cx.router().unwrap();
    let all_routers = Node::group(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2));
    let board = Node::new(BOARD, BOARD.link_local());
    let solicitation = Craft::icmp_message(board, all_routers, 133, 0, [0; 4], []).ttl(255);
    cable.send(End::Board, solicitation.bytes());
    router.expect_solicitation(SOON).await.unwrap();
    let announced = || {
        let (frames, _) = cable.frames();
        frames
            .into_iter()
            .find(|frame| frame.packet().icmp().is_some_and(|icmp| icmp.kind == 134))
    };
    until(|| announced().is_some()).await;
    let frame = announced().unwrap();
    let packet = frame.packet();
    assert_eq!(packet.checksum_ok(), Some(true));
    assert_eq!(
        (packet.ttl(), packet.src_ip()),
        (Some(255), Some(PLAN.host_link_local.into()))
    );
    let icmp = packet.icmp().unwrap();
    let prefix = icmp.nd_option(3).unwrap();
    assert_eq!((prefix[0], prefix[1]), (64, 0xc0));
    assert_eq!(prefix[14..], PLAN.ipv6_prefix.octets());
    assert_eq!(icmp.nd_option(1), Some(&PLAN.host_mac.0[..]));

    router.answers(None);
    cable.begin_case("silence");
    cable.send(End::Board, solicitation.bytes());
    router.expect_solicitation(SOON).await.unwrap();
    assert!(announced().is_none());
    router.advertise(&router.standard().lasting(60, 30));
    assert!(announced().is_some());
    assert!(
        services.learnt.learnt().ipv6.contains(&BOARD.link_local()),
        "it was told"
    );
    // What does not arrive is not answered.
    services.reset();
    cable.begin_case("cut");
    cable.set_link(false).await.unwrap();
    cable.send(End::Board, solicitation.bytes());
    let (frames, _) = cable.frames();
    assert_eq!(frames[0].fate, Fate::Dropped("cut"));
    assert!(router.expect_solicitation(SOON).await.is_err());
}
