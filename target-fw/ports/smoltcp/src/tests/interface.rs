//! The interface: status, addresses, going down with connections open.

use nsapi::interface::{NetworkInterface as _, Status};
use nsapi::{Error, IpAddress, NetworkStack as _, SocketAddress};

use super::alloc;
use super::bench::{Bench, Counter, any, v4};
use crate::Config;

#[test]
fn it_goes_up_and_down() {
    let bench = Bench::down(Config::default());
    let stack = &bench.a.stack;
    let news = Counter::new();
    stack.add_event_listener(news.callback()).unwrap();
    stack.add_event_listener(news.callback()).unwrap();
    assert_eq!(stack.status(), Ok(Status::Disconnected));
    assert_eq!(stack.disconnect(), Err(Error::NO_CONNECTION));
    assert_eq!(stack.get_ip_address().unwrap_err(), Error::NO_CONNECTION);
    stack
        .set_network(
            &v4([10, 0, 0, 1], 0),
            &v4([255, 255, 255, 0], 0),
            &v4([10, 0, 0, 2], 0),
        )
        .unwrap();
    assert_eq!(news.take(), 0);
    stack.connect().unwrap();
    assert_eq!((news.take(), stack.status()), (1, Ok(Status::Connecting)));
    assert_eq!(stack.connect(), Err(Error::BUSY));
    bench.run();
    assert_eq!((news.take(), stack.status()), (1, Ok(Status::GlobalUp)));
    assert_eq!(stack.connect(), Err(Error::IS_CONNECTED));
    assert_eq!(
        stack.get_ip_address().unwrap().ip,
        IpAddress::V4([10, 0, 0, 1])
    );
    assert_eq!(
        stack.get_netmask().unwrap().ip,
        IpAddress::V4([255, 255, 255, 0])
    );
    assert_eq!(
        stack.get_gateway().unwrap().ip,
        IpAddress::V4([10, 0, 0, 2])
    );
    assert_eq!(stack.get_mac_address(), Some([2, 0, 0, 0, 0, 1]));
    stack.remove_event_listener(news.callback());
    stack.disconnect().unwrap();
    assert_eq!((news.take(), stack.status()), (0, Ok(Status::Disconnected)));
    assert_eq!(stack.get_netmask().unwrap_err(), Error::NO_CONNECTION);
    assert_eq!(stack.get_gateway().unwrap_err(), Error::NO_CONNECTION);
}

#[test]
fn nonsense_addresses_are_refused() {
    let bench = Bench::down(Config::default());
    let mask = v4([255, 255, 255, 0], 0);
    let own = v4([10, 0, 0, 1], 0);
    let v6 = SocketAddress::new(IpAddress::V6([1; 16]), 0);
    for (ip, mask, gateway) in [
        (any(0), mask, any(0)),
        (v4([224, 0, 0, 1], 0), mask, any(0)),
        (v4([255; 4], 0), mask, any(0)),
        (own, v4([255, 0, 255, 0], 0), any(0)),
        (own, mask, v4([255; 4], 0)),
        (v6, mask, any(0)),
        (own, mask, v6),
    ] {
        assert_eq!(
            bench.a.stack.set_network(&ip, &mask, &gateway),
            Err(Error::PARAMETER)
        );
    }
    let stack = &bench.a.stack;
    assert_eq!(stack.connect(), Err(Error::PARAMETER), "nor used");
    stack.set_dhcp(true).unwrap();
    stack.connect().unwrap();
    stack.disconnect().unwrap();
    stack.set_dhcp(false).unwrap();
    assert_eq!(
        stack.connect(),
        Err(Error::PARAMETER),
        "neither DHCP nor addresses"
    );
    assert_eq!(stack.status(), Ok(Status::Disconnected));
    stack.restore_defaults();
    assert_eq!(stack.connect(), Ok(()));
}

#[test]
fn while_down_nothing_leaves() {
    let bench = Bench::down(Config::default());
    let (tcp, udp) = (bench.a.tcp(), bench.a.udp());
    assert_eq!(
        bench.a.connect(tcp, v4(bench.b.ip, 80)),
        Err(Error::NO_CONNECTION)
    );
    assert_eq!(
        bench.a.sendto(udp, v4(bench.b.ip, 80), b"x"),
        Err(Error::NO_CONNECTION)
    );
    assert_eq!(
        bench.a.stack.socket_bind(tcp, &v4(bench.a.ip, 80)),
        Err(Error::PARAMETER)
    );
    bench.pass_ms(5_000);
}

#[test]
fn going_down_ends_connections_and_spares_the_rest() {
    let bench = Bench::new();
    let (client, listener, child) = bench.connection(80);
    let udp = bench.b.bound_udp(7);
    let news = bench.b.watch(child);
    let pending = bench.connect_to(80);
    bench.b.stack.disconnect().unwrap();
    bench.b.stack.connect().unwrap();
    bench.run();
    assert_eq!(news.take(), 1);
    assert_eq!(bench.b.recv(child, 1), Err(Error::NO_CONNECTION));
    assert_eq!(bench.b.send(child, b"x"), Err(Error::NO_CONNECTION));
    assert_eq!(bench.b.accept(listener).unwrap_err(), Error::WOULD_BLOCK);
    for old in [client, pending] {
        // Told by a reset as soon as it speaks.
        bench.a.send(old, b"?").unwrap();
        bench.pass_ms(2_000);
        assert_eq!(bench.a.recv(old, 1), Err(Error::NO_CONNECTION));
        bench.a.close(old);
    }
    bench.connect_to(80);
    bench.b.accept(listener).unwrap();
    let sender = bench.a.udp();
    bench.a.sendto(sender, v4(bench.b.ip, 7), b"back").unwrap();
    bench.run();
    assert_eq!(bench.b.recvfrom(udp, 10).unwrap().0, b"back");
}

#[test]
fn the_gateway_is_asked_for_before_anybody_needs_it() {
    let bench = Bench::down(Config::default());
    for (host, gateway) in [(&bench.a, any(0)), (&bench.b, v4([10, 0, 0, 1], 0))] {
        host.stack
            .set_network(&v4(host.ip, 0), &v4([255, 255, 255, 0], 0), &gateway)
            .unwrap();
        host.stack.connect().unwrap();
        bench.run();
    }
    // B knows its gateway now. A lookup of a ghost takes the one lookup of this second …
    let (ghost, first) = (bench.b.udp(), bench.b.udp());
    bench.b.sendto(ghost, v4([10, 0, 0, 77], 7), b"x").unwrap();
    bench.run();
    // … and the way through the gateway is open all the same.
    let receiver = bench.a.bound_udp(7);
    bench
        .b
        .sendto(first, v4(bench.a.ip, 7), b"at once")
        .unwrap();
    bench.run();
    assert_eq!(bench.a.recvfrom(receiver, 10).unwrap().0, b"at once");
}

/// What a listener is told: number of the event, and value.
struct Diary(std::sync::Mutex<alloc::vec::Vec<(i32, i32)>>);

impl nsapi::EventSink for Diary {
    fn event(&self, _: usize) {
        panic!("an interface tells what happened");
    }

    fn interface_event(&self, _: usize, event: i32, value: i32) {
        self.0.lock().unwrap().push((event, value));
    }
}

#[test]
fn every_listener_hears_of_every_status_in_order() {
    let bench = Bench::down(Config::default());
    let stack = &bench.a.stack;
    let diaries = [(); 2].map(|()| -> &'static Diary {
        alloc::boxed::Box::leak(alloc::boxed::Box::new(Diary(std::sync::Mutex::default())))
    });
    let [first, second] = diaries.map(|diary| nsapi::Callback::new(diary, 0));
    for listener in [first, second, first] {
        stack.add_event_listener(listener).unwrap();
    }
    let (ip, mask) = (v4(bench.a.ip, 0), v4([255, 255, 255, 0], 0));
    stack.set_network(&ip, &mask, &any(0)).unwrap();
    stack.connect().unwrap();
    bench.run();
    stack.remove_event_listener(second);
    stack.disconnect().unwrap();
    let heard = diaries.map(|diary| diary.0.lock().unwrap().clone());
    assert_eq!(heard[0], [(0, 3), (0, 1), (0, 2)]);
    assert_eq!(heard[1], [(0, 3), (0, 1)], "removed before the last");
}
