//! Events: one when something happened, none when nothing did.

use nsapi::{Error, NetworkStack as _};

use super::bench::{Bench, Counter, v4};

#[test]
fn the_life_of_a_connection_is_told() {
    let bench = Bench::new();
    let listener = bench.b.listener(80, 2);
    let arrivals = bench.b.watch(listener);
    let client = bench.a.tcp();
    let news = bench.a.watch(client);
    assert_eq!(
        bench.a.connect(client, v4(bench.b.ip, 80)),
        Err(Error::IN_PROGRESS)
    );
    assert_eq!((news.take(), arrivals.take()), (0, 0));
    bench.run();
    assert_eq!(
        (news.take(), arrivals.take()),
        (1, 1),
        "connected and arrived"
    );
    let (child, _) = bench.b.accept(listener).unwrap();
    let child_news = bench.b.watch(child);
    bench.a.send(client, b"data").unwrap();
    bench.run();
    assert_eq!(
        (news.take(), arrivals.take(), child_news.take()),
        (0, 0, 1),
        "data"
    );
    bench.b.recv(child, 2).unwrap();
    bench.pass_ms(60_000);
    assert_eq!(
        (news.take(), arrivals.take(), child_news.take()),
        (0, 0, 0),
        "idle with unread data"
    );
    bench.a.send(client, b"more").unwrap();
    bench.run();
    assert_eq!(child_news.take(), 1, "more data");
    bench.b.close(child);
    bench.run();
    assert_eq!(
        (news.take(), arrivals.take(), child_news.take()),
        (1, 0, 0),
        "end"
    );
}

#[test]
fn a_refusal_is_told() {
    let bench = Bench::new();
    let client = bench.a.tcp();
    let news = bench.a.watch(client);
    assert_eq!(
        bench.a.connect(client, v4(bench.b.ip, 81)),
        Err(Error::IN_PROGRESS)
    );
    bench.run();
    assert_eq!(news.take(), 1);
}

#[test]
fn datagrams_are_told_also_empty_ones() {
    let bench = Bench::new();
    let (a, b, other) = (bench.a.udp(), bench.b.bound_udp(7), bench.b.bound_udp(8));
    let (news, silence) = (bench.b.watch(b), bench.b.watch(other));
    for data in [&b""[..], b"x", b"yz"] {
        bench.a.sendto(a, v4(bench.b.ip, 7), data).unwrap();
        bench.run();
        assert_eq!(news.take(), 1);
    }
    bench.pass_ms(10_000);
    assert_eq!(news.take(), 0);
    while bench.b.recvfrom(b, 10).is_ok() {}
    bench.run();
    assert_eq!((news.take(), silence.take()), (0, 0));
}

#[test]
fn a_callback_can_be_replaced_and_removed() {
    let bench = Bench::new();
    let (client, _, child) = bench.connection(80);
    let (first, second) = (bench.b.watch(child), Counter::new());
    bench.b.stack.socket_attach(child, Some(second.callback()));
    bench.a.send(client, b"x").unwrap();
    bench.run();
    assert_eq!((first.take(), second.take()), (0, 1));
    bench.b.stack.socket_attach(child, None);
    bench.a.send(client, b"x").unwrap();
    bench.run();
    // Not told later either.
    bench.b.stack.socket_attach(child, Some(second.callback()));
    bench.run();
    assert_eq!((first.take(), second.take()), (0, 0));
}

#[test]
fn an_idle_stack_asks_for_nothing() {
    let bench = Bench::new();
    let (_client, _listener, _child) = bench.connection(80);
    let _udp = bench.a.bound_udp(7);
    // Routers have been looked for in vain by then.
    bench.pass_ms(10_000);
    assert_eq!((bench.a.poll(), bench.b.poll()), (None, None));
}
