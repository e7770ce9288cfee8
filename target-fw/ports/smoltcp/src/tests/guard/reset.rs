//! Resets: that of nobody's port, and those that end a connection or do not.

use nsapi::Error;

use super::super::bench::Bench;
use super::ghost::{ACK, FIN, Ghost, Ip, PSH, RST, SYN, Segment};

fn stray(flags: u8, data: &[u8]) -> Segment {
    Segment {
        source: 5000,
        destination: 81,
        sequence: 1000,
        acknowledgement: if flags & ACK == 0 { 0 } else { 77 },
        flags,
        window: 500,
        data: data.to_vec(),
        ..Segment::default()
    }
}

/// RFC 9293 §3.10.7.1.
#[test]
fn a_closed_port_resets_in_the_form_the_peer_accepts() {
    let bench = Bench::new();
    bench.introduce_ghost();
    for (flags, data, expected) in [
        (SYN, &b""[..], (RST | ACK, 0, 1001)),
        (SYN, b"ten bytes!", (RST | ACK, 0, 1011)),
        (FIN, b"", (RST | ACK, 0, 1001)),
        (FIN, b"ten bytes!", (RST | ACK, 0, 1011)),
        (PSH, b"ten bytes!", (RST | ACK, 0, 1010)),
        (0, b"", (RST | ACK, 0, 1000)),
        (ACK, b"", (RST, 77, 0)),
        (ACK | FIN, b"ten bytes!", (RST, 77, 0)),
    ] {
        let answers = bench.segments(Ip::TO_BOARD.tcp(&stray(flags, data)));
        let [answer] = &answers[..] else {
            panic!("{flags:#x}: {answers:?}");
        };
        let form = (answer.flags, answer.sequence, answer.acknowledgement);
        assert_eq!(form, expected, "{flags:#x} {data:?}");
    }
    for flags in [RST, RST | ACK] {
        assert_eq!(bench.segments(Ip::TO_BOARD.tcp(&stray(flags, b""))), []);
    }
}

/// RFC 9293 §3.10.7.2: what is neither SYN nor ACK is dropped.
#[test]
fn a_listener_ignores_what_it_cannot_use() {
    let bench = Bench::new();
    let listener = bench.a.listener(80, 1);
    bench.introduce_ghost();
    for flags in [0, FIN, PSH, RST] {
        let junk = Segment {
            destination: 80,
            ..stray(flags, b"x")
        };
        assert_eq!(bench.segments(Ip::TO_BOARD.tcp(&junk)), [], "{flags:#x}");
    }
    Ghost::connected(&bench, listener);
}

/// RFC 5961 §3.2.
#[test]
fn a_reset_that_is_not_exact_is_challenged() {
    let bench = Bench::new();
    let listener = bench.a.listener(80, 1);
    let (mut ghost, child) = Ghost::connected(&bench, listener);
    for offset in [1, 100, 2047] {
        let answers = ghost.say(RST, offset, 0, b"");
        ghost.expect_ack(&answers, 0, 0);
        bench.advance_ms(1_100);
    }
    for offset in [-1, 2048, 100_000] {
        assert_eq!(ghost.say(RST, offset, 0, b""), [], "{offset}");
    }
    ghost.say(ACK, 0, 0, b"alive");
    assert_eq!(bench.a.recv(child, 9).unwrap(), b"alive");
    ghost.next = ghost.next.wrapping_add(5);
    assert_eq!(ghost.say(RST, 0, 0, b""), [], "the exact one");
    assert_eq!(bench.a.recv(child, 9), Err(Error::NO_CONNECTION));
}

/// RFC 9293 §3.10.7.4: exact is what comes next, also if it has not been acknowledged yet.
#[test]
fn a_reset_right_behind_data_is_exact() {
    let bench = Bench::new();
    let listener = bench.a.listener(80, 1);
    let (ghost, child) = Ghost::connected(&bench, listener);
    let data = ghost.segment(ACK, 0, 0, b"last words");
    let reset = ghost.segment(RST, 10, 0, b"");
    bench.exchange([Ip::TO_BOARD.tcp(&data), Ip::TO_BOARD.tcp(&reset)]);
    assert_eq!(bench.a.send(child, b"x"), Err(Error::NO_CONNECTION));
}

/// RFC 9293 SHLD-2 and §3.10.7.4: it may carry text, and it counts also when nothing else is taken.
#[test]
fn a_reset_with_text_ends_a_connection_whose_window_is_closed() {
    let bench = Bench::new();
    let listener = bench.a.listener(80, 1);
    let (ghost, child) = Ghost::connected(&bench, listener);
    ghost.say(ACK, 0, 0, &[1; 1400]);
    let answers = ghost.say(ACK, 1400, 0, &[2; 648]);
    assert_eq!(answers.last().unwrap().window, 0, "{answers:?}");
    assert_eq!(ghost.say(RST, 2048, 0, b"go away"), []);
    assert_eq!(bench.a.send(child, b"x"), Err(Error::NO_CONNECTION));
}

/// RFC 9293 §3.5.1, RFC 5961 §4.2: a peer that restarted finds out, and can connect again.
#[test]
fn a_syn_for_a_connection_is_challenged_and_the_peer_recovers() {
    let bench = Bench::new();
    let listener = bench.a.listener(80, 1);
    let (mut ghost, child) = Ghost::connected(&bench, listener);
    for offset in [10, 1_000_000, -7] {
        bench.advance_ms(1_100);
        let answers = ghost.say(SYN, offset, 0, b"");
        ghost.expect_ack(&answers, 0, 0);
    }
    // At most one a second.
    assert_eq!(ghost.say(SYN, 10, 0, b""), []);
    ghost.say(ACK, 0, 0, b"alive");
    assert_eq!(bench.a.recv(child, 9).unwrap(), b"alive");
    ghost.next = ghost.next.wrapping_add(5);
    assert_eq!(ghost.say(RST, 0, 0, b""), []);
    assert_eq!(bench.a.recv(child, 9), Err(Error::NO_CONNECTION));
    ghost.next = 5;
    ghost.open();
    bench.a.accept(listener).unwrap();
}

/// RFC 1122 §4.2.2.13: not silence.
#[test]
fn a_syn_for_a_connection_that_ended_here_is_answered() {
    let bench = Bench::new();
    let listener = bench.a.listener(80, 1);
    let (mut ghost, child) = Ghost::connected(&bench, listener);
    bench.a.close(child);
    let fin = bench.settle_a();
    assert_eq!(Segment::parse(&fin[0]).unwrap().flags, FIN | ACK);
    ghost.seen = ghost.seen.wrapping_add(1);
    let answers = ghost.say(FIN | ACK, 0, 0, b"");
    ghost.expect_ack(&answers, 0, 1);
    ghost.next = ghost.next.wrapping_add(1);
    let answers = ghost.say(SYN, 5_000, 0, b"");
    ghost.expect_ack(&answers, 0, 0);
    assert_eq!(ghost.say(RST, 0, 0, b""), []);
    ghost.next = ghost.next.wrapping_add(5_000);
    ghost.open();
}
