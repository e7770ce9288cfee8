//! Segments of a connection.

use nsapi::Error;

use super::super::alloc::vec;
use super::super::bench::{Bench, v4};
use super::ghost::{ACK, FIN, FIRST, GHOST_IP, Ghost, Ip, SYN, Segment};
use nsapi::NetworkStack as _;

/// RFC 9293 §3.10.7.4: a FIN is trimmed with the bytes before it.
#[test]
fn a_fin_behind_the_window_does_not_count() {
    let bench = Bench::new();
    let listener = bench.a.listener(80, 1);
    let (mut ghost, child) = Ghost::connected(&bench, listener);
    ghost.say(ACK, 0, 0, &[1; 1400]);
    ghost.say(ACK, 1400, 0, &[2; 584]);
    ghost.next = ghost.next.wrapping_add(1984);
    // 64 bytes of window are left.
    let answers = ghost.say(FIN | ACK, 0, 0, &[3; 100]);
    assert_eq!(
        answers.last().unwrap().acknowledgement,
        ghost.next.wrapping_add(64)
    );
    assert_eq!(bench.a.recv(child, 4000).unwrap().len(), 2048);
    assert_eq!(bench.a.recv(child, 4000), Err(Error::WOULD_BLOCK));
    bench.settle_a();
    let answers = ghost.say(FIN | ACK, 64, 0, &[3; 36]);
    ghost.expect_ack(&answers, 0, 101);
    assert_eq!(bench.a.recv(child, 4000).unwrap(), [3; 36]);
    assert_eq!(bench.a.recv(child, 4000).unwrap(), []);
}

/// RFC 9293 §3.10.7.4, eighth step: it waits for what is missing, and is taken when it comes again.
#[test]
fn a_fin_repeated_with_data_that_is_there_counts() {
    let bench = Bench::new();
    let listener = bench.a.listener(80, 1);
    let (ghost, child) = Ghost::connected(&bench, listener);
    let answers = ghost.say(FIN | ACK, 100, 0, &[2; 100]);
    ghost.expect_ack(&answers, 0, 0);
    assert_eq!(bench.a.recv(child, 400), Err(Error::WOULD_BLOCK));
    let answers = ghost.say(ACK, 0, 0, &[1; 100]);
    ghost.expect_ack(&answers, 0, 200);
    let answers = ghost.say(FIN | ACK, 100, 0, &[2; 100]);
    ghost.expect_ack(&answers, 0, 201);
    assert_eq!(
        bench.a.recv(child, 400).unwrap(),
        [[1; 100], [2; 100]].concat()
    );
    assert_eq!(bench.a.recv(child, 400).unwrap(), []);
}

/// The board sends `data`; what the ghost sees of it.
fn sends(ghost: &Ghost<'_>, child: nsapi::StackHandle, data: &[u8]) -> usize {
    assert_eq!(ghost.bench.a.send(child, data), Ok(data.len()));
    let frames = ghost.bench.settle_a();
    let segments = frames.iter().filter_map(Segment::parse);
    segments.map(|segment| segment.data.len()).sum()
}

/// RFC 9293 §3.10.7.4, fifth step.
#[test]
fn data_with_an_old_acknowledgement_is_taken() {
    let bench = Bench::new();
    let listener = bench.a.listener(80, 1);
    let (mut ghost, child) = Ghost::connected(&bench, listener);
    assert_eq!(sends(&ghost, child, &[7; 50]), 50);
    ghost.say(ACK, 0, 50, b"");
    let answers = ghost.say(ACK, 0, 0, b"reordered");
    ghost.expect_ack(&answers, 50, 9);
    assert_eq!(bench.a.recv(child, 99).unwrap(), b"reordered");
    // RFC 5961 §5: not if it is older than anything can be.
    ghost.next = ghost.next.wrapping_add(9);
    assert_eq!(ghost.say(ACK, 0, -0x4000_0000, b"forged"), []);
    assert_eq!(bench.a.recv(child, 99), Err(Error::WOULD_BLOCK));
}

/// RFC 9293 §3.10.7.4, first step: whoever does not know the sequence numbers acknowledges nothing, and says
/// nothing about the window.
#[test]
fn a_segment_from_nowhere_changes_nothing() {
    for offset in [0x1000_0000, -0x1000_0000] {
        let bench = Bench::new();
        let listener = bench.a.listener(80, 1);
        let (mut ghost, child) = Ghost::connected(&bench, listener);
        assert_eq!(sends(&ghost, child, &[7; 50]), 50);
        ghost.say(ACK, offset, 50, b"forged");
        // The peer has not got it yet; it is still there to be sent again.
        let answers = ghost.say(ACK, 0, 0, b"true");
        ghost.expect_ack(&answers, 50, 4);
        assert_eq!(bench.a.recv(child, 99).unwrap(), b"true");
        bench.advance_ms(5_000);
        let again = bench.settle_a();
        let again = again.iter().filter_map(Segment::parse);
        assert!(again.into_iter().any(|it| it.data == [7; 50]), "{offset}");
        // Nor is a window taken from it.
        ghost.next = ghost.next.wrapping_add(4);
        ghost.say(ACK, 0, 50, b"");
        ghost.window = 60_000;
        ghost.say(ACK, offset, 50, b"forged");
        ghost.window = 10;
        ghost.say(ACK, 0, 50, b"");
        assert_eq!(sends(&ghost, child, &[5; 100]), 10, "{offset}");
    }
}

/// RFC 9293 §3.10.7.4, fifth step: an acknowledgement of what was never sent is answered and ignored.
#[test]
fn what_was_not_sent_cannot_be_acknowledged() {
    let bench = Bench::new();
    let listener = bench.a.listener(80, 1);
    let (mut ghost, child) = Ghost::connected(&bench, listener);
    ghost.window = 10;
    ghost.say(ACK, 0, 0, b"");
    let data: [u8; 200] = core::array::from_fn(|index| index as u8);
    assert_eq!(sends(&ghost, child, &data), 10);
    ghost.window = 1000;
    let answers = ghost.say(ACK, 0, 100, b"");
    ghost.expect_ack(&answers, 10, 0);
    let answers = ghost.say(ACK, 0, 10, b"");
    let all: vec::Vec<u8> = answers.iter().flat_map(|one| one.data.clone()).collect();
    assert_eq!(answers[0].sequence, ghost.seen.wrapping_add(10));
    assert_eq!(all, data[10..]);
}

/// RFC 9293 MUST-66: a closed window takes no data, but the acknowledgement that comes with it.
#[test]
fn a_probe_of_a_closed_window_acknowledges() {
    let bench = Bench::new();
    let listener = bench.a.listener(80, 1);
    let (mut ghost, child) = Ghost::connected(&bench, listener);
    ghost.say(ACK, 0, 0, &[1; 1400]);
    ghost.say(ACK, 1400, 0, &[2; 648]);
    ghost.next = ghost.next.wrapping_add(2048);
    assert_eq!(sends(&ghost, child, &[9; 50]), 50);
    let answers = ghost.say(ACK, 0, 50, b"p");
    ghost.expect_ack(&answers, 50, 0);
    assert_eq!(answers[0].window, 0);
    // What was acknowledged is not sent again.
    bench.advance_ms(5_000);
    assert_eq!(bench.settle_a().len(), 0);
    // The same probe without news is answered every time.
    for _ in 0..3 {
        let answers = ghost.say(ACK, 0, 50, b"p");
        ghost.expect_ack(&answers, 50, 0);
        bench.advance_ms(200);
    }
    assert_eq!(bench.a.recv(child, 4000).unwrap().len(), 2048);
    bench.settle_a();
    ghost.say(ACK, 0, 50, b"p");
    assert_eq!(bench.a.recv(child, 4000).unwrap(), b"p");
}

/// RFC 9293 §3.10.7.4, fifth step: SND.WL1 and SND.WL2.
#[test]
fn an_older_segment_does_not_close_the_window() {
    let bench = Bench::new();
    let listener = bench.a.listener(80, 1);
    let (mut ghost, child) = Ghost::connected(&bench, listener);
    ghost.window = 4000;
    ghost.say(ACK, 100, 0, &[2; 100]);
    ghost.window = 0;
    ghost.say(ACK, 0, 0, &[1; 100]);
    assert_eq!(sends(&ghost, child, &[5; 500]), 500);
    // A newer one does.
    ghost.next = ghost.next.wrapping_add(200);
    ghost.say(ACK, 0, 500, b"");
    assert!(sends(&ghost, child, &[5; 500]) <= 1);
}

/// RFC 9293 MUST-3: a damaged segment is not even noticed.
#[test]
fn a_segment_with_a_wrong_checksum_changes_nothing() {
    let bench = Bench::new();
    let listener = bench.a.listener(80, 1);
    let (ghost, child) = Ghost::connected(&bench, listener);
    let good = Ip::TO_BOARD.tcp(&ghost.segment(ACK, 0, 0, b"good"));
    for change in [1, 0x80] {
        let mut bad = good.clone();
        bad[50] ^= change;
        assert_eq!(bench.segments(bad), []);
    }
    assert_eq!(bench.a.recv(child, 9), Err(Error::WOULD_BLOCK));
    assert_eq!(bench.segments(good).len(), 1);
    assert_eq!(bench.a.recv(child, 9).unwrap(), b"good");
}

/// RFC 9293 §3.5, figure 7: both ends open at once.
#[test]
fn a_simultaneous_open_succeeds() {
    let bench = Bench::new();
    bench.introduce_ghost();
    let client = bench.a.tcp();
    let to = v4(GHOST_IP, 5000);
    assert_eq!(bench.a.connect(client, to), Err(Error::IN_PROGRESS));
    let frames = bench.settle_a();
    let syn = Segment::parse(&frames[0]).unwrap();
    assert_eq!(syn.flags, SYN);
    let mut ghost = Ghost {
        bench: &bench,
        port: 5000,
        board_port: syn.source,
        next: FIRST,
        seen: syn.sequence,
        window: 8000,
    };
    let answers = ghost.say(SYN, 0, 0, b"");
    assert_eq!(answers[0].flags, SYN | ACK);
    assert_eq!(answers[0].sequence, syn.sequence, "the same number again");
    ghost.say(SYN | ACK, 0, 1, b"");
    assert_eq!(bench.a.connect(client, to), Err(Error::IS_CONNECTED));
    ghost.next = ghost.next.wrapping_add(1);
    ghost.say(ACK, 0, 1, b"hello");
    assert_eq!(bench.a.recv(client, 9).unwrap(), b"hello");
    assert_eq!(bench.a.stack.socket_close(client), Ok(()));
}

/// RFC 9293 §3.10.7.4, seventh step: behind the end there is nothing.
#[test]
fn text_behind_the_end_is_not_delivered() {
    let bench = Bench::new();
    let listener = bench.a.listener(80, 1);
    let (mut ghost, child) = Ghost::connected(&bench, listener);
    let answers = ghost.say(FIN | ACK, 0, 0, b"end");
    ghost.expect_ack(&answers, 0, 4);
    ghost.next = ghost.next.wrapping_add(4);
    ghost.say(ACK, 0, 0, b"more");
    assert_eq!(bench.a.recv(child, 9).unwrap(), b"end");
    assert_eq!(bench.a.recv(child, 9).unwrap(), b"");
    // Repeated, the end is acknowledged again.
    let answers = ghost.say(FIN | ACK, -4, 0, b"end");
    ghost.expect_ack(&answers, 0, 0);
}
