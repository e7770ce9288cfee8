//! ARP: probes, neighbours that move, claims to the own address.

use super::super::alloc::vec::Vec;
use super::super::bench::{Bench, Frame, v4};
use super::ghost::{
    BOARD_IP, BOARD_MAC, ETHERNET_BROADCAST, GHOST_IP, GHOST_MAC, Ip, arp, ethernet,
};

const OTHER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x77];

fn broadcast(operation: u8, mac: [u8; 6], sender: [u8; 4], target: [u8; 4]) -> Frame {
    let payload = arp(operation, mac, sender, [0; 6], target);
    ethernet(ETHERNET_BROADCAST, mac, 0x0806, &payload)
}

/// The hardware address that a datagram for the ghost goes to, or none if it does not leave.
fn route(bench: &Bench) -> Option<[u8; 6]> {
    let socket = bench.a.udp();
    bench.a.sendto(socket, v4(GHOST_IP, 9), b"where?").unwrap();
    let frames: Vec<Frame> = bench.settle_a();
    bench.a.close(socket);
    let datagram = frames.iter().find(|frame| frame[12..14] == [8, 0])?;
    datagram[..6].try_into().ok()
}

/// RFC 5227 §2.1.1: whoever probes for our address is told.
#[test]
fn a_probe_for_the_own_address_is_answered() {
    let bench = Bench::new();
    for _ in 0..3 {
        let frames = bench.exchange([broadcast(1, GHOST_MAC, [0; 4], BOARD_IP)]);
        assert_eq!(frames.len(), 1);
        let reply = arp(2, BOARD_MAC, BOARD_IP, GHOST_MAC, [0; 4]);
        let expected = ethernet(GHOST_MAC, BOARD_MAC, 0x0806, &reply);
        assert_eq!(frames[0][..42], expected);
        assert_eq!(frames[0][42..], [0; 18]);
    }
    for target in [[10, 0, 0, 8], [10, 0, 0, 255], [0; 4]] {
        let frames = bench.exchange([broadcast(1, GHOST_MAC, [0; 4], target)]);
        assert_eq!(frames.len(), 0, "{target:?}");
    }
}

/// RFC 826: what is known of a neighbour is merged, whomever the packet is for.
#[test]
fn a_known_neighbour_that_moves_is_followed() {
    for operation in [1, 2] {
        for target in [GHOST_IP, [10, 0, 0, 200]] {
            let bench = Bench::new();
            bench.introduce_ghost();
            assert_eq!(route(&bench), Some(GHOST_MAC));
            let frames = bench.exchange([broadcast(operation, OTHER_MAC, GHOST_IP, target)]);
            assert_eq!(frames.len(), 0);
            assert_eq!(route(&bench), Some(OTHER_MAC), "{operation} {target:?}");
        }
    }
}

/// RFC 826: who is not known and does not ask for us is not remembered.
#[test]
fn an_unknown_neighbour_that_announces_itself_is_not_remembered() {
    let bench = Bench::new();
    assert_eq!(
        bench
            .exchange([broadcast(1, GHOST_MAC, GHOST_IP, GHOST_IP)])
            .len(),
        0
    );
    assert_eq!(route(&bench), None);
}

/// RFC 1122 §2.3.2.2: what there is to say to somebody new is not lost.
#[test]
fn the_first_packet_of_a_stranger_is_answered() {
    let bench = Bench::new();
    let frames = bench.exchange([Ip::TO_BOARD.echo(b"first")]);
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0][..6], GHOST_MAC);
    assert_eq!(frames[0][34], 0, "an echo reply");
    // Whoever is known is not moved that way, and nobody off the link is taken for a neighbour.
    let mut moved = Ip::TO_BOARD.echo(b"moved");
    moved[6..12].copy_from_slice(&OTHER_MAC);
    assert_eq!(bench.exchange([moved])[0][..6], GHOST_MAC);
    let far = Ip {
        from: [10, 0, 1, 9],
        ..Ip::TO_BOARD
    };
    assert_eq!(bench.exchange([far.echo(b"far")]).len(), 0);
}

/// RFC 1812 §3.3.2: what is not one host's is not remembered as one's.
#[test]
fn addresses_of_many_are_not_learnt() {
    let bench = Bench::new();
    bench.introduce_ghost();
    for mac in [ETHERNET_BROADCAST, [1, 0, 0x5e, 0, 0, 1]] {
        for target in [BOARD_IP, GHOST_IP] {
            let payload = arp(1, mac, GHOST_IP, [0; 6], target);
            let frame = ethernet(ETHERNET_BROADCAST, GHOST_MAC, 0x0806, &payload);
            assert_eq!(bench.exchange([frame]).len(), 0);
        }
    }
    assert_eq!(route(&bench), Some(GHOST_MAC));
    for sender in [[224, 0, 0, 1], [255; 4], [127, 0, 0, 1], [10, 0, 0, 255]] {
        let frames = bench.exchange([broadcast(1, GHOST_MAC, sender, BOARD_IP)]);
        assert_eq!(frames.len(), 0, "{sender:?}");
    }
}

/// RFC 5227 §2.4 (b): the own address is defended, though not with every packet, and not given away.
#[test]
fn a_claim_to_the_own_address_is_answered_with_one_announcement() {
    let bench = Bench::new();
    bench.introduce_ghost();
    let claims = [
        broadcast(1, OTHER_MAC, BOARD_IP, BOARD_IP),
        broadcast(2, OTHER_MAC, BOARD_IP, GHOST_IP),
        broadcast(1, OTHER_MAC, BOARD_IP, GHOST_IP),
    ];
    let announcement = arp(1, BOARD_MAC, BOARD_IP, [0; 6], BOARD_IP);
    let announcement = ethernet(ETHERNET_BROADCAST, BOARD_MAC, 0x0806, &announcement);
    for _ in 0..2 {
        let frames = bench.exchange(claims.clone());
        assert_eq!(frames.len(), 1, "{frames:?}");
        assert_eq!(frames[0][..42], announcement);
        bench.advance_ms(9_000);
        assert_eq!(bench.exchange(claims.clone()).len(), 0);
        bench.advance_ms(1_000);
    }
    assert_eq!(route(&bench), Some(GHOST_MAC));
}

/// RFC 826: unknown kinds, lengths and operations are nobody's business.
#[test]
fn malformed_packets_are_ignored() {
    let bench = Bench::new();
    bench.introduce_ghost();
    let good = broadcast(1, OTHER_MAC, GHOST_IP, BOARD_IP);
    for (at, value) in [
        (15, 6),
        (16, 0x86),
        (17, 0xdd),
        (18, 0),
        (18, 255),
        (19, 0),
        (19, 16),
        (21, 0),
        (21, 3),
        (20, 255),
    ] {
        let mut frame = good.clone();
        frame[at] = value;
        assert_eq!(bench.exchange([frame]).len(), 0, "{at} {value}");
    }
    for length in 0..42 {
        assert_eq!(bench.exchange([good[..length].to_vec()]).len(), 0);
    }
    assert_eq!(route(&bench), Some(GHOST_MAC));
    assert_eq!(bench.exchange([Ip::TO_BOARD.echo(b"alive")]).len(), 1);
}
