//! Packets that no host may take, whatever is in them.

use nsapi::Error;

use nsapi::interface::NetworkInterface as _;

use super::super::bench::{Bench, v4};
use super::ghost::{
    BOARD_IP, BOARD_MAC, ETHERNET_BROADCAST, GHOST_IP, GHOST_MAC, Ghost, Ip, SYN, Segment,
};

const SYN_TO_80: Segment = Segment {
    source: 5000,
    destination: 80,
    sequence: 7,
    acknowledgement: 0,
    flags: SYN,
    window: 1000,
    options: super::super::alloc::vec::Vec::new(),
    data: super::super::alloc::vec::Vec::new(),
};

/// What else than one host's an address may be, and the hardware address for it.
const MANY: [([u8; 4], [u8; 6]); 3] = [
    ([255; 4], ETHERNET_BROADCAST),
    ([10, 0, 0, 255], ETHERNET_BROADCAST),
    ([224, 0, 0, 1], [1, 0, 0x5e, 0, 0, 1]),
];

/// Sources that no packet may have: RFC 1122 §3.2.1.3.
const NOBODY: [[u8; 4]; 7] = [
    BOARD_IP,
    [0; 4],
    [127, 0, 0, 1],
    [224, 0, 0, 9],
    [240, 0, 0, 1],
    [255; 4],
    [10, 0, 0, 255],
];

/// RFC 9293 MUST-57: neither a reset nor a connection, and the listener is still there.
#[test]
fn a_syn_to_many_hosts_is_not_taken() {
    let bench = Bench::new();
    let listener = bench.a.listener(80, 1);
    bench.introduce_ghost();
    for (to, mac) in MANY {
        for mac in [mac, BOARD_MAC] {
            for destination in [80, 81] {
                let syn = Segment {
                    destination,
                    ..SYN_TO_80
                };
                let frame = Ip {
                    to,
                    mac,
                    ..Ip::TO_BOARD
                }
                .tcp(&syn);
                assert_eq!(bench.segments(frame), [], "{to:?} {mac:?} {destination}");
            }
        }
    }
    Ghost::connected(&bench, listener);
}

/// RFC 9293 MUST-63. There is a gateway, and it is known: an answer to anybody would leave.
#[test]
fn a_syn_from_nobody_is_not_taken() {
    let bench = Bench::new();
    bench.a.stack.disconnect().unwrap();
    let (mask, gateway) = (v4([255, 255, 255, 0], 0), v4(GHOST_IP, 0));
    let own = v4(BOARD_IP, 0);
    bench.a.stack.set_network(&own, &mask, &gateway).unwrap();
    bench.a.stack.connect().unwrap();
    bench.run();
    bench.introduce_ghost();
    let listener = bench.a.listener(80, 1);
    for from in NOBODY {
        for (source, destination) in [(80, 80), (5000, 80), (5000, 81)] {
            let syn = Segment {
                source,
                destination,
                ..SYN_TO_80
            };
            let frame = Ip {
                from,
                ..Ip::TO_BOARD
            }
            .tcp(&syn);
            assert_eq!(bench.exchange([frame]).len(), 0, "{from:?}");
        }
    }
    // And nothing follows later, such as questions for the own address.
    bench.advance_ms(1_500);
    assert_eq!(bench.settle_a().len(), 0);
    Ghost::connected(&bench, listener);
}

/// RFC 1122 §3.2.1.3.
#[test]
fn datagrams_and_echo_requests_from_nobody_are_not_taken() {
    let bench = Bench::new();
    let socket = bench.a.bound_udp(7);
    for from in NOBODY {
        let ip = Ip {
            from,
            ..Ip::TO_BOARD
        };
        for frame in [ip.udp(9, 7, b"data"), ip.udp(9, 8, b"data"), ip.echo(b"x")] {
            assert_eq!(bench.exchange([frame]).len(), 0, "{from:?}");
        }
        assert_eq!(bench.a.recvfrom(socket, 9), Err(Error::WOULD_BLOCK));
    }
    bench.exchange([Ip::TO_BOARD.udp(9, 7, b"data")]);
    assert_eq!(bench.a.recvfrom(socket, 9).unwrap().0, b"data");
}

/// RFC 1122 §3.3.6.
#[test]
fn a_packet_for_one_in_a_frame_for_all_is_not_taken() {
    let bench = Bench::new();
    let (socket, _listener) = (bench.a.bound_udp(7), bench.a.listener(80, 1));
    bench.introduce_ghost();
    for mac in [ETHERNET_BROADCAST, [1, 0, 0x5e, 0, 0, 1]] {
        let ip = Ip {
            mac,
            ..Ip::TO_BOARD
        };
        let closed = Segment {
            destination: 81,
            ..SYN_TO_80
        };
        for frame in [
            ip.udp(9, 7, b"data"),
            ip.udp(9, 8, b"data"),
            ip.echo(b"x"),
            ip.tcp(&SYN_TO_80),
            ip.tcp(&closed),
        ] {
            assert_eq!(bench.exchange([frame]).len(), 0, "{mac:?}");
        }
        assert_eq!(bench.a.recvfrom(socket, 9), Err(Error::WOULD_BLOCK));
    }
    // What is for all is taken.
    let all = Ip {
        to: [10, 0, 0, 255],
        mac: ETHERNET_BROADCAST,
        ..Ip::TO_BOARD
    };
    bench.exchange([all.udp(9, 7, b"data")]);
    assert_eq!(bench.a.recvfrom(socket, 9).unwrap().0, b"data");
}

/// RFC 791: only the first fragment begins with a transport header, and none is a whole datagram.
#[test]
fn a_fragment_is_not_taken_for_the_whole() {
    let bench = Bench::new();
    let socket = bench.a.bound_udp(7);
    for fragment in [[0x20, 0], [0, 185]] {
        let mut frame = Ip::TO_BOARD.udp(9, 7, b"data");
        frame[20..22].copy_from_slice(&fragment);
        // The sum of the words grew by the fragment's; its complement shrinks.
        let sum = u16::from_be_bytes([frame[24], frame[25]]);
        let less = sum - u16::from_be_bytes(fragment);
        frame[24..26].copy_from_slice(&less.to_be_bytes());
        assert_eq!(bench.exchange([frame]).len(), 0);
        assert_eq!(bench.a.recvfrom(socket, 9), Err(Error::WOULD_BLOCK));
    }
}

/// IEEE 802.1Q §6.9: a tag for network 0 is none.
#[test]
fn a_priority_tag_is_taken_off() {
    let bench = Bench::new();
    let socket = bench.a.bound_udp(7);
    for (tag, expected) in [([0xe0, 0], true), ([0, 0], true), ([0, 5], false)] {
        let mut frame = Ip::TO_BOARD.udp(9, 7, b"data");
        frame.splice(12..12, [0x81, 0, tag[0], tag[1]]);
        bench.exchange([frame]);
        assert_eq!(bench.a.recvfrom(socket, 9).is_ok(), expected, "{tag:?}");
    }
}

/// RFC 1812 §4.3.2.8 for hosts too: a flood of datagrams is not answered with a flood of errors.
#[test]
fn errors_about_closed_ports_are_few() {
    let bench = Bench::new();
    bench.introduce_ghost();
    let flood = || (0..100).map(|_| Ip::TO_BOARD.udp(9, 8, b"data"));
    let errors = bench.exchange(flood()).len();
    assert!((1..=10).contains(&errors), "{errors}");
    bench.advance_ms(1_000);
    assert_eq!(bench.exchange(flood().take(1)).len(), 1, "later again");
    // Open ports are not concerned.
    let socket = bench.a.bound_udp(7);
    bench.exchange(flood());
    bench.exchange([Ip::TO_BOARD.udp(9, 7, b"data")]);
    assert_eq!(bench.a.recvfrom(socket, 9).unwrap().0, b"data");
}

/// IEEE 802.3 §3.2.8: no frame is shorter than 60 bytes, and the padding says nothing.
#[test]
fn short_frames_are_padded_with_zeros() {
    let bench = Bench::new();
    bench.introduce_ghost();
    let frames = bench.exchange([Ip::TO_BOARD.echo(b"x")]);
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0][..6], GHOST_MAC);
    assert_eq!(frames[0].len(), 60);
    assert_eq!(frames[0][14 + 20 + 8 + 1..], [0; 17]);
}
