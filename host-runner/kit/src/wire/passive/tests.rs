//! Every rule catches its bad frame, good traffic passes, and nothing is said about what cannot be known.

use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;

use proptest::prelude::*;

use super::{Weight, check};
use crate::wire::craft::solicited_node;
use crate::wire::fake_board::{BOARD, board4, board6};
use crate::wire::{Craft, End, Fate, Flags, Frame, IcmpError, Mac, Node, Origin, WirePlan};

const PLAN: WirePlan = WirePlan::STANDARD;
const SYN: Flags = Flags::SYN;
const ACK: Flags = Flags::ACK;
const RST: Flags = Flags::RST;

fn host() -> Node {
    Node::new(PLAN.host_mac, PLAN.host_ipv4[0])
}

/// Frames in the making, a millisecond apart.
#[derive(Clone, Default)]
struct Trace(Vec<Frame>);

impl Trace {
    fn add(mut self, origin: Origin, craft: &Craft) -> Self {
        self.0.push(Frame {
            at: Duration::from_millis(self.0.len() as u64),
            origin,
            bytes: craft.bytes().into(),
            fate: Fate::Passed,
        });
        self
    }

    fn board(self, craft: &Craft) -> Self {
        self.add(Origin::Sent(End::Board), craft)
    }

    fn host(self, craft: &Craft) -> Self {
        self.add(Origin::Sent(End::Host), craft)
    }

    fn fate(mut self, fate: Fate) -> Self {
        self.0.last_mut().unwrap().fate = fate;
        self
    }

    /// The last frame came this much later than it would.
    fn later(mut self, by: Duration) -> Self {
        self.0.last_mut().unwrap().at += by;
        self
    }

    fn broken(&self) -> Vec<&'static str> {
        let broken = check(&self.0, &PLAN);
        broken.into_iter().map(|violation| violation.rule).collect()
    }
}

fn rules(craft: &Craft) -> Vec<&'static str> {
    Trace::default().board(craft).broken()
}

fn udp() -> Craft {
    Craft::udp(board4(), 4000, host(), 7, *b"hello")
}

/// A segment of the board: its initial sequence number is 1000, the host's 5000.
fn from_board(flags: Flags, seq: u32, ack: u32) -> Craft {
    let segment = Craft::tcp(board4(), 4000, host(), 7);
    segment.flags(flags).seq_ack(seq, ack).window(500)
}

fn from_host(flags: Flags, seq: u32, ack: u32) -> Craft {
    let segment = Craft::tcp(host(), 7, board4(), 4000);
    segment.flags(flags).seq_ack(seq, ack).window(300)
}

/// The board has opened a connection to the host.
fn opened() -> Trace {
    let mss = [2, 4, 0, 100];
    Trace::default()
        .board(&from_board(SYN, 1000, 0).tcp_options(&[2, 4, 5, 0xb4]))
        .host(&from_host(SYN | ACK, 5000, 1001).tcp_options(&mss))
        .board(&from_board(ACK, 1001, 5001))
}

/// All that a board should do.
fn good() -> Trace {
    let solicitation = Craft::neighbour_solicitation(
        Node::new(BOARD, Ipv6Addr::UNSPECIFIED),
        solicited_node(BOARD.link_local()),
        BOARD.link_local(),
        false,
    );
    let nobody = Node::new(BOARD, Ipv4Addr::UNSPECIFIED);
    let everybody = Node::broadcast(Ipv4Addr::BROADCAST);
    let closed = Craft::udp(host(), 7, board4(), 9, *b"x");
    opened()
        .board(&Craft::udp(nobody, 68, everybody, 67, [1; 300]))
        .board(&solicitation)
        .board(&Craft::who_has(board4(), host().ip))
        .host(&Craft::is_at(host(), board4()))
        .board(&from_board(ACK, 1001, 5001).payload([1; 100]))
        .board(&from_board(ACK, 1101, 5001).payload([2; 100]))
        .host(&from_host(ACK, 5001, 1101).window(0))
        .board(&from_board(ACK, 1101, 5001).payload([2; 100]))
        .host(&from_host(ACK, 5001, 1201).window(100).payload(*b"data"))
        .board(&from_board(ACK, 1201, 5005).window(496))
        .host(&closed)
        .board(&Craft::icmp_error(
            board4(),
            host(),
            IcmpError::PortUnreachable,
            &closed.bytes(),
        ))
        .board(&udp())
        .board(&udp())
        .board(&from_board(Flags::FIN | ACK, 1201, 5005).window(496))
        .host(&from_host(Flags::FIN | ACK, 5005, 1202))
        .board(&from_board(ACK, 1202, 5006).window(496))
        .host(&from_host(RST, 5006, 0))
}

#[test]
fn good_traffic_passes() {
    assert_eq!(good().broken(), Vec::<&str>::new());
}

proptest! {
    #[test]
    fn nothing_is_said_of_what_cannot_be_known(
        skip in 0_usize..24,
        fates in prop::collection::vec(0_u8..6, 24),
    ) {
        let mut trace = good();
        for (frame, fate) in trace.0.iter_mut().zip(fates) {
            if frame.origin.is_board() {
                continue;
            }
            frame.fate = match fate {
                0 => Fate::Dropped("loss"),
                1 => Fate::Delayed(Duration::from_millis(3)),
                2 => Fate::Duplicated(2),
                3 => Fate::Held,
                _ => Fate::Passed,
            };
        }
        trace.0.drain(..skip.min(trace.0.len()));
        prop_assert_eq!(trace.broken(), Vec::<&str>::new());
    }
}

#[test]
fn what_is_injected_is_not_the_boards() {
    let bad = Craft::udp(board4(), 1, host(), 2, *b"x").checksum_off_by(1);
    let trace = Trace::default()
        .add(Origin::Injected(End::Host), &bad)
        .add(Origin::Injected(End::Board), &bad)
        .host(&bad);
    assert_eq!(trace.broken(), Vec::<&str>::new());
}

#[test]
fn checksums_are_right() {
    assert_eq!(rules(&udp().checksum_off_by(1)), ["checksum"]);
    assert_eq!(rules(&udp().checksum(0)), ["udp-checksum"]);
    assert_eq!(rules(&udp().ip_checksum_off_by(1)), ["ip-checksum"]);
    assert_eq!(
        rules(&from_board(ACK, 1, 1).checksum_off_by(1)),
        ["checksum"]
    );
    let ping = Craft::echo_request(board6(), host().at(PLAN.host_ipv6[0]), 1, 1, *b"x");
    assert_eq!(rules(&ping.checksum_off_by(1)), ["checksum"]);
}

#[test]
fn packets_are_well_formed() {
    assert_eq!(rules(&udp().edit(|frame| frame[14] = 0x65)), ["malformed"]);
    assert_eq!(rules(&udp().total_length(200)), ["malformed"]);
    // The checksum covers what the length says.
    assert!(rules(&udp().udp_length(12)).contains(&"malformed"));
    let big = Craft::udp(board4(), 1, host(), 2, vec![0; 1473]);
    assert_eq!(rules(&big), ["mtu"]);
    let fits = Craft::udp(board4(), 1, host(), 2, vec![0; 1472]);
    assert!(rules(&fits).is_empty());
    assert_eq!(rules(&udp().padding([0, 0, 7])), ["padding"]);
    let arp = Craft::who_has(board4(), host().ip).cut(30);
    assert_eq!(rules(&arp), ["malformed"]);
}

#[test]
fn a_board_speaks_for_itself() {
    for mac in [
        Mac::BROADCAST,
        PLAN.host_mac,
        WirePlan::ghost_mac(3),
        Mac([0; 6]),
    ] {
        assert_eq!(rules(&udp().src_mac(mac)), ["source-mac"], "{mac}");
    }
    for ip in [
        "127.0.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "192.0.2.255",
        "224.0.0.1",
        "192.0.2.1",
    ] {
        let ip: Ipv4Addr = ip.parse().unwrap();
        assert_eq!(rules(&udp().src_ip(ip)), ["source-ip"], "{ip}");
    }
    let v6 = Craft::udp(board6(), 1, host().at(PLAN.host_ipv6[0]), 2, *b"x");
    assert!(rules(&v6).is_empty());
    for ip in ["::1", "::", "ff02::1"] {
        let ip: Ipv6Addr = ip.parse().unwrap();
        assert_eq!(rules(&v6.clone().src_ip(ip)), ["source-ip"], "{ip}");
    }
    let everybody = Node::broadcast(Ipv4Addr::new(192, 0, 2, 255));
    let to_all = Craft::tcp(board4(), 1, everybody, 2).flags(RST);
    assert_eq!(rules(&to_all), ["tcp-to-group"]);
    let in_broadcast = Craft::tcp(board4(), 1, host(), 2)
        .flags(RST)
        .dst_mac(Mac::BROADCAST);
    assert_eq!(rules(&in_broadcast), ["tcp-to-group"]);
}

#[test]
fn hop_limits_are_what_they_must_be() {
    let link_local = board4().at(BOARD.link_local());
    let advertisement = Craft::is_at(link_local, host().at(PLAN.host_link_local));
    assert!(rules(&advertisement).is_empty());
    assert_eq!(rules(&advertisement.ttl(64)), ["ttl"]);
    let report = Craft::igmp(
        board4(),
        Node::group(Ipv4Addr::new(224, 0, 0, 9)),
        &[0x16; 8],
    );
    assert!(rules(&report).is_empty());
    assert_eq!(rules(&report.ttl(2)), ["ttl"]);
    let group = Node::group(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16));
    let report = Craft::icmp_message(link_local, group, 143, 0, [0; 4], []);
    assert!(rules(&report.clone().ttl(1)).is_empty());
    assert_eq!(rules(&report), ["ttl"]);
    assert_eq!(rules(&udp().ttl(0)), ["ttl"]);
}

#[test]
fn icmp_errors_are_not_about_errors_or_groups() {
    let about = |craft: Craft| {
        let error = Craft::icmp_error(board4(), host(), IcmpError::PortUnreachable, &craft.bytes());
        rules(&error)
    };
    assert!(about(Craft::udp(host(), 1, board4(), 9, *b"x")).is_empty());
    assert!(about(Craft::echo_request(host(), board4(), 1, 1, *b"x")).is_empty());
    let everybody = Node::broadcast(Ipv4Addr::BROADCAST);
    assert_eq!(
        about(Craft::udp(host(), 1, everybody, 9, *b"x")),
        ["icmp-error"]
    );
    let group = Node::group(Ipv4Addr::new(224, 0, 0, 1));
    assert_eq!(
        about(Craft::udp(host(), 1, group, 9, *b"x")),
        ["icmp-error"]
    );
    let error = Craft::icmp_error(host(), board4(), IcmpError::TimeExceeded(0), &udp().bytes());
    assert_eq!(about(error), ["icmp-error"]);
    let later = Craft::udp(host(), 1, board4(), 9, vec![0; 64]).fragment(64, false);
    assert_eq!(about(later), ["icmp-error"]);
    // A packet that is too big is told about to groups, too.
    let v6 = |node: Node| Craft::udp(host().at(PLAN.host_ipv6[0]), 1, node, 9, *b"x").bytes();
    let all = Node::group(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1));
    let to = host().at(PLAN.host_ipv6[0]);
    let told = Craft::icmp_error(board6(), to, IcmpError::TooBig(1280), &v6(all));
    assert!(rules(&told).is_empty());
    let told = Craft::icmp_error(board6(), to, IcmpError::PortUnreachable, &v6(all));
    assert_eq!(rules(&told), ["icmp-error"]);
}

#[test]
fn options_are_well_formed() {
    let with = |options: &[u8]| rules(&from_board(SYN, 1, 0).tcp_options(options));
    assert!(with(&[2, 4, 5, 0xb4, 1, 3, 3, 7]).is_empty());
    assert!(with(&[2, 4, 5, 0xb4, 1, 1, 4, 2, 0]).is_empty());
    for bad in [
        &[2, 3, 5, 0][..],
        &[3, 4, 1, 0],
        &[254, 0, 0, 0],
        &[254, 9, 0, 0],
        &[0, 1, 1, 1],
    ] {
        assert_eq!(with(bad), ["tcp-options"], "{bad:?}");
    }
    let later = from_board(ACK, 1, 1).tcp_options(&[2, 4, 5, 0xb4]);
    assert_eq!(rules(&later), ["mss-without-syn"]);
}

#[test]
fn questions_are_asked_once_a_second() {
    let question = Craft::who_has(board4(), host().ip);
    let second = Duration::from_secs(1);
    let slow = Trace::default()
        .board(&question)
        .board(&question)
        .later(second)
        .board(&question)
        .later(second * 2);
    assert!(slow.broken().is_empty());
    let flood = Trace::default()
        .board(&question)
        .board(&question)
        .board(&question);
    assert_eq!(flood.broken(), ["question-rate"]);
    let answered = Trace::default()
        .board(&question)
        .board(&question)
        .host(&Craft::is_at(host(), board4()))
        .board(&question);
    assert!(answered.broken().is_empty());
    let question = Craft::who_has(board6(), PLAN.host_ipv6[0].into());
    let flood = Trace::default()
        .board(&question)
        .board(&question)
        .board(&question);
    assert_eq!(flood.broken(), ["question-rate"]);
}

#[test]
fn a_driver_that_sends_everything_twice_is_caught() {
    let mut trace = Trace::default();
    for n in 0..3 {
        let craft = Craft::udp(board4(), 4000, host(), 7, [n]);
        trace = trace.board(&craft).board(&craft);
    }
    assert_eq!(trace.broken(), ["twice"]);
    assert!(trace.board(&udp()).board(&udp().ttl(9)).broken().is_empty());
    let same = Trace::default()
        .board(&udp())
        .board(&udp())
        .board(&udp())
        .board(&udp())
        .board(&udp())
        .board(&udp());
    assert!(
        same.broken().is_empty(),
        "an application may say the same often"
    );
}

#[test]
fn a_reset_is_not_answered_by_one() {
    let bad = opened()
        .host(&from_host(RST, 5001, 0))
        .board(&from_board(RST | ACK, 0, 5001));
    assert_eq!(bad.broken(), ["rst-for-rst"]);
    let data_before = opened()
        .host(&from_host(ACK, 5001, 1001).payload(*b"x"))
        .host(&from_host(RST, 5002, 0))
        .board(&from_board(RST, 1001, 0));
    assert!(data_before.broken().is_empty());
    let lost = opened()
        .host(&from_host(RST, 5001, 0))
        .fate(Fate::Dropped("loss"))
        .board(&from_board(RST | ACK, 1001, 5001));
    assert!(lost.broken().is_empty());
    let at_the_beginning = Trace::default()
        .host(&from_host(RST, 5001, 0))
        .board(&from_board(RST | ACK, 0, 5001));
    assert!(
        at_the_beginning.broken().is_empty(),
        "data may have come before"
    );
}

#[test]
fn windows_and_segment_sizes_are_kept_to() {
    let data = |seq, size: usize| from_board(ACK, seq, 5001).payload(vec![7; size]);
    assert_eq!(opened().board(&data(1001, 101)).broken(), ["mss"]);
    let within = opened()
        .board(&data(1001, 100))
        .board(&data(1101, 100))
        .board(&data(1201, 100));
    assert!(within.broken().is_empty());
    assert!(
        within.clone().board(&data(1301, 1)).broken().is_empty(),
        "a probe"
    );
    assert_eq!(within.board(&data(1301, 2)).broken(), ["past-window"]);
    let without_mss = Trace::default()
        .board(&from_board(SYN, 1000, 0))
        .host(&from_host(SYN | ACK, 5000, 1001).window(60_000))
        .board(&data(1001, 537));
    assert_eq!(without_mss.broken(), ["mss"]);
    let unknown = Trace::default().board(&data(1001, 1460));
    assert!(unknown.broken().is_empty(), "the opening was not seen");
}

#[test]
fn scaled_windows_count_as_they_are_meant() {
    let scale = |n| [2, 4, 5, 0xb4, 1, 3, 3, n];
    let trace = Trace::default()
        .board(&from_board(SYN, 1000, 0).tcp_options(&scale(0)))
        .host(&from_host(SYN | ACK, 5000, 1001).tcp_options(&scale(3)))
        .host(&from_host(ACK, 5001, 1001).window(200));
    let data = |size: usize| from_board(ACK, 1001, 5001).payload(vec![7; size]);
    assert!(trace.clone().board(&data(1400)).broken().is_empty());
    let over = from_board(ACK, 2595, 5001).payload(vec![7; 10]);
    assert_eq!(trace.board(&over).broken(), ["past-window"]);
}

#[test]
fn nothing_is_acknowledged_that_was_not_sent() {
    let bad = opened().board(&from_board(ACK, 1001, 5002));
    assert_eq!(bad.broken(), ["ack-beyond"]);
    let crossing = opened()
        .host(&from_host(ACK, 5001, 1001).payload(*b"x"))
        .board(&from_board(ACK, 1001, 5002));
    assert!(crossing.broken().is_empty());
}

#[test]
fn what_is_sent_again_is_the_same() {
    let data = |seq, bytes: &[u8]| from_board(ACK, seq, 5001).payload(bytes);
    let good = opened()
        .board(&data(1001, b"abcdef"))
        .board(&data(1003, b"cdefgh"));
    assert!(good.broken().is_empty());
    let bad = opened()
        .board(&data(1001, b"abcdef"))
        .board(&data(1003, b"cdxfgh"));
    assert_eq!(bad.broken(), ["retransmission"]);
    // The same port numbers, but a connection of its own.
    let anew = opened()
        .board(&data(1001, b"abcdef"))
        .board(&from_board(SYN, 1000, 0).src_ip(PLAN.board_ipv4))
        .board(&from_board(SYN, 9000, 0))
        .host(&from_host(SYN | ACK, 5000, 9001))
        .board(&data(9001, b"others"));
    assert!(anew.broken().is_empty());
}

#[test]
fn a_reset_connection_is_over() {
    let bad = opened()
        .board(&from_board(RST, 1001, 0))
        .board(&from_board(ACK, 1001, 5001).payload(*b"still here"));
    assert_eq!(bad.broken(), ["after-reset"]);
    let anew = opened()
        .board(&from_board(RST, 1001, 0))
        .board(&from_board(SYN, 2000, 0))
        .host(&from_host(SYN | ACK, 7000, 2001))
        .board(&from_board(ACK, 2001, 7001).payload(*b"anew"));
    assert!(anew.broken().is_empty());
}

#[test]
fn a_right_edge_that_moves_left_is_told() {
    let trace = opened()
        .board(&from_board(ACK, 1001, 5001).window(500))
        .board(&from_board(ACK, 1001, 5001).window(400));
    let broken = check(&trace.0, &PLAN);
    assert_eq!(broken.len(), 1);
    assert_eq!(
        (broken[0].rule, broken[0].weight),
        ("right-edge", Weight::Should)
    );
    assert!(
        broken[0]
            .to_string()
            .starts_with("passive.right-edge at 0.004")
    );
}
