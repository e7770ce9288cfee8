//! Contract §6: the connect state machine, and the data path of TCP.

use super::*;

use SocketKind::Tcp;

fn connect(bench: &Bench, id: SocketId, call: &mut Call) -> Poll<Result<()>> {
    bench.sockets.poll_connect(id, call, &PEER)
}

#[test]
fn first_answers_pass_in_both_modes() {
    for blocking in [true, false] {
        for answer in [
            Ok(()),
            Err(Error::IS_CONNECTED),
            Err(Error::NO_CONNECTION),
            Err(Error::WOULD_BLOCK),
        ] {
            let bench = Bench::new();
            let id = bench.opened(Tcp);
            bench.sockets.set_blocking(id, blocking);
            bench.script.connect.then(answer);
            assert_eq!(now(connect(&bench, id, &mut Call::new())), answer);
            let peer = if answer.is_ok() {
                Ok(PEER)
            } else {
                Err(Error::NO_CONNECTION)
            };
            assert_eq!(bench.sockets.getpeername(id), peer, "{answer:?}");
        }
    }
}

#[test]
fn non_blocking_connect() {
    let bench = Bench::new();
    let id = bench.opened(Tcp);
    bench.sockets.set_blocking(id, false);
    let answers = [
        Error::IN_PROGRESS,
        Error::ALREADY,
        Error::ALREADY,
        Error::IS_CONNECTED,
    ];
    for answer in answers {
        bench.script.connect.then(Err(answer));
    }
    for answer in answers {
        assert_eq!(now(connect(&bench, id, &mut Call::new())), Err(answer));
        assert_eq!(bench.sockets.getpeername(id), Ok(PEER));
    }
}

#[test]
fn blocking_connect_waits_and_turns_is_connected_into_ok() {
    for last in [Err(Error::IS_CONNECTED), Ok(())] {
        let bench = Bench::new();
        let id = bench.opened(Tcp);
        bench
            .script
            .connect
            .then(Err(Error::IN_PROGRESS))
            .then(Err(Error::ALREADY))
            .then(last);
        let mut call = Call::new();
        for _ in 0..2 {
            assert!(connect(&bench, id, &mut call).is_pending());
            bench.script.event(1);
        }
        assert_eq!(now(connect(&bench, id, &mut call)), Ok(()));
        assert_eq!(bench.sockets.getpeername(id), Ok(PEER));
    }
}

#[test]
fn a_timed_out_connect_returns_the_last_answer_and_goes_on() {
    for (events, answer) in [(0, Error::IN_PROGRESS), (1, Error::ALREADY)] {
        let bench = Bench::new();
        let id = bench.opened(Tcp);
        bench.sockets.set_timeout(id, 50);
        bench
            .script
            .connect
            .then(Err(Error::IN_PROGRESS))
            .then(Err(Error::ALREADY));
        let mut call = Call::new();
        assert!(connect(&bench, id, &mut call).is_pending());
        for _ in 0..events {
            bench.script.event(1);
            assert!(connect(&bench, id, &mut call).is_pending());
        }
        bench.clock.pass_ms(50);
        assert_eq!(now(connect(&bench, id, &mut call)), Err(answer));
        assert_eq!(bench.sockets.getpeername(id), Ok(PEER));
        assert_eq!(bench.script.asked("close"), 0);
    }
}

#[test]
fn a_refused_connect_stores_no_peer_and_the_next_is_no_false_ok() {
    let bench = Bench::new();
    let id = bench.opened(Tcp);
    bench
        .script
        .connect
        .then(Err(Error::IN_PROGRESS))
        .then(Err(Error::NO_CONNECTION));
    bench
        .script
        .connect
        .then(Err(Error::NO_CONNECTION))
        .then(Err(Error::IS_CONNECTED));
    let mut call = Call::new();
    assert!(connect(&bench, id, &mut call).is_pending());
    bench.script.event(1);
    assert_eq!(
        now(connect(&bench, id, &mut call)),
        Err(Error::NO_CONNECTION)
    );
    assert_eq!(bench.sockets.getpeername(id), Err(Error::NO_CONNECTION));
    for answer in [Error::NO_CONNECTION, Error::IS_CONNECTED] {
        assert_eq!(now(connect(&bench, id, &mut Call::new())), Err(answer));
    }
}

#[test]
fn another_address_while_connecting_is_not_remembered() {
    let bench = Bench::new();
    let id = bench.opened(Tcp);
    bench.sockets.set_blocking(id, false);
    bench
        .script
        .connect
        .then(Err(Error::IN_PROGRESS))
        .then(Err(Error::ALREADY));
    assert_eq!(
        now(connect(&bench, id, &mut Call::new())),
        Err(Error::IN_PROGRESS)
    );
    let other = now(bench.sockets.poll_connect(id, &mut Call::new(), &STRANGER));
    assert_eq!(other, Err(Error::ALREADY));
    assert_eq!(bench.sockets.getpeername(id), Ok(PEER));
}

#[test]
fn blocking_send_writes_everything() {
    let bench = Bench::new();
    let id = bench.opened(Tcp);
    bench
        .script
        .send
        .then(Ok(3))
        .then(Ok(2))
        .then(Err(Error::WOULD_BLOCK))
        .then(Ok(5));
    let mut call = Call::new();
    assert!(
        bench
            .sockets
            .poll_send(id, &mut call, &[0; 10])
            .is_pending()
    );
    bench.script.event(1);
    assert_eq!(
        now(bench.sockets.poll_send(id, &mut call, &[0; 10])),
        Ok(10)
    );
}

#[test]
fn non_blocking_send_makes_one_attempt() {
    let bench = Bench::new();
    let id = bench.opened(Tcp);
    bench.sockets.set_blocking(id, false);
    bench.script.send.then(Ok(3)).then(Err(Error::WOULD_BLOCK));
    assert_eq!(
        now(bench.sockets.poll_send(id, &mut Call::new(), &[0; 10])),
        Ok(3)
    );
    assert_eq!(
        now(bench.sockets.poll_send(id, &mut Call::new(), &[0; 10])),
        Err(Error::WOULD_BLOCK)
    );
    assert_eq!(bench.script.asked("send"), 2);
}

#[test]
fn a_send_that_times_out_returns_what_was_written() {
    for (taken, expected) in [
        (Ok(4), Ok(4)),
        (Err(Error::WOULD_BLOCK), Err(Error::WOULD_BLOCK)),
    ] {
        let bench = Bench::new();
        let id = bench.opened(Tcp);
        bench.sockets.set_timeout(id, 20);
        bench.script.send.then(taken);
        let mut call = Call::new();
        assert!(
            bench
                .sockets
                .poll_send(id, &mut call, &[0; 10])
                .is_pending()
        );
        bench.clock.pass_ms(20);
        assert_eq!(
            now(bench.sockets.poll_send(id, &mut call, &[0; 10])),
            expected
        );
    }
}

#[test]
fn an_error_after_partial_progress_is_the_result() {
    let bench = Bench::new();
    let id = bench.opened(Tcp);
    bench
        .script
        .send
        .then(Ok(4))
        .then(Err(Error::NO_CONNECTION))
        .then(Ok(4))
        .then(Err(Error::WOULD_BLOCK));
    assert_eq!(
        now(bench.sockets.poll_send(id, &mut Call::new(), &[0; 10])),
        Err(Error::NO_CONNECTION)
    );
    // Closed under it after partial progress.
    let mut call = Call::new();
    assert!(
        bench
            .sockets
            .poll_send(id, &mut call, &[0; 10])
            .is_pending()
    );
    assert!(bench.sockets.poll_close(id, &mut Call::new()).is_pending());
    assert_eq!(
        now(bench.sockets.poll_send(id, &mut call, &[0; 10])),
        Err(Error::NO_SOCKET)
    );
}

#[test]
fn sizes_never_exceed_what_was_given() {
    let bench = Bench::new();
    let id = bench.opened(Tcp);
    bench.script.send.then(Ok(0)).then(Ok(99));
    assert_eq!(
        now(bench.sockets.poll_send(id, &mut Call::new(), &[])),
        Ok(0)
    );
    assert_eq!(
        now(bench.sockets.poll_send(id, &mut Call::new(), &[0; 10])),
        Ok(10)
    );
    // A stack that takes nothing is asked once per event, not for ever.
    bench.script.send.then(Ok(0)).then(Ok(0));
    assert!(
        bench
            .sockets
            .poll_send(id, &mut Call::new(), &[0; 10])
            .is_pending()
    );
    assert_eq!(bench.script.send.left(), 1);
}

#[test]
fn recv_and_the_end_of_the_stream() {
    let bench = Bench::new();
    let id = bench.opened(Tcp);
    let recv = || now(bench.sockets.poll_recv(id, &mut Call::new(), &mut [0; 4]));
    bench
        .script
        .recv
        .then(Ok(b"abcd".to_vec()))
        .then(Ok(b"e".to_vec()))
        .then(Ok(Vec::new()));
    bench
        .script
        .recv
        .then(Ok(Vec::new()))
        .then(Err(Error::NO_CONNECTION));
    let results: Vec<_> = (0..5).map(|_| recv()).collect();
    assert_eq!(
        results,
        [Ok(4), Ok(1), Ok(0), Ok(0), Err(Error::NO_CONNECTION)]
    );
}

#[test]
fn recvfrom_tells_the_peer_before_receiving_and_whatever_the_outcome() {
    let bench = Bench::new();
    let id = bench.opened(Tcp);
    now(connect(&bench, id, &mut Call::new())).unwrap();
    let mut from = STRANGER;
    bench.script.recv.then(Err(Error::NO_CONNECTION));
    let result =
        now(bench
            .sockets
            .poll_recvfrom(id, &mut Call::new(), &mut [0; 4], Some(&mut from)));
    assert_eq!((result, from), (Err(Error::NO_CONNECTION), PEER));

    bench.close(id).unwrap();
    let mut from = STRANGER;
    let result =
        now(bench
            .sockets
            .poll_recvfrom(id, &mut Call::new(), &mut [0; 4], Some(&mut from)));
    assert_eq!((result, from), (Err(Error::NO_SOCKET), PEER));
}

#[test]
fn recvfrom_tells_the_peer_once_per_call() {
    let bench = Bench::new();
    let id = bench.opened(Tcp);
    now(connect(&bench, id, &mut Call::new())).unwrap();
    let (mut call, mut from) = (Call::new(), STRANGER);
    let mut recvfrom = |from: &mut _| {
        bench
            .sockets
            .poll_recvfrom(id, &mut call, &mut [0; 4], Some(from))
    };
    assert!(recvfrom(&mut from).is_pending());
    assert_eq!(from, PEER);
    from = STRANGER;
    bench.script.event(1);
    assert!(recvfrom(&mut from).is_pending());
    assert_eq!(from, STRANGER);
}

#[test]
fn sendto_ignores_the_address() {
    let bench = Bench::new();
    let id = bench.opened(Tcp);
    bench.script.send.then(Ok(1));
    assert_eq!(
        now(bench
            .sockets
            .poll_sendto(id, &mut Call::new(), &ALL_ZERO, b"x")),
        Ok(1)
    );
    assert_eq!(bench.script.asked("sendto"), 0);
}

#[test]
fn an_accepted_object_starts_afresh() {
    let bench = Bench::new();
    let sink = Counter::sink();
    let listener = bench.opened(Tcp);
    bench.sockets.set_timeout(listener, 5);
    bench.sockets.sigio(listener, Some(sink.callback()));
    bench
        .script
        .accept
        .then(Err(Error::WOULD_BLOCK))
        .then(Ok(PEER));
    let mut call = Call::new();
    assert!(bench.sockets.poll_accept(listener, &mut call).is_pending());
    bench.script.event(1);
    let (id, peer) = now(bench.sockets.poll_accept(listener, &mut call)).unwrap();
    assert_eq!(peer, PEER);
    assert_eq!(bench.sockets.getpeername(id), Ok(PEER));
    assert_eq!(bench.sockets.open(id, OpenOn::Stack), Err(Error::PARAMETER));
    let mut recv = Call::new();
    assert!(
        bench
            .sockets
            .poll_recv(id, &mut recv, &mut [0; 1])
            .is_pending()
    );
    assert_eq!(recv.wake_at_us(), None, "blocking without bound");
    assert_eq!(sink.count(), 1);
    bench.script.event(2);
    assert_eq!(sink.count(), 1, "its events are its own");
    bench.script.recv.then(Ok(b"a".to_vec()));
    assert_eq!(
        now(bench.sockets.poll_recv(id, &mut recv, &mut [0; 1])),
        Ok(1)
    );
    assert_eq!(bench.close(id), Ok(()));
}

#[test]
fn accept_errors_pass_and_leave_no_object_behind() {
    let bench = Bench::new();
    let listener = bench.opened(Tcp);
    bench.sockets.set_timeout(listener, 5);
    for _ in 0..10 {
        bench.script.accept.then(Err(Error::AUTH_FAILURE));
        assert_eq!(
            now(bench.sockets.poll_accept(listener, &mut Call::new())),
            Err(Error::AUTH_FAILURE)
        );
    }
    let mut call = Call::new();
    assert!(bench.sockets.poll_accept(listener, &mut call).is_pending());
    for _ in 0..3 {
        bench.unopened(Tcp);
    }
    bench.clock.pass_ms(5);
    assert_eq!(
        now(bench.sockets.poll_accept(listener, &mut call)),
        Err(Error::WOULD_BLOCK)
    );
}

#[test]
fn accept_without_room_loses_no_connection() {
    let bench = Bench::new();
    let listener = bench.opened(Tcp);
    let others: Vec<_> = (0..3).map(|_| bench.unopened(Tcp)).collect();
    bench.script.accept.then(Ok(PEER));
    assert_eq!(
        now(bench.sockets.poll_accept(listener, &mut Call::new())),
        Err(Error::NO_MEMORY)
    );
    assert_eq!(bench.script.asked("accept"), 0);
    bench.sockets.socket_delete(others[0]);
    let (_, peer) = now(bench.sockets.poll_accept(listener, &mut Call::new())).unwrap();
    assert_eq!(peer, PEER);
}
