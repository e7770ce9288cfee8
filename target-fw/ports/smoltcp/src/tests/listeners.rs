//! Listeners: order, backlog, clients that vanish.

use core::cell::RefCell;

use nsapi::{Error, NetworkStack as _};

use super::alloc::rc::Rc;
use super::alloc::vec::Vec;

use super::bench::{Bench, FIN, RST, SYN, any, same, tcp_flags, v4};

#[test]
fn connections_are_accepted_in_the_order_they_came() {
    let bench = Bench::new();
    let listener = bench.b.listener(80, 3);
    assert_eq!(bench.b.accept(listener).unwrap_err(), Error::WOULD_BLOCK);
    let clients = [(); 3].map(|()| bench.connect_to(80));
    for (tag, client) in (0_u8..).zip(clients) {
        bench.a.send(client, &[tag; 10]).unwrap();
    }
    bench.run();
    for tag in 0..3_u8 {
        let (child, from) = bench.b.accept(listener).unwrap();
        assert_eq!(from.ip, v4(bench.a.ip, 0).ip);
        assert_eq!(bench.b.recv(child, 100).unwrap(), [tag; 10]);
    }
    assert_eq!(bench.b.accept(listener).unwrap_err(), Error::WOULD_BLOCK);
}

#[test]
fn a_listener_survives_its_children() {
    let bench = Bench::new();
    let listener = bench.b.listener(80, 1);
    for _ in 0..30 {
        let client = bench.connect_to(80);
        let (child, _) = bench.b.accept(listener).unwrap();
        bench.b.close(child);
        bench.run();
        assert_eq!(bench.a.recv(client, 1).unwrap(), b"");
        bench.a.close(client);
        bench.run();
    }
}

#[test]
fn the_backlog_bounds_and_later_clients_come_through() {
    let bench = Bench::new();
    let listener = bench.b.listener(80, 2);
    let first = [bench.connect_to(80), bench.connect_to(80)];
    let extra = bench.a.tcp();
    assert_eq!(
        bench.a.connect(extra, v4(bench.b.ip, 80)),
        Err(Error::IN_PROGRESS)
    );
    bench.pass_ms(4_000);
    assert_eq!(
        bench.a.connect(extra, v4(bench.b.ip, 80)),
        Err(Error::NO_CONNECTION)
    );
    for client in first {
        bench.b.accept(listener).unwrap();
        bench.a.close(client);
    }
    assert_eq!(bench.b.accept(listener).unwrap_err(), Error::WOULD_BLOCK);
    bench.connect_to(80);
    bench.b.accept(listener).unwrap();
}

#[test]
fn a_client_that_resets_before_accept_is_skipped() {
    let bench = Bench::new();
    let listener = bench.b.listener(80, 2);
    let gone = bench.connect_to(80);
    let stays = bench.connect_to(80);
    reset(&bench, gone);
    bench.a.send(stays, b"here").unwrap();
    bench.run();
    let (child, _) = bench.b.accept(listener).unwrap();
    assert_eq!(bench.b.recv(child, 10).unwrap(), b"here");
    assert_eq!(bench.b.accept(listener).unwrap_err(), Error::WOULD_BLOCK);
    bench.connect_to(80);
    bench.b.accept(listener).unwrap();
}

/// Makes A reset a connection: closed with a peer that stays open, it gives up after its linger time.
fn reset(bench: &Bench, client: nsapi::StackHandle) {
    bench.a.close(client);
    bench.pass_ms(10_100);
}

#[test]
fn data_and_end_that_came_before_accept_are_kept() {
    let bench = Bench::new();
    let listener = bench.b.listener(80, 1);
    let client = bench.connect_to(80);
    bench.a.send(client, b"0123456789").unwrap();
    bench.a.close(client);
    bench.run();
    let (child, _) = bench.b.accept(listener).unwrap();
    assert_eq!(bench.b.recv(child, 100).unwrap(), b"0123456789");
    assert_eq!(bench.b.recv(child, 100).unwrap(), b"");
    assert_eq!(bench.b.send(child, b"bye"), Ok(3));
    bench.b.close(child);
    bench.run();
}

#[test]
fn closing_a_listener_resets_the_unaccepted_and_keeps_the_accepted() {
    let bench = Bench::new();
    let listener = bench.b.listener(80, 3);
    let kept = bench.connect_to(80);
    let (child, _) = bench.b.accept(listener).unwrap();
    let dropped = bench.connect_to(80);
    bench.b.close(listener);
    // The port is free at once.
    let again = bench.b.listener(80, 1);
    bench.run();
    assert_eq!(bench.a.recv(dropped, 1), Err(Error::NO_CONNECTION));
    bench.a.send(kept, b"still").unwrap();
    bench.run();
    assert_eq!(bench.b.recv(child, 10).unwrap(), b"still");
    bench.connect_to(80);
    bench.b.accept(again).unwrap();
}

#[test]
fn a_closed_port_refuses() {
    let bench = Bench::new();
    let listener = bench.b.listener(80, 4);
    bench.b.close(listener);
    let client = bench.a.tcp();
    assert_eq!(
        bench.a.connect(client, v4(bench.b.ip, 80)),
        Err(Error::IN_PROGRESS)
    );
    bench.run();
    assert_eq!(
        bench.a.connect(client, v4(bench.b.ip, 80)),
        Err(Error::NO_CONNECTION)
    );
}

#[test]
fn a_repeated_syn_does_not_take_a_second_place() {
    let bench = Bench::new();
    // smoltcp offers a SYN to its sockets in their order: let the handshake run on the second of them
    // while the first begins to listen.
    let elsewhere = bench.b.listener(81, 1);
    let listener = bench.b.listener(80, 1);
    bench.b.close(elsewhere);
    // Addresses are known, so that the segments can be followed one by one.
    let (ping, pong) = (bench.a.udp(), bench.b.udp());
    bench.a.sendto(ping, v4(bench.b.ip, 9), b"").unwrap();
    bench.run();
    bench.b.sendto(pong, v4(bench.a.ip, 9), b"").unwrap();
    bench.run();
    let client = bench.a.tcp();
    let to = v4(bench.b.ip, 80);
    assert_eq!(bench.a.connect(client, to), Err(Error::IN_PROGRESS));
    bench.a.poll();
    let syn = bench.b.inbox.borrow()[0].clone();
    assert_eq!(tcp_flags(&syn), Some(SYN));
    bench.b.poll();
    // The answer is under way when the SYN arrives twice more.
    bench.b.stack.socket_listen(listener, 4).unwrap();
    bench.b.inbox.borrow_mut().extend([syn.clone(), syn]);
    bench.b.poll();
    bench.run();
    assert_eq!(bench.a.connect(client, to), Err(Error::IS_CONNECTED));
    bench.a.send(client, b"one").unwrap();
    bench.run();
    let (child, _) = bench.b.accept(listener).unwrap();
    assert_eq!(bench.b.recv(child, 10).unwrap(), b"one");
    bench.pass_ms(10_000);
    assert_eq!(bench.b.accept(listener).unwrap_err(), Error::WOULD_BLOCK);
    // All four places are free again.
    for _ in 0..4 {
        bench.connect_to(80);
    }
}

#[test]
fn full_backlogs_leave_a_connection_to_every_socket() {
    let bench = Bench::new();
    let targets = bench.a.listener(90, 4);
    let listeners = [bench.b.listener(80, 4), bench.b.listener(81, 4)];
    for port in [80, 81] {
        for _ in 0..4 {
            let client = bench.a.tcp();
            let _ = bench.a.connect(client, v4(bench.b.ip, port));
            bench.run();
            bench.a.close(client);
        }
    }
    for _ in 0..6 {
        let client = bench.b.tcp();
        assert_eq!(
            bench.b.connect(client, v4(bench.a.ip, 90)),
            Err(Error::IN_PROGRESS)
        );
        bench.run();
        assert_eq!(
            bench.b.connect(client, v4(bench.a.ip, 90)),
            Err(Error::IS_CONNECTED)
        );
        let (child, _) = bench.a.accept(targets).unwrap();
        bench.a.close(child);
    }
    for listener in listeners {
        // Every socket is taken, but the connections wait.
        assert_eq!(bench.b.accept(listener).unwrap_err(), Error::NO_SOCKET);
    }
}

/// Does something that makes A send a SYN, and gives it back.
fn syn_of(bench: &Bench, lose: bool, f: impl FnOnce()) -> super::bench::Frame {
    let caught = Rc::new(RefCell::new(None));
    let keep = Rc::clone(&caught);
    bench.a.lose(move |frame| {
        let syn = tcp_flags(frame) == Some(SYN);
        if syn {
            *keep.borrow_mut() = Some(frame.clone());
        }
        syn && lose
    });
    f();
    bench.run();
    bench.a.lose_nothing();
    let frame = caught.borrow_mut().take();
    frame.expect("a SYN left")
}

/// Changes an octet of an address in a TCP segment to a greater one and mends both checksums.
fn readdress(frame: &mut [u8], at: usize, octet: u8) {
    // The last octet of an address is the low half of a word, so the checksums sink by the difference.
    let difference = u16::from(octet - frame[at]);
    frame[at] = octet;
    for checksum in [24, 50] {
        let old = u16::from_be_bytes([frame[checksum], frame[checksum + 1]]);
        let (sum, borrow) = old.overflowing_sub(difference);
        frame[checksum..checksum + 2].copy_from_slice(&(sum - u16::from(borrow)).to_be_bytes());
    }
}

#[test]
fn a_syn_that_cannot_be_answered_does_not_deafen_the_listener() {
    // Offsets of the last octet of source and destination: from the listener's own address, to everybody.
    for (at, octet) in [(29, 2), (33, 255)] {
        let bench = Bench::new();
        let listener = bench.b.listener(80, 1);
        let client = bench.a.tcp();
        let to = v4(bench.b.ip, 80);
        let mut frame = syn_of(&bench, true, || {
            assert_eq!(bench.a.connect(client, to), Err(Error::IN_PROGRESS))
        });
        bench.a.close(client);
        readdress(&mut frame, at, octet);
        bench.b.inbox.borrow_mut().push_back(frame);
        bench.run();
        bench.connect_to(80);
        bench.b.accept(listener).unwrap();
    }
}

#[test]
fn a_client_that_never_finishes_its_handshake_gives_its_place_back() {
    let bench = Bench::new();
    let listener = bench.b.listener(80, 1);
    // A never sees the SYN-ACK and gives up.
    bench
        .b
        .lose(|frame| tcp_flags(frame).is_some_and(|flags| flags & SYN != 0));
    let client = bench.a.tcp();
    assert_eq!(
        bench.a.connect(client, v4(bench.b.ip, 80)),
        Err(Error::IN_PROGRESS)
    );
    bench.run();
    bench.a.close(client);
    bench.pass_ms(4_100);
    bench.b.lose_nothing();
    bench.connect_to(80);
    bench.b.accept(listener).unwrap();
}

#[test]
fn with_every_socket_taken_a_client_waits_for_one() {
    let bench = Bench::new();
    let listener = bench.b.listener(80, 1);
    let mut fillers = Vec::new();
    while let Ok(socket) = bench.b.stack.socket_open(nsapi::Protocol::Tcp) {
        fillers.push(socket);
    }
    assert_eq!(fillers.len(), 7);
    assert_eq!(bench.b.accept(listener).unwrap_err(), Error::WOULD_BLOCK);
    bench.connect_to(80);
    assert_eq!(bench.b.accept(listener).unwrap_err(), Error::NO_SOCKET);
    bench.b.close(fillers[3]);
    bench.b.accept(listener).unwrap();
}

#[test]
fn a_listener_neither_sends_nor_receives() {
    let bench = Bench::new();
    let listener = bench.b.listener(80, 1);
    assert_eq!(bench.b.send(listener, b"x"), Err(Error::NO_CONNECTION));
    assert_eq!(bench.b.recv(listener, 1), Err(Error::NO_CONNECTION));
    assert_eq!(bench.b.stack.socket_listen(listener, 3), Ok(()));
    assert_eq!(bench.b.bind(listener, 81), Err(Error::PARAMETER));
}

#[test]
fn a_child_of_a_socket_says_who_its_peer_is() {
    let bench = Bench::new();
    let listener = bench.b.listener(80, 1);
    let client = bench.a.tcp();
    bench.a.bind(client, 4321).unwrap();
    assert_eq!(
        bench.a.connect(client, v4(bench.b.ip, 80)),
        Err(Error::IN_PROGRESS)
    );
    bench.run();
    let (child, from) = bench.b.accept(listener).unwrap();
    assert!(same(from, v4(bench.a.ip, 4321)));
    assert_eq!(bench.b.stack.socket_listen(child, 1), Err(Error::PARAMETER));
    assert_eq!(
        bench.b.stack.socket_bind(child, &any(99)),
        Err(Error::PARAMETER)
    );
}

#[test]
fn closing_with_unread_data_ends_the_connection_for_the_peer() {
    let bench = Bench::new();
    let (client, _, child) = bench.connection(80);
    bench.a.send(client, &[1; 1500]).unwrap();
    bench.run();
    let seen = Rc::new(core::cell::Cell::new(0));
    let note = Rc::clone(&seen);
    bench.b.lose(move |frame| {
        note.set(note.get() | tcp_flags(frame).unwrap_or(0));
        false
    });
    bench.b.close(child);
    bench.run();
    assert_ne!(seen.get() & (FIN | RST), 0);
    assert_eq!(bench.a.recv(client, 1).unwrap(), b"");
}
