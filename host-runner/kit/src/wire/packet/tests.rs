//! Frames are read right, and any bytes at all are survived.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::Packet;
use crate::wire::{Craft, End, Flags, Mac, Node, Origin, Pattern, WirePlan, from_board, tcp};

const PLAN: WirePlan = WirePlan::STANDARD;

fn host() -> Node {
    Node::new(PLAN.host_mac, PLAN.host_ipv4[0])
}

fn board() -> Node {
    Node::new(Mac([2, 0, 0, 0, 0, 9]), PLAN.board_ipv4)
}

fn board6() -> Node {
    board().at(board().mac.address_in(PLAN.ipv6_prefix))
}

fn host6() -> Node {
    host().at(PLAN.host_ipv6[0])
}

/// Looks at everything that can be looked at.
fn look(bytes: &[u8]) {
    let packet = Packet::of(bytes);
    let _ = format!("{packet} {packet:?}");
    let _ = (packet.vlans(), packet.padding(), packet.payload());
    let _ = (packet.ip_checksum_ok(), packet.checksum_ok());
    let _ = (packet.ttl(), packet.is_fragment(), packet.igmp());
    if let Some(tcp) = packet.tcp() {
        assert!(tcp.options().count() <= 40);
        let _ = (tcp.mss(), tcp.window_scale(), tcp.len());
    }
    if let Some(icmp) = packet.icmp() {
        let _ = (icmp.nd_target(), icmp.nd_option(1), icmp.nd_option(2));
    }
    for pattern in [
        tcp().syn_ack().port(7).with_payload(),
        from_board().icmp_error().or(Pattern::injected().mld()),
        from_board().asks_for(PLAN.host_ipv4[0]),
        from_board().dhcp().payload_contains(b"x"),
    ] {
        let _ = pattern.matches(Origin::Sent(End::Board), bytes);
    }
}

fn samples() -> Vec<Vec<u8>> {
    let syn = Craft::tcp(host(), 1, board(), 2)
        .flags(Flags::SYN)
        .tcp_options(&[2, 4, 5, 0xb4, 1, 3, 3, 7]);
    vec![
        syn.bytes(),
        Craft::udp(host6(), 3, board6(), 4, *b"data").bytes(),
        Craft::echo_request(host6(), board6(), 1, 2, *b"abc").bytes(),
        Craft::who_has(host(), board().ip).bytes(),
        Craft::who_has(host6(), board6().ip).bytes(),
        Craft::mld_query(host().at(PLAN.host_link_local), None, 100).bytes(),
        Craft::igmp_query(host(), None, 100).bytes(),
        Craft::udp(host(), 3, board(), 4, vec![7; 100])
            .vlan(5, 1)
            .fragment(8, true)
            .bytes(),
    ]
}

#[test]
fn every_cut_and_every_flipped_bit_is_survived() {
    for sample in samples() {
        for length in 0..=sample.len() {
            look(&sample[..length]);
        }
        for bit in 0..sample.len() * 8 {
            let mut spoiled = sample.clone();
            spoiled[bit / 8] ^= 1 << (bit % 8);
            look(&spoiled);
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        look(&bytes);
    }

    #[test]
    fn anything_behind_a_good_beginning_is_survived(
        which in 0_usize..8,
        keep in 0_usize..60,
        rest in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        let mut bytes = samples()[which].clone();
        bytes.truncate(keep);
        bytes.extend(rest);
        look(&bytes);
    }
}

#[test]
fn a_segment_says_what_was_put_into_it() {
    let frame = Craft::tcp(host(), 4000, board(), 7)
        .flags(Flags::SYN | Flags::ACK)
        .seq_ack(100, 200)
        .window(512)
        .tcp_options(&[2, 4, 5, 0xb4, 1, 3, 3, 7])
        .payload(*b"hello")
        .bytes();
    let packet = Packet::parse(&frame).unwrap();
    assert_eq!(packet.source(), PLAN.host_mac);
    assert_eq!(packet.destination(), board().mac);
    assert_eq!(packet.src_ip(), Some(host().ip));
    assert_eq!(packet.dst_ip(), Some(board().ip));
    let tcp = packet.tcp().unwrap();
    assert_eq!((tcp.seq, tcp.ack, tcp.window), (100, 200, 512));
    assert_eq!((tcp.mss(), tcp.window_scale()), (Some(1460), Some(7)));
    assert_eq!((tcp.data, tcp.len()), (&b"hello"[..], 6));
    assert_eq!(packet.payload(), b"hello");
    assert_eq!(packet.ip_checksum_ok(), Some(true));
    assert_eq!(packet.checksum_ok(), Some(true));
    assert_eq!(
        packet.to_string(),
        "tcp 192.0.2.1.4000 → 192.0.2.15.7 SYN+ACK seq 100 ack 200 window 512, 5 bytes"
    );
}

#[test]
fn layers_are_told_apart() {
    let samples = samples();
    let udp6 = Packet::of(&samples[1]);
    assert!(udp6.is_ipv6() && !udp6.is_ipv4());
    assert_eq!(udp6.udp().unwrap().data, b"data");
    assert_eq!(udp6.checksum_ok(), Some(true));
    let echo = Packet::of(&samples[2]);
    let icmp = echo.icmp().unwrap();
    assert!(icmp.v6 && icmp.is_echo_request() && !icmp.is_error());
    assert_eq!((icmp.echo_id(), icmp.body), ((1, 2), &b"abc"[..]));
    assert_eq!(echo.checksum_ok(), Some(true));
    let arp = Packet::of(&samples[3]).arp().unwrap();
    assert_eq!(IpAddr::from(arp.target_ip), board().ip);
    assert_eq!(arp.operation, 1);
    let solicitation = Packet::of(&samples[4]);
    let icmp = solicitation.icmp().unwrap();
    assert_eq!(icmp.nd_target().map(IpAddr::from), Some(board6().ip));
    assert_eq!(icmp.nd_option(1), Some(&PLAN.host_mac.0[..]));
    assert_eq!(solicitation.ttl(), Some(255));
    let mld = Packet::of(&samples[5]);
    assert_eq!(mld.icmp().unwrap().kind, 130);
    assert_eq!(mld.checksum_ok(), Some(true));
    let igmp = Packet::of(&samples[6]);
    assert_eq!(igmp.igmp().unwrap()[0], 0x11);
    assert_eq!((igmp.checksum_ok(), igmp.ttl()), (Some(true), Some(1)));
    let fragment = Packet::of(&samples[7]);
    assert_eq!(fragment.vlans(), [5]);
    assert!(fragment.is_fragment() && fragment.udp().is_none());
    assert_eq!(fragment.ip_protocol(), Some(17));
}

#[test]
fn padding_is_not_payload() {
    let frame = Craft::udp(host(), 1, board(), 2, *b"x").bytes();
    assert_eq!(frame.len(), 60);
    let packet = Packet::of(&frame);
    assert_eq!(packet.payload(), b"x");
    assert_eq!(packet.padding().len(), 60 - 14 - 29);
}

#[test]
fn patterns_read_like_sentences_and_match_what_they_say() {
    let board_sends = Origin::Sent(End::Board);
    let host_sends = Origin::Sent(End::Host);
    let frame = Craft::tcp(board(), 4000, host(), 7)
        .flags(Flags::SYN | Flags::ACK)
        .bytes();
    let syn_ack = from_board().tcp().syn_ack().port(7);
    assert_eq!(syn_ack.words(), "from the board, tcp, SYN+ACK, port 7");
    assert!(syn_ack.matches(board_sends, &frame));
    assert!(!syn_ack.matches(host_sends, &frame));
    assert!(Pattern::to_board().matches(host_sends, &frame));
    assert!(Pattern::to_board().matches(Origin::Injected(End::Board), &frame));
    for (pattern, holds) in [
        (tcp().syn(), false),
        (tcp().flags(Flags::SYN), true),
        (tcp().without_flags(Flags::RST), true),
        (tcp().src_port(7), false),
        (tcp().dst_port(7), true),
        (tcp().src_ip(PLAN.board_ipv4), true),
        (tcp().dst_ip(PLAN.board_ipv4), false),
        (tcp().with_payload(), false),
        (tcp().pure_ack(), false),
        (tcp().rst().or(tcp().port(4000)), true),
        (tcp().and(tcp().rst()), false),
        (tcp().but_not(tcp().port(7)), false),
        (tcp().rst().not(), true),
        (
            tcp().that("odd ports", |it| it.ports().is_some_and(|p| p.0 % 2 == 1)),
            false,
        ),
    ] {
        assert_eq!(pattern.matches(board_sends, &frame), holds, "{pattern:?}");
    }
}

#[test]
fn group_addresses_have_their_hardware_addresses() {
    let group = Node::group(Ipv4Addr::new(224, 129, 2, 3));
    assert_eq!(group.mac, Mac([1, 0, 0x5e, 1, 2, 3]));
    let group = Node::group(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0x1234, 0x5678));
    assert_eq!(group.mac, Mac([0x33, 0x33, 0x12, 0x34, 0x56, 0x78]));
    assert_eq!(PLAN.host_mac.link_local(), PLAN.host_link_local);
}
