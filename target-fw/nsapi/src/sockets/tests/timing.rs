//! Contract §4: modes, and a timeout per wait.

use super::*;

use SocketKind::{Tcp, Udp};

#[test]
fn a_new_object_blocks_without_bound() {
    let bench = Bench::new();
    let id = bench.opened(Tcp);
    let mut call = Call::new();
    assert!(
        bench
            .sockets
            .poll_recv(id, &mut call, &mut [0; 1])
            .is_pending()
    );
    assert_eq!(call.wake_at_us(), None);
    bench.clock.pass_ms(u64::from(u32::MAX));
    assert!(
        bench
            .sockets
            .poll_recv(id, &mut call, &mut [0; 1])
            .is_pending()
    );
}

#[test]
fn negative_is_unbounded_and_zero_does_not_wait() {
    let bench = Bench::new();
    let id = bench.opened(Tcp);
    for unbounded in [-1, -2, i32::MIN] {
        bench.sockets.set_timeout(id, unbounded);
        let mut call = Call::new();
        assert!(
            bench
                .sockets
                .poll_recv(id, &mut call, &mut [0; 1])
                .is_pending()
        );
        assert_eq!(call.wake_at_us(), None, "{unbounded}");
        bench.sockets.cancel(id, &mut call);
    }
    bench.sockets.set_blocking(id, true);
    let mut call = Call::new();
    assert!(
        bench
            .sockets
            .poll_recv(id, &mut call, &mut [0; 1])
            .is_pending()
    );
    bench.sockets.cancel(id, &mut call);

    bench.sockets.set_blocking(id, false);
    assert_eq!(
        now(bench.sockets.poll_recv(id, &mut Call::new(), &mut [0; 1])),
        Err(Error::WOULD_BLOCK)
    );
}

/// Every operation with a timeout ends in `WOULD_BLOCK`, and never early.
#[test]
fn a_wait_lasts_as_long_as_its_timeout() {
    type Operation = fn(&Table, SocketId, &mut Call) -> Poll<Result<()>>;
    let operations: [(SocketKind, Operation); 6] = [
        (Tcp, |s, id, call| {
            s.poll_recv(id, call, &mut [0; 1]).map_ok(drop)
        }),
        (Tcp, |s, id, call| s.poll_send(id, call, b"x").map_ok(drop)),
        (Tcp, |s, id, call| s.poll_accept(id, call).map_ok(drop)),
        (Tcp, |s, id, call| {
            s.poll_recvfrom(id, call, &mut [0; 1], None).map_ok(drop)
        }),
        (Udp, |s, id, call| {
            s.poll_sendto(id, call, &PEER, b"x").map_ok(drop)
        }),
        (Udp, |s, id, call| {
            s.poll_recvfrom(id, call, &mut [0; 1], None).map_ok(drop)
        }),
    ];
    for (kind, operation) in operations {
        for timeout in [1, 10, 100, 1000, i32::MAX] {
            let bench = Bench::new();
            bench.clock.pass_us(123);
            let id = bench.opened(kind);
            bench.sockets.set_timeout(id, timeout);
            let mut call = Call::new();
            let span = u64::from(timeout.unsigned_abs()) * 1000;
            assert!(operation(bench.sockets, id, &mut call).is_pending());
            assert_eq!(call.wake_at_us(), Some(123 + span));
            bench.clock.pass_us(span - 1);
            assert!(
                operation(bench.sockets, id, &mut call).is_pending(),
                "{timeout} ms is not over"
            );
            bench.clock.pass_us(1);
            assert_eq!(
                operation(bench.sockets, id, &mut call),
                Poll::Ready(Err(Error::WOULD_BLOCK))
            );
        }
    }
}

#[test]
fn every_event_restarts_the_wait() {
    let bench = Bench::new();
    let id = bench.opened(Tcp);
    bench.sockets.set_timeout(id, 300);
    let mut call = Call::new();
    let mut recv = || bench.sockets.poll_recv(id, &mut call, &mut [0; 1]);
    assert!(recv().is_pending());
    for _ in 0..10 {
        bench.clock.pass_ms(250);
        bench.script.event(1);
        assert!(recv().is_pending(), "a spurious event begins a new wait");
    }
    bench.clock.pass_ms(299);
    assert!(recv().is_pending());
    bench.clock.pass_ms(1);
    assert_eq!(recv(), Poll::Ready(Err(Error::WOULD_BLOCK)));
    assert_eq!(
        bench.script.asked("recv"),
        11,
        "asked only when something happened"
    );
}

#[test]
fn an_event_in_time_counts_even_if_noticed_late() {
    let bench = Bench::new();
    let id = bench.opened(Tcp);
    bench.sockets.set_timeout(id, 10);
    let mut call = Call::new();
    assert!(
        bench
            .sockets
            .poll_recv(id, &mut call, &mut [0; 1])
            .is_pending()
    );
    bench.script.recv.then(Ok(b"a".to_vec()));
    bench.script.event(1);
    bench.clock.pass_ms(20);
    assert_eq!(
        now(bench.sockets.poll_recv(id, &mut call, &mut [0; 1])),
        Ok(1)
    );
}

#[test]
fn a_changed_timeout_holds_from_the_next_wait_on() {
    let bench = Bench::new();
    let id = bench.opened(Tcp);
    bench.sockets.set_timeout(id, 100);
    let mut call = Call::new();
    assert!(
        bench
            .sockets
            .poll_recv(id, &mut call, &mut [0; 1])
            .is_pending()
    );
    bench.sockets.set_timeout(id, 5000);
    assert_eq!(call.wake_at_us(), Some(100_000), "this wait is as it was");
    bench.script.event(1);
    assert!(
        bench
            .sockets
            .poll_recv(id, &mut call, &mut [0; 1])
            .is_pending()
    );
    assert_eq!(call.wake_at_us(), Some(5_000_000));
    bench.sockets.set_blocking(id, false);
    bench.script.event(1);
    assert_eq!(
        now(bench.sockets.poll_recv(id, &mut call, &mut [0; 1])),
        Err(Error::WOULD_BLOCK)
    );
}

#[test]
fn an_event_while_the_stack_is_asked_is_not_lost() {
    let bench = Bench::new();
    let id = bench.opened(Tcp);
    bench.script.events_inside.set(1);
    let mut call = Call::new();
    assert!(
        bench
            .sockets
            .poll_recv(id, &mut call, &mut [0; 1])
            .is_pending()
    );
    assert_eq!(call.wake_at_us(), Some(0), "to be polled at once");
    bench.script.recv.then(Ok(b"a".to_vec()));
    assert_eq!(
        now(bench.sockets.poll_recv(id, &mut call, &mut [0; 1])),
        Ok(1)
    );
}
