//! Pulling the cable and putting it back.

use nsapi::interface::{NetworkInterface as _, Status};
use nsapi::option::{ADD_MEMBERSHIP, LEVEL_SOCKET, Membership};
use nsapi::{Error, IpAddress, NetworkStack as _};

use super::bench::{Bench, Counter, v4};
use crate::Config;

/// Pulls the cable of host A out or puts it in.
fn cable(bench: &Bench, carries: bool) {
    if carries {
        bench.a.lose_nothing();
    } else {
        bench.a.lose(|_| panic!("a frame leaves into nowhere"));
    }
    bench.a.stack.set_link(carries);
    bench.run();
}

#[test]
fn the_status_follows_the_cable_and_connections_last() {
    let bench = Bench::new();
    let stack = &bench.a.stack;
    let (client, _, child) = bench.connection(80);
    let news = Counter::new();
    stack.add_event_listener(news.callback()).unwrap();
    cable(&bench, true);
    assert_eq!((news.take(), stack.status()), (0, Ok(Status::GlobalUp)));
    cable(&bench, false);
    assert_eq!((news.take(), stack.status()), (1, Ok(Status::Connecting)));
    assert_eq!(stack.get_ip_address().unwrap_err(), Error::NO_CONNECTION);
    assert_eq!(stack.get_gateway().unwrap_err(), Error::NO_CONNECTION);
    assert_eq!(stack.connect_result(), None);
    let (stream, datagram) = (bench.a.tcp(), bench.a.udp());
    let to = v4(bench.b.ip, 80);
    assert_eq!(bench.a.connect(stream, to), Err(Error::NO_CONNECTION));
    assert_eq!(
        bench.a.sendto(datagram, to, b"x"),
        Err(Error::NO_CONNECTION)
    );
    bench.a.send(client, b"waits").unwrap();
    bench.pass_ms(20_000);
    assert_eq!(bench.a.recv(client, 1), Err(Error::WOULD_BLOCK));
    cable(&bench, true);
    assert_eq!((news.take(), stack.status()), (1, Ok(Status::GlobalUp)));
    assert_eq!(
        stack.get_ip_address().unwrap().ip,
        IpAddress::V4(bench.a.ip)
    );
    bench.pass_ms(2_000);
    assert_eq!(bench.b.recv(child, 10).unwrap(), b"waits");
}

#[test]
fn without_a_cable_going_up_waits_for_it_and_tells() {
    let bench = Bench::new();
    let stack = &bench.a.stack;
    stack.disconnect().unwrap();
    cable(&bench, false);
    stack.connect().unwrap();
    bench.pass_ms(3_400);
    assert_eq!(stack.connect_result(), None);
    let news = Counter::new();
    stack.add_event_listener(news.callback()).unwrap();
    bench.pass_ms(200);
    assert_eq!(stack.connect_result(), Some(Err(Error::NO_CONNECTION)));
    assert_eq!((news.take(), stack.status()), (1, Ok(Status::Connecting)));
    assert_eq!(stack.connect(), Err(Error::BUSY));
    cable(&bench, true);
    assert_eq!((news.take(), stack.status()), (1, Ok(Status::GlobalUp)));
    assert_eq!(stack.connect_result(), Some(Ok(())));
}

#[test]
fn routers_are_asked_and_groups_joined_again() {
    let bench = Bench::new();
    bench.pass_ms(10_000);
    let value = Membership {
        group: IpAddress::V4([239, 1, 2, 3]),
        interface: IpAddress::Unspec,
    }
    .to_bytes();
    let socket = bench.a.udp();
    let stack = &bench.a.stack;
    stack
        .setsockopt(socket, LEVEL_SOCKET, ADD_MEMBERSHIP, &value)
        .unwrap();
    bench.run();
    for _ in 0..2 {
        cable(&bench, false);
        stack.set_link(true);
        bench.a.lose_nothing();
        for _ in 0..4 {
            bench.a.poll();
        }
        let said = bench.b.inbox.take();
        let has = |wanted: fn(&[u8]) -> bool| said.iter().filter(|frame| wanted(frame)).count();
        assert_eq!(has(|frame| frame.get(54) == Some(&133)), 1, "solicitation");
        assert_eq!(has(|frame| frame.get(23) == Some(&2)), 1, "group report");
        let arp = |frame: &[u8]| frame.get(12..14) == Some(&[8, 6]);
        assert_eq!(has(arp), 1, "announcement");
        bench.pass_ms(10_000);
    }
}

#[test]
fn an_address_nobody_confirms_is_given_up() {
    let bench = Bench::with(Config {
        dhcp_timeout_ms: 1_000,
        ..Config::default()
    });
    let stack = &bench.a.stack;
    let (client, ..) = bench.connection(80);
    cable(&bench, false);
    // As long as it is out, the address waits.
    bench.pass_ms(5_000);
    assert_eq!(bench.a.recv(client, 1), Err(Error::WOULD_BLOCK));
    assert_eq!(stack.connect_result(), None);
    bench.a.stack.disconnect().unwrap();
    assert_eq!(bench.a.recv(client, 1), Err(Error::NO_CONNECTION));
    assert_eq!(stack.status(), Ok(Status::Disconnected));
}
