//! Contract §7: datagrams and the filter of connected UDP sockets.

use super::*;

use SocketKind::Udp;

fn recvfrom(bench: &Bench, id: SocketId, call: &mut Call) -> Poll<(Result<usize>, SocketAddress)> {
    let mut from = SocketAddress::default();
    bench
        .sockets
        .poll_recvfrom(id, call, &mut [0; 4], Some(&mut from))
        .map(|result| (result, from))
}

#[test]
fn send_needs_a_peer_before_it_needs_a_socket() {
    let bench = Bench::new();
    let id = bench.unopened(Udp);
    let send = || now(bench.sockets.poll_send(id, &mut Call::new(), b"x"));
    let connect = |address| now(bench.sockets.poll_connect(id, &mut Call::new(), address));
    assert_eq!(send(), Err(Error::NO_ADDRESS));
    assert_eq!(connect(&PEER), Ok(()));
    assert_eq!(send(), Err(Error::NO_SOCKET));
    bench.sockets.open(id, OpenOn::Stack).unwrap();
    bench.script.sendto.then(Ok(1)).then(Ok(99));
    assert_eq!(send(), Ok(1));
    assert_eq!(send(), Ok(99), "the stack's count passes");
    for nobody in [&ALL_ZERO, &SocketAddress::any(9)] {
        assert_eq!(connect(nobody), Ok(()));
        assert_eq!(send(), Err(Error::NO_ADDRESS));
    }
}

#[test]
fn sendto_is_whole_or_not_at_all() {
    let bench = Bench::new();
    let id = bench.opened(Udp);
    let sendto = |data: &[u8]| now(bench.sockets.poll_sendto(id, &mut Call::new(), &PEER, data));
    bench
        .script
        .sendto
        .then(Err(Error::PARAMETER))
        .then(Ok(0))
        .then(Err(Error::NO_MEMORY));
    assert_eq!(sendto(b"abc"), Err(Error::PARAMETER));
    assert_eq!(sendto(b""), Ok(0));
    assert_eq!(sendto(b"abc"), Err(Error::NO_MEMORY));

    let mut call = Call::new();
    assert!(
        bench
            .sockets
            .poll_sendto(id, &mut call, &PEER, b"abc")
            .is_pending()
    );
    bench.script.sendto.then(Ok(3));
    bench.script.event(1);
    assert_eq!(
        now(bench.sockets.poll_sendto(id, &mut call, &PEER, b"abc")),
        Ok(3)
    );
}

#[test]
fn without_a_peer_everybody_is_heard() {
    let bench = Bench::new();
    let id = bench.opened(Udp);
    bench
        .script
        .recvfrom
        .then(Ok((b"abcdef".to_vec(), PEER)))
        .then(Ok((Vec::new(), STRANGER)));
    assert_eq!(now(recvfrom(&bench, id, &mut Call::new())), (Ok(4), PEER));
    assert_eq!(
        now(recvfrom(&bench, id, &mut Call::new())),
        (Ok(0), STRANGER),
        "empty is no end"
    );
    bench.script.recvfrom.then(Ok((b"abc".to_vec(), PEER)));
    assert_eq!(
        now(bench.sockets.poll_recv(id, &mut Call::new(), &mut [])),
        Ok(0)
    );
    assert_eq!(
        bench.script.recvfrom.left(),
        0,
        "a receive of size 0 takes one datagram"
    );
}

#[test]
fn strangers_are_swallowed_by_address_and_by_port() {
    let other_port = SocketAddress::new(PEER.ip, PEER.port + 1);
    for blocking in [true, false] {
        let bench = Bench::new();
        let id = bench.opened(Udp);
        bench.sockets.set_blocking(id, blocking);
        now(bench.sockets.poll_connect(id, &mut Call::new(), &PEER)).unwrap();
        for stranger in [STRANGER, other_port, SocketAddress::default()] {
            bench.script.recvfrom.then(Ok((b"no".to_vec(), stranger)));
        }
        bench.script.recvfrom.then(Ok((b"yes".to_vec(), PEER)));
        assert_eq!(now(recvfrom(&bench, id, &mut Call::new())), (Ok(3), PEER));

        bench
            .script
            .recvfrom
            .then(Ok((b"no".to_vec(), STRANGER)))
            .then(Err(Error::DEVICE_ERROR));
        assert_eq!(
            now(recvfrom(&bench, id, &mut Call::new())).0,
            Err(Error::DEVICE_ERROR)
        );

        // Taking the peer away takes the filter away.
        now(bench
            .sockets
            .poll_connect(id, &mut Call::new(), &SocketAddress::default()))
        .unwrap();
        bench.script.recvfrom.then(Ok((b"now".to_vec(), STRANGER)));
        assert_eq!(
            now(recvfrom(&bench, id, &mut Call::new())),
            (Ok(3), STRANGER)
        );
    }
}

#[test]
fn a_swallowed_datagram_restarts_the_wait() {
    let bench = Bench::new();
    let id = bench.opened(Udp);
    bench.sockets.set_timeout(id, 300);
    now(bench.sockets.poll_connect(id, &mut Call::new(), &PEER)).unwrap();
    let mut call = Call::new();
    assert!(recvfrom(&bench, id, &mut call).is_pending());
    for _ in 0..10 {
        bench.clock.pass_ms(200);
        bench.script.recvfrom.then(Ok((b"no".to_vec(), STRANGER)));
        bench.script.event(1);
        assert!(recvfrom(&bench, id, &mut call).is_pending());
    }
    bench.clock.pass_ms(300);
    assert_eq!(
        now(recvfrom(&bench, id, &mut call)).0,
        Err(Error::WOULD_BLOCK)
    );
}

#[test]
fn a_flood_of_strangers_yields_now_and_then() {
    let bench = Bench::new();
    let id = bench.opened(Udp);
    bench.sockets.set_blocking(id, false);
    now(bench.sockets.poll_connect(id, &mut Call::new(), &PEER)).unwrap();
    for _ in 0..100 {
        bench.script.recvfrom.then(Ok((b"no".to_vec(), STRANGER)));
    }
    let mut call = Call::new();
    let mut polls = 1;
    while recvfrom(&bench, id, &mut call)
        .map(|(result, _)| assert_eq!(result, Err(Error::WOULD_BLOCK)))
        .is_pending()
    {
        assert_eq!(call.wake_at_us(), Some(0));
        polls += 1;
    }
    assert_eq!((polls, bench.script.recvfrom.left()), (4, 0));
}

#[test]
fn several_may_wait_in_one_socket() {
    let bench = Bench::new();
    let id = bench.opened(Udp);
    let (mut a, mut b) = (Call::new(), Call::new());
    assert!(recvfrom(&bench, id, &mut a).is_pending());
    assert!(recvfrom(&bench, id, &mut b).is_pending());
    bench.script.recvfrom.then(Ok((b"1".to_vec(), PEER)));
    bench.script.event(1);
    assert_eq!(now(recvfrom(&bench, id, &mut a)), (Ok(1), PEER));
    assert!(recvfrom(&bench, id, &mut b).is_pending());
    assert!(bench.sockets.poll_close(id, &mut Call::new()).is_pending());
    assert_eq!(now(recvfrom(&bench, id, &mut b)).0, Err(Error::NO_SOCKET));
}
