//! IPv6: bad addresses, unprotected datagrams, neighbour discovery, group reports, and TCP over it.

use core::net::Ipv6Addr;

use nsapi::Error;
use nsapi::interface::NetworkInterface as _;

use super::super::alloc::vec::Vec;
use super::super::bench::{Bench, Frame, any, v4, v6};
use super::ghost::{ACK, BOARD_MAC, GHOST_MAC, SYN, checksum, ethernet};
use crate::Config;

const GHOST: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 9);
const STRANGER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x77);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];
const OTHER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x77];

const UDP: u8 = 17;
const TCP: u8 = 6;
const ICMP: u8 = 58;

/// The link-local address of the stack under test.
const BOARD: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 1);

fn solicited_node() -> (Ipv6Addr, [u8; 6]) {
    let last = &BOARD.octets()[13..];
    let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 0).octets();
    let group = [&group[..13], last].concat();
    let mac = [&[0x33, 0x33, 0xff][..], last].concat();
    let group: [u8; 16] = group.try_into().unwrap();
    (group.into(), mac.try_into().unwrap())
}

/// A packet to the board.
#[derive(Clone, Copy)]
struct Ip {
    from: Ipv6Addr,
    to: Ipv6Addr,
    mac: [u8; 6],
    hop_limit: u8,
}

impl Ip {
    fn to_board() -> Self {
        Self {
            from: GHOST,
            to: BOARD,
            mac: BOARD_MAC,
            hop_limit: 255,
        }
    }

    fn to_many(from: Ipv6Addr) -> Self {
        Self {
            from,
            to: ALL_NODES,
            mac: ALL_NODES_MAC,
            hop_limit: 255,
        }
    }

    fn raw(self, protocol: u8, payload: &[u8]) -> Frame {
        let header = [
            &[0x60, 0, 0, 0][..],
            &(payload.len() as u16).to_be_bytes(),
            &[protocol, self.hop_limit],
            &self.from.octets(),
            &self.to.octets(),
            payload,
        ];
        ethernet(self.mac, GHOST_MAC, 0x86dd, &header.concat())
    }

    /// With the checksum at this offset computed.
    fn summed(self, protocol: u8, at: usize, payload: &[u8]) -> Frame {
        let mut payload = payload.to_vec();
        let pseudo = [
            &self.from.octets()[..],
            &self.to.octets(),
            &(payload.len() as u32).to_be_bytes(),
            &[0, 0, 0, protocol],
        ];
        let sum = checksum(&[&pseudo.concat(), &payload]);
        payload[at..at + 2].copy_from_slice(&sum);
        self.raw(protocol, &payload)
    }

    fn udp(self, destination: u16, data: &[u8]) -> Frame {
        self.summed(UDP, 6, &datagram(destination, data))
    }

    fn echo(self) -> Frame {
        self.summed(ICMP, 2, &[128, 0, 0, 0, 1, 2, 3, 4, 5])
    }

    fn solicitation(self, target: Ipv6Addr, option: Option<[u8; 6]>) -> Frame {
        let mut message = [&[135, 0, 0, 0, 0, 0, 0, 0][..], &target.octets()].concat();
        if let Some(mac) = option {
            message.extend([&[1, 1][..], &mac].concat());
        }
        self.summed(ICMP, 2, &message)
    }

    fn advertisement(self, flags: u8, target: Ipv6Addr, mac: [u8; 6]) -> Frame {
        let head = [136, 0, 0, 0, flags, 0, 0, 0];
        let message = [&head[..], &target.octets(), &[2, 1], &mac].concat();
        self.summed(ICMP, 2, &message)
    }

    fn syn(self, port: u16) -> Frame {
        let [high, low] = port.to_be_bytes();
        let mut segment = [0; 20];
        segment[..4].copy_from_slice(&[0x13, 0x88, high, low]);
        segment[12..16].copy_from_slice(&[0x50, SYN, 4, 0]);
        self.summed(TCP, 16, &segment)
    }
}

fn datagram(destination: u16, data: &[u8]) -> Vec<u8> {
    let length = (8 + data.len()) as u16;
    [
        &[0, 9][..],
        &destination.to_be_bytes(),
        &length.to_be_bytes(),
        &[0, 0],
        data,
    ]
    .concat()
}

/// The board knows the ghost.
fn bench() -> Bench {
    let bench = Bench::new();
    let ask = Ip::to_board().solicitation(BOARD, Some(GHOST_MAC));
    assert_eq!(bench.exchange([ask]).len(), 1, "an advertisement");
    bench
}

/// The checksum of an ICMPv6 message in a frame is right.
fn assert_right(frame: &Frame) {
    let length = u16::from_be_bytes([frame[18], frame[19]]);
    let end = 54 + usize::from(length);
    let pseudo = [
        &frame[22..54],
        &[0, 0],
        &length.to_be_bytes(),
        &[0, 0, 0, ICMP],
    ];
    assert_eq!(checksum(&[&pseudo.concat(), &frame[54..end]]), [0, 0]);
}

/// RFC 8200 §8.1.
#[test]
fn a_datagram_without_checksum_is_not_taken() {
    let bench = bench();
    let socket = bench.a.bound_udp(7);
    bench.exchange([Ip::to_board().raw(UDP, &datagram(7, b"data"))]);
    assert_eq!(bench.a.recvfrom(socket, 9), Err(Error::WOULD_BLOCK));
    bench.exchange([Ip::to_board().udp(7, b"data")]);
    assert_eq!(bench.a.recvfrom(socket, 9).unwrap().0, b"data");
}

/// RFC 4291 §2.5.3 and §2.7.
#[test]
fn addresses_that_never_come_over_a_link_are_not_taken() {
    let bench = bench();
    let socket = bench.a.bound_udp(7);
    let good = Ip::to_board();
    let group = |first: u16| Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, 1);
    let mapped = |last: u8| core::net::Ipv4Addr::new(10, 0, 0, last).to_ipv6_mapped();
    let sources = [Ipv6Addr::LOCALHOST, BOARD, group(0xff02), mapped(9)];
    let from = sources.map(|from| Ip { from, ..good });
    let destinations = [
        Ipv6Addr::LOCALHOST,
        Ipv6Addr::UNSPECIFIED,
        group(0xff00),
        group(0xff01),
        mapped(1),
    ];
    let to = destinations.map(|to| Ip { to, ..good });
    for ip in from.into_iter().chain(to) {
        for frame in [ip.udp(7, b"data"), ip.echo(), ip.syn(80)] {
            let (source, destination) = (ip.from, ip.to);
            assert_eq!(bench.exchange([frame]).len(), 0, "{source} {destination}");
        }
        assert_eq!(bench.a.recvfrom(socket, 9), Err(Error::WOULD_BLOCK));
    }
    assert_eq!(bench.exchange([good.echo()]).len(), 1);
}

/// RFC 4443 §2.4 (e).
#[test]
fn nothing_sent_to_many_is_answered_with_an_error() {
    let bench = bench();
    let socket = bench.a.bound_udp(7);
    let many = Ip::to_many(GHOST);
    for frame in [many.udp(8, b"data"), many.raw(200, b"what?"), many.syn(81)] {
        assert_eq!(bench.exchange([frame]).len(), 0);
    }
    let link_only = Ip {
        mac: ALL_NODES_MAC,
        ..Ip::to_board()
    };
    assert_eq!(bench.exchange([link_only.udp(8, b"data")]).len(), 0);
    bench.exchange([many.udp(7, b"data")]);
    assert_eq!(bench.a.recvfrom(socket, 9).unwrap().0, b"data");
    assert_eq!(bench.exchange([Ip::to_board().udp(8, b"data")]).len(), 1);
}

/// RFC 4443 §2.4 (f).
#[test]
fn errors_are_few() {
    let bench = bench();
    let flood = (0..100).map(|_| Ip::to_board().udp(8, b"data"));
    let errors = bench.exchange(flood).len();
    assert!((1..=10).contains(&errors), "{errors}");
}

/// RFC 9293 MUST-57: a listener survives it.
#[test]
fn a_syn_to_many_hosts_is_not_taken() {
    let bench = bench();
    let listener = bench.a.listener(80, 1);
    for port in [80, 81] {
        let syn = Ip::to_many(GHOST).syn(port);
        assert_eq!(bench.exchange([syn]).len(), 0, "{port}");
    }
    let frames = bench.exchange([Ip::to_board().syn(80)]);
    assert_eq!(frames[0][67], SYN | ACK);
    bench.a.close(listener);
}

/// RFC 4861 §7.2.4: the address is nobody else's, so the answer overrides.
#[test]
fn a_solicitation_is_answered_with_the_override_flag() {
    let bench = Bench::new();
    let (group, mac) = solicited_node();
    let asked = Ip {
        to: group,
        mac,
        ..Ip::to_board()
    };
    for ask in [asked, Ip::to_board()] {
        let frames = bench.exchange([ask.solicitation(BOARD, Some(GHOST_MAC))]);
        assert_eq!(frames.len(), 1);
        let message = &frames[0][54..];
        assert_eq!(message[0], 136);
        assert_eq!(message[4], 0x60, "solicited, override");
        assert_eq!(message[24..32], [&[2, 1][..], &BOARD_MAC].concat());
        assert_right(&frames[0]);
    }
}

/// RFC 4862 §5.4.3, RFC 4861 §7.2.4: whoever probes for our address is told, and with him everybody.
#[test]
fn a_probe_for_an_own_address_is_answered() {
    let bench = Bench::new();
    let (group, mac) = solicited_node();
    let probe = Ip {
        from: Ipv6Addr::UNSPECIFIED,
        to: group,
        mac,
        hop_limit: 255,
    };
    let frames = bench.exchange([probe.solicitation(BOARD, None)]);
    assert_eq!(frames.len(), 1);
    let defence = Ip {
        from: BOARD,
        ..Ip::to_many(BOARD)
    };
    let expected = defence.advertisement(0x20, BOARD, BOARD_MAC);
    assert_eq!(frames[0][12..], expected[12..]);
    assert_eq!(frames[0][..12], [ALL_NODES_MAC, BOARD_MAC].concat());
    // RFC 4861 §7.1.1: these are none.
    let mut wrong = probe.solicitation(BOARD, None);
    wrong[56] ^= 1;
    for frame in [
        wrong,
        probe.solicitation(BOARD, Some(GHOST_MAC)),
        probe.solicitation(STRANGER, None),
        Ip {
            hop_limit: 254,
            ..probe
        }
        .solicitation(BOARD, None),
        Ip {
            to: BOARD,
            mac: BOARD_MAC,
            ..probe
        }
        .solicitation(BOARD, None),
    ] {
        assert_eq!(bench.exchange([frame]).len(), 0);
    }
}

/// The hardware address that a datagram goes to, or none if it does not leave.
fn route(bench: &Bench, to: Ipv6Addr) -> Option<[u8; 6]> {
    let socket = bench.a.udp();
    let to = v6(to.segments(), 9);
    bench.a.sendto(socket, to, b"where?").unwrap();
    let frames = bench.settle_a();
    bench.a.close(socket);
    let datagram = frames.iter().find(|frame| frame[20] == UDP)?;
    datagram[..6].try_into().ok()
}

/// RFC 4861 §7.2.3 and §7.2.5.
#[test]
fn only_what_was_asked_for_is_learnt() {
    let bench = bench();
    assert_eq!(route(&bench, GHOST), Some(GHOST_MAC));
    let stranger = Ip {
        from: STRANGER,
        ..Ip::to_board()
    };
    // A question for somebody else, and an advertisement nobody asked for.
    bench.exchange([stranger.solicitation(GHOST, Some(OTHER_MAC))]);
    bench.exchange([Ip::to_many(STRANGER).advertisement(0x20, STRANGER, OTHER_MAC)]);
    assert_eq!(route(&bench, STRANGER), None);
    // The question has left now, and somebody answers for the one who was asked.
    let proxy = Ip::to_board().advertisement(0x60, STRANGER, OTHER_MAC);
    bench.exchange([proxy]);
    assert_eq!(route(&bench, STRANGER), Some(OTHER_MAC));
    assert_eq!(route(&bench, GHOST), Some(GHOST_MAC), "not the sender's");
    // A known neighbour moves if the advertisement overrides.
    bench.exchange([Ip::to_many(GHOST).advertisement(0, GHOST, OTHER_MAC)]);
    assert_eq!(route(&bench, GHOST), Some(GHOST_MAC));
    bench.exchange([Ip::to_many(GHOST).advertisement(0x20, GHOST, OTHER_MAC)]);
    assert_eq!(route(&bench, GHOST), Some(OTHER_MAC));
}

/// RFC 3810 §5.2.12: joining is a change to "exclude nobody".
#[test]
fn joining_a_group_is_reported_as_such() {
    let bench = Bench::down(Config::default());
    let ip = v4(bench.a.ip, 0);
    let mask = v4([255, 255, 255, 0], 0);
    bench.a.stack.set_network(&ip, &mask, &any(0)).unwrap();
    bench.a.stack.connect().unwrap();
    let frames = bench.settle_a();
    let report = frames
        .iter()
        .find(|frame| frame[12..14] == [0x86, 0xdd] && frame[20] == 0 && frame[62] == 143)
        .expect("a report about the solicited-node group");
    let (group, _) = solicited_node();
    assert_eq!(report[70], 4);
    assert_eq!(report[74..90], group.octets());
    let message = &report[62..];
    let pseudo = [
        &report[22..54],
        &(message.len() as u32).to_be_bytes(),
        &[0, 0, 0, ICMP],
    ];
    assert_eq!(checksum(&[&pseudo.concat(), message]), [0, 0]);
}

/// A destination options, hop-by-hop or routing header of eight bytes.
fn extension(next: u8, contents: [u8; 6]) -> Vec<u8> {
    [&[next, 0][..], &contents].concat()
}

const PADDED: [u8; 6] = [1, 4, 0, 0, 0, 0];
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const NO_NEXT: u8 = 59;
const DESTINATION: u8 = 60;

/// The datagram, with the checksum that it has without the headers before it.
fn summed_datagram(ip: Ip) -> Vec<u8> {
    ip.udp(7, b"data")[54..].to_vec()
}

/// RFC 8200 §4.
#[test]
fn extension_headers_are_passed_over() {
    let bench = bench();
    let socket = bench.a.bound_udp(7);
    let ip = Ip::to_board();
    let udp = summed_datagram(ip);
    let all = [
        extension(DESTINATION, PADDED),
        extension(ROUTING, PADDED),
        extension(FRAGMENT, [0, 0, 0, 0, 0, 0]),
        extension(DESTINATION, [0, 0, 0, 0, 0, 0]),
        extension(UDP, PADDED),
        udp.clone(),
    ];
    for (first, payload) in [
        (HOP_BY_HOP, [extension(UDP, PADDED), udp.clone()].concat()),
        (DESTINATION, [extension(UDP, PADDED), udp.clone()].concat()),
        // Unknown options that may be skipped.
        (
            DESTINATION,
            [extension(UDP, [0x1e, 4, 9, 9, 9, 9]), udp.clone()].concat(),
        ),
        (
            ROUTING,
            [extension(UDP, [9, 0, 0, 0, 0, 0]), udp.clone()].concat(),
        ),
        (
            FRAGMENT,
            [extension(UDP, [0, 0, 0, 0, 0, 7]), udp.clone()].concat(),
        ),
        (HOP_BY_HOP, all.concat()),
    ] {
        assert_eq!(bench.exchange([ip.raw(first, &payload)]).len(), 0);
        let received = bench.a.recvfrom(socket, 9);
        assert_eq!(received.unwrap().0, b"data", "{first} {payload:?}");
    }
}

/// What is said about a packet: code and pointer, or nothing.
fn told(bench: &Bench, frame: Frame) -> Option<(u8, u32)> {
    bench.advance_ms(1_100);
    let quoted = frame[14..].to_vec();
    let frames = bench.exchange([frame]);
    let [answer] = &frames[..] else {
        assert_eq!(frames.len(), 0);
        return None;
    };
    assert_right(answer);
    assert_eq!(answer[..6], GHOST_MAC);
    assert_eq!(answer[38..54], GHOST.octets());
    assert_eq!(answer[54], 4, "a parameter problem");
    assert_eq!(answer[62..], quoted[..quoted.len().min(1232)]);
    let pointer = u32::from_be_bytes(answer[58..62].try_into().unwrap());
    Some((answer[55], pointer))
}

/// RFC 8200 §4.2: the upper bits of an option's kind say what to do about it.
#[test]
fn unknown_options_are_treated_as_they_ask_for() {
    let bench = bench();
    let (one, many) = (Ip::to_board(), Ip::to_many(GHOST));
    for first in [DESTINATION, HOP_BY_HOP] {
        for (kind, to_one, to_many) in [
            (0x5e, None, None),
            (0x9e, Some((2, 44)), Some((2, 44))),
            (0xde, Some((2, 44)), None),
        ] {
            for (ip, expected) in [(one, to_one), (many, to_many)] {
                let options = extension(UDP, [1, 0, kind, 2, 0, 0]);
                let payload = [options, summed_datagram(ip)].concat();
                let frame = ip.raw(first, &payload);
                assert_eq!(told(&bench, frame), expected, "{first} {kind:#x}");
            }
        }
    }
}

/// RFC 8200 §4, RFC 4443 §3.4.
#[test]
fn unknown_headers_are_pointed_at() {
    let bench = bench();
    let ip = Ip::to_board();
    let nested = [
        extension(HOP_BY_HOP, PADDED),
        extension(UDP, PADDED),
        summed_datagram(ip),
    ];
    let long = [extension(200, PADDED), [7; 1300].to_vec()].concat();
    for (first, payload, expected) in [
        (200, b"what?".to_vec(), Some((1, 6))),
        (DESTINATION, long, Some((1, 40))),
        (DESTINATION, nested.concat(), Some((1, 40))),
        (ROUTING, extension(UDP, [0, 1, 0, 0, 0, 0]), Some((0, 42))),
        (NO_NEXT, b"nothing".to_vec(), None),
        (FRAGMENT, extension(UDP, [0, 1, 0, 0, 0, 7]), None),
        // Longer than the packet.
        (DESTINATION, [UDP, 1, 1, 4, 0, 0, 0, 0].to_vec(), None),
        (DESTINATION, extension(UDP, [0x9e, 200, 0, 0, 0, 0]), None),
    ] {
        assert_eq!(told(&bench, ip.raw(first, &payload)), expected, "{first}");
    }
    assert_eq!(bench.exchange([ip.echo()]).len(), 1);
}

/// RFC 3810 §5 and §6.2: a question about groups comes behind a hop-by-hop header, and is answered in time.
#[test]
fn a_question_about_groups_is_answered() {
    let bench = bench();
    let query = Ip {
        hop_limit: 1,
        ..Ip::to_many(GHOST)
    };
    let mut message = [0; 28];
    message[0] = 130;
    // Within a second.
    message[4..6].copy_from_slice(&1000_u16.to_be_bytes());
    let message = query.summed(ICMP, 2, &message)[54..].to_vec();
    let payload = [extension(ICMP, [5, 2, 0, 0, 1, 0]), message].concat();
    assert_eq!(bench.exchange([query.raw(HOP_BY_HOP, &payload)]).len(), 0);
    let mut frames: Vec<Frame> = Vec::new();
    for _ in 0..30 {
        let next = bench.a.poll().expect("a time to poll again");
        assert!(next <= bench.now.get() + 50_000, "the answer may be due");
        bench.advance_ms(50);
        frames.extend(bench.settle_a());
    }
    let is_report = |frame: &&Frame| frame[12..14] == [0x86, 0xdd] && frame[20] == 0;
    assert_eq!(frames.iter().filter(is_report).count(), 1, "{frames:x?}");
}
