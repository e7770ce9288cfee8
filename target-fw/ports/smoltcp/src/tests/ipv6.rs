//! IPv6: addresses of its own and announced ones, connections and datagrams over it.

use alloc::vec;
use core::net::Ipv6Addr;

use nsapi::interface::{NetworkInterface as _, Status};
use nsapi::{Error, IpAddress, NetworkStack as _, SocketAddress};
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr, Icmpv6Packet, IpProtocol,
    Ipv6Packet, Ipv6Repr,
};

use super::alloc;
use super::bench::{Bench, Frame, Host, any, link_local, same, v4, v6};
use crate::Config;

const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x99);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const PREFIX: [u16; 8] = [0xfd00, 0, 0, 1, 0, 0, 0, 0];
const OTHER: [u16; 8] = [0xfd00, 0, 0, 2, 0, 0, 0, 0];
/// On the link, and addresses may be made of it.
const USUAL: u8 = 0xc0;

/// What an advertisement may get wrong.
#[derive(Clone, Copy)]
struct Letter {
    from: Ipv6Addr,
    hop_limit: u8,
    code: u8,
    spoil_checksum: bool,
    lifetime_s: u16,
}

const GOOD: Letter = Letter {
    from: ROUTER,
    hop_limit: 255,
    code: 0,
    spoil_checksum: false,
    lifetime_s: 1800,
};

fn prefix(prefix: [u16; 8], flags: u8, valid_s: u32, preferred_s: u32) -> [u8; 32] {
    let mut option = [0; 32];
    option[..4].copy_from_slice(&[3, 4, 64, flags]);
    option[4..8].copy_from_slice(&valid_s.to_be_bytes());
    option[8..12].copy_from_slice(&preferred_s.to_be_bytes());
    option[16..].copy_from_slice(&Ipv6Addr::from(prefix).octets());
    option
}

fn advertisement(letter: Letter, options: &[u8]) -> Frame {
    let ethernet = EthernetRepr {
        src_addr: EthernetAddress([2, 0, 0, 0, 0, 0x99]),
        dst_addr: EthernetAddress([0x33, 0x33, 0, 0, 0, 1]),
        ethertype: EthernetProtocol::Ipv6,
    };
    let ip = Ipv6Repr {
        src_addr: letter.from,
        dst_addr: ALL_NODES,
        next_header: IpProtocol::Icmpv6,
        payload_len: 16 + options.len(),
        hop_limit: letter.hop_limit,
    };
    let mut bytes = vec![0; 14 + 40 + ip.payload_len];
    let mut frame = EthernetFrame::new_unchecked(&mut bytes[..]);
    ethernet.emit(&mut frame);
    let mut packet = Ipv6Packet::new_unchecked(frame.payload_mut());
    ip.emit(&mut packet);
    let message = packet.payload_mut();
    message[0] = 134;
    message[1] = letter.code;
    message[6..8].copy_from_slice(&letter.lifetime_s.to_be_bytes());
    message[16..].copy_from_slice(options);
    let mut icmp = Icmpv6Packet::new_unchecked(message);
    icmp.fill_checksum(&letter.from, &ALL_NODES);
    if letter.spoil_checksum {
        bytes[14 + 40 + 2] ^= 1;
    }
    bytes
}

fn deliver(host: &Host, frame: Frame) {
    host.inbox.borrow_mut().push_back(frame);
    host.poll();
    host.poll();
}

/// The address a host makes of a prefix.
fn made(mut prefix: [u16; 8], last: u8, port: u16) -> SocketAddress {
    prefix[4..].copy_from_slice(&[0, 0xff, 0xfe00, u16::from(last)]);
    v6(prefix, port)
}

fn has(bench: &Bench, address: SocketAddress) -> bool {
    let socket = bench.a.udp();
    let bound = bench.a.stack.socket_bind(socket, &address).is_ok();
    bench.a.close(socket);
    bound
}

fn is_solicitation(frame: &Frame) -> bool {
    frame.get(12..14) == Some(&[0x86, 0xdd]) && frame.get(54) == Some(&133)
}

#[test]
fn the_link_local_address_is_there_while_up() {
    let bench = Bench::down(Config::default());
    let stack = &bench.a.stack;
    let down = || stack.get_ipv6_link_local_address().unwrap_err();
    assert_eq!(down(), Error::NO_CONNECTION);
    stack.connect().unwrap();
    assert!(same(
        stack.get_ipv6_link_local_address().unwrap(),
        link_local(1, 0)
    ));
    assert_eq!(stack.status(), Ok(Status::Connecting), "IPv4 decides");
    assert_eq!(stack.get_ip_address().unwrap_err(), Error::NO_CONNECTION);
    assert!(has(&bench, link_local(1, 5)));
    assert!(!has(&bench, link_local(2, 5)));
    stack.disconnect().unwrap();
    assert_eq!(down(), Error::NO_CONNECTION);
    assert!(!has(&bench, link_local(1, 5)));
}

#[test]
fn one_listener_serves_both_families() {
    let bench = Bench::new();
    let listener = bench.b.listener(80, 4);
    for to in [link_local(2, 80), v4(bench.b.ip, 80)] {
        let client = bench.a.tcp();
        assert_eq!(bench.a.connect(client, to), Err(Error::IN_PROGRESS));
        bench.pass_ms(1_100);
        assert_eq!(bench.a.connect(client, to), Err(Error::IS_CONNECTED));
        let (child, peer) = bench.b.accept(listener).unwrap();
        assert_eq!(
            matches!(peer.ip, IpAddress::V6(_)),
            matches!(to.ip, IpAddress::V6(_))
        );
        if let IpAddress::V6(_) = to.ip {
            assert_eq!(peer.ip, link_local(1, 0).ip);
        }
        bench.a.send(client, b"both ways").unwrap();
        bench.run();
        assert_eq!(bench.b.recv(child, 100).unwrap(), b"both ways");
        bench.b.send(child, b"and back").unwrap();
        bench.run();
        assert_eq!(bench.a.recv(client, 100).unwrap(), b"and back");
    }
}

#[test]
fn datagrams_go_over_both_families() {
    let bench = Bench::new();
    let receiver = bench.b.bound_udp(7);
    let sender = bench.a.bound_udp(9);
    let to = link_local(2, 7);
    for size in [0, 1, 1220, 1452] {
        assert_eq!(bench.a.sendto(sender, to, &vec![7; size]), Ok(size));
        bench.pass_ms(1_100);
        let (data, from) = bench.b.recvfrom(receiver, 2000).unwrap();
        assert_eq!((data.len(), same(from, link_local(1, 9))), (size, true));
    }
    assert_eq!(
        bench.a.sendto(sender, to, &[7; 1453]),
        Err(Error::PARAMETER),
        "would need fragments"
    );
    bench.a.sendto(sender, v4(bench.b.ip, 7), b"four").unwrap();
    bench.run();
    assert_eq!(bench.b.recvfrom(receiver, 10).unwrap().0, b"four");
}

#[test]
fn a_bound_socket_keeps_to_its_family() {
    let bench = Bench::new();
    let (over_v4, over_v6, stream) = (bench.a.udp(), bench.a.udp(), bench.a.tcp());
    let stack = &bench.a.stack;
    stack.socket_bind(over_v4, &v4(bench.a.ip, 5)).unwrap();
    stack.socket_bind(over_v6, &link_local(1, 6)).unwrap();
    stack.socket_bind(stream, &link_local(1, 7)).unwrap();
    let (to_v4, to_v6) = (v4(bench.b.ip, 7), link_local(2, 7));
    assert_eq!(bench.a.sendto(over_v4, to_v6, b"x"), Err(Error::PARAMETER));
    assert_eq!(bench.a.sendto(over_v6, to_v4, b"x"), Err(Error::PARAMETER));
    assert_eq!(bench.a.connect(stream, to_v4), Err(Error::PARAMETER));
    assert_eq!(bench.a.sendto(over_v6, to_v6, b"x"), Ok(1));
    assert_eq!(bench.a.connect(stream, to_v6), Err(Error::IN_PROGRESS));
    bench.run();
}

#[test]
fn senseless_destinations_are_refused() {
    let bench = Bench::new();
    let (datagram, stream) = (bench.a.udp(), bench.a.tcp());
    for (to, code) in [
        (v6([0; 8], 7), Error::PARAMETER),
        (link_local(2, 0), Error::PARAMETER),
        (link_local(1, 7), Error::NO_CONNECTION),
        (v6([0, 0, 0, 0, 0, 0, 0, 1], 7), Error::NO_CONNECTION),
        // Nobody has announced a way there.
        (
            v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 7),
            Error::NO_CONNECTION,
        ),
    ] {
        assert_eq!(bench.a.sendto(datagram, to, b"x"), Err(code));
        assert_eq!(bench.a.connect(stream, to), Err(code));
    }
    let group = v6([0xff02, 0, 0, 0, 0, 0, 0, 1], 7);
    assert_eq!(bench.a.connect(stream, group), Err(Error::PARAMETER));
    assert_eq!(bench.a.sendto(datagram, group, b"all"), Ok(3));
    assert_eq!(bench.a.sendto(datagram, v6([0; 8], 0), b""), Ok(0));
    bench.run();
}

#[test]
fn announced_prefixes_bring_addresses_and_a_way_out() {
    let bench = Bench::new();
    let far = v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 7);
    let socket = bench.a.udp();
    assert_eq!(bench.a.sendto(socket, far, b"x"), Err(Error::NO_CONNECTION));
    let mut options = prefix(PREFIX, USUAL, 7200, 3600).to_vec();
    options.extend([1, 1, 2, 0, 0, 0, 0, 0x99]);
    options.extend(prefix(OTHER, USUAL, u32::MAX, u32::MAX));
    for host in [&bench.a, &bench.b] {
        deliver(host, advertisement(GOOD, &options));
    }
    assert!(has(&bench, made(PREFIX, 1, 5)));
    assert!(has(&bench, made(OTHER, 1, 5)));
    assert_eq!(bench.a.sendto(socket, far, b"x"), Ok(1));
    // The announced addresses carry connections.
    let listener = bench.b.listener(80, 4);
    let client = bench.a.tcp();
    let to = made(PREFIX, 2, 80);
    assert_eq!(bench.a.connect(client, to), Err(Error::IN_PROGRESS));
    bench.pass_ms(2_500);
    assert_eq!(bench.a.connect(client, to), Err(Error::IS_CONNECTED));
    let (_, peer) = bench.b.accept(listener).unwrap();
    assert_eq!(peer.ip, made(PREFIX, 1, 0).ip);
    // The router leaves, the addresses stay; then they lapse, and the connection with its address.
    let farewell = Letter {
        lifetime_s: 0,
        ..GOOD
    };
    deliver(&bench.a, advertisement(farewell, &[]));
    assert_eq!(bench.a.sendto(socket, far, b"x"), Err(Error::NO_CONNECTION));
    bench.advance_ms(7_201_000);
    bench.run();
    assert!(!has(&bench, made(PREFIX, 1, 5)));
    assert!(has(&bench, made(OTHER, 1, 5)));
    assert_eq!(bench.a.recv(client, 1), Err(Error::NO_CONNECTION));
    assert_eq!(bench.a.stack.status(), Ok(Status::GlobalUp));
}

#[test]
fn a_short_lifetime_ends_no_address_early() {
    let bench = Bench::new();
    let announce = |valid_s| {
        let option = prefix(PREFIX, USUAL, valid_s, 0);
        deliver(&bench.a, advertisement(GOOD, &option));
    };
    announce(10_000);
    announce(1);
    announce(0);
    bench.advance_ms(7_100_000);
    bench.a.poll();
    assert!(has(&bench, made(PREFIX, 1, 5)), "two hours are sure");
    bench.advance_ms(200_000);
    bench.a.poll();
    assert!(!has(&bench, made(PREFIX, 1, 5)));
    announce(0);
    assert!(!has(&bench, made(PREFIX, 1, 5)));
}

#[test]
fn advertisements_that_are_not_valid_change_nothing() {
    let bench = Bench::new();
    let good = prefix(PREFIX, USUAL, 7200, 7200);
    let mut long = good;
    long[2] = 65;
    let mut endless = good.to_vec();
    endless.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    let mut cut = good.to_vec();
    cut.extend([1, 2, 0, 0, 0, 0, 0, 0]);
    let from_afar = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    for (letter, options) in [
        (
            Letter {
                from: from_afar,
                ..GOOD
            },
            &good[..],
        ),
        (
            Letter {
                hop_limit: 254,
                ..GOOD
            },
            &good,
        ),
        (Letter { code: 1, ..GOOD }, &good),
        (
            Letter {
                spoil_checksum: true,
                ..GOOD
            },
            &good,
        ),
        (GOOD, &endless),
        (GOOD, &cut),
        (GOOD, &long),
        (GOOD, &prefix(PREFIX, 0x80, 7200, 7200)),
        (GOOD, &prefix(PREFIX, USUAL, 7200, 7201)),
        (GOOD, &prefix(PREFIX, USUAL, 0, 0)),
        (
            GOOD,
            &prefix([0xfe80, 0, 0, 0, 0, 0, 0, 0], USUAL, 7200, 7200),
        ),
        (
            GOOD,
            &prefix([0xff02, 0, 0, 0, 0, 0, 0, 0], USUAL, 7200, 7200),
        ),
        (GOOD, &[][..]),
    ] {
        deliver(&bench.a, advertisement(letter, options));
        assert!(!has(&bench, made(PREFIX, 1, 5)));
        assert!(!has(&bench, made([0xff02, 0, 0, 0, 0, 0, 0, 0], 1, 5)));
    }
    // Every truncation of a good one.
    let whole = advertisement(GOOD, &good);
    for length in 0..whole.len() {
        deliver(&bench.a, whole[..length].to_vec());
    }
    assert!(!has(&bench, made(PREFIX, 1, 5)));
    deliver(&bench.a, whole);
    assert!(has(&bench, made(PREFIX, 1, 5)));
}

#[test]
fn routers_are_asked_for_three_times_unless_one_answers() {
    for answered in [false, true] {
        let bench = Bench::down(Config::default());
        bench.a.stack.connect().unwrap();
        let mut asked = vec![];
        for ms in 0..20_000_u64 {
            bench.a.poll();
            let questions = bench
                .b
                .inbox
                .borrow_mut()
                .drain(..)
                .filter(is_solicitation)
                .count();
            asked.extend(core::iter::repeat_n(ms, questions));
            if answered && ms == 100 {
                deliver(&bench.a, advertisement(GOOD, &[]));
            }
            bench.advance_ms(1);
        }
        assert_eq!(
            asked,
            if answered {
                vec![0]
            } else {
                vec![0, 4_000, 8_000]
            }
        );
        bench.a.stack.disconnect().unwrap();
        bench.pass_ms(20_000);
        assert!(!bench.b.inbox.borrow().iter().any(is_solicitation));
    }
}

#[test]
fn what_was_announced_is_forgotten_while_down() {
    let bench = Bench::new();
    deliver(
        &bench.a,
        advertisement(GOOD, &prefix(PREFIX, USUAL, 7200, 7200)),
    );
    assert!(has(&bench, made(PREFIX, 1, 5)));
    bench.a.stack.disconnect().unwrap();
    deliver(
        &bench.a,
        advertisement(GOOD, &prefix(PREFIX, USUAL, 7200, 7200)),
    );
    assert!(!has(&bench, made(PREFIX, 1, 5)));
    let socket = bench.a.udp();
    assert_eq!(
        bench.a.sendto(socket, link_local(2, 7), b"x"),
        Err(Error::NO_CONNECTION)
    );
    bench.a.stack.connect().unwrap();
    bench.run();
    assert!(has(&bench, link_local(1, 5)));
    assert!(!has(&bench, made(PREFIX, 1, 5)));
    assert!(has(&bench, any(5)));
}
