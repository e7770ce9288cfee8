//! Contract §5: coalescing, the mark, callbacks, and who is woken.

use super::*;

use SocketKind::{Tcp, Udp};

#[test]
fn one_callback_until_the_next_operation() {
    let bench = Bench::new();
    let id = bench.opened(Tcp);
    bench.sockets.set_blocking(id, false);
    let sink = Counter::sink();
    bench.sockets.sigio(id, Some(sink.callback()));
    assert_eq!(sink.count(), 0, "registering calls nobody");
    for _ in 0..3 {
        bench.script.event(1);
    }
    assert_eq!(sink.count(), 1);
    let _ = bench.sockets.poll_recv(id, &mut Call::new(), &mut [0; 1]);
    assert_eq!(sink.count(), 1);
    bench.script.event(1);
    bench.script.event(1);
    assert_eq!(sink.count(), 2);
}

/// Only that it was asked for counts.
fn done<T>(_: T) {}

/// Each operation that may wait re-arms, the others do not.
#[test]
fn what_rearms() {
    type Operation = fn(&Table, SocketId);
    let operations: [(SocketKind, bool, Operation); 12] = [
        (Tcp, true, |s, id| {
            done(s.poll_connect(id, &mut Call::new(), &PEER))
        }),
        (Tcp, true, |s, id| {
            done(s.poll_send(id, &mut Call::new(), b"x"))
        }),
        (Tcp, true, |s, id| {
            done(s.poll_recv(id, &mut Call::new(), &mut [0; 1]))
        }),
        (Tcp, true, |s, id| done(s.poll_accept(id, &mut Call::new()))),
        (Tcp, true, |s, id| {
            done(s.poll_sendto(id, &mut Call::new(), &PEER, b"x"))
        }),
        (Udp, true, |s, id| {
            done(s.poll_sendto(id, &mut Call::new(), &PEER, b"x"))
        }),
        (Udp, true, |s, id| {
            done(s.poll_recvfrom(id, &mut Call::new(), &mut [0; 1], None))
        }),
        (Udp, false, |s, id| {
            done(s.poll_connect(id, &mut Call::new(), &PEER))
        }),
        (Tcp, false, |s, id| done(s.bind(id, &PEER))),
        (Tcp, false, |s, id| done(s.listen(id, 1))),
        (Tcp, false, |s, id| done(s.setsockopt(id, 7000, 0, &[]))),
        (Tcp, false, |s, id| done(s.getpeername(id))),
    ];
    for (i, (kind, rearms, operation)) in operations.into_iter().enumerate() {
        let bench = Bench::new();
        let id = bench.opened(kind);
        bench.sockets.set_blocking(id, false);
        let sink = Counter::sink();
        bench.sockets.sigio(id, Some(sink.callback()));
        bench.script.event(1);
        operation(bench.sockets, id);
        bench.script.event(1);
        assert_eq!(sink.count(), if rearms { 2 } else { 1 }, "operation {i}");
    }
}

#[test]
fn not_retroactive_and_silent_after_another_callback_was_told() {
    let bench = Bench::new();
    let id = bench.opened(Tcp);
    // Without a callback the mark is not set, so the next event is heard by a later callback.
    bench.script.event(1);
    let (first, second) = (Counter::sink(), Counter::sink());
    bench.sockets.sigio(id, Some(first.callback()));
    assert_eq!(first.count(), 0);
    bench.script.event(1);
    assert_eq!(first.count(), 1);
    bench.sockets.sigio(id, Some(second.callback()));
    bench.script.event(1);
    assert_eq!(
        (first.count(), second.count()),
        (1, 0),
        "the mark is the socket's, not the callback's"
    );
    bench.sockets.set_blocking(id, false);
    let _ = bench.sockets.poll_recv(id, &mut Call::new(), &mut [0; 1]);
    bench.script.event(1);
    assert_eq!((first.count(), second.count()), (1, 1));
    bench.sockets.sigio(id, None);
    let _ = bench.sockets.poll_recv(id, &mut Call::new(), &mut [0; 1]);
    bench.script.event(1);
    assert_eq!((first.count(), second.count()), (1, 1), "removed");
}

#[test]
fn close_calls_back_once_unless_marked() {
    let bench = Bench::new();
    let sink = Counter::sink();
    let id = bench.opened(Tcp);
    bench.sockets.sigio(id, Some(sink.callback()));
    bench.close(id).unwrap();
    assert_eq!(sink.count(), 1);

    // The mark and the callback outlive close and open.
    bench.sockets.open(id, OpenOn::Stack).unwrap();
    bench.script.event(2);
    assert_eq!(sink.count(), 1);
    bench.close(id).unwrap();
    assert_eq!(sink.count(), 1);

    bench.sockets.open(id, OpenOn::Stack).unwrap();
    bench.sockets.set_blocking(id, false);
    let _ = bench.sockets.poll_recv(id, &mut Call::new(), &mut [0; 1]);
    bench.script.event(3);
    assert_eq!(sink.count(), 2);
}

#[test]
fn delete_calls_back_like_close_and_then_forgets() {
    let bench = Bench::new();
    let sink = Counter::sink();
    let id = bench.opened(Tcp);
    bench.sockets.sigio(id, Some(sink.callback()));
    bench.sockets.socket_delete(id);
    assert_eq!(sink.count(), 1);
    let next = bench.opened(Tcp);
    assert_eq!(next.index, id.index);
    bench.script.event(2);
    assert_eq!(sink.count(), 1, "the next object has no callback");
}

#[test]
fn the_callback_survives_in_every_state() {
    let bench = Bench::new();
    let sink = Counter::sink();
    let id = bench.unopened(Udp);
    bench.sockets.sigio(id, Some(sink.callback()));
    bench.sockets.open(id, OpenOn::Stack).unwrap();
    bench.script.event(1);
    assert_eq!(sink.count(), 1);
}

#[test]
fn late_events_of_an_old_object_reach_nobody() {
    let bench = Bench::new();
    let old = bench.opened(Tcp);
    let stale = bench.sockets.events.callback(old);
    bench.sockets.socket_delete(old);
    let id = bench.opened(Tcp);
    let sink = Counter::sink();
    bench.sockets.sigio(id, Some(sink.callback()));
    stale.call();
    assert_eq!(sink.count(), 0);
    bench.sockets.events.event(usize::MAX);
}

#[test]
fn an_event_wakes_every_waiter() {
    let bench = Bench::new();
    let id = bench.opened(Udp);
    let mut calls: Vec<_> = (0..6)
        .map(|_| {
            let (counter, waker) = Counter::waker();
            (
                counter,
                Call {
                    waker: Some(waker),
                    ..Call::new()
                },
            )
        })
        .collect();
    for (_, call) in &mut calls {
        assert!(bench.sockets.poll_recv(id, call, &mut [0; 1]).is_pending());
    }
    // Six want to wait where four can: the first two were displaced and are woken at once.
    let woken = || {
        calls
            .iter()
            .map(|(counter, _)| counter.count())
            .collect::<Vec<_>>()
    };
    assert_eq!(woken(), [1, 1, 0, 0, 0, 0]);
    bench.script.event(1);
    assert_eq!(woken(), [1, 1, 1, 1, 1, 1]);
}

#[test]
fn an_event_while_the_stack_is_asked_wakes_at_once() {
    let bench = Bench::new();
    let id = bench.opened(Udp);
    let (counter, waker) = Counter::waker();
    let mut call = Call {
        waker: Some(waker),
        ..Call::new()
    };
    bench.script.events_inside.set(1);
    assert!(
        bench
            .sockets
            .poll_recv(id, &mut call, &mut [0; 1])
            .is_pending()
    );
    assert_eq!(counter.count(), 1);
}

#[test]
fn waits_that_run_out_are_woken_by_the_executor() {
    let bench = Bench::new();
    let id = bench.opened(Udp);
    bench.sockets.set_timeout(id, 10);
    let (counter, waker) = Counter::waker();
    let mut call = Call {
        waker: Some(waker),
        ..Call::new()
    };
    assert!(
        bench
            .sockets
            .poll_recv(id, &mut call, &mut [0; 1])
            .is_pending()
    );
    assert_eq!(bench.sockets.wake_due(), Some(10_000));
    assert_eq!(counter.count(), 0);
    bench.clock.pass_ms(10);
    assert_eq!(bench.sockets.wake_due(), None);
    assert_eq!(counter.count(), 1);
    assert_eq!(
        now(bench.sockets.poll_recv(id, &mut call, &mut [0; 1])),
        Err(Error::WOULD_BLOCK)
    );
}
