//! ICMP errors about segments of ours.

use nsapi::Error;

use super::super::alloc::vec::Vec;
use super::super::bench::{Bench, Frame, v4};
use super::ghost::{ACK, BOARD_IP, GHOST_IP, Ghost, Ip, SYN, Segment, checksum};

const ROUTER: [u8; 4] = [10, 0, 0, 5];

/// An error that quotes a frame of the board, as much as 28 bytes of the packet.
fn report(kind: u8, code: u8, quoted: &Frame) -> Frame {
    let head = [kind, code, 0, 0, 0, 0, 0x02, 0x58];
    let mut message = [&head[..], &quoted[14..42]].concat();
    let sum = checksum(&[&message]);
    message[2..4].copy_from_slice(&sum);
    Ip {
        from: ROUTER,
        protocol: 1,
        ..Ip::TO_BOARD
    }
    .frame(&message)
}

/// RFC 1122 §4.2.3.9: an attempt ends when a hard error says that it is in vain.
#[test]
fn a_hard_error_ends_an_attempt() {
    for (code, ends) in [
        (0, false),
        (1, false),
        (2, true),
        (3, true),
        (4, false),
        (5, false),
    ] {
        let bench = Bench::new();
        bench.introduce_ghost();
        let client = bench.a.tcp();
        let to = v4(GHOST_IP, 5000);
        assert_eq!(bench.a.connect(client, to), Err(Error::IN_PROGRESS));
        let syn = bench.settle_a().remove(0);
        assert_eq!(Segment::parse(&syn).unwrap().flags, SYN);
        // RFC 5927 §4.1: not what does not quote this SYN.
        for at in [35, 37, 41] {
            let mut forged = syn.clone();
            forged[at] ^= 1;
            bench.exchange([report(3, code, &forged)]);
        }
        let mut damaged = report(3, code, &syn);
        damaged[39] ^= 1;
        bench.exchange([damaged]);
        assert_eq!(bench.a.connect(client, to), Err(Error::ALREADY));
        bench.exchange([report(3, code, &syn)]);
        let expected = if ends {
            Error::NO_CONNECTION
        } else {
            Error::ALREADY
        };
        assert_eq!(bench.a.connect(client, to), Err(expected), "code {code}");
    }
}

/// RFC 1191 §3, RFC 5927 §4.1: whoever cannot send less lets it be cut, if the error is about data in flight.
#[test]
fn segments_that_do_not_fit_through_may_be_cut() {
    let bench = Bench::new();
    let listener = bench.a.listener(80, 1);
    let (mut ghost, child) = Ghost::connected(&bench, listener);
    ghost.window = 8000;
    let sends = || -> Vec<Frame> {
        bench.a.send(child, &[1; 500]).unwrap();
        bench.settle_a()
    };
    let first = sends().remove(0);
    assert_eq!(first[20..22], [0x40, 0], "not to be cut");
    let mut forged = first.clone();
    forged[38] ^= 0x40;
    bench.exchange([report(3, 4, &forged)]);
    assert_eq!(sends()[0][20..22], [0x40, 0]);
    bench.exchange([report(3, 4, &first)]);
    let mut numbers = Vec::new();
    for _ in 0..2 {
        let frame = sends().remove(0);
        assert!(Segment::parse(&frame).is_some());
        assert_eq!(frame[20..22], [0, 0], "may be cut");
        numbers.push([frame[18], frame[19]]);
    }
    assert_ne!(numbers[0], numbers[1]);
    assert_eq!(bench.a.ip, BOARD_IP);
    // The connection lives.
    ghost.say(ACK, 0, 0, b"alive");
    assert_eq!(bench.a.recv(child, 9).unwrap(), b"alive");
}
