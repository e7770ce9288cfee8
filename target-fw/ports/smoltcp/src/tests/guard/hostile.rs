//! Arbitrary bytes where the guard looks closely: nothing may panic, and the stack lives.

use proptest::prelude::{Strategy, any, prop};
use proptest::test_runner::Config;
use proptest::{prop_assert_eq, prop_oneof, proptest};

use super::super::alloc::vec::Vec;
use super::super::bench::{Bench, Frame};
use super::ghost::{
    ACK, BOARD_IP, BOARD_MAC, ETHERNET_BROADCAST, FIRST, GHOST_MAC, Ghost, Ip, RST, Segment,
    ethernet,
};

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..120)
}

/// Frames with the board's addresses and arbitrary contents.
fn frames() -> impl Strategy<Value = Frame> {
    let to = prop::sample::select(&[BOARD_MAC, ETHERNET_BROADCAST, [0x33, 0x33, 0, 0, 0, 1]]);
    let kind = prop::sample::select(&[0x0800_u16, 0x0806, 0x8100, 0x86dd]);
    let protocol = prop_oneof![prop::sample::select(&[1_u8, 2, 6, 17]), any::<u8>()];
    let arp = bytes().prop_map(|rest| {
        let payload = [&[0, 1, 8, 0, 6, 4, 0, 1][..], &rest].concat();
        ethernet(ETHERNET_BROADCAST, GHOST_MAC, 0x0806, &payload)
    });
    let discovery =
        (prop::sample::select(&[0_u8, 17, 43, 44, 58, 60]), bytes()).prop_map(|(next, rest)| {
            let from = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
            let to = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 1];
            let header = [0x60, 0, 0, 0, 0, rest.len() as u8, next, 255];
            let payload = [&header[..], &from, &to, &rest].concat();
            ethernet(BOARD_MAC, GHOST_MAC, 0x86dd, &payload)
        });
    prop_oneof![
        (to, kind, bytes()).prop_map(|(to, kind, payload)| ethernet(to, GHOST_MAC, kind, &payload)),
        (protocol, bytes()).prop_map(|(protocol, payload)| {
            Ip {
                protocol,
                ..Ip::TO_BOARD
            }
            .frame(&payload)
        }),
        bytes().prop_map(|payload| Ip::TO_BOARD.udp(67, 68, &payload)),
        arp,
        discovery,
    ]
}

/// A segment of the ghost's connection, near its numbers or far from them.
fn segments() -> impl Strategy<Value = (u8, i32, i32, Vec<u8>)> {
    let near = || prop_oneof![-3..4_i32, -3000..3000_i32, any::<i32>()];
    let data = prop_oneof![0..4_usize, 0..1400_usize];
    (any::<u8>(), near(), near(), data).prop_map(|(flags, at, seen, length)| {
        // A reset at the right place ends the case.
        let flags = if at == 0 { flags & !RST } else { flags };
        // Every byte says where it belongs.
        let data = (0..length).map(|byte| at.wrapping_add(byte as i32) as u8);
        (flags, at, seen, data.collect())
    })
}

/// Lets everything end, and introduces the ghost anew.
fn rest(bench: &Bench) {
    for _ in 0..70 {
        bench.advance_ms(1_000);
        bench.settle_a();
    }
    bench.introduce_ghost();
}

proptest! {
    #![proptest_config(Config::with_cases(64))]

    #[test]
    fn any_frame_is_survived(hostile in prop::collection::vec(frames(), 0..40)) {
        let bench = Bench::new();
        bench.exchange(hostile);
        rest(&bench);
        prop_assert_eq!(bench.exchange([Ip::TO_BOARD.echo(b"alive")]).len(), 1);
    }

    /// And what is delivered was sent for its place in the stream.
    #[test]
    fn any_segment_is_survived(hostile in prop::collection::vec(segments(), 0..40)) {
        let bench = Bench::new();
        let listener = bench.a.listener(80, 4);
        let (ghost, child) = Ghost::connected(&bench, listener);
        let _ = bench.a.send(child, &[0; 500]);
        let mut position = 0_usize;
        for (flags, at, seen, data) in hostile {
            let segment = ghost.segment(flags, at, seen, &data);
            bench.exchange([Ip::TO_BOARD.tcp(&segment)]);
            for byte in bench.a.recv(child, 700).unwrap_or_default() {
                prop_assert_eq!(byte, position as u8);
                position += 1;
            }
        }
        bench.a.close(child);
        rest(&bench);
        let mut again = Ghost {
            port: 5001,
            next: FIRST,
            ..ghost
        };
        again.open();
        let answers = again.say(ACK, 0, 0, b"alive");
        again.expect_ack(&answers, 0, 5);
        let (child, _) = loop {
            let (child, peer) = bench.a.accept(listener).unwrap();
            if peer.port == 5001 {
                break (child, peer);
            }
            bench.a.close(child);
        };
        prop_assert_eq!(bench.a.recv(child, 9).unwrap(), b"alive");
    }
}

/// One frame of every kind, cut at every byte: no panic, no answer to what is not whole.
#[test]
fn frames_cut_short_are_survived() {
    let bench = Bench::new();
    let listener = bench.a.listener(80, 1);
    bench.introduce_ghost();
    let segment = Segment {
        source: 5000,
        destination: 80,
        flags: ACK,
        window: 9,
        data: b"data".to_vec(),
        ..Segment::default()
    };
    for frame in [
        Ip::TO_BOARD.tcp(&segment),
        Ip::TO_BOARD.udp(9, 9, b"data"),
        Ip::TO_BOARD.echo(b"data"),
        Ip {
            from: [0; 4],
            ..Ip::TO_BOARD
        }
        .udp(67, 68, &[53; 250]),
    ] {
        for end in 0..frame.len() {
            assert_eq!(bench.exchange([frame[..end].to_vec()]).len(), 0, "{end}");
        }
    }
    assert_eq!(bench.a.ip, BOARD_IP);
    Ghost::connected(&bench, listener);
}
