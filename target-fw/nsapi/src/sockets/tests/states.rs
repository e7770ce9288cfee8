//! Contract §8 and the MUST columns of §6.3 and §7: what every operation answers in every state.

use super::*;

use SocketKind::{Tcp, Udp};

/// One operation, as a code.
type Operation = fn(&Table, SocketId) -> i32;

fn code<T>(result: Result<T>) -> i32 {
    result.map_or_else(Error::code, |_| 0)
}

const OPERATIONS: [(&str, Operation); 16] = [
    ("open", |s, id| code(s.open(id, OpenOn::Stack))),
    ("open null", |s, id| code(s.open(id, OpenOn::Null))),
    ("close", |s, id| {
        code(now(s.poll_close(id, &mut Call::new())))
    }),
    ("bind", |s, id| code(s.bind(id, &SocketAddress::any(1)))),
    ("listen", |s, id| code(s.listen(id, 1))),
    ("accept", |s, id| {
        code(now(s.poll_accept(id, &mut Call::new())))
    }),
    ("connect", |s, id| {
        code(now(s.poll_connect(id, &mut Call::new(), &PEER)))
    }),
    ("send", |s, id| {
        code(now(s.poll_send(id, &mut Call::new(), b"x")))
    }),
    ("recv", |s, id| {
        code(now(s.poll_recv(id, &mut Call::new(), &mut [0; 4])))
    }),
    ("sendto", |s, id| {
        code(now(s.poll_sendto(id, &mut Call::new(), &PEER, b"x")))
    }),
    ("recvfrom", |s, id| {
        code(now(s.poll_recvfrom(
            id,
            &mut Call::new(),
            &mut [0; 4],
            None,
        )))
    }),
    ("getpeername", |s, id| code(s.getpeername(id))),
    ("setsockopt", |s, id| {
        code(s.setsockopt(id, 7000, 0, &[1, 0, 0, 0]))
    }),
    ("getsockopt", |s, id| {
        code(s.getsockopt(id, 7000, 0, &mut [0; 4]))
    }),
    ("join", |s, id| code(s.multicast(id, true, &PEER))),
    ("leave", |s, id| code(s.multicast(id, false, &PEER))),
];

const OK: i32 = 0;
const WB: i32 = Error::WOULD_BLOCK.code();
const UN: i32 = Error::UNSUPPORTED.code();
const PA: i32 = Error::PARAMETER.code();
const NC: i32 = Error::NO_CONNECTION.code();
const NS: i32 = Error::NO_SOCKET.code();
const NA: i32 = Error::NO_ADDRESS.code();

/// Every operation on a fresh object each, prepared in one of four ways.
fn check(kind: SocketKind, prepare: fn(&Bench) -> SocketId, expected: [i32; 16]) {
    for ((name, operation), expected) in OPERATIONS.iter().zip(expected) {
        let bench = Bench::new();
        let id = prepare(&bench);
        bench.sockets.set_blocking(id, false);
        assert_eq!(operation(bench.sockets, id), expected, "{kind:?} {name}");
    }
}

const TCP_UNOPENED: [i32; 16] = [
    OK, PA, NS, NS, NS, NS, NS, NS, NS, NS, NS, NS, NS, NS, UN, NS,
];
const UDP_UNOPENED: [i32; 16] = [
    OK, PA, NS, NS, UN, UN, OK, NA, NS, NS, NS, NS, NS, NS, NS, NS,
];

#[test]
fn a_new_object() {
    check(Tcp, |bench| bench.unopened(Tcp), TCP_UNOPENED);
    check(Udp, |bench| bench.unopened(Udp), UDP_UNOPENED);
}

#[test]
fn a_closed_object_is_like_a_new_one() {
    fn closed(bench: &Bench, kind: SocketKind) -> SocketId {
        let id = bench.opened(kind);
        bench.close(id).unwrap();
        id
    }
    check(Tcp, |bench| closed(bench, Tcp), TCP_UNOPENED);
    check(Udp, |bench| closed(bench, Udp), UDP_UNOPENED);
}

#[test]
fn an_open_object_forwards_to_the_stack() {
    let tcp = [
        PA, PA, OK, OK, OK, WB, OK, WB, WB, WB, WB, NC, UN, UN, UN, UN,
    ];
    check(Tcp, |bench| bench.opened(Tcp), tcp);
    let udp = [
        PA, PA, OK, OK, UN, UN, OK, NA, WB, WB, WB, NC, UN, UN, UN, UN,
    ];
    check(Udp, |bench| bench.opened(Udp), udp);
}

#[test]
fn a_name_without_an_object_is_no_socket() {
    fn deleted(bench: &Bench) -> SocketId {
        let id = bench.opened(Tcp);
        bench.sockets.socket_delete(id);
        // Somebody else lives there now and must not be met.
        bench.opened(Udp);
        id
    }
    let all = [NS; 16];
    check(Tcp, deleted, all);
    check(
        Tcp,
        |_| SocketId {
            index: 0,
            generation: 0,
        },
        all,
    );
    check(
        Tcp,
        |_| SocketId {
            index: u16::MAX,
            generation: 9,
        },
        all,
    );
}

#[test]
fn control_data() {
    let bench = Bench::new();
    let (tcp, udp) = (bench.unopened(Tcp), bench.unopened(Udp));
    assert_eq!(bench.sockets.control_data(tcp), Err(Error::UNSUPPORTED));
    assert_eq!(bench.sockets.control_data(udp), Err(Error::NO_SOCKET));
    bench.sockets.open(udp, OpenOn::Stack).unwrap();
    assert_eq!(bench.sockets.control_data(udp), Err(Error::UNSUPPORTED));
}

#[test]
fn option_answers_are_the_stacks_but_for_foreign_levels() {
    let bench = Bench::new();
    let id = bench.opened(Tcp);
    bench
        .script
        .option
        .then(Ok(0))
        .then(Err(Error::PARAMETER))
        .then(Ok(4))
        .then(Ok(99));
    assert_eq!(bench.sockets.setsockopt(id, 7000, 1, &[0; 4]), Ok(()));
    assert_eq!(
        bench.sockets.setsockopt(id, 7099, 0, b"host"),
        Err(Error::PARAMETER)
    );
    assert_eq!(bench.sockets.getsockopt(id, 7000, 1, &mut [0; 8]), Ok(4));
    assert_eq!(
        bench.sockets.getsockopt(id, 7000, 1, &mut [0; 8]),
        Ok(8),
        "never more than there is room"
    );

    for level in [0, 5000, 9999, -1] {
        assert_eq!(
            bench.sockets.setsockopt(id, level, 1, &[0; 4]),
            Err(Error::UNSUPPORTED)
        );
        assert_eq!(
            bench.sockets.getsockopt(id, level, 1, &mut [0; 4]),
            Err(Error::UNSUPPORTED)
        );
    }
    assert_eq!(
        bench.sockets.setsockopt(id, 7000, 9, b"1234567"),
        Err(Error::UNSUPPORTED)
    );
    assert_eq!(
        bench.script.asked("setsockopt") + bench.script.asked("getsockopt"),
        4
    );
}

#[test]
fn stack_answers_of_bind_and_listen_pass() {
    let bench = Bench::new();
    let id = bench.opened(Tcp);
    bench.script.bind.then(Err(Error::PARAMETER));
    bench.script.listen.then(Err(Error::NO_MEMORY));
    assert_eq!(bench.sockets.bind(id, &PEER), Err(Error::PARAMETER));
    assert_eq!(bench.sockets.listen(id, 5), Err(Error::NO_MEMORY));
    assert_eq!(bench.script.backlog.get(), 5);
    assert_eq!(bench.sockets.listen(id, -1), Ok(()));
    assert_eq!(bench.script.backlog.get(), 0);
}

#[test]
fn multicast_goes_through_the_options() {
    let bench = Bench::new();
    let udp = bench.opened(Udp);
    bench.script.option.then(Ok(0)).then(Err(Error::NO_ADDRESS));
    assert_eq!(bench.sockets.multicast(udp, true, &PEER), Ok(()));
    assert_eq!(
        bench.sockets.multicast(udp, false, &PEER),
        Err(Error::NO_ADDRESS)
    );
    assert_eq!(bench.script.asked("setsockopt"), 2);
}

#[test]
fn getpeername_needs_a_peer() {
    for kind in [Tcp, Udp] {
        let bench = Bench::new();
        let id = bench.opened(kind);
        let connect = |address| now(bench.sockets.poll_connect(id, &mut Call::new(), address));
        assert_eq!(connect(&ALL_ZERO), Ok(()));
        assert_eq!(bench.sockets.getpeername(id), Err(Error::NO_CONNECTION));
        assert_eq!(connect(&PEER), Ok(()));
        assert_eq!(bench.sockets.getpeername(id), Ok(PEER));
        bench.close(id).unwrap();
        assert_eq!(bench.sockets.getpeername(id), Err(Error::NO_SOCKET));
        bench.sockets.open(id, OpenOn::Stack).unwrap();
        assert_eq!(
            bench.sockets.getpeername(id),
            Ok(PEER),
            "the peer outlives close"
        );
    }
}
