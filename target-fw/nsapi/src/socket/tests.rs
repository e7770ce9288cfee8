//! The views: blocking calls, futures, dropping, and the older API.

use core::pin::pin;
use core::task::Context;
use std::vec;

use super::*;
use crate::legacy::TcpServer;
use crate::sockets::tests::{Bench, Counter, PEER, STRANGER};
use crate::{AtStackLevel, Capabilities, Capability, Error, Iut as _, Limits, Statement};

#[test]
fn blocking_calls_idle_until_they_are_ready() {
    let bench = Bench::new();
    let socket = TcpSocket::opened(bench.sockets).unwrap();
    bench
        .script
        .connect
        .then(Err(Error::IN_PROGRESS))
        .then(Err(Error::IS_CONNECTED));
    bench.clock.then(|| bench.script.event(1));
    assert_eq!(socket.connect(&PEER), Ok(()));

    bench
        .script
        .send
        .then(Ok(2))
        .then(Err(Error::WOULD_BLOCK))
        .then(Ok(3));
    bench.clock.then(|| bench.script.event(1));
    assert_eq!(socket.send(b"hello"), Ok(5));

    socket.set_timeout(100);
    let began = bench.clock.now_us();
    assert_eq!(socket.recv(&mut [0; 4]), Err(Error::WOULD_BLOCK));
    assert_eq!(bench.clock.now_us() - began, 100_000);
    assert_eq!(socket.close(), Ok(()));
    assert_eq!(socket.recvfrom(&mut [0; 4]), Err(Error::NO_SOCKET));
}

#[test]
fn dropping_closes_and_destructs() {
    let bench = Bench::new();
    for _ in 0..100 {
        drop(UdpSocket::opened(bench.sockets).unwrap());
    }
    assert_eq!(
        (bench.script.asked("open"), bench.script.asked("close")),
        (100, 100)
    );
    let id = TcpSocket::opened(bench.sockets).unwrap().into_id();
    assert_eq!(bench.script.asked("close"), 100, "given away, not dropped");
    bench.sockets.socket_delete(id);
    assert_eq!(bench.script.asked("close"), 101);
}

#[test]
fn all_sockets_are_sockets() {
    let bench = Bench::new();
    let tcp = TcpSocket::new(bench.sockets).unwrap();
    let udp = UdpSocket::new(bench.sockets).unwrap();
    let server = TcpServer::new(bench.sockets).unwrap();
    let sockets: [&dyn Socket; 3] = [&tcp, &udp, &server];
    for socket in sockets {
        socket.set_blocking(false);
        assert_eq!(socket.open(), Ok(()));
        assert_eq!(socket.open(), Err(Error::PARAMETER));
        assert_eq!(socket.recv(&mut [0; 1]), Err(Error::WOULD_BLOCK));
        assert_eq!(socket.close(), Ok(()));
    }
    assert_eq!(udp.join_multicast_group(&PEER), Err(Error::NO_SOCKET));
}

#[test]
fn an_accepted_socket_is_owned() {
    let bench = Bench::new();
    let listener = TcpSocket::opened(bench.sockets).unwrap();
    bench.script.accept.then(Ok(PEER));
    let (socket, peer) = listener.accept().unwrap();
    assert_eq!((peer, socket.getpeername()), (PEER, Ok(PEER)));
    drop(socket);
    assert_eq!(bench.script.asked("close"), 1);
}

#[test]
fn a_future_is_woken_by_an_event() {
    let bench = Bench::new();
    let socket = UdpSocket::opened(bench.sockets).unwrap();
    let (counter, waker) = Counter::waker();
    let mut cx = Context::from_waker(&waker);
    let mut buffer = [0; 4];
    let mut recv = pin!(socket.recvfrom_async(&mut buffer));
    assert!(recv.as_mut().poll(&mut cx).is_pending());
    assert_eq!(counter.count(), 0);
    bench.script.recvfrom.then(Ok((vec![1, 2], STRANGER)));
    bench.script.event(1);
    assert_eq!(counter.count(), 1);
    assert_eq!(recv.as_mut().poll(&mut cx), Poll::Ready(Ok((2, STRANGER))));
}

#[test]
fn a_dropped_future_is_cancelled() {
    let bench = Bench::new();
    let socket = TcpSocket::opened(bench.sockets).unwrap();
    let (_, waker) = Counter::waker();
    let mut cx = Context::from_waker(&waker);
    {
        let mut buffer = [0; 4];
        let mut recv = pin!(socket.recv_async(&mut buffer));
        assert!(recv.as_mut().poll(&mut cx).is_pending());
        let mut close = pin!(socket.close_async());
        assert!(close.as_mut().poll(&mut cx).is_pending(), "waits for recv");
    }
    socket.open().unwrap();
    assert_eq!(socket.close(), Ok(()), "nobody is left to wait for");
}

#[test]
fn a_future_outlives_its_socket_in_peace() {
    let bench = Bench::new();
    let socket = TcpSocket::opened(bench.sockets).unwrap();
    let (counter, waker) = Counter::waker();
    let mut cx = Context::from_waker(&waker);
    let mut buffer = [0; 4];
    let mut recv = pin!(socket.recv_async(&mut buffer));
    assert!(recv.as_mut().poll(&mut cx).is_pending());
    drop(socket);
    assert!(counter.count() > 0);
    assert_eq!(
        recv.as_mut().poll(&mut cx),
        Poll::Ready(Err(Error::NO_SOCKET))
    );
}

#[test]
fn the_server_of_the_older_api() {
    let bench = Bench::new();
    let server = TcpServer::opened(bench.sockets).unwrap();
    let connection = TcpSocket::opened(bench.sockets).unwrap();
    connection.set_timeout(7);
    bench
        .script
        .accept
        .then(Err(Error::WOULD_BLOCK))
        .then(Ok(PEER))
        .then(Err(Error::PARAMETER));
    bench.clock.then(|| bench.script.event(1));
    assert_eq!(server.accept_into(&connection), Ok(PEER));
    assert_eq!(bench.script.asked("close"), 1, "what it had open");
    assert_eq!(connection.getpeername(), Ok(PEER));
    assert_eq!(
        connection.recv(&mut [0; 1]),
        Err(Error::WOULD_BLOCK),
        "its mode is its own"
    );
    assert_eq!(server.accept_into(&connection), Err(Error::PARAMETER));
    assert_eq!(
        connection.getpeername(),
        Ok(PEER),
        "a failed accept closes nothing"
    );
    server.close().unwrap();
    assert_eq!(server.accept_into(&connection), Err(Error::NO_SOCKET));
}

struct NoInterface;

impl crate::interface::NetworkInterface for NoInterface {
    fn connect(&self) -> Result<()> {
        Err(Error::UNSUPPORTED)
    }

    fn disconnect(&self) -> Result<()> {
        Err(Error::UNSUPPORTED)
    }
}

fn statement(capabilities: Capabilities) -> Statement {
    let limits = Limits {
        tcp_sockets: 4,
        udp_sockets: 4,
        sockets: 4,
        backlog: 1,
        udp_payload: 64,
        udp_queue: 1,
        tcp_send_buffer: 64,
        connect_timeout_ms: 1000,
    };
    Statement {
        port: "script",
        capabilities,
        limits,
    }
}

#[test]
fn text_addresses() {
    let bench = Bench::new();
    let iut = AtStackLevel::new(
        bench.sockets,
        &NoInterface,
        statement(Capabilities::NONE.with(Capability::Legacy)),
    );
    let legacy = iut.legacy().unwrap();
    let tcp = iut.socket_new(SocketKind::Tcp).unwrap();
    let udp = iut.socket_new(SocketKind::Udp).unwrap();
    let connect = |host| legacy.poll_connect_text(tcp, &mut Call::new(), host, 7);
    let sendto = |host| legacy.poll_sendto_text(udp, &mut Call::new(), host, 7, b"x");
    for host in ["192.0.2.1", "name.example", ""] {
        assert_eq!(legacy.bind_text(tcp, host, 1), Err(Error::NO_SOCKET));
        assert_eq!(connect(host), Poll::Ready(Err(Error::NO_SOCKET)));
        assert_eq!(sendto(host), Poll::Ready(Err(Error::NO_SOCKET)));
    }
    iut.open(tcp, OpenOn::Stack).unwrap();
    iut.open(udp, OpenOn::Stack).unwrap();
    assert_eq!(legacy.bind_text(tcp, "192.0.2.9", 1), Ok(()));
    assert_eq!(legacy.bind_text(tcp, "", 1), Ok(()));
    assert_eq!(
        legacy.bind_text(tcp, "name.example", 1),
        Err(Error::PARAMETER)
    );
    assert_eq!(
        connect("name.example"),
        Poll::Ready(Err(Error::DNS_FAILURE))
    );
    assert_eq!(sendto(""), Poll::Ready(Err(Error::DNS_FAILURE)));
    assert_eq!(connect("192.0.2.1"), Poll::Ready(Ok(())));
    assert_eq!(iut.getpeername(tcp), Ok(PEER));
    bench.script.sendto.then(Ok(1));
    assert_eq!(sendto("::1"), Poll::Ready(Ok(1)));

    // Into itself, into a datagram socket, into nothing.
    for into in [
        tcp,
        udp,
        SocketId {
            index: 3,
            generation: 3,
        },
    ] {
        assert_eq!(
            legacy.poll_server_accept(tcp, &mut Call::new(), into),
            Poll::Ready(Err(Error::PARAMETER))
        );
    }
    assert_eq!(bench.script.asked("accept"), 0);
}

#[test]
fn the_older_api_is_there_only_if_claimed() {
    let bench = Bench::new();
    let iut = AtStackLevel::new(bench.sockets, &NoInterface, statement(Capabilities::NONE));
    assert!(iut.legacy().is_none());
}

#[test]
fn address_texts_of_the_iut() {
    let bench = Bench::new();
    let iut = AtStackLevel::new(bench.sockets, &NoInterface, statement(Capabilities::NONE));
    let address = iut.parse_address("2001:DB8::1").unwrap();
    assert_eq!(address.port, 0);
    let mut text = [0; 11];
    assert_eq!(iut.format_address(&address, &mut text), Some(11));
    assert_eq!(&text, b"2001:db8::1");
    assert_eq!(iut.format_address(&address, &mut [0; 10]), None);
    assert_eq!(iut.format_address(&SocketAddress::any(1), &mut text), None);
    assert_eq!(iut.parse_address("1.2.3"), None);
}
