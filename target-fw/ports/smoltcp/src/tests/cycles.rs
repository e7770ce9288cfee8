//! Many rounds: nothing may run dry.

use nsapi::{Error, NetworkStack as _, Protocol, StackHandle};

use super::alloc::vec::Vec;
use super::bench::{Bench, Host};

/// Opens until refused, closes all, and says how many there were.
fn count(host: &Host, protocol: Protocol) -> usize {
    let mut open: Vec<StackHandle> = Vec::new();
    loop {
        match host.stack.socket_open(protocol) {
            Ok(socket) => open.push(socket),
            Err(code) => {
                assert_eq!(code, Error::NO_SOCKET);
                break;
            }
        }
    }
    let count = open.len();
    open.into_iter().for_each(|socket| host.close(socket));
    count
}

fn assert_announced(host: &Host) {
    let limits = host.stack.limits();
    assert_eq!(count(host, Protocol::Tcp), usize::from(limits.tcp_sockets));
    assert_eq!(count(host, Protocol::Udp), usize::from(limits.udp_sockets));
}

#[test]
fn exactly_the_announced_sockets_open_time_and_again() {
    let bench = Bench::new();
    let limits = bench.a.stack.limits();
    assert_eq!(
        (limits.tcp_sockets, limits.udp_sockets, limits.sockets),
        (8, 5, 13)
    );
    assert_announced(&bench.a);
    assert_announced(&bench.a);
    // All at once, too.
    let open: Vec<_> = (0..8)
        .map(|_| bench.a.tcp())
        .chain((0..5).map(|_| bench.a.udp()))
        .collect();
    assert_eq!(
        bench.a.stack.socket_open(Protocol::Tcp),
        Err(Error::NO_SOCKET)
    );
    assert_eq!(
        bench.a.stack.socket_open(Protocol::Udp),
        Err(Error::NO_SOCKET)
    );
    open.into_iter().for_each(|socket| bench.a.close(socket));
    assert_announced(&bench.a);
}

#[test]
fn five_hundred_openings() {
    let bench = Bench::new();
    for round in 0..500_u16 {
        let (tcp, udp) = (bench.a.tcp(), bench.a.udp());
        bench.a.bind(tcp, 1000 + round % 7).unwrap();
        bench.a.bind(udp, 1000 + round % 7).unwrap();
        bench.a.stack.socket_listen(tcp, 4).unwrap();
        bench.a.close(tcp);
        bench.a.close(udp);
        bench.run();
    }
    assert_announced(&bench.a);
}

#[test]
fn five_hundred_connections_closed_by_the_client_first() {
    let bench = Bench::new();
    let listener = bench.b.listener(80, 4);
    for round in 0..500_u16 {
        let client = bench.connect_to(80);
        let (child, _) = bench.b.accept(listener).unwrap();
        bench.a.send(client, &round.to_be_bytes()).unwrap();
        bench.a.close(client);
        bench.run();
        assert_eq!(bench.b.recv(child, 10).unwrap(), round.to_be_bytes());
        assert_eq!(bench.b.recv(child, 10).unwrap(), b"");
        bench.b.close(child);
        bench.run();
    }
    assert_announced(&bench.a);
}

#[test]
fn five_hundred_connections_closed_by_the_server_first() {
    let bench = Bench::new();
    let listener = bench.b.listener(80, 4);
    for _ in 0..500 {
        let client = bench.connect_to(80);
        let (child, _) = bench.b.accept(listener).unwrap();
        bench.b.close(child);
        bench.run();
        assert_eq!(bench.a.recv(client, 10).unwrap(), b"");
        bench.a.close(client);
        bench.run();
    }
    bench.b.close(listener);
    assert_announced(&bench.b);
}

#[test]
fn peers_that_never_close_do_not_use_up_the_pool() {
    let bench = Bench::new();
    let listener = bench.b.listener(80, 4);
    let mut children = Vec::new();
    for round in 0..60 {
        let client = bench.connect_to(80);
        children.push(bench.b.accept(listener).unwrap().0);
        bench.a.close(client);
        bench.run();
        if children.len() == 7 {
            // B has no sockets left; A's are all in FIN-WAIT-2 or gone.
            children.drain(..).for_each(|child| bench.b.close(child));
            bench.run();
        }
        assert_eq!(count(&bench.a, Protocol::Tcp), 8, "round {round}");
    }
}

#[test]
fn a_silent_peer_is_dropped_in_the_end() {
    let bench = Bench::new();
    let (client, _, _) = bench.connection(80);
    bench.b.lose(|_| true);
    bench.a.send(client, b"never acknowledged").unwrap();
    bench.a.close(client);
    bench.pass_ms(25_000);
    // Nothing is left that would want the clock.
    assert_eq!(bench.a.poll(), None);
}

#[test]
fn every_socket_can_connect_whatever_is_still_closing() {
    let bench = Bench::new();
    let listener = bench.b.listener(80, 4);
    let mut clients = Vec::new();
    for _ in 0..24 {
        clients.push(bench.connect_to(80));
        while let Ok((child, _)) = bench.b.accept(listener) {
            bench.b.close(child);
        }
        if clients.len() == 8 {
            clients.drain(..).for_each(|client| bench.a.close(client));
        }
        bench.run();
    }
    assert_announced(&bench.a);
}

#[test]
fn an_old_handle_never_means_a_new_socket() {
    let bench = Bench::new();
    let old = bench.a.tcp();
    bench.a.close(old);
    let new = bench.a.tcp();
    assert_ne!(old, new);
    assert_eq!(bench.a.send(old, b"x"), Err(Error::NO_SOCKET));
    assert_eq!(bench.a.stack.socket_close(old), Err(Error::NO_SOCKET));
    for nonsense in [u32::MAX, 0xff, 17, 18, 2 << 8] {
        assert_eq!(
            bench.a.recv(StackHandle(nonsense), 1),
            Err(Error::NO_SOCKET),
            "{nonsense:#x}"
        );
    }
    bench.a.close(new);
}
