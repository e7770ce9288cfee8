//! A craft is a good frame until it is spoiled, and then in nothing else.

use crate::wire::{Craft, Flags, IcmpError, Mac, Node, Packet, WirePlan};

const PLAN: WirePlan = WirePlan::STANDARD;

fn host() -> Node {
    Node::new(PLAN.host_mac, PLAN.host_ipv4[0])
}

fn board() -> Node {
    Node::new(Mac([2, 0, 0, 0, 0, 9]), PLAN.board_ipv4)
}

#[test]
fn a_spoiled_checksum_is_the_only_wrong_thing() {
    let good = Craft::udp(host(), 1, board(), 2, *b"hello");
    let bad = good.clone().checksum_off_by(1).bytes();
    let bad = Packet::of(&bad);
    assert_eq!(bad.checksum_ok(), Some(false));
    assert_eq!(bad.ip_checksum_ok(), Some(true));
    let bad = good.clone().ip_checksum_off_by(1).bytes();
    let bad = Packet::of(&bad);
    assert_eq!(bad.checksum_ok(), Some(true));
    assert_eq!(bad.ip_checksum_ok(), Some(false));
    let none = good.checksum(0).bytes();
    assert_eq!(Packet::of(&none).checksum_ok(), Some(true));
    assert_eq!(Packet::of(&none).udp().unwrap().checksum, 0);
}

#[test]
fn edits_come_before_checksums_and_after_all() {
    let craft = Craft::udp(host(), 1, board(), 2, *b"hello");
    let header = craft.clone().edit_ip(|ip| ip[1] = 0x10).bytes();
    assert_eq!(header[15], 0x10);
    assert_eq!(Packet::of(&header).ip_checksum_ok(), Some(true));
    let segment = craft.clone().edit_transport(|it| it[8] = b'j').bytes();
    assert_eq!(Packet::of(&segment).payload(), b"jello");
    assert_eq!(Packet::of(&segment).checksum_ok(), Some(true));
    let frame = craft.edit(|it| it[42] = b'j').bytes();
    assert_eq!(Packet::of(&frame).checksum_ok(), Some(false));
}

#[test]
fn lengths_can_lie_and_frames_can_be_cut() {
    let craft = Craft::udp(host(), 1, board(), 2, vec![7; 100]);
    let lying = craft.clone().total_length(40).udp_length(9).bytes();
    let packet = Packet::of(&lying);
    assert_eq!(packet.ip_packet().len(), 40);
    assert_eq!(packet.udp().unwrap().length, 9);
    assert_eq!(craft.cut(17).bytes().len(), 17);
}

#[test]
fn fragments_make_up_the_packet() {
    let craft = Craft::udp(host(), 1, board(), 2, (0..200).collect::<Vec<u8>>());
    let fragments = craft.fragments(77, 100);
    assert_eq!(fragments.len(), 3);
    let mut whole = Vec::new();
    for (index, fragment) in fragments.iter().enumerate() {
        let frame = fragment.bytes();
        let packet = Packet::of(&frame);
        assert!(packet.is_fragment());
        assert_eq!(packet.ip_checksum_ok(), Some(true));
        let header = packet.ip_header();
        assert_eq!(header[4..6], [0, 77]);
        let field = u16::from_be_bytes([header[6], header[7]]);
        assert_eq!(field & 0x2000 != 0, index < 2, "more follow");
        assert_eq!(usize::from(field & 0x1fff) * 8, whole.len());
        whole.extend_from_slice(packet.ip_payload());
    }
    assert_eq!(whole, Packet::of(&craft.bytes()).ip_payload());
}

#[test]
fn errors_quote_the_packet_they_are_about() {
    let sent = Craft::tcp(board(), 4000, host(), 7)
        .flags(Flags::SYN)
        .bytes();
    let error = Craft::icmp_error(host(), board(), IcmpError::PortUnreachable, &sent).bytes();
    let packet = Packet::of(&error);
    let icmp = packet.icmp().unwrap();
    assert!(icmp.is_error());
    assert_eq!((icmp.kind, icmp.code), (3, 3));
    assert_eq!(icmp.body, Packet::of(&sent).ip_packet());
    assert_eq!(packet.checksum_ok(), Some(true));
    let too_big = Craft::icmp_error(host(), board(), IcmpError::TooBig(600), &sent).bytes();
    assert_eq!(Packet::of(&too_big).icmp().unwrap().rest, [0, 0, 2, 88]);
}

#[test]
fn extension_headers_stand_between() {
    let v6 = host().at(PLAN.host_ipv6[0]);
    let to = board().at(board().mac.link_local());
    let frame = Craft::udp(v6, 1, to, 2, *b"data")
        .extensions(60, [17, 0, 1, 4, 0, 0, 0, 0])
        .bytes();
    let packet = Packet::of(&frame);
    assert_eq!(packet.ip_protocol(), Some(17));
    assert_eq!(packet.payload(), b"data");
    assert_eq!(packet.checksum_ok(), Some(true));
}
