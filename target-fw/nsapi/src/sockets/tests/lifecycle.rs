//! Contract §3: open, close, destruct, also under blocked calls.

use super::*;

use SocketKind::{Tcp, Udp};

#[test]
fn a_failed_open_can_be_repeated() {
    let bench = Bench::new();
    let id = bench.unopened(Tcp);
    bench
        .script
        .open
        .then(Err(Error::NO_SOCKET))
        .then(Err(Error::NO_MEMORY));
    assert_eq!(bench.sockets.open(id, OpenOn::Stack), Err(Error::NO_SOCKET));
    assert_eq!(bench.sockets.open(id, OpenOn::Stack), Err(Error::NO_MEMORY));
    assert_eq!(bench.close(id), Err(Error::NO_SOCKET));
    assert_eq!(bench.sockets.open(id, OpenOn::Stack), Ok(()));
    assert_eq!(bench.close(id), Ok(()));
}

#[test]
fn close_returns_the_stacks_code_and_closes_all_the_same() {
    let bench = Bench::new();
    let id = bench.opened(Tcp);
    bench.script.close.then(Err(Error::DEVICE_ERROR));
    assert_eq!(bench.close(id), Err(Error::DEVICE_ERROR));
    assert_eq!(bench.close(id), Err(Error::NO_SOCKET));
    assert_eq!(bench.script.asked("close"), 1);
    assert_eq!(bench.script.attached(), 0);
}

#[test]
fn five_hundred_openings_of_one_object() {
    let bench = Bench::new();
    let id = bench.unopened(Udp);
    for _ in 0..500 {
        bench.sockets.open(id, OpenOn::Stack).unwrap();
        bench.close(id).unwrap();
    }
    for _ in 0..500 {
        let id = bench.opened(Tcp);
        bench.sockets.socket_delete(id);
    }
    assert_eq!(bench.script.asked("open"), 1000);
    assert_eq!(bench.script.asked("close"), 1000);
}

/// One blocked call of every kind.
fn blocked_calls() -> [(SocketKind, Blocked); 6] {
    [
        (Tcp, |s, id, call| s.poll_connect(id, call, &PEER)),
        (Tcp, |s, id, call| s.poll_send(id, call, b"xy").map_ok(drop)),
        (Tcp, |s, id, call| {
            s.poll_recv(id, call, &mut [0; 1]).map_ok(drop)
        }),
        (Tcp, |s, id, call| s.poll_accept(id, call).map_ok(drop)),
        (Udp, |s, id, call| {
            s.poll_sendto(id, call, &PEER, b"x").map_ok(drop)
        }),
        (Udp, |s, id, call| {
            s.poll_recvfrom(id, call, &mut [0; 1], None).map_ok(drop)
        }),
    ]
}

type Blocked = fn(&Table, SocketId, &mut Call) -> Poll<Result<()>>;

#[test]
fn close_sends_blocked_calls_away_and_waits_for_them() {
    for (i, (kind, operation)) in blocked_calls().into_iter().enumerate() {
        let bench = Bench::new();
        let id = bench.opened(kind);
        bench.script.connect.then(Err(Error::IN_PROGRESS));
        bench.script.send.then(Ok(1));
        let ((blocked, blocked_waker), (closer, closer_waker)) =
            (Counter::waker(), Counter::waker());
        let mut call = Call {
            waker: Some(blocked_waker),
            ..Call::new()
        };
        assert!(operation(bench.sockets, id, &mut call).is_pending(), "{i}");
        let mut closing = Call {
            waker: Some(closer_waker),
            ..Call::new()
        };
        assert!(
            bench.sockets.poll_close(id, &mut closing).is_pending(),
            "{i}"
        );
        assert_eq!(bench.script.asked("close"), 1, "the stack closes first");
        assert_eq!(blocked.count(), 1);
        assert_eq!(
            (closing.wake_at_us(), closer.count()),
            (Some(0), 0),
            "no time to sleep, no wake-up loop"
        );
        assert!(bench.sockets.poll_close(id, &mut closing).is_pending());
        assert_eq!(bench.close(id), Err(Error::NO_SOCKET), "a second close");
        assert_eq!(
            operation(bench.sockets, id, &mut call),
            Poll::Ready(Err(Error::NO_SOCKET)),
            "{i}"
        );
        assert_eq!(closer.count(), 1);
        assert_eq!(now(bench.sockets.poll_close(id, &mut closing)), Ok(()));
    }
}

#[test]
fn delete_sends_blocked_calls_away() {
    for (i, (kind, operation)) in blocked_calls().into_iter().enumerate() {
        let bench = Bench::new();
        let id = bench.opened(kind);
        bench.script.connect.then(Err(Error::IN_PROGRESS));
        let (counter, waker) = Counter::waker();
        let mut call = Call {
            waker: Some(waker),
            ..Call::new()
        };
        assert!(operation(bench.sockets, id, &mut call).is_pending(), "{i}");
        bench.sockets.socket_delete(id);
        assert!(counter.count() > 0);
        let next = bench.opened(kind);
        assert_eq!(next.index, id.index, "the slot has a new owner");
        assert_eq!(
            operation(bench.sockets, id, &mut call),
            Poll::Ready(Err(Error::NO_SOCKET)),
            "{i}"
        );
        // Deleting twice, or the wrong one, does nothing.
        bench.sockets.socket_delete(id);
        assert_eq!(bench.close(next), Ok(()));
    }
}

#[test]
fn a_call_of_an_earlier_opening_does_not_touch_the_next() {
    let bench = Bench::new();
    let id = bench.opened(Tcp);
    let mut call = Call::new();
    assert!(
        bench
            .sockets
            .poll_recv(id, &mut call, &mut [0; 1])
            .is_pending()
    );
    let mut closing = Call::new();
    assert!(bench.sockets.poll_close(id, &mut closing).is_pending());
    bench.sockets.open(id, OpenOn::Stack).unwrap();
    bench.script.recv.then(Ok(b"new".to_vec()));
    assert_eq!(
        now(bench.sockets.poll_recv(id, &mut call, &mut [0; 8])),
        Err(Error::NO_SOCKET)
    );
    assert_eq!(bench.script.recv.left(), 1);
    assert_eq!(
        now(bench.sockets.poll_close(id, &mut closing)),
        Ok(()),
        "the first close is over"
    );
    assert_eq!(
        now(bench.sockets.poll_recv(id, &mut Call::new(), &mut [0; 8])),
        Ok(3)
    );
}

#[test]
fn a_close_under_way_survives_delete() {
    let bench = Bench::new();
    let id = bench.opened(Tcp);
    let mut call = Call::new();
    assert!(
        bench
            .sockets
            .poll_recv(id, &mut call, &mut [0; 1])
            .is_pending()
    );
    let mut closing = Call::new();
    assert!(bench.sockets.poll_close(id, &mut closing).is_pending());
    bench.sockets.socket_delete(id);
    assert_eq!(now(bench.sockets.poll_close(id, &mut closing)), Ok(()));
    assert_eq!(
        now(bench.sockets.poll_recv(id, &mut call, &mut [0; 1])),
        Err(Error::NO_SOCKET)
    );
    assert_eq!(bench.script.asked("close"), 1);
}

#[test]
fn close_does_not_wait_for_a_cancelled_call() {
    let bench = Bench::new();
    let id = bench.opened(Tcp);
    let mut call = Call::new();
    assert!(
        bench
            .sockets
            .poll_recv(id, &mut call, &mut [0; 1])
            .is_pending()
    );
    bench.sockets.cancel(id, &mut call);
    assert_eq!(bench.close(id), Ok(()));
}

#[test]
fn the_table_has_an_end() {
    let bench = Bench::new();
    let all: Vec<_> = (0..4).map(|_| bench.unopened(Tcp)).collect();
    assert_eq!(bench.sockets.socket_new(Udp), Err(Error::NO_MEMORY));
    bench.sockets.socket_delete(all[2]);
    let again = bench.unopened(Udp);
    assert_eq!(again.index, all[2].index);
    assert_ne!(again.generation, all[2].generation);
}

#[test]
fn what_is_kept_over_close_and_open() {
    let bench = Bench::new();
    let id = bench.opened(Tcp);
    bench.sockets.set_timeout(id, 0);
    bench.close(id).unwrap();
    bench.sockets.open(id, OpenOn::Stack).unwrap();
    assert_eq!(
        now(bench.sockets.poll_recv(id, &mut Call::new(), &mut [0; 1])),
        Err(Error::WOULD_BLOCK)
    );
}

#[test]
fn close_waits_for_a_call_inside_the_stack() {
    let bench = Bench::new();
    let id = bench.opened(Tcp);
    let (sockets, script) = (bench.sockets, bench.script);
    *script.meanwhile.borrow_mut() = Some(Box::new(move || {
        let (counter, waker) = Counter::waker();
        let mut closing = Call {
            waker: Some(waker),
            ..Call::new()
        };
        assert!(sockets.poll_close(id, &mut closing).is_pending());
        assert_eq!(
            script.asked("close"),
            0,
            "the stack might give the handle to somebody else"
        );
        assert_eq!((counter.count(), closing.wake_at_us()), (1, Some(0)));
    }));
    script.recv.then(Ok(b"a".to_vec()));
    assert_eq!(
        now(sockets.poll_recv(id, &mut Call::new(), &mut [0; 1])),
        Ok(1)
    );
    assert_eq!(bench.close(id), Ok(()));
}

#[test]
fn an_object_destructed_during_a_call_is_buried_after_it() {
    let bench = Bench::new();
    let id = bench.opened(Tcp);
    let (sockets, script) = (bench.sockets, bench.script);
    let sink = Counter::sink();
    sockets.sigio(id, Some(sink.callback()));
    *script.meanwhile.borrow_mut() = Some(Box::new(move || {
        sockets.socket_delete(id);
        assert_eq!(script.asked("close"), 0);
        assert_ne!(
            sockets.socket_new(Tcp).unwrap().index,
            id.index,
            "still in use"
        );
        assert_eq!(sockets.bind(id, &PEER), Err(Error::NO_SOCKET));
    }));
    assert_eq!(
        now(sockets.poll_recv(id, &mut Call::new(), &mut [0; 1])),
        Err(Error::NO_SOCKET)
    );
    assert_eq!((script.asked("close"), sink.count()), (1, 1));
    assert_eq!(bench.unopened(Tcp).index, id.index);
}
