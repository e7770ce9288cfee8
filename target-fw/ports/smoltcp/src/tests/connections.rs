//! Connecting, sending, receiving, half-closing.

use alloc::vec;
use alloc::vec::Vec;

use nsapi::{Error, IpAddress, NetworkStack as _, SocketAddress};

use super::alloc;
use super::bench::{Bench, RST, any, tcp_flags, v4};

#[test]
fn data_flows_both_ways() {
    let bench = Bench::new();
    let (client, _, child) = bench.connection(80);
    assert_eq!(bench.a.recv(client, 10), Err(Error::WOULD_BLOCK));
    assert_eq!(bench.a.send(client, b"question"), Ok(8));
    bench.run();
    assert_eq!(bench.b.recv(child, 3).unwrap(), b"que");
    assert_eq!(bench.b.recv(child, 100).unwrap(), b"stion");
    assert_eq!(bench.b.send(child, b"answer"), Ok(6));
    bench.run();
    assert_eq!(bench.a.recv(client, 100).unwrap(), b"answer");
}

#[test]
fn a_connect_tells_how_far_it_is() {
    let bench = Bench::new();
    let listener = bench.b.listener(80, 1);
    let client = bench.a.tcp();
    let to = v4(bench.b.ip, 80);
    assert_eq!(bench.a.connect(client, to), Err(Error::IN_PROGRESS));
    assert_eq!(bench.a.connect(client, to), Err(Error::ALREADY));
    assert_eq!(bench.a.send(client, b"x"), Err(Error::WOULD_BLOCK));
    assert_eq!(bench.a.recv(client, 1), Err(Error::WOULD_BLOCK));
    bench.run();
    assert_eq!(bench.a.connect(client, to), Err(Error::IS_CONNECTED));
    assert_eq!(
        bench.b.connect(listener, v4(bench.a.ip, 80)),
        Err(Error::IS_CONNECTED)
    );
}

#[test]
fn a_refused_connect_says_so_once_and_may_be_tried_again() {
    let bench = Bench::new();
    let client = bench.a.tcp();
    let to = v4(bench.b.ip, 81);
    assert_eq!(bench.a.connect(client, to), Err(Error::IN_PROGRESS));
    bench.run();
    assert_eq!(bench.a.send(client, b"x"), Err(Error::NO_CONNECTION));
    assert_eq!(bench.a.recv(client, 1), Err(Error::NO_CONNECTION));
    assert_eq!(bench.a.connect(client, to), Err(Error::NO_CONNECTION));
    assert_eq!(bench.a.recv(client, 1), Err(Error::NO_CONNECTION));
    let listener = bench.b.listener(81, 1);
    assert_eq!(bench.a.connect(client, to), Err(Error::IN_PROGRESS));
    bench.run();
    assert_eq!(bench.a.connect(client, to), Err(Error::IS_CONNECTED));
    let (child, _) = bench.b.accept(listener).unwrap();
    bench.a.send(client, b"works").unwrap();
    bench.run();
    assert_eq!(bench.b.recv(child, 10).unwrap(), b"works");
}

#[test]
fn an_unanswered_connect_ends_after_its_time() {
    let bench = Bench::new();
    bench.b.lose(|frame| tcp_flags(frame).is_some());
    let client = bench.a.tcp();
    let to = v4(bench.b.ip, 80);
    let counter = bench.a.watch(client);
    assert_eq!(bench.a.connect(client, to), Err(Error::IN_PROGRESS));
    bench.pass_ms(3_900);
    assert_eq!(bench.a.connect(client, to), Err(Error::ALREADY));
    assert_eq!(counter.take(), 0);
    bench.pass_ms(200);
    assert_eq!(counter.take(), 1);
    assert_eq!(bench.a.connect(client, to), Err(Error::NO_CONNECTION));
    // A neighbour that does not exist ends the same way.
    let ghost = bench.a.tcp();
    assert_eq!(
        bench.a.connect(ghost, v4([10, 0, 0, 77], 80)),
        Err(Error::IN_PROGRESS)
    );
    bench.pass_ms(4_100);
    assert_eq!(
        bench.a.connect(ghost, v4([10, 0, 0, 77], 80)),
        Err(Error::NO_CONNECTION)
    );
}

#[test]
fn senseless_destinations_fail_at_once() {
    let bench = Bench::new();
    let client = bench.a.tcp();
    let expect =
        |to: SocketAddress, code: Error| assert_eq!(bench.a.connect(client, to), Err(code));
    expect(any(80), Error::PARAMETER);
    expect(v4([0; 4], 80), Error::PARAMETER);
    expect(v4(bench.b.ip, 0), Error::PARAMETER);
    expect(
        SocketAddress::new(IpAddress::V6([1; 16]), 80),
        Error::NO_CONNECTION,
    );
    expect(v4([255; 4], 80), Error::PARAMETER);
    expect(v4([10, 0, 0, 255], 80), Error::PARAMETER);
    expect(v4([224, 0, 0, 1], 80), Error::PARAMETER);
    expect(v4(bench.a.ip, 80), Error::NO_CONNECTION);
    expect(v4([127, 0, 0, 1], 80), Error::NO_CONNECTION);
    // There is no gateway on this cable.
    expect(v4([192, 168, 7, 7], 80), Error::NO_CONNECTION);
    bench.run();
    assert!(bench.b.inbox.borrow().is_empty());
}

#[test]
fn a_half_closed_peer_still_receives() {
    let bench = Bench::new();
    let (client, _, child) = bench.connection(80);
    bench.b.send(child, b"last words").unwrap();
    bench.b.close(child);
    bench.run();
    assert_eq!(bench.a.recv(client, 100).unwrap(), b"last words");
    assert_eq!(bench.a.recv(client, 100).unwrap(), b"");
    assert_eq!(
        bench.a.recv(client, 100).unwrap(),
        b"",
        "the end stays the end"
    );
    assert_eq!(
        bench.a.connect(client, v4(bench.b.ip, 80)),
        Err(Error::IS_CONNECTED)
    );
    // More than all buffers of the other side: it goes on reading though nobody takes it there.
    let mut sent = 0;
    for _ in 0..100 {
        match bench.a.send(client, &[7; 1000]) {
            Ok(count) => sent += count,
            Err(code) => assert_eq!(code, Error::WOULD_BLOCK),
        }
        bench.run();
    }
    assert!(sent > 20_000, "{sent}");
    bench.a.close(client);
    bench.run();
}

#[test]
fn what_was_accepted_for_sending_arrives_before_the_end() {
    let bench = Bench::new();
    let (client, _, child) = bench.connection(80);
    let data: Vec<u8> = (0..1900_u16).map(|i| i as u8).collect();
    assert_eq!(bench.a.send(client, &data), Ok(1900));
    bench.a.close(client);
    assert_eq!(bench.a.send(client, b"x"), Err(Error::NO_SOCKET));
    bench.run();
    assert_eq!(bench.b.recv(child, 4000).unwrap(), data);
    assert_eq!(bench.b.recv(child, 10).unwrap(), b"");
    bench.b.close(child);
    bench.pass_ms(2_100);
}

#[test]
fn a_reset_leaves_what_was_received() {
    let bench = Bench::new();
    let (client, _, child) = bench.connection(80);
    bench.b.send(child, b"before").unwrap();
    bench.run();
    // Going down makes B forget the connection; A's next segment is answered by a reset.
    use nsapi::interface::NetworkInterface as _;
    bench.b.stack.disconnect().unwrap();
    bench.run();
    bench.b.stack.connect().unwrap();
    bench.run();
    assert_eq!(bench.b.recv(child, 10), Err(Error::NO_CONNECTION));
    let counter = bench.a.watch(client);
    bench.a.send(client, b"?").unwrap();
    bench.pass_ms(5_000);
    assert_eq!(counter.take(), 1);
    assert_eq!(bench.a.recv(client, 3).unwrap(), b"bef");
    assert_eq!(bench.a.send(client, b"?"), Err(Error::NO_CONNECTION));
    assert_eq!(bench.a.recv(client, 10).unwrap(), b"ore");
    assert_eq!(bench.a.recv(client, 10), Err(Error::NO_CONNECTION));
    assert_eq!(
        bench.a.connect(client, v4(bench.b.ip, 80)),
        Err(Error::NO_CONNECTION)
    );
    let index = client;
    assert_eq!(bench.a.bind(index, 5), Err(Error::PARAMETER));
    assert_eq!(bench.a.stack.socket_listen(index, 1), Err(Error::PARAMETER));
    assert_eq!(bench.a.accept(index).unwrap_err(), Error::PARAMETER);
    bench.a.close(client);
}

#[test]
fn a_full_buffer_blocks_and_every_accepted_byte_arrives() {
    let bench = Bench::new();
    let (client, _, child) = bench.connection(80);
    let counter = bench.a.watch(client);
    let mut sent = Vec::new();
    let mut blocked = false;
    for round in 0..100_u8 {
        match bench.a.send(client, &[round; 300]) {
            Ok(count) => sent.extend(vec![round; count]),
            Err(code) => {
                assert_eq!(code, Error::WOULD_BLOCK);
                blocked = true;
                break;
            }
        }
        bench.run();
    }
    assert!(blocked);
    assert_eq!(sent.len(), 4096, "our buffer and theirs");
    counter.take();
    bench.pass_ms(20_000);
    assert_eq!(counter.take(), 0, "still no room");
    let mut received = bench.b.recv(child, 10_000).unwrap();
    bench.pass_ms(5_000);
    assert_eq!(counter.take(), 1, "room again");
    assert_eq!(bench.a.send(client, b"more"), Ok(4));
    sent.extend(b"more");
    bench.run();
    while let Ok(more) = bench.b.recv(child, 10_000) {
        received.extend(more);
        bench.run();
    }
    assert_eq!(received, sent);
}

#[test]
fn a_fresh_socket_answers_as_documented() {
    let bench = Bench::new();
    let socket = bench.a.tcp();
    assert_eq!(bench.a.send(socket, b""), Ok(0));
    assert_eq!(bench.a.send(socket, b"x"), Err(Error::NO_CONNECTION));
    assert_eq!(bench.a.recv(socket, 1), Err(Error::WOULD_BLOCK));
    assert_eq!(
        bench.a.stack.socket_listen(socket, 1),
        Err(Error::PARAMETER)
    );
    assert_eq!(bench.a.accept(socket).unwrap_err(), Error::PARAMETER);
    assert_eq!(
        bench.a.sendto(socket, v4(bench.b.ip, 1), b"x"),
        Err(Error::UNSUPPORTED)
    );
    bench.a.close(socket);
    assert_eq!(bench.a.stack.socket_close(socket), Err(Error::NO_SOCKET));
    assert_eq!(bench.a.recv(socket, 1), Err(Error::NO_SOCKET));
}

#[test]
fn a_peer_that_vanished_is_given_up() {
    let bench = Bench::with(crate::Config {
        user_timeout_ms: 10_000,
        ..crate::Config::default()
    });
    let (client, _, _) = bench.connection(80);
    // Idle for longer than that: nothing is owed, nothing happens.
    bench.pass_ms(60_000);
    assert_eq!(bench.a.recv(client, 1), Err(Error::WOULD_BLOCK));
    bench.b.lose(|_| true);
    bench.a.send(client, b"anybody?").unwrap();
    bench.pass_ms(11_000);
    assert_eq!(bench.a.recv(client, 1), Err(Error::NO_CONNECTION));
}

#[test]
fn keepalive_finds_a_dead_peer() {
    use nsapi::option::{KEEPALIVE, LEVEL_SOCKET};
    let bench = Bench::with(crate::Config {
        user_timeout_ms: 1_000,
        ..crate::Config::default()
    });
    let (client, _, _) = bench.connection(80);
    bench
        .a
        .stack
        .setsockopt(client, LEVEL_SOCKET, KEEPALIVE, &2_i32.to_ne_bytes())
        .unwrap();
    bench.pass_ms(30_000);
    assert_eq!(
        bench.a.recv(client, 1),
        Err(Error::WOULD_BLOCK),
        "a living peer answers the probes"
    );
    bench.b.lose(|_| true);
    bench.pass_ms(9_000);
    assert_eq!(bench.a.recv(client, 1), Err(Error::NO_CONNECTION));
}

#[test]
fn nothing_is_said_after_an_abandoned_attempt() {
    let bench = Bench::new();
    bench.b.lose(|_| true);
    let client = bench.a.tcp();
    assert_eq!(
        bench.a.connect(client, v4(bench.b.ip, 80)),
        Err(Error::IN_PROGRESS)
    );
    bench.run();
    bench.a.close(client);
    bench.a.lose(|frame| {
        assert_eq!(
            tcp_flags(frame).map(|flags| flags & RST),
            None,
            "a segment left"
        );
        false
    });
    bench.pass_ms(10_000);
}
