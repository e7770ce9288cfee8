//! Local ports and options.

use nsapi::option::{BROADCAST, KEEPALIVE, LEVEL_SOCKET, LINGER, REUSEADDR};
use nsapi::{Error, IpAddress, NetworkStack as _, Protocol, Result, SocketAddress, StackHandle};

use super::bench::{Bench, Host, any, v4};

fn reuse(host: &Host, socket: StackHandle) {
    host.stack
        .setsockopt(socket, LEVEL_SOCKET, REUSEADDR, &1_i32.to_ne_bytes())
        .unwrap();
}

#[test]
fn a_port_is_held_by_one_socket_per_protocol() {
    let bench = Bench::new();
    let host = &bench.a;
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        let open = || host.stack.socket_open(protocol).unwrap();
        let (one, two) = (open(), open());
        assert_eq!(host.bind(one, 1000), Ok(()));
        assert_eq!(host.bind(one, 1001), Err(Error::PARAMETER), "a second bind");
        assert_eq!(host.bind(two, 1000), Err(Error::PARAMETER), "a port in use");
        assert_eq!(
            host.stack.socket_bind(two, &v4(host.ip, 1000)),
            Err(Error::PARAMETER)
        );
        assert_eq!(
            host.stack.socket_bind(two, &v4(bench.b.ip, 1002)),
            Err(Error::PARAMETER),
            "foreign"
        );
        let v6 = SocketAddress::new(IpAddress::V6([3; 16]), 1002);
        assert_eq!(
            host.stack.socket_bind(two, &v6),
            Err(Error::PARAMETER),
            "other family"
        );
        for everybody in [[255; 4], [224, 0, 0, 1]] {
            assert_eq!(
                host.stack.socket_bind(two, &v4(everybody, 1002)),
                Err(Error::PARAMETER)
            );
        }
        let unset = SocketAddress::new(IpAddress::V6([0; 16]), 1003);
        assert_eq!(
            host.stack.socket_bind(two, &unset),
            Ok(()),
            "all-zero is unset"
        );
        host.close(one);
        let three = open();
        assert_eq!(
            host.stack.socket_bind(three, &v4(host.ip, 1000)),
            Ok(()),
            "free again, own address"
        );
    }
}

#[test]
fn sharing_a_port_takes_two() {
    let bench = Bench::new();
    let host = &bench.a;
    let (one, two, three) = (host.tcp(), host.tcp(), host.tcp());
    reuse(host, one);
    reuse(host, two);
    assert_eq!(host.bind(one, 1000), Ok(()));
    assert_eq!(host.bind(two, 1000), Ok(()));
    assert_eq!(host.bind(three, 1000), Err(Error::PARAMETER));
    assert_eq!(host.stack.socket_listen(one, 1), Ok(()));
    assert_eq!(
        host.stack.socket_listen(two, 1),
        Err(Error::PARAMETER),
        "two listeners"
    );
}

#[test]
fn a_server_restarts_at_once() {
    let bench = Bench::new();
    let (_client, listener, child) = bench.connection(80);
    // Closed by the server first, so it is the one that remembers.
    bench.b.close(child);
    bench.b.close(listener);
    bench.run();
    let again = bench.b.listener(80, 1);
    bench.connect_to(80);
    bench.b.accept(again).unwrap();
}

#[test]
fn a_client_may_use_its_port_again_at_once() {
    let bench = Bench::new();
    let listener = bench.b.listener(80, 1);
    for round in 0..5 {
        let client = bench.a.tcp();
        bench.a.bind(client, 5555).unwrap();
        assert_eq!(
            bench.a.connect(client, v4(bench.b.ip, 80)),
            Err(Error::IN_PROGRESS)
        );
        bench.pass_ms(100);
        let (child, from) = bench
            .b
            .accept(listener)
            .unwrap_or_else(|_| panic!("round {round}"));
        assert_eq!(from.port, 5555);
        bench.a.close(client);
        bench.run();
        bench.b.close(child);
        bench.run();
    }
}

#[test]
fn chosen_ports_are_ephemeral_and_distinct() {
    let bench = Bench::new();
    let sockets = [(); 5].map(|()| bench.a.udp());
    let receiver = bench.b.bound_udp(7);
    let mut ports = super::alloc::collections::BTreeSet::new();
    for socket in sockets {
        bench.a.sendto(socket, v4(bench.b.ip, 7), b"x").unwrap();
        assert_eq!(
            bench.a.bind(socket, 1),
            Err(Error::PARAMETER),
            "bind after the stack did"
        );
        bench.run();
        let port = bench.b.recvfrom(receiver, 1).unwrap().1.port;
        assert!(port >= 49152);
        assert!(ports.insert(port));
    }
    let bound = bench.a.tcp();
    assert_eq!(bench.a.stack.socket_bind(bound, &any(0)), Ok(()));
    assert_eq!(bench.a.stack.socket_listen(bound, 1), Ok(()));
}

#[test]
fn options_are_checked_kept_and_read_back() {
    let bench = Bench::new();
    let (tcp, udp) = (bench.a.tcp(), bench.a.udp());
    let set =
        |socket, level, name, value: &[u8]| bench.a.stack.setsockopt(socket, level, name, value);
    let get = |socket, name| -> Result<i32> {
        let mut value = [0; 4];
        let length = bench
            .a
            .stack
            .getsockopt(socket, LEVEL_SOCKET, name, &mut value)?;
        assert_eq!(length, 4);
        Ok(i32::from_ne_bytes(value))
    };
    for seconds in [0, 1, 7200] {
        assert_eq!(
            set(tcp, LEVEL_SOCKET, KEEPALIVE, &i32::to_ne_bytes(seconds)),
            Ok(())
        );
        assert_eq!(get(tcp, KEEPALIVE), Ok(seconds));
    }
    for seconds in [-1, 7201, i32::MIN, i32::MAX] {
        assert_eq!(
            set(tcp, LEVEL_SOCKET, KEEPALIVE, &i32::to_ne_bytes(seconds)),
            Err(Error::PARAMETER)
        );
        assert_eq!(get(tcp, KEEPALIVE), Ok(7200), "unchanged");
    }
    assert_eq!(get(tcp, REUSEADDR), Ok(0));
    reuse(&bench.a, tcp);
    assert_eq!(get(tcp, REUSEADDR), Ok(1));
    for (socket, level, name, value) in [
        (udp, LEVEL_SOCKET, KEEPALIVE, &[0; 4][..]),
        (tcp, LEVEL_SOCKET, BROADCAST, &[0; 4]),
        (tcp, LEVEL_SOCKET, LINGER, &[0; 4]),
        (tcp, 5000, KEEPALIVE, &[0; 4]),
        (tcp, LEVEL_SOCKET, 99, &[0; 4]),
        (tcp, LEVEL_SOCKET, REUSEADDR, &[0; 3]),
        (tcp, LEVEL_SOCKET, REUSEADDR, &[0; 5]),
        (tcp, LEVEL_SOCKET, REUSEADDR, &[]),
    ] {
        assert_eq!(
            set(socket, level, name, value),
            Err(Error::UNSUPPORTED),
            "{level} {name}"
        );
    }
    assert_eq!(get(udp, KEEPALIVE), Err(Error::UNSUPPORTED));
    assert_eq!(
        bench
            .a
            .stack
            .getsockopt(tcp, LEVEL_SOCKET, KEEPALIVE, &mut [0; 3]),
        Err(Error::PARAMETER)
    );
}
