//! Ghosts against a board that is played here.

use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Manners, TcpOptions};
use crate::fake::{context_on, wired};
use crate::rig::HostAddress;
use crate::wire::fake::{FakeCable, until};
use crate::wire::fake_board::{BOARD, FakeBoard, board4, board6};
use crate::wire::{
    Cable, Craft, End, Flags, IcmpError, Pattern, Services, from_board, icmp, tcp, udp,
};
use crate::{Ctx, Stop};

const SOON: Duration = Duration::from_millis(150);

struct Rig {
    cable: Arc<FakeCable>,
    board: Arc<Mutex<FakeBoard>>,
    cx: Ctx,
    _services: Arc<Services>,
}

impl Rig {
    async fn new() -> Self {
        let cable = FakeCable::new();
        let board = Arc::new(Mutex::new(FakeBoard::default()));
        let played = Arc::clone(&board);
        cable.board(move |frame| lock(&played).take(frame));
        let services = Services::start(cable.clone());
        let cx = context_on(Arc::new(wired(&cable, &services))).await;
        Self {
            cable,
            board,
            cx,
            _services: services,
        }
    }
}

fn lock(board: &Mutex<FakeBoard>) -> MutexGuard<'_, FakeBoard> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

fn key<T: core::fmt::Debug>(result: Result<T, Stop>) -> String {
    match result {
        Err(Stop::Violation(violation)) => violation.key,
        other => panic!("not a violation: {other:?}"),
    }
}

#[tokio::test]
async fn the_board_is_known_by_what_it_answers_for() {
    let rig = Rig::new().await;
    let board = rig.cx.wire().unwrap().board().await.unwrap();
    assert_eq!(board.node(false), Some(board4()));
    assert_eq!(board.node(true), Some(board6()));
    assert_eq!(board.link_local, Some(BOARD.link_local()));
}

#[tokio::test]
async fn a_ghost_tells_who_it_is_and_nothing_else() {
    let rig = Rig::new().await;
    let ghost = rig.cx.ghost().await.unwrap();
    let other = rig.cx.ghost().await.unwrap();
    assert_ne!(ghost.ip(), other.ip());
    rig.cable.arrived();
    let told = || {
        let arrived = rig.cable.arrived();
        let of_ghost = |bytes: &[u8]| crate::wire::Packet::of(bytes).source() == ghost.mac();
        arrived
            .iter()
            .filter(|(end, it)| *end == End::Board && of_ghost(it))
            .count()
    };
    for ip in [
        ghost.ipv4().into(),
        ghost.ipv6().into(),
        ghost.link_local().into(),
    ] {
        let from = if matches!(ip, core::net::IpAddr::V4(_)) {
            board4()
        } else {
            board6()
        };
        rig.cable.send(End::Board, Craft::who_has(from, ip).bytes());
        let count = std::cell::Cell::new(0);
        until(|| {
            count.set(count.get() + told());
            count.get() == 1
        })
        .await;
    }
    // A ping, a datagram and a SYN stay without an answer; questions do, too, once it is silent.
    ghost.manners(Manners::FromNth(2));
    let sent = [
        Craft::echo_request(board4(), ghost.node(), 1, 1, *b"x"),
        Craft::udp(board4(), 1, ghost.node(), 2, *b"x"),
        Craft::tcp(board4(), 1, ghost.node(), 2).flags(Flags::SYN),
        Craft::who_has(board4(), ghost.ip()),
    ];
    for craft in sent {
        rig.cable.send(End::Board, craft.bytes());
    }
    ghost.expect(udp().dst_port(2), SOON).await.unwrap();
    ghost.expect(tcp().syn(), SOON).await.unwrap();
    ghost.ping(b"later than all of them").await.unwrap();
    assert_eq!(told(), 1, "the ping's own request");
    rig.cable
        .send(End::Board, Craft::who_has(board4(), ghost.ip()).bytes());
    let wire = rig.cx.wire().unwrap();
    let answer = Pattern::injected().tells_of(ghost.ip());
    assert!(
        wire.wait_for(answer, SOON).await.is_some(),
        "the second time it does"
    );
}

#[tokio::test]
async fn silence_needs_a_board_that_lives() {
    let rig = Rig::new().await;
    let wire = rig.cx.wire().unwrap();
    let ghost = rig.cx.ghost().await.unwrap();
    ghost.mark();
    ghost.send(ghost.udp(4000, 7, *b"hi").checksum_off_by(1));
    ghost.silence(udp(), SOON).await.unwrap();
    ghost.send(ghost.udp(4000, 7, *b"hi"));
    assert_eq!(key(ghost.silence(udp(), SOON).await), "kit.self/silence");
    ghost.send(ghost.udp(4000, 7, *b"again"));
    ghost.expect_udp(4000, b"again", SOON).await.unwrap();
    ghost.send(ghost.udp(4000, 9, *b"closed"));
    ghost.expect(icmp().icmp_error(), SOON).await.unwrap();
    lock(&rig.board).dead = true;
    ghost.send(ghost.udp(4000, 7, *b"hi"));
    wire.mark();
    assert_eq!(
        key(wire.silence(from_board().udp(), SOON).await),
        "kit.self/alive"
    );
    assert_eq!(
        key(ghost.expect_udp(4000, b"hi", SOON).await),
        "kit.self/datagram"
    );
    assert_eq!(key(ghost.warm().await), "kit.self/neighbour");
}

#[tokio::test]
async fn rules_do_what_they_say_and_say_whether_they_did() {
    let rig = Rig::new().await;
    let wire = rig.cx.wire().unwrap();
    let ghost = rig.cx.ghost().await.unwrap();
    let dropped = wire.drop_first(from_board().udp().src_port(7));
    assert_eq!(key(dropped.expect(1).await), "kit.self/provoked");
    ghost.send(ghost.udp(1, 7, *b"one"));
    dropped.expect(1).await.unwrap();
    rig.cable.arrived();
    ghost.send(ghost.udp(1, 7, *b"two"));
    wire.expect(from_board().payload(*b"two"), SOON)
        .await
        .unwrap();
    assert_eq!(wire.count(&from_board().udp()), 2);
    let held = wire.hold(from_board().udp());
    rig.cable.arrived();
    ghost.send(ghost.udp(1, 7, *b"three"));
    held.expect(1).await.unwrap();
    let to_host = || {
        let arrived = rig.cable.arrived();
        arrived.iter().filter(|(end, _)| *end == End::Host).count()
    };
    assert_eq!(to_host(), 0);
    held.release();
    assert_eq!(to_host(), 1);
    wire.cut().await.unwrap();
    rig.cx.state.wire.get().unwrap().end(&*rig.cable).await;
    ghost.send(ghost.udp(1, 7, *b"four"));
    assert_eq!(to_host(), 1, "rules and the cut have ended");
    assert_eq!(
        rig.cable.applied(crate::wire::RuleId(1)).matched,
        0,
        "forgotten"
    );
}

#[tokio::test]
async fn a_connection_is_opened_used_and_closed_over_both_families() {
    let rig = Rig::new().await;
    for v6 in [false, true] {
        let ghost = rig.cx.ghost_of(v6).await.unwrap();
        let options = TcpOptions::default().isn(0xffff_ff00).window(500);
        let mut tcp = ghost.tcp_connect(7, options).await.unwrap();
        assert_eq!(tcp.board_mss(), Some(100));
        tcp.send(&[7; 250]);
        tcp.expect_ack(100, SOON).await.unwrap();
        tcp.expect_ack(250, SOON).await.unwrap();
        tcp.expect_data(0, &[7; 250], SOON).await.unwrap();
        assert_eq!((tcp.place(), tcp.rcv_nxt(), tcp.acked()), (250, 250, 250));
        // What came with the data is behind.
        assert!(tcp.since_mark().is_empty());
        // Ahead of a gap, then too old: the board says what it wants.
        tcp.seg().seq(300).data(b"ahead").send();
        tcp.expect_ack(250, SOON).await.unwrap();
        tcp.seg().seq(100).data(b"old").send();
        tcp.expect_ack(250, SOON).await.unwrap();
        tcp.seg().data(b"spoilt").bad_checksum().send();
        tcp.silence(SOON).await.unwrap();
        assert_eq!(key(tcp.expect_ack(999, SOON).await), "kit.self/ack");
        tcp.finish(SOON).await.unwrap();
        assert_eq!(tcp.rcv_nxt(), 251);
    }
}

#[tokio::test]
async fn a_dropped_connection_is_reset_and_a_closed_port_resets() {
    let rig = Rig::new().await;
    let ghost = rig.cx.ghost().await.unwrap();
    let tcp = ghost.tcp_connect(7, TcpOptions::default()).await.unwrap();
    assert_eq!(lock(&rig.board).connections(), 1);
    drop(tcp);
    assert_eq!(lock(&rig.board).connections(), 0);
    let tcp = ghost.tcp_connect(7, TcpOptions::default()).await.unwrap();
    tcp.leave_alone();
    assert_eq!(lock(&rig.board).connections(), 1);
    let mut tcp = ghost.tcp(9, &TcpOptions::default());
    tcp.syn();
    let reset = tcp.expect_rst(SOON).await.unwrap();
    assert!(reset.has(Flags::ACK));
    assert_eq!((reset.raw_seq, reset.ack), (0, 0));
    let refused = ghost.tcp_connect(9, TcpOptions::default()).await;
    assert_eq!(key(refused), "kit.self/handshake");
}

#[tokio::test]
async fn a_ghost_takes_connections_of_the_board() {
    let rig = Rig::new().await;
    let ghost = rig.cx.ghost().await.unwrap();
    let mut listener = ghost.tcp_listen(TcpOptions::default().isn(5));
    let port = listener.address().port;
    let from_board = Craft::tcp(board4(), 5000, ghost.node(), port).window(300);
    let syn = from_board.clone().flags(Flags::SYN).seq_ack(99, 0);
    rig.cable.send(End::Board, syn.bytes());
    let cable = Arc::clone(&rig.cable);
    let ack = from_board.clone().flags(Flags::ACK).seq_ack(100, 6);
    let data = ack
        .clone()
        .flags(Flags::ACK | Flags::PSH)
        .payload(*b"hello");
    // The board answers once the SYN+ACK is there.
    rig.cable.board(move |frame| {
        let packet = crate::wire::Packet::of(frame);
        let answers = packet
            .tcp()
            .is_some_and(|tcp| tcp.flags.contains(Flags::SYN));
        if answers {
            vec![ack.bytes(), data.bytes()]
        } else {
            Vec::new()
        }
    });
    let mut tcp = listener.accept().await.unwrap();
    tcp.expect_data(0, b"hello", SOON).await.unwrap();
    assert_eq!((tcp.board_window(), tcp.board_isn()), (300, Some(99)));
    // Segments in the wrong order are put together.
    let part = |seq, bytes: &[u8]| {
        from_board
            .clone()
            .flags(Flags::ACK)
            .seq_ack(seq, 6)
            .payload(bytes)
    };
    cable.send(End::Board, part(108, b"cdef").bytes());
    cable.send(End::Board, part(105, b"xabc").bytes());
    tcp.expect_data(5, b"xabcdef", SOON).await.unwrap();
    assert_eq!(tcp.received(), b"helloxabcdef");
    tcp.leave_alone();
}

#[tokio::test]
async fn errors_are_about_frames_that_were_seen() {
    let rig = Rig::new().await;
    let ghost = rig.cx.ghost().await.unwrap();
    ghost.send(ghost.udp(4000, 7, *b"quote me"));
    let frame = ghost.expect_udp(4000, b"quote me", SOON).await.unwrap();
    let error = ghost.icmp_error(IcmpError::PortUnreachable, &frame).bytes();
    let packet = crate::wire::Packet::of(&error);
    assert_eq!(packet.icmp().unwrap().body, frame.packet().ip_packet());
    assert_eq!(packet.destination(), BOARD);
}

#[tokio::test]
async fn fixtures_live_at_ipv6_addresses_and_reach_the_board_at_its_own() {
    let rig = Rig::new().await;
    let cx = rig.cx.at(HostAddress::FirstIpv6);
    let iut = cx.iut_address_here().await.unwrap();
    assert_eq!(crate::ctx::host_address(iut).unwrap().ip(), board6().ip);
    let link_local = rig.cx.at(HostAddress::LinkLocal);
    let iut = link_local.iut_address_here().await.unwrap();
    let ip = crate::ctx::host_address(iut).unwrap().ip();
    assert_eq!(ip, core::net::IpAddr::from(BOARD.link_local()));
    // Not every machine has IPv6 on its loopback interface.
    if std::net::UdpSocket::bind("[::1]:0").is_ok() {
        let echo = cx.echo().await.unwrap();
        assert!(matches!(echo.address().ip, crate::IpAddress::V6(_)));
        assert!(cx.peer().await.is_ok() && cx.udp_echo().await.is_ok());
        let scripter = cx.scripter().await.unwrap();
        assert!(matches!(scripter.address().ip, crate::IpAddress::V6(_)));
    }
}
