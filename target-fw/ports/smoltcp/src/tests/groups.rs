//! Multicast: joining, leaving, what the network is told, and who receives.

use alloc::vec::Vec;

use nsapi::interface::NetworkInterface as _;
use nsapi::option::{ADD_MEMBERSHIP, DROP_MEMBERSHIP, LEVEL_SOCKET, Membership};
use nsapi::{Error, IpAddress, NetworkStack as _, Result, SocketAddress, StackHandle};

use super::alloc;
use super::bench::{Bench, Frame, Host, link_local, v4, v6};

const GROUP: [u8; 4] = [239, 1, 2, 3];
const GROUP_V6: [u16; 8] = [0xff02, 0, 0, 0, 0, 0, 0, 0x1234];

fn option(
    host: &Host,
    socket: StackHandle,
    name: i32,
    group: SocketAddress,
    interface: IpAddress,
) -> Result<()> {
    let group = group.ip;
    let value = Membership { group, interface }.to_bytes();
    host.stack.setsockopt(socket, LEVEL_SOCKET, name, &value)
}

fn join(host: &Host, socket: StackHandle, group: SocketAddress) -> Result<()> {
    option(host, socket, ADD_MEMBERSHIP, group, IpAddress::Unspec)
}

fn leave(host: &Host, socket: StackHandle, group: SocketAddress) -> Result<()> {
    option(host, socket, DROP_MEMBERSHIP, group, IpAddress::Unspec)
}

/// The IGMP messages in frames: type and group.
fn igmp(frames: impl IntoIterator<Item = Frame>) -> Vec<(u8, [u8; 4])> {
    let all = frames.into_iter().filter(|frame| frame.get(23) == Some(&2));
    all.filter_map(|frame| {
        let message = frame.get(14 + usize::from(frame[14] & 15) * 4..)?;
        Some((*message.first()?, message.get(4..8)?.try_into().ok()?))
    })
    .collect()
}

/// What host A says while it works, B not listening.
fn said(bench: &Bench) -> Vec<Frame> {
    for _ in 0..4 {
        bench.a.poll();
    }
    bench.b.inbox.borrow_mut().drain(..).collect()
}

/// Whether a datagram of `a` to the group arrives at a socket of `b`.
fn arrives(bench: &Bench, at: StackHandle, group: SocketAddress) -> bool {
    let sender = bench.a.udp();
    assert_eq!(bench.a.sendto(sender, group, b"to all"), Ok(6));
    bench.run();
    bench.a.close(sender);
    bench.run();
    bench
        .b
        .recvfrom(at, 100)
        .is_ok_and(|(data, _)| data == b"to all")
}

#[test]
fn members_receive_and_others_do_not() {
    let bench = Bench::new();
    for group in [v4(GROUP, 7), v6(GROUP_V6, 7)] {
        let socket = bench.b.bound_udp(7);
        assert!(!arrives(&bench, socket, group));
        join(&bench.b, socket, group).unwrap();
        assert!(arrives(&bench, socket, group));
        assert_eq!(join(&bench.b, socket, group), Err(Error::ADDRESS_IN_USE));
        leave(&bench.b, socket, group).unwrap();
        assert!(!arrives(&bench, socket, group));
        assert_eq!(leave(&bench.b, socket, group), Err(Error::NO_ADDRESS));
        bench.b.close(socket);
        bench.run();
    }
}

#[test]
fn closing_ends_a_membership_unless_another_socket_has_it() {
    let bench = Bench::new();
    let group = v4(GROUP, 7);
    let receiver = bench.b.bound_udp(7);
    let (first, second) = (bench.b.udp(), bench.b.udp());
    join(&bench.b, first, group).unwrap();
    join(&bench.b, second, group).unwrap();
    bench.b.close(first);
    bench.run();
    assert!(arrives(&bench, receiver, group));
    bench.b.close(second);
    bench.run();
    assert!(!arrives(&bench, receiver, group));
}

#[test]
fn a_socket_has_four_memberships_and_the_interface_twelve() {
    let bench = Bench::new();
    let group = |last: usize| v4([239, 0, 0, last as u8], 0);
    let sockets = [(); 4].map(|()| bench.a.udp());
    for (round, socket) in sockets[..3].iter().enumerate() {
        for place in 0..4 {
            join(&bench.a, *socket, group(round * 4 + place)).unwrap();
        }
        // Room is looked for before anything else.
        assert_eq!(
            join(&bench.a, *socket, group(round * 4)),
            Err(Error::NO_MEMORY)
        );
    }
    assert_eq!(join(&bench.a, sockets[3], group(12)), Err(Error::NO_MEMORY));
    join(&bench.a, sockets[3], group(11)).unwrap();
    leave(&bench.a, sockets[2], group(10)).unwrap();
    join(&bench.a, sockets[3], group(12)).unwrap();
    bench.run();
}

#[test]
fn what_is_not_a_group_is_refused() {
    let bench = Bench::new();
    let (socket, stream) = (bench.a.udp(), bench.a.tcp());
    for (group, interface) in [
        (v4(bench.b.ip, 0), IpAddress::Unspec),
        (v4([0; 4], 0), IpAddress::Unspec),
        (SocketAddress::default(), IpAddress::Unspec),
        (link_local(2, 0), IpAddress::Unspec),
        (v4(GROUP, 0), IpAddress::V4(bench.b.ip)),
        (v4(GROUP, 0), link_local(1, 0).ip),
        (v6(GROUP_V6, 0), IpAddress::V4(bench.a.ip)),
    ] {
        for name in [ADD_MEMBERSHIP, DROP_MEMBERSHIP] {
            assert_eq!(
                option(&bench.a, socket, name, group, interface),
                Err(Error::PARAMETER)
            );
        }
    }
    let own = IpAddress::V4(bench.a.ip);
    option(&bench.a, socket, ADD_MEMBERSHIP, v4(GROUP, 0), own).unwrap();
    assert_eq!(
        bench
            .a
            .stack
            .setsockopt(socket, LEVEL_SOCKET, ADD_MEMBERSHIP, &[0; 4]),
        Err(Error::PARAMETER)
    );
    assert_eq!(
        join(&bench.a, stream, v4(GROUP, 0)),
        Err(Error::UNSUPPORTED)
    );
    let mut out = [0; 64];
    assert_eq!(
        bench
            .a
            .stack
            .getsockopt(socket, LEVEL_SOCKET, ADD_MEMBERSHIP, &mut out),
        Err(Error::UNSUPPORTED)
    );
}

#[test]
fn the_network_is_told() {
    const REPORT: u8 = 0x16;
    const LEAVE: u8 = 0x17;
    let bench = Bench::new();
    let (first, second) = (bench.a.udp(), bench.a.udp());
    let group = v4(GROUP, 0);
    join(&bench.a, first, group).unwrap();
    join(&bench.a, second, group).unwrap();
    assert_eq!(igmp(said(&bench)), [(REPORT, GROUP)], "once for both");
    leave(&bench.a, first, group).unwrap();
    assert_eq!(igmp(said(&bench)), []);
    bench.a.close(second);
    assert_eq!(igmp(said(&bench)), [(LEAVE, GROUP)]);
    // Everybody belongs to this one and nobody says so.
    join(&bench.a, first, v4([224, 0, 0, 1], 0)).unwrap();
    assert_eq!(igmp(said(&bench)), []);
    // A membership from before the address, and one that outlives it.
    bench.a.stack.disconnect().unwrap();
    join(&bench.a, first, group).unwrap();
    assert_eq!(igmp(said(&bench)), []);
    for _ in 0..2 {
        bench.a.stack.connect().unwrap();
        assert_eq!(igmp(said(&bench)), [(REPORT, GROUP)]);
        bench.a.stack.disconnect().unwrap();
        assert_eq!(igmp(said(&bench)), []);
    }
}

#[test]
fn questions_for_members_are_answered_in_time() {
    let bench = Bench::new();
    let socket = bench.a.udp();
    join(&bench.a, socket, v4(GROUP, 0)).unwrap();
    bench.run();
    said(&bench);
    let mut question = [0; 60];
    question[..14].copy_from_slice(&[1, 0, 0x5e, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 0]);
    question[14..34].copy_from_slice(&[
        0x45, 0, 0, 28, 0, 0, 0, 0, 1, 2, 0, 0, 10, 0, 0, 9, 224, 0, 0, 1,
    ]);
    // A second at most; both checksums as they come out.
    question[34..42].copy_from_slice(&[0x11, 10, 0xee, 0xf5, 0, 0, 0, 0]);
    let sum: u32 = question[14..34]
        .as_chunks::<2>()
        .0
        .iter()
        .map(|pair| u32::from(u16::from_be_bytes(*pair)))
        .sum();
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    question[24..26].copy_from_slice(&sum.to_be_bytes());
    bench.a.inbox.borrow_mut().push_back(question.to_vec());
    let mut next = bench.a.poll();
    for ms in 0..1_000_u64 {
        let answers = igmp(bench.b.inbox.borrow_mut().drain(..));
        if !answers.is_empty() {
            assert_eq!(answers, [(0x16, GROUP)]);
            assert!(ms > 0, "not at once");
            return;
        }
        bench.advance_ms(1);
        // Only when it has asked for it.
        if next.is_some_and(|next| next <= bench.now_us()) {
            next = bench.a.poll();
        }
    }
    panic!("nobody has answered");
}
