//! UDP: boundaries, truncation, overflow, destinations.

use alloc::vec;

use nsapi::option::{BROADCAST, LEVEL_SOCKET};
use nsapi::{Error, IpAddress, NetworkStack as _, SocketAddress};

use super::alloc;
use super::bench::{Bench, any, same, v4};

#[test]
fn datagrams_keep_their_boundaries() {
    let bench = Bench::new();
    let (a, b) = (bench.a.udp(), bench.b.bound_udp(7));
    let to = v4(bench.b.ip, 7);
    for size in [1, 200, 0, 3, 64] {
        assert_eq!(bench.a.sendto(a, to, &vec![size as u8; size]), Ok(size));
        bench.run();
    }
    let mut source = None;
    for (size, room) in [(1, 100), (200, 50), (0, 100), (3, 0), (64, 64)] {
        let (data, from) = bench.b.recvfrom(b, room).unwrap();
        assert_eq!(data, vec![size as u8; size.min(room)]);
        assert_eq!(from.ip, v4(bench.a.ip, 0).ip);
        assert_eq!(
            *source.get_or_insert(from.port),
            from.port,
            "the source port stays"
        );
    }
    assert_eq!(bench.b.recvfrom(b, 100).unwrap_err(), Error::WOULD_BLOCK);
    assert!(source.unwrap() >= 49152);
}

#[test]
fn the_largest_datagram_passes_and_a_larger_one_is_refused() {
    let bench = Bench::new();
    let (a, b) = (bench.a.udp(), bench.b.bound_udp(7));
    let to = v4(bench.b.ip, 7);
    let largest = usize::from(bench.a.stack.limits().udp_payload);
    assert_eq!(largest, 1472);
    for _ in 0..20 {
        assert_eq!(bench.a.sendto(a, to, &vec![5; largest]), Ok(largest));
        bench.run();
        assert_eq!(bench.b.recvfrom(b, 2000).unwrap().0, vec![5; largest]);
    }
    for size in [largest + 1, 4096, 65_507, 65_536] {
        assert_eq!(bench.a.sendto(a, to, &vec![5; size]), Err(Error::PARAMETER));
    }
    bench.run();
    assert_eq!(bench.b.recvfrom(b, 2000).unwrap_err(), Error::WOULD_BLOCK);
}

#[test]
fn the_announced_number_of_datagrams_queues_and_the_rest_is_dropped() {
    let bench = Bench::new();
    let (a, b) = (bench.a.udp(), bench.b.bound_udp(7));
    let queue = usize::from(bench.b.stack.limits().udp_queue);
    assert!(queue >= 7);
    for round in 0..5_u8 {
        for number in 0..50_u8 {
            assert_eq!(bench.a.sendto(a, v4(bench.b.ip, 7), &[number; 64]), Ok(64));
            bench.run();
        }
        let mut kept = 0;
        while let Ok((data, _)) = bench.b.recvfrom(b, 100) {
            assert_eq!(data, [kept; 64], "round {round}");
            kept += 1;
        }
        assert!(usize::from(kept) >= queue, "{kept} kept");
    }
}

#[test]
fn a_full_queue_blocks_and_tells_when_there_is_room() {
    let bench = Bench::new();
    let (a, b) = (bench.a.udp(), bench.b.bound_udp(7));
    let counter = bench.a.watch(a);
    let to = v4(bench.b.ip, 7);
    assert_eq!(bench.a.sendto(a, to, &[1; 1000]), Ok(1000));
    assert_eq!(bench.a.sendto(a, to, &[2; 1000]), Err(Error::WOULD_BLOCK));
    assert_eq!(counter.take(), 0);
    bench.run();
    assert_eq!(counter.take(), 1);
    assert_eq!(bench.a.sendto(a, to, &[2; 1000]), Ok(1000));
    bench.run();
    assert_eq!(bench.b.recvfrom(b, 2000).unwrap().0, [1; 1000]);
    assert_eq!(bench.b.recvfrom(b, 2000).unwrap().0, [2; 1000]);
    assert_eq!(counter.take(), 0);
}

#[test]
fn a_datagram_to_nobody_does_not_hold_up_the_others_for_ever() {
    let bench = Bench::new();
    let (a, b) = (bench.a.udp(), bench.b.bound_udp(7));
    assert_eq!(bench.a.sendto(a, v4([10, 0, 0, 77], 7), b"ghost"), Ok(5));
    bench.pass_ms(3_500);
    assert_eq!(bench.a.sendto(a, v4(bench.b.ip, 7), b"real"), Ok(4));
    bench.pass_ms(1_100);
    assert_eq!(bench.b.recvfrom(b, 10).unwrap().0, b"real");
}

#[test]
fn what_was_sent_leaves_although_the_socket_is_closed() {
    let bench = Bench::new();
    let b = bench.b.bound_udp(7);
    for _ in 0..20 {
        let a = bench.a.udp();
        assert_eq!(bench.a.sendto(a, v4(bench.b.ip, 7), b"bye"), Ok(3));
        bench.a.close(a);
        bench.run();
        assert_eq!(bench.b.recvfrom(b, 10).unwrap().0, b"bye");
    }
}

#[test]
fn senseless_destinations_are_refused() {
    let bench = Bench::new();
    let a = bench.a.udp();
    let expect = |to: SocketAddress, result| assert_eq!(bench.a.sendto(a, to, b"x"), result);
    expect(any(7), Err(Error::PARAMETER));
    expect(v4(bench.b.ip, 0), Err(Error::PARAMETER));
    expect(
        SocketAddress::new(IpAddress::V6([1; 16]), 7),
        Err(Error::NO_CONNECTION),
    );
    expect(v4(bench.a.ip, 7), Err(Error::NO_CONNECTION));
    expect(v4([127, 0, 0, 1], 7), Err(Error::NO_CONNECTION));
    expect(v4([192, 168, 7, 7], 7), Err(Error::NO_CONNECTION));
    assert_eq!(bench.a.sendto(a, any(0), b""), Ok(0), "nothing to nobody");
    assert_eq!(bench.a.sendto(a, v4(bench.b.ip, 7), b""), Ok(0));
}

#[test]
fn broadcasts_need_their_option() {
    let bench = Bench::new();
    let (a, b) = (bench.a.udp(), bench.b.bound_udp(7));
    for everybody in [v4([255; 4], 7), v4([10, 0, 0, 255], 7)] {
        bench
            .a
            .stack
            .setsockopt(a, LEVEL_SOCKET, BROADCAST, &0_i32.to_ne_bytes())
            .unwrap();
        assert_eq!(bench.a.sendto(a, everybody, b"all"), Err(Error::PARAMETER));
        bench
            .a
            .stack
            .setsockopt(a, LEVEL_SOCKET, BROADCAST, &1_i32.to_ne_bytes())
            .unwrap();
        assert_eq!(bench.a.sendto(a, everybody, b"all"), Ok(3));
        bench.run();
        assert_eq!(bench.b.recvfrom(b, 10).unwrap().0, b"all");
    }
}

#[test]
fn answers_go_to_the_right_socket() {
    let bench = Bench::new();
    let (one, two, b) = (
        bench.a.bound_udp(1001),
        bench.a.bound_udp(1002),
        bench.b.bound_udp(7),
    );
    for (socket, tag) in [(one, b"1"), (two, b"2")] {
        bench.a.sendto(socket, v4(bench.b.ip, 7), tag).unwrap();
        bench.run();
        let (data, from) = bench.b.recvfrom(b, 10).unwrap();
        bench.b.sendto(b, from, &data).unwrap();
        bench.run();
    }
    let (data, from) = bench.a.recvfrom(one, 10).unwrap();
    assert_eq!(data, b"1");
    assert!(same(from, v4(bench.b.ip, 7)));
    assert_eq!(bench.a.recvfrom(two, 10).unwrap().0, b"2");
    assert_eq!(bench.a.recvfrom(two, 10).unwrap_err(), Error::WOULD_BLOCK);
    // A closed port answers with an ICMP error, which harms nobody.
    bench.a.sendto(one, v4(bench.b.ip, 9), b"?").unwrap();
    bench.run();
    assert_eq!(bench.a.recvfrom(one, 10).unwrap_err(), Error::WOULD_BLOCK);
}
