//! Frames that leave, and arbitrary bytes in both directions.

extern crate alloc;

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::{Strategy, any, prop};
use proptest::{prop_assert, prop_oneof, proptest};

use super::Verdict;
use super::arp::Neighbours;
use super::dhcp::Server;
use super::flows::Flows;
use super::frame::{fold, sum, u16_at};
use super::outgoing::Notes;
use super::own::Own;
use super::packet::Packet;

fn notes() -> Notes {
    Notes {
        flows: Flows::new(Box::leak(Box::new([None; 2]))),
        neighbours: Neighbours::new(),
        server: Server::default(),
        may_be_cut: false,
        identification: 0,
    }
}

/// An IPv4 packet from 10.0.0.1 in a frame.
fn v4(protocol: u8, to: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2; 12];
    frame.extend([8, 0, 0x45, 0, 0, 0, 0, 0, 0x40, 0, 1, protocol, 0, 0]);
    frame.extend([10, 0, 0, 1]);
    frame.extend(to);
    frame.extend(payload);
    let end = frame.len();
    frame[16..18].copy_from_slice(&((end - 14) as u16).to_be_bytes());
    Packet::seal_v4(&mut frame);
    frame
}

/// RFC 1122 §3.2.1.3: from nobody, from ourselves, from many.
#[test]
fn sources_that_cannot_be_another_host_are_dropped() {
    let addresses = ["10.0.0.2/24".parse().unwrap()];
    let own = Own {
        mac: [2; 6],
        addresses: &addresses,
        now_us: 0,
    };
    let judged = |source: [u8; 4], protocol| {
        let mut frame = v4(protocol, [10, 0, 0, 2], &[0; 20]);
        frame[26..30].copy_from_slice(&source);
        Packet::seal_v4(&mut frame);
        super::ipv4::judge(&frame, &Packet::parse(&frame).unwrap(), &own)
    };
    for protocol in [1, 6, 17] {
        assert_eq!(judged([10, 0, 0, 1], protocol), Verdict::Pass);
        assert_eq!(judged([192, 168, 0, 1], protocol), Verdict::Pass);
        for source in [
            [0; 4],
            [10, 0, 0, 2],
            [10, 0, 0, 255],
            [127, 0, 0, 1],
            [224, 0, 0, 9],
            [240, 0, 0, 1],
            [255; 4],
        ] {
            assert_eq!(judged(source, protocol), Verdict::Drop, "{source:?}");
        }
    }
}

/// RFC 792, RFC 4443 §3.1: what is unused is zero, whatever was in the buffer before.
#[test]
fn errors_carry_no_bytes_of_older_frames() {
    let mut message = [&[3, 3, 0, 0, 0xc0, 1, 2, 3][..], &[0x45; 28]].concat();
    let checksum = fold(sum(0, &message));
    message[2..4].copy_from_slice(&checksum.to_be_bytes());
    let mut frame = v4(1, [10, 0, 0, 2], &message);
    let length = frame.len();
    assert_eq!(notes().leaves(&mut frame, length), length);
    assert_eq!(frame[38..42], [0; 4]);
    assert_eq!(fold(sum(0, &frame[34..])), 0);
}

/// RFC 2236 §2: reports and leaves carry the router alert option, within the shortest frame.
#[test]
fn group_messages_alert_routers() {
    let report = [0x16, 0, 0x08, 0x04, 224, 1, 1, 1];
    let mut frame = v4(2, [224, 1, 1, 1], &report);
    let length = frame.len();
    frame.resize(60, 0);
    assert_eq!(notes().leaves(&mut frame, length), length + 4);
    let packet = Packet::parse(&frame).unwrap();
    assert_eq!(packet.payload, 38);
    assert_eq!(frame[34..38], [148, 4, 0, 0]);
    assert_eq!(frame[packet.payload..packet.end], report);
}

fn bootp(options: &[u8], to: [u8; 4]) -> Vec<u8> {
    let mut datagram = vec![0, 68, 0, 67, 0, 0, 0, 0];
    datagram.resize(8 + 236, 0);
    datagram.extend([99, 130, 83, 99]);
    datagram.extend(options);
    let length = datagram.len() as u16;
    datagram[4..6].copy_from_slice(&length.to_be_bytes());
    let mut frame = v4(17, to, &datagram);
    Packet::parse(&frame).unwrap().seal(&mut frame, 6);
    frame
}

/// RFC 1542 §2.1: a message is at least 300 bytes long.
#[test]
fn dhcp_messages_are_padded() {
    let short = bootp(&[53, 1, 1, 255], [255; 4]);
    let mut frame = short.clone();
    frame.resize(342, 0);
    assert_eq!(notes().leaves(&mut frame, short.len()), 342);
    let packet = Packet::parse(&frame).unwrap();
    assert_eq!(packet.end, 342);
    assert_eq!(packet.checksum(&frame), 0);
    assert_eq!(u16_at(&frame, 38), 308, "UDP length");
    assert_eq!(frame[42..short.len()], short[42..]);
    // Others of such a length stay as they are.
    let mut other = short.clone();
    other[36] = 1;
    other.resize(342, 0);
    assert_eq!(notes().leaves(&mut other, short.len()), short.len());
}

/// A message of a server, from an address of its own or of a relay, that names the server.
fn reply(kind: u8, server: [u8; 4], from: [u8; 4]) -> Vec<u8> {
    let options = [&[53, 1, kind, 0, 54, 4][..], &server, &[255]].concat();
    let mut frame = bootp(&options, [10, 0, 0, 1]);
    frame[26..30].copy_from_slice(&from);
    frame[34..38].copy_from_slice(&[0, 67, 0, 68]);
    Packet::seal_v4(&mut frame);
    Packet::parse(&frame).unwrap().seal(&mut frame, 6);
    frame
}

fn judged(server: &Server, frame: &mut [u8]) -> Verdict {
    let packet = Packet::parse(frame).unwrap();
    server.judge(frame, &packet)
}

const OURS: [u8; 4] = [10, 0, 0, 2];
const THEIRS: [u8; 4] = [10, 0, 0, 3];
const REFUSAL: u8 = 6;

/// RFC 2131 §3.1 (5) and §4.4.5.
#[test]
fn only_the_chosen_server_may_refuse() {
    let mut server = Server::default();
    let say = |server: &mut Server, options: &[u8], to| {
        let mut frame = bootp(options, to);
        let mut packet = Packet::parse(&frame).unwrap();
        server.leaves(&mut frame, &mut packet);
    };
    let refused = |server: &Server, by| judged(server, &mut reply(REFUSAL, by, by));
    say(&mut server, &[53, 1, 3, 54, 4, 10, 0, 0, 2, 255], [255; 4]);
    assert_eq!(refused(&server, OURS), Verdict::Pass);
    assert_eq!(refused(&server, THEIRS), Verdict::Drop);
    // Renewing: still the same.
    say(&mut server, &[53, 1, 3, 255], OURS);
    assert_eq!(refused(&server, THEIRS), Verdict::Drop);
    assert_eq!(
        judged(&server, &mut reply(5, THEIRS, THEIRS)),
        Verdict::Pass
    );
    // Rebinding: any.
    say(&mut server, &[53, 1, 3, 255], [255; 4]);
    assert_eq!(refused(&server, THEIRS), Verdict::Pass);
}

/// DHCP is of IPv4: over IPv6 the ports mean nothing.
#[test]
fn other_datagrams_with_the_ports_of_dhcp_stay_as_they_are() {
    let v4 = reply(2, OURS, [192, 168, 0, 1]);
    let mut frame = v4[..12].to_vec();
    frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
    frame.extend(((v4.len() - 34) as u16).to_be_bytes());
    frame.extend([17, 64]);
    frame.extend([0xfe; 32]);
    frame.extend(&v4[34..]);
    let before = frame.clone();
    assert_eq!(judged(&Server::default(), &mut frame), Verdict::Pass);
    assert_eq!(frame, before);
}

/// RFC 2131 §4.4.5: the lease is renewed with the server, not with the relay that carried the offer.
#[test]
fn an_offer_through_a_relay_comes_from_its_server() {
    let mut frame = reply(2, OURS, [192, 168, 0, 1]);
    assert_eq!(judged(&Server::default(), &mut frame), Verdict::Pass);
    let packet = Packet::parse(&frame).unwrap();
    assert_eq!(packet.checksum(&frame), 0);
    assert_eq!(frame, reply(2, OURS, OURS));
}

proptest! {
    /// Whatever smoltcp may send: no panic, and nothing longer than its room.
    #[test]
    fn any_frame_may_leave(
        mut frame in frames(),
        share in 0.0..=1.0,
    ) {
        let length = (frame.len() as f64 * share) as usize;
        let end = notes().leaves(&mut frame, length);
        prop_assert!(end <= frame.len().max(length));
    }

    /// A header that is taken for one is right, and its parts are within the frame.
    #[test]
    fn parts_of_packets_are_within_the_frame(frame in frames()) {
        if let Some(packet) = Packet::parse(&frame) {
            prop_assert!(packet.payload <= packet.end && packet.end <= frame.len());
            if !packet.is_v6 {
                prop_assert!(fold(sum(0, &frame[14..packet.payload])) == 0);
            }
        }
    }
}

/// Arbitrary bytes, and packets around arbitrary bytes.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..400);
    let protocol = prop_oneof![2_u8..=2, 6_u8..=6, 17_u8..=17, any::<u8>()];
    let dhcp = bytes().prop_map(|options| bootp(&options, [255; 4]));
    let group = (0_u8..5, bytes()).prop_map(|(count, rest)| {
        let mut frame = vec![2; 12];
        let length = (rest.len() + 16) as u16;
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
        frame.extend(length.to_be_bytes());
        frame.extend([0; 34]);
        frame.extend([58, 0, 5, 2, 0, 0, 1, 0, 143, 0, 0, 0, 0, 0, 0, count]);
        frame.extend(rest);
        frame
    });
    prop_oneof![
        bytes(),
        (protocol, bytes()).prop_map(|(protocol, payload)| v4(protocol, [10, 0, 0, 2], &payload)),
        dhcp,
        group,
    ]
}
