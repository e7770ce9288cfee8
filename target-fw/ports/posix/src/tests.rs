//! Against std's sockets on loopback. Waiting is waiting for the stack's descriptor, with a deadline.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nsapi::{
    Callback, Error, EventSink, IpAddress, NetworkStack, Protocol, Result, SocketAddress,
    StackHandle, option,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{Host, Posix, SOCKETS, TCP_SOCKETS, UDP_SOCKETS};

const PATIENCE: Duration = Duration::from_secs(10);

fn stack() -> Posix {
    Posix::new(Host::loopback()).unwrap()
}

fn loopback(port: u16) -> SocketAddress {
    SocketAddress::new(IpAddress::V4([127, 0, 0, 1]), port)
}

fn any(port: u16) -> SocketAddress {
    SocketAddress::new(IpAddress::Unspec, port)
}

/// Tries again whenever something happened, until the answer is neither `WOULD_BLOCK` nor `ALREADY`.
fn finally<T>(posix: &Posix, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    // Not known before the first attempt has been made.
    let mut next = Some(Instant::now());
    loop {
        match attempt() {
            Err(Error::WOULD_BLOCK | Error::ALREADY | Error::IN_PROGRESS) => {}
            answer => return answer,
        }
        assert!(Instant::now() < deadline, "nothing happens");
        let left = next
            .unwrap_or(deadline)
            .min(deadline)
            .saturating_duration_since(Instant::now());
        let timeout = Timespec {
            tv_sec: left.as_secs().try_into().unwrap(),
            tv_nsec: left.subsec_nanos().into(),
        };
        poll(
            &mut [PollFd::from_borrowed_fd(posix.fd(), PollFlags::IN)],
            Some(&timeout),
        )
        .unwrap();
        next = posix.work();
    }
}

fn connected(posix: &Posix) -> (StackHandle, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = loopback(listener.local_addr().unwrap().port());
    let handle = posix.socket_open(Protocol::Tcp).unwrap();
    let answer = finally(posix, || posix.socket_connect(handle, &to));
    assert!(
        matches!(answer, Ok(()) | Err(Error::IS_CONNECTED)),
        "{answer:?}"
    );
    let (peer, _) = listener.accept().unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    (handle, peer)
}

fn listening(posix: &Posix) -> (StackHandle, u16) {
    let handle = posix.socket_open(Protocol::Tcp).unwrap();
    // The kernel chooses; it is asked what.
    let probe = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = probe.local_addr().unwrap().port();
    drop(probe);
    posix.socket_bind(handle, &any(port)).unwrap();
    posix.socket_listen(handle, 4).unwrap();
    (handle, port)
}

fn peer_address(from: SocketAddr) -> SocketAddress {
    loopback(from.port())
}

fn same(a: SocketAddress, b: SocketAddress) -> bool {
    (a.ip, a.port) == (b.ip, b.port)
}

#[test]
fn a_connection_carries_bytes_and_ends_in_order() {
    let posix = stack();
    let (handle, mut peer) = connected(&posix);
    assert_eq!(
        posix.socket_connect(handle, &loopback(1)),
        Err(Error::IS_CONNECTED)
    );
    let mut buffer = [0; 8];
    assert_eq!(
        posix.socket_recv(handle, &mut buffer),
        Err(Error::WOULD_BLOCK)
    );
    assert_eq!(posix.socket_recv(handle, &mut []), Err(Error::WOULD_BLOCK));
    peer.write_all(b"hello").unwrap();
    assert_eq!(
        finally(&posix, || posix.socket_recv(handle, &mut [])),
        Ok(0)
    );
    assert_eq!(posix.socket_recv(handle, &mut buffer), Ok(5));
    assert_eq!(posix.socket_send(handle, b"world"), Ok(5));
    assert_eq!(posix.socket_send(handle, b""), Ok(0));
    peer.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(
        finally(&posix, || posix.socket_recv(handle, &mut buffer)),
        Ok(0)
    );
    assert_eq!(
        posix.socket_send(handle, b"!"),
        Ok(1),
        "half-closed is not closed"
    );
    posix.socket_close(handle).unwrap();
    let mut all = Vec::new();
    peer.read_to_end(&mut all).unwrap();
    assert_eq!(all, b"world!");
    assert_eq!(posix.socket_send(handle, b"x"), Err(Error::NO_SOCKET));
}

#[test]
fn a_close_over_unread_data_is_an_orderly_end() {
    let posix = stack();
    let (handle, mut peer) = connected(&posix);
    peer.write_all(&[7; 5000]).unwrap();
    assert_eq!(
        finally(&posix, || posix.socket_recv(handle, &mut [0; 1])),
        Ok(1)
    );
    assert_eq!(posix.socket_send(handle, b"bye"), Ok(3));
    posix.socket_close(handle).unwrap();
    peer.write_all(&[7; 5000]).unwrap();
    let mut all = Vec::new();
    peer.read_to_end(&mut all).unwrap();
    assert_eq!(all, b"bye");
    posix.work();
}

#[test]
fn a_peer_with_much_to_say_gets_to_its_end_after_a_close() {
    let posix = stack();
    let (handle, mut peer) = connected(&posix);
    peer.set_nonblocking(true).unwrap();
    // More than one turn of the loop throws away.
    rustix::net::sockopt::set_socket_send_buffer_size(&peer, 2 << 20).unwrap();
    while peer.write(&[7; 4096]).is_ok() {}
    assert_eq!(posix.socket_send(handle, b"bye"), Ok(3));
    posix.socket_close(handle).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let mut left = 1 << 20;
    while left > 0 {
        posix.work();
        match peer.write(&vec![7; left]) {
            Ok(written) => left -= written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => panic!("reset: {error}"),
        }
        assert!(Instant::now() < deadline, "{left} bytes left");
    }
    let mut all = [0; 8];
    assert_eq!(peer.read(&mut all).unwrap(), 3);
    assert_eq!(all[..3], *b"bye");
    assert_eq!(peer.read(&mut all).unwrap(), 0);
    assert!(peer.take_error().unwrap().is_none());
}

#[test]
fn a_reset_leaves_what_came_before_and_then_stays_an_error() {
    let posix = stack();
    let (handle, mut peer) = connected(&posix);
    peer.write_all(b"last").unwrap();
    assert_eq!(
        finally(&posix, || posix.socket_recv(handle, &mut [])),
        Ok(0)
    );
    rustix::net::sockopt::set_socket_linger(&peer, Some(Duration::ZERO)).unwrap();
    drop(peer);
    assert_eq!(posix.socket_recv(handle, &mut [0; 8]), Ok(4));
    for _ in 0..3 {
        assert_eq!(
            finally(&posix, || posix.socket_recv(handle, &mut [0; 8])),
            Err(Error::NO_CONNECTION)
        );
    }
    assert_eq!(posix.socket_send(handle, b"x"), Err(Error::NO_CONNECTION));
    assert_eq!(
        posix.socket_connect(handle, &loopback(1)),
        Err(Error::NO_CONNECTION)
    );
}

#[test]
fn a_refused_connection_is_told_once_and_never_a_false_ok() {
    let posix = stack();
    let handle = posix.socket_open(Protocol::Tcp).unwrap();
    let probe = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = probe.local_addr().unwrap().port();
    drop(probe);
    for _ in 0..3 {
        assert_eq!(
            finally(&posix, || posix.socket_connect(handle, &loopback(port))),
            Err(Error::NO_CONNECTION)
        );
        assert_eq!(posix.socket_send(handle, b"x"), Err(Error::NO_CONNECTION));
        assert_eq!(
            posix.socket_recv(handle, &mut [0; 1]),
            Err(Error::NO_CONNECTION)
        );
    }
    // The same object connects once somebody listens.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = loopback(listener.local_addr().unwrap().port());
    let answer = finally(&posix, || posix.socket_connect(handle, &to));
    assert!(
        matches!(answer, Ok(()) | Err(Error::IS_CONNECTED)),
        "{answer:?}"
    );
    assert_eq!(posix.socket_send(handle, b"x"), Ok(1));
}

#[test]
fn an_unanswered_connection_ends_in_time() {
    let posix = stack();
    // A listener whose queue is full drops what more comes.
    let (full, port) = listening(&posix);
    let filler: Vec<_> = (0..16)
        .map(|_| {
            let handle = rustix::net::socket(
                rustix::net::AddressFamily::INET,
                rustix::net::SocketType::STREAM,
                None,
            )
            .unwrap();
            rustix::io::ioctl_fionbio(&handle, true).unwrap();
            let to = std::net::SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
            let _ = rustix::net::connect(&handle, &to);
            handle
        })
        .collect();
    let handle = posix.socket_open(Protocol::Tcp).unwrap();
    let began = Instant::now();
    assert_eq!(
        finally(&posix, || posix.socket_connect(handle, &loopback(port))),
        Err(Error::NO_CONNECTION)
    );
    assert!(began.elapsed() >= super::CONNECT_TIMEOUT);
    drop((full, filler));
}

#[test]
fn a_listener_accepts_and_frees_its_port() {
    let posix = stack();
    let (listener, port) = listening(&posix);
    assert!(matches!(
        posix.socket_accept(listener),
        Err(Error::WOULD_BLOCK)
    ));
    assert_eq!(posix.socket_listen(listener, 1), Ok(()));
    assert_eq!(
        posix.socket_connect(listener, &loopback(1)),
        Err(Error::IS_CONNECTED)
    );
    assert_eq!(posix.socket_bind(listener, &any(0)), Err(Error::PARAMETER));
    assert_eq!(
        posix.socket_recv(listener, &mut [0; 1]),
        Err(Error::NO_CONNECTION)
    );
    let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let (child, from) = finally(&posix, || posix.socket_accept(listener)).unwrap();
    assert!(same(from, peer_address(client.local_addr().unwrap())));
    client.write_all(b"x").unwrap();
    assert_eq!(
        finally(&posix, || posix.socket_recv(child, &mut [0; 1])),
        Ok(1)
    );
    // Server side closes first, and serves again at once.
    posix.socket_close(child).unwrap();
    posix.socket_close(listener).unwrap();
    assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
    assert_eq!(
        TcpStream::connect(("127.0.0.1", port)).unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
    let again = posix.socket_open(Protocol::Tcp).unwrap();
    assert_eq!(posix.socket_bind(again, &any(port)), Ok(()));
    assert_eq!(posix.socket_listen(again, 1), Ok(()));
}

#[test]
fn bind_conflicts_and_foreign_addresses_are_parameter() {
    let posix = stack();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        let (a, b) = (
            posix.socket_open(protocol).unwrap(),
            posix.socket_open(protocol).unwrap(),
        );
        let probe = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = probe.local_addr().unwrap().port();
        drop(probe);
        let elsewhere = SocketAddress::new(IpAddress::V4([127, 0, 0, 2]), 0);
        assert_eq!(posix.socket_bind(a, &elsewhere), Err(Error::PARAMETER));
        let sixth = SocketAddress::new(IpAddress::V6([1; 16]), 0);
        assert_eq!(posix.socket_bind(a, &sixth), Err(Error::PARAMETER));
        assert_eq!(posix.socket_bind(a, &loopback(port)), Ok(()));
        assert_eq!(
            posix.socket_bind(a, &any(0)),
            Err(Error::PARAMETER),
            "bound twice"
        );
        assert_eq!(
            posix.socket_bind(b, &any(port)),
            Err(Error::PARAMETER),
            "in use"
        );
        if protocol == Protocol::Tcp {
            let host = any(taken.local_addr().unwrap().port());
            assert_eq!(
                posix.socket_bind(b, &host),
                Err(Error::PARAMETER),
                "in use by the host"
            );
            assert_eq!(
                posix.socket_listen(b, 1),
                Err(Error::PARAMETER),
                "not bound"
            );
        }
        assert_eq!(posix.socket_bind(b, &any(0)), Ok(()));
        posix.socket_close(a).unwrap();
        posix.socket_close(b).unwrap();
    }
}

#[test]
fn a_port_is_shared_only_if_both_want_to() {
    let posix = stack();
    let (a, port) = listening(&posix);
    let b = posix.socket_open(Protocol::Tcp).unwrap();
    let yes = 1_i32.to_ne_bytes();
    posix
        .setsockopt(b, option::LEVEL_SOCKET, option::REUSEADDR, &yes)
        .unwrap();
    assert_eq!(posix.socket_bind(b, &any(port)), Err(Error::PARAMETER));
    posix
        .setsockopt(a, option::LEVEL_SOCKET, option::REUSEADDR, &yes)
        .unwrap();
    assert_eq!(posix.socket_listen(b, 1), Err(Error::PARAMETER));
}

#[test]
fn datagrams_are_whole_cut_or_empty() {
    let posix = stack();
    let host = UdpSocket::bind("127.0.0.1:0").unwrap();
    host.set_read_timeout(Some(PATIENCE)).unwrap();
    let to = peer_address(host.local_addr().unwrap());
    let handle = posix.socket_open(Protocol::Udp).unwrap();
    assert!(matches!(
        posix.socket_recvfrom(handle, &mut [0; 9]),
        Err(Error::WOULD_BLOCK)
    ));
    assert_eq!(posix.socket_sendto(handle, &to, b"abcdef"), Ok(6));
    let mut buffer = [0; 16];
    let (len, from) = host.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..len], b"abcdef");
    host.send_to(b"123456", from).unwrap();
    host.send_to(b"", from).unwrap();
    host.send_to(b"7", from).unwrap();
    let (len, sender) =
        finally(&posix, || posix.socket_recvfrom(handle, &mut buffer[..3])).unwrap();
    assert_eq!((&buffer[..len], same(sender, to)), (&b"123"[..], true));
    assert_eq!(
        finally(&posix, || posix.socket_recvfrom(handle, &mut buffer))
            .unwrap()
            .0,
        0
    );
    assert_eq!(
        finally(&posix, || posix.socket_recvfrom(handle, &mut []))
            .unwrap()
            .0,
        0,
        "taken"
    );
    assert!(matches!(
        posix.socket_recvfrom(handle, &mut buffer),
        Err(Error::WOULD_BLOCK)
    ));
    assert_eq!(posix.socket_sendto(handle, &to, b""), Ok(0));
    assert_eq!(host.recv_from(&mut buffer).unwrap().0, 0);
    assert_eq!(
        posix.socket_sendto(handle, &any(9), b"x"),
        Err(Error::PARAMETER)
    );
    assert_eq!(
        posix.socket_sendto(handle, &to, &vec![0; 65_508]),
        Err(Error::PARAMETER)
    );
    assert_eq!(
        posix.socket_sendto(handle, &to, &vec![0; 65_507]),
        Ok(65_507)
    );
    let outside = SocketAddress::new(IpAddress::V4([192, 0, 2, 1]), 9);
    assert_eq!(
        posix.socket_sendto(handle, &outside, b"x"),
        Err(Error::NO_CONNECTION)
    );
}

#[test]
fn one_edge_is_one_event() {
    struct Count(AtomicUsize);
    impl EventSink for Count {
        fn event(&self, _: usize) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    static COUNT: Count = Count(AtomicUsize::new(0));
    let posix = stack();
    let (handle, mut peer) = connected(&posix);
    posix.work();
    posix.socket_attach(handle, Some(Callback::new(&COUNT, 0)));
    posix.work();
    assert_eq!(
        COUNT.0.load(Ordering::Relaxed),
        0,
        "what was before is no event"
    );
    for round in 1..=3 {
        peer.write_all(b"x").unwrap();
        assert_eq!(
            finally(&posix, || posix.socket_recv(handle, &mut [0; 4])),
            Ok(1)
        );
        posix.work();
        assert_eq!(COUNT.0.load(Ordering::Relaxed), round);
    }
    posix.socket_attach(handle, None);
    peer.write_all(b"x").unwrap();
    assert_eq!(
        finally(&posix, || posix.socket_recv(handle, &mut [0; 4])),
        Ok(1)
    );
    assert_eq!(COUNT.0.load(Ordering::Relaxed), 3);
}

#[test]
fn a_stalled_peer_stops_the_sender_within_the_bound() {
    let posix = stack();
    let (handle, mut peer) = connected(&posix);
    let mut taken = 0;
    while let Ok(size) = posix.socket_send(handle, &[3; 1024]) {
        taken += size;
        assert!(taken <= usize::try_from(super::tcp::SEND_BOUND).unwrap());
    }
    assert_eq!(
        posix.socket_send(handle, &[3; 1024]),
        Err(Error::WOULD_BLOCK)
    );
    peer.read_exact(&mut vec![0; taken]).unwrap();
    assert_eq!(
        finally(&posix, || posix.socket_send(handle, b"more")),
        Ok(4)
    );
    std::println!("taken while the peer did not read: {taken} bytes");
}

#[test]
fn the_sockets_run_out_and_come_back() {
    let posix = stack();
    for (protocol, limit) in [(Protocol::Tcp, TCP_SOCKETS), (Protocol::Udp, UDP_SOCKETS)] {
        for _ in 0..3 {
            let open: Vec<_> = (0..limit)
                .map(|_| posix.socket_open(protocol).unwrap())
                .collect();
            assert_eq!(posix.socket_open(protocol), Err(Error::NO_SOCKET));
            for handle in open {
                assert_eq!(posix.socket_close(handle), Ok(()));
                assert_eq!(posix.socket_close(handle), Err(Error::NO_SOCKET));
            }
        }
    }
    for index in 0..SOCKETS {
        let protocol = if index < TCP_SOCKETS {
            Protocol::Tcp
        } else {
            Protocol::Udp
        };
        posix.socket_open(protocol).unwrap();
    }
    assert_eq!(posix.socket_open(Protocol::Udp), Err(Error::NO_SOCKET));
}

#[test]
fn accept_at_the_limit_leaves_the_connection_waiting() {
    let posix = stack();
    let (listener, port) = listening(&posix);
    let mut others: Vec<_> = (1..TCP_SOCKETS)
        .map(|_| posix.socket_open(Protocol::Tcp).unwrap())
        .collect();
    assert!(matches!(
        posix.socket_accept(listener),
        Err(Error::WOULD_BLOCK)
    ));
    let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    assert!(matches!(
        posix.socket_accept(listener),
        Err(Error::NO_SOCKET)
    ));
    posix.socket_close(others.pop().unwrap()).unwrap();
    let (_, from) = posix.socket_accept(listener).unwrap();
    assert!(same(from, peer_address(client.local_addr().unwrap())));
}

#[test]
fn options_are_kept_and_the_wrong_ones_refused() {
    let posix = stack();
    let tcp = posix.socket_open(Protocol::Tcp).unwrap();
    let udp = posix.socket_open(Protocol::Udp).unwrap();
    let set =
        |handle, name, value: &[u8]| posix.setsockopt(handle, option::LEVEL_SOCKET, name, value);
    let get = |handle, name| {
        let mut value = [0; 8];
        posix
            .getsockopt(handle, option::LEVEL_SOCKET, name, &mut value)
            .map(|len| value[..len].to_vec())
    };
    let int = |value: i32| value.to_ne_bytes().to_vec();
    assert_eq!(set(tcp, option::KEEPALIVE, &int(7200)), Ok(()));
    assert_eq!(get(tcp, option::KEEPALIVE), Ok(int(7200)));
    assert_eq!(
        set(tcp, option::KEEPALIVE, &int(7201)),
        Err(Error::PARAMETER)
    );
    assert_eq!(set(tcp, option::KEEPALIVE, &[1]), Err(Error::UNSUPPORTED));
    assert_eq!(get(tcp, option::KEEPALIVE), Ok(int(7200)));
    assert_eq!(
        set(udp, option::KEEPALIVE, &int(1)),
        Err(Error::UNSUPPORTED)
    );
    assert_eq!(set(udp, option::BROADCAST, &int(1)), Ok(()));
    assert_eq!(
        set(tcp, option::BROADCAST, &int(1)),
        Err(Error::UNSUPPORTED)
    );
    assert_eq!(set(udp, option::IPTOS, &[0x10]), Ok(()));
    assert_eq!(get(udp, option::IPTOS), Ok(vec![0x10]));
    assert_eq!(set(udp, option::IPTOS, &int(1)), Err(Error::UNSUPPORTED));
    assert_eq!(set(tcp, option::LINGER, &int(1)), Err(Error::UNSUPPORTED));
    assert_eq!(
        posix.setsockopt(tcp, 9999, option::REUSEADDR, &int(1)),
        Err(Error::UNSUPPORTED)
    );
    let short = posix.getsockopt(tcp, option::LEVEL_SOCKET, option::KEEPALIVE, &mut [0; 3]);
    assert_eq!(short, Err(Error::PARAMETER));
}

fn membership(group: IpAddress, interface: IpAddress) -> [u8; 34] {
    option::Membership { group, interface }.to_bytes()
}

#[test]
fn groups_are_joined_and_left_once() {
    let posix = stack();
    let handle = posix.socket_open(Protocol::Udp).unwrap();
    let set = |name, value: &[u8]| posix.setsockopt(handle, option::LEVEL_SOCKET, name, value);
    let join = |value: &[u8]| set(option::ADD_MEMBERSHIP, value);
    let leave = |value: &[u8]| set(option::DROP_MEMBERSHIP, value);
    let group = membership(IpAddress::V4([239, 1, 2, 3]), IpAddress::Unspec);
    assert_eq!(leave(&group), Err(Error::NO_ADDRESS));
    assert_eq!(join(&group), Ok(()));
    assert_eq!(join(&group), Err(Error::ADDRESS_IN_USE));
    assert_eq!(leave(&group), Ok(()));
    assert_eq!(leave(&group), Err(Error::NO_ADDRESS));
    let v4 = IpAddress::V4;
    for wrong in [
        membership(v4([192, 0, 2, 1]), IpAddress::Unspec),
        membership(IpAddress::Unspec, IpAddress::Unspec),
        membership(v4([239, 1, 2, 3]), v4([192, 0, 2, 77])),
        membership(v4([239, 1, 2, 3]), IpAddress::V6([0; 16])),
        membership(IpAddress::V6([0xff; 16]), IpAddress::Unspec),
    ] {
        assert_eq!(join(&wrong), Err(Error::PARAMETER), "{wrong:?}");
    }
    assert_eq!(join(&group[..33]), Err(Error::PARAMETER));
    let tcp = posix.socket_open(Protocol::Tcp).unwrap();
    let on_tcp = posix.setsockopt(tcp, option::LEVEL_SOCKET, option::ADD_MEMBERSHIP, &group);
    assert_eq!(on_tcp, Err(Error::UNSUPPORTED));
}

#[test]
fn sockets_of_both_families_speak_both() {
    let Ok(v6) = TcpListener::bind("[::1]:0") else {
        // This machine has no IPv6.
        return;
    };
    let posix = Posix::new(Host::dual_loopback()).unwrap();
    let v4 = TcpListener::bind("127.0.0.1:0").unwrap();
    for listener in [v6, v4] {
        let at = listener.local_addr().unwrap();
        let ip = match at.ip() {
            std::net::IpAddr::V4(ip) => IpAddress::V4(ip.octets()),
            std::net::IpAddr::V6(ip) => IpAddress::V6(ip.octets()),
        };
        let to = SocketAddress::new(ip, at.port());
        let handle = posix.socket_open(Protocol::Tcp).unwrap();
        let tos = posix.setsockopt(handle, option::LEVEL_SOCKET, option::IPTOS, &[0x10]);
        assert_eq!(tos, Ok(()));
        let answer = finally(&posix, || posix.socket_connect(handle, &to));
        assert!(matches!(answer, Ok(()) | Err(Error::IS_CONNECTED)));
        let (mut peer, from) = listener.accept().unwrap();
        assert_eq!(from.ip(), at.ip(), "not mapped on the way");
        peer.write_all(b"hello").unwrap();
        let got = finally(&posix, || posix.socket_recv(handle, &mut [0; 8]));
        assert_eq!(got, Ok(5));
        posix.socket_close(handle).unwrap();
    }
    let own = IpAddress::V6(std::net::Ipv6Addr::LOCALHOST.octets());
    let udp = posix.socket_open(Protocol::Udp).unwrap();
    posix.socket_bind(udp, &SocketAddress::new(own, 0)).unwrap();
    for text in ["[::1]:0", "127.0.0.1:0"] {
        let host = UdpSocket::bind(text).unwrap();
        let at = host.local_addr().unwrap();
        let ip = if at.is_ipv6() {
            own
        } else {
            IpAddress::V4([127, 0, 0, 1])
        };
        let to = SocketAddress::new(ip, at.port());
        let socket = if at.is_ipv6() {
            udp
        } else {
            posix.socket_open(Protocol::Udp).unwrap()
        };
        assert_eq!(posix.socket_sendto(socket, &to, b"ping"), Ok(4));
        let (_, from) = host.recv_from(&mut [0; 8]).unwrap();
        host.send_to(b"pong!", from).unwrap();
        let (size, source) =
            finally(&posix, || posix.socket_recvfrom(socket, &mut [0; 8])).unwrap();
        assert_eq!(size, 5);
        assert!(same(source, to), "{source:?} is not {to:?}");
    }
    let group = std::net::Ipv6Addr::new(0xff12, 0, 0, 0, 0, 0, 0, 1);
    let group = membership(IpAddress::V6(group.octets()), IpAddress::Unspec);
    let join = || posix.setsockopt(udp, option::LEVEL_SOCKET, option::ADD_MEMBERSHIP, &group);
    assert_eq!(join(), Ok(()));
    assert_eq!(join(), Err(Error::ADDRESS_IN_USE));
}
