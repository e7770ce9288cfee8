//! The relay between two socket pairs; no namespace is needed.

use core::time::Duration;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;

use etherparse::PacketBuilder;
use hil_kit::wire::{
    Action, Cable, End, Fate, Frame, Impairment, Origin, Pattern, Rule, When, WirePlan,
};
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketOption;
use pcap_file::pcapng::{Block, PcapNgReader};
use proptest::prelude::*;

use super::{Relay, pcapng};

mod troubles;

/// Longer than anything here takes; only a failure waits so long.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long silence is listened to.
const SILENCE: Duration = Duration::from_millis(30);

/// A relay, and the sockets of those at its ends.
struct Ends {
    relay: Arc<Relay>,
    board: UnixDatagram,
    host: UnixDatagram,
}

fn ends() -> Ends {
    ends_recorded(None)
}

fn ends_recorded(capture: Option<std::path::PathBuf>) -> Ends {
    let (host, far) = UnixDatagram::pair().expect("a pair");
    let relay = Relay::start(far.into(), capture, WirePlan::STANDARD).expect("a relay");
    let board = plug_in(&relay);
    host.set_read_timeout(Some(PATIENCE)).expect("set");
    Ends { relay, board, host }
}

fn plug_in(relay: &Relay) -> UnixDatagram {
    let (board, far) = UnixDatagram::pair().expect("a pair");
    board.set_read_timeout(Some(PATIENCE)).expect("set");
    relay.attach_board(far.into());
    board
}

/// A frame that says `n`.
fn frame(n: u8) -> Vec<u8> {
    let mut frame = vec![0xff; 12];
    frame.extend([0x88, 0xb5, n, 0, 0]);
    frame
}

fn receive(socket: &UnixDatagram) -> Vec<u8> {
    let mut room = [0; 2048];
    let length = socket.recv(&mut room).expect("a frame");
    room[..length].to_vec()
}

fn from_board() -> Pattern {
    Pattern::new("of the board", |origin, _| origin.is_board())
}

fn rule(pattern: Pattern, when: When, action: Action) -> Rule {
    Rule {
        pattern,
        when,
        action,
    }
}

/// What arrives at the host at once of frames 0 to `count` of the board.
fn arrived(ends: &Ends, count: u8) -> Vec<u8> {
    const LAST: u8 = 0xff;
    let mut decided = ends.relay.tap(from_board());
    for n in 0..count {
        ends.board.send(&frame(n)).expect("sent");
    }
    for _ in 0..count {
        decided.blocking_recv().expect("a frame");
    }
    ends.relay.inject(End::Host, frame(LAST));
    let mut numbers = Vec::new();
    loop {
        match receive(&ends.host)[14] {
            LAST => return numbers,
            n => numbers.push(n),
        }
    }
}

#[test]
fn carries_frames_both_ways_in_order() {
    let ends = ends();
    for round in 0..20 {
        for n in 0..50 {
            ends.board.send(&frame(n)).expect("sent");
            ends.host.send(&frame(100 + n)).expect("sent");
        }
        for n in 0..50 {
            assert_eq!(receive(&ends.host), frame(n), "round {round}");
            assert_eq!(receive(&ends.board), frame(100 + n), "round {round}");
        }
    }
    let counts = ends.relay.counts();
    assert_eq!((counts.board, counts.host, counts.dropped), (1000, 1000, 0));
    assert_eq!(counts.board_bytes, 17_000);
    let (frames, lost) = ends.relay.frames();
    assert!(!lost);
    assert_eq!(frames.len(), 2000);
    assert!(frames.is_sorted_by_key(|frame| frame.at));
}

#[test]
fn taps_see_what_they_ask_for_with_its_fate() {
    let ends = ends();
    let mut tap = ends.relay.tap(from_board());
    let mut all = ends.relay.tap(Pattern::new("all", |_, _| true));
    let rule = rule(from_board(), When::Nth(2), Action::Drop);
    let id = ends.relay.add_rule(rule);
    ends.relay.inject(End::Host, frame(9));
    assert_eq!(arrived(&ends, 3), [9, 0, 2]);

    let fates: Vec<Fate> = (0..3)
        .map(|_| tap.blocking_recv().expect("a frame").fate)
        .collect();
    assert_eq!(fates, [Fate::Passed, Fate::Dropped("rule"), Fate::Passed]);
    assert!(tap.try_recv().is_err());
    let origin = all.blocking_recv().map(|it| it.origin);
    assert_eq!(origin, Some(Origin::Injected(End::Host)));
    let applied = ends.relay.applied(id);
    assert_eq!((applied.matched, applied.applied), (3, 1));
    drop((tap, all));
    assert_eq!(arrived(&ends, 1), [0]);
}

#[test]
fn the_first_rule_that_means_a_frame_decides() {
    let ends = ends();
    let add = |when, action| ends.relay.add_rule(rule(from_board(), when, action));
    add(When::Nth(1), Action::Pass);
    let second = add(When::First(2), Action::Drop);
    add(When::Nth(4), Action::Duplicate(3));
    add(When::After(4), Action::Drop);
    assert_eq!(arrived(&ends, 6), [0, 2, 3, 3, 3]);
    let applied = ends.relay.applied(second);
    assert_eq!((applied.matched, applied.applied), (6, 1));
}

#[test]
fn frames_are_held_until_they_are_let_go() {
    let ends = ends();
    let third_and_fourth = Pattern::new("2 or 3", |_, frame| matches!(frame.get(14), Some(2 | 3)));
    let id = ends
        .relay
        .add_rule(rule(third_and_fourth, When::Always, Action::Hold));
    assert_eq!(arrived(&ends, 5), [0, 1, 4]);
    assert_eq!(ends.relay.applied(id).held, 2);
    ends.relay.release(id);
    assert_eq!((receive(&ends.host)[14], receive(&ends.host)[14]), (2, 3));
    assert_eq!(ends.relay.applied(id).held, 0);
    assert_eq!(arrived(&ends, 4), [0, 1]);
    ends.relay.remove_rule(id);
    assert_eq!((receive(&ends.host)[14], receive(&ends.host)[14]), (2, 3));
    ends.relay.remove_rule(id);
    assert_eq!(ends.relay.applied(id), hil_kit::wire::Applied::default());
}

#[test]
fn changed_bytes_arrive_and_sent_bytes_are_recorded() {
    let ends = ends();
    let change = Action::Change(Arc::new(|bytes| bytes[14] = 77));
    ends.relay
        .add_rule(rule(from_board(), When::Always, change));
    assert_eq!(arrived(&ends, 1), [77]);
    let (frames, _) = ends.relay.frames();
    assert_eq!(frames[0].bytes[..], frame(0)[..]);
    assert_eq!(frames[0].delivered(), Some(&frame(77)[..]));
}

#[test]
fn a_delayed_frame_is_overtaken() {
    let ends = ends();
    let delay = Action::Delay(Duration::from_secs(1));
    ends.relay.add_rule(rule(from_board(), When::Nth(1), delay));
    assert_eq!(arrived(&ends, 3), [1, 2]);
    assert_eq!(receive(&ends.host), frame(0));
}

#[test]
fn a_case_that_panics_in_a_pattern_does_not_end_the_cable() {
    let ends = ends();
    let broken = Pattern::new("broken", |_, frame| frame[4000] == 0);
    let _tap = ends.relay.tap(broken.clone());
    ends.relay
        .add_rule(rule(broken, When::Always, Action::Drop));
    assert_eq!(arrived(&ends, 1), [0]);
    let troubles = ends.relay.troubles();
    assert!(
        troubles.iter().any(|it| it.contains("panicked")),
        "{troubles:?}"
    );
    assert!(ends.relay.troubles().is_empty());
}

#[tokio::test]
async fn nothing_of_the_ends_passes_a_cut() {
    let ends = ends();
    let phy = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&phy);
    ends.relay.on_set_link(Some(Arc::new(move |up| {
        seen.lock().expect("no panic").push(up);
        Box::pin(async { Ok(()) })
    })));
    ends.relay.set_link(true).await.expect("set");
    ends.relay.set_link(false).await.expect("set");
    let mut tap = ends.relay.tap(Pattern::new("all", |_, _| true));
    ends.host.send(&frame(1)).expect("sent");
    let lost = tap.recv().await.expect("a frame");
    assert_eq!(lost.fate, Fate::Dropped("cut"));
    let ends = tokio::task::spawn_blocking(move || {
        assert!(arrived(&ends, 2).is_empty());
        ends
    });
    let ends = ends.await.expect("no panic");
    ends.relay.set_link(true).await.expect("set");
    let ends = tokio::task::spawn_blocking(move || {
        assert_eq!(arrived(&ends, 1), [0]);
        ends
    });
    let ends = ends.await.expect("no panic");
    assert_eq!(*phy.lock().expect("no panic"), [false, true]);
    let (frames, _) = ends.relay.frames();
    let cut = frames
        .iter()
        .filter(|it| it.fate == Fate::Dropped("cut"))
        .count();
    assert_eq!(cut, 3);
}

#[test]
fn a_case_begins_with_a_clean_cable() {
    let ends = ends();
    ends.relay.begin_case("one");
    let hold = ends
        .relay
        .add_rule(rule(from_board(), When::First(1), Action::Hold));
    ends.relay.impair(Some(Impairment {
        loss: 1.0,
        ..Impairment::none(1)
    }));
    assert!(arrived(&ends, 3).is_empty());
    drop(ends.relay.set_link(false));
    ends.relay.begin_case("two");
    ends.relay.release(hold);
    assert_eq!(arrived(&ends, 2), [0, 1]);
    assert_eq!(ends.relay.frames().0.len(), 3);
    assert_eq!(ends.relay.counts().board, 2);
}

#[test]
fn a_board_may_be_exchanged() {
    let mut ends = ends();
    assert_eq!(arrived(&ends, 2), [0, 1]);
    ends.relay.detach_board();
    ends.relay.inject(End::Board, frame(1));
    let (frames, _) = ends.relay.frames();
    assert_eq!(
        frames.last().map(|it| it.fate.clone()),
        Some(Fate::Dropped("detached"))
    );
    ends.board = plug_in(&ends.relay);
    assert_eq!(arrived(&ends, 2), [0, 1]);
    // One that goes by itself does not keep the relay busy or end it.
    drop(core::mem::replace(&mut ends.board, plug_in(&ends.relay)));
    assert_eq!(arrived(&ends, 2), [0, 1]);
}

#[test]
fn the_record_of_a_case_is_bounded() {
    let ends = ends();
    let big = vec![0; 60_000];
    for _ in 0..2 * super::ring::MOST_BYTES / big.len() {
        ends.relay.inject(End::Host, big.clone());
    }
    let (frames, lost) = ends.relay.frames();
    assert!(lost);
    let bytes: usize = frames.iter().map(|it| it.bytes.len()).sum();
    assert!(bytes <= super::ring::MOST_BYTES && bytes > super::ring::MOST_BYTES / 2);
}

#[test]
fn ends_with_frames_under_way() {
    let ends = ends();
    ends.relay.impair(Some(Impairment {
        delay: Duration::from_secs(3600),
        ..Impairment::none(1)
    }));
    for n in 0..100 {
        ends.board.send(&frame(n)).expect("sent");
    }
    let Ends { relay, host, .. } = ends;
    // The thread is joined here; afterwards its sockets are closed.
    drop(relay);
    assert!(host.send(&frame(0)).is_err());
}

#[test]
fn the_recording_can_be_read_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("wire.pcapng");
    let ends = ends_recorded(Some(path.clone()));
    ends.relay.begin_case("tcp/recv/one");
    ends.relay
        .add_rule(rule(from_board(), When::Nth(2), Action::Drop));
    assert_eq!(arrived(&ends, 2), [0]);
    ends.relay.begin_case("tcp/recv/two");
    let change = Action::Change(Arc::new(|bytes| bytes[14] = 77));
    ends.relay
        .add_rule(rule(from_board(), When::Always, change));
    assert_eq!(arrived(&ends, 1), [77]);
    ends.host.send(&frame(5)).expect("sent");
    assert_eq!(receive(&ends.board), frame(5));
    let epoch = ends.relay.began();
    let (frames, lost) = ends.relay.frames();
    drop(ends);

    let seen = read_again(&path);
    let short: Vec<_> = seen
        .iter()
        .map(|it| (it.interface, it.bytes[14], it.comments.join("|")))
        .collect();
    let expected = [
        (0, 0, "tcp/recv/one"),
        (0, 1, "dropped: rule"),
        (2, 255, "to the host"),
        (0, 0, "tcp/recv/two|changed: byte 14 00 to 4d"),
        (2, 255, "to the host"),
        (1, 5, ""),
    ]
    .map(|(interface, number, comments)| (interface, number, comments.to_owned()));
    assert_eq!(short, expected);
    let now = std::time::SystemTime::now();
    assert!(seen.iter().all(|it| {
        let at = std::time::SystemTime::UNIX_EPOCH + it.at;
        at <= now && now.duration_since(at).is_ok_and(|ago| ago < 10 * PATIENCE)
    }));

    let own = dir.path().join("two.pcapng");
    pcapng::write_case(&own, "tcp/recv/two", epoch, &frames, lost).expect("written");
    let again = read_again(&own);
    assert_eq!(again.len(), 3);
    assert_eq!(again[0].comments, seen[3].comments);
    assert_eq!(again[0].at, seen[3].at);
}

#[test]
fn a_full_recording_says_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("wire.pcapng");
    let epoch = std::time::SystemTime::now();
    let mut recorder =
        super::recorder::Recorder::bounded(&path, epoch, 10_000).expect("a recorder");
    for _ in 0..100 {
        let mut tape = super::tape::Tape::new(true);
        tape.frame(&Frame {
            at: Duration::ZERO,
            origin: Origin::Sent(End::Board),
            bytes: vec![0; 1000].into(),
            fate: Fate::Passed,
        });
        recorder.write(tape).expect("written");
    }
    let seen = read_again(&path);
    assert_eq!(seen.len(), 10);
    assert!(
        seen.last()
            .is_some_and(|it| it.comments[0].contains("limit of 10000"))
    );
}

/// A frame read from a file.
struct Seen {
    interface: u32,
    at: Duration,
    bytes: Vec<u8>,
    comments: Vec<String>,
}

fn read_again(path: &std::path::Path) -> Vec<Seen> {
    let file = std::fs::File::open(path).expect("a file");
    let mut reader = PcapNgReader::new(file).expect("a recording");
    let mut seen = Vec::new();
    while let Some(block) = reader.next_block() {
        if let Block::EnhancedPacket(it) = block.expect("a block") {
            let comments = it.options.iter().filter_map(|option| match option {
                EnhancedPacketOption::Comment(text) => Some(text.to_string()),
                _ => None,
            });
            seen.push(Seen {
                interface: it.interface_id,
                at: it.timestamp,
                comments: comments.collect(),
                bytes: it.data.into_owned(),
            });
        }
    }
    seen
}

fn udp(ports: (u16, u16), size: usize) -> Vec<u8> {
    let mut frame = Vec::new();
    PacketBuilder::ethernet2([2; 6], [4; 6])
        .ipv4([192, 0, 2, 1], [192, 0, 2, 15], 64)
        .udp(ports.0, ports.1)
        .write(&mut frame, &vec![0; size])
        .expect("written");
    frame
}

/// Fates without what depends on time: how late a frame is.
fn word(fate: &Fate) -> String {
    match fate {
        Fate::Delayed(_) => "delayed".into(),
        Fate::Changed(bytes) => format!("changed {bytes:?}"),
        other => format!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever other flows do and however time passes, the n-th frame of a flow has the same fate.
    #[test]
    fn fates_depend_on_seed_flow_and_number_alone(
        seed: u64,
        loss in 0.0..0.5,
        corrupt in 0.0..0.2,
        duplicate in 0.0..0.2,
        reorder in 0.0..0.1,
        others in prop::collection::vec(0_u16..4, 0..200),
    ) {
        use std::time::Instant;
        let what = Impairment { loss, corrupt, duplicate, reorder, ..Impairment::none(seed) };
        // A flow with a name of its own; those with chosen ports are named by their order.
        let own = udp((7, 9), 40);
        let now = Instant::now();
        let mut alone = super::impair::Impairer::new(what);
        let first: Vec<String> =
            (0..50).map(|_| word(&alone.next(End::Board, &own, now).fate)).collect();

        let mut busy = super::impair::Impairer::new(what);
        let mut again = Vec::new();
        let mut others = others.into_iter();
        for n in 0..50 {
            let now = now + Duration::from_micros(n * 37);
            for port in others.by_ref().take(4) {
                let _ = busy.next(End::Board, &udp((port + 10, 9), 10), now);
                let _ = busy.next(End::Host, &own, now);
            }
            again.push(word(&busy.next(End::Board, &own, now).fate));
        }
        prop_assert_eq!(first, again);
    }

    /// Frames that nobody reorders stay in order whatever delays them.
    #[test]
    fn jitter_and_rate_keep_the_order(
        seed: u64,
        jitter_us in 0_u64..5000,
        delay_us in 0_u64..5000,
        rate in prop::sample::select(vec![0_u64, 1_000_000, 100_000_000]),
        gaps in prop::collection::vec(0_u64..300, 1..60),
    ) {
        let what = Impairment {
            jitter: Duration::from_micros(jitter_us),
            delay: Duration::from_micros(delay_us),
            rate,
            ..Impairment::none(seed)
        };
        let mut impairer = super::impair::Impairer::new(what);
        let mut now = std::time::Instant::now();
        let mut last = now;
        for gap in gaps {
            now += Duration::from_micros(gap);
            let it = impairer.next(End::Host, &udp((7, 9), 500), now);
            if it.fate != Fate::Dropped("rate") {
                let due = now + it.later;
                prop_assert!(due >= last);
                last = due;
            }
        }
    }
}

/// Two conversations of a case, with the ports that this run's stacks chose.
fn fates_of_conversations(chosen: [u16; 3]) -> Vec<String> {
    let what = Impairment {
        loss: 0.3,
        duplicate: 0.3,
        ..Impairment::none(11)
    };
    let [first, second, service] = chosen;
    let mut impairer = super::impair::Impairer::new(what);
    let mut fates = Vec::new();
    for _ in 0..20 {
        for own in [first, second] {
            for (towards, ports) in [(End::Host, (own, service)), (End::Board, (service, own))] {
                let it = impairer.next(towards, &udp(ports, 40), std::time::Instant::now());
                fates.push(word(&it.fate));
            }
        }
    }
    fates
}

#[test]
fn ports_that_stacks_choose_do_not_decide() {
    for service in [7, 40_000] {
        let once = fates_of_conversations([50_000, 50_001, service]);
        let other = if service == 7 { 7 } else { 35_123 };
        assert_eq!(once, fates_of_conversations([60_123, 49_152, other]));
        let of = |number: usize| -> Vec<_> { once.iter().skip(number).step_by(4).collect() };
        for number in 1..4 {
            assert_ne!(of(0), of(number), "each direction of each has its own");
        }
    }
}

#[test]
fn shares_come_out_as_asked_for() {
    let what = Impairment {
        loss: 0.05,
        corrupt: 0.1,
        duplicate: 0.15,
        reorder: 0.2,
        ..Impairment::none(4)
    };
    let mut impairer = super::impair::Impairer::new(what);
    let now = std::time::Instant::now();
    let mut counts = [0_u32; 5];
    for n in 0..20_000 {
        let fate = impairer
            .next(End::Host, &udp((n % 10, 9), 100), now + PATIENCE * n.into())
            .fate;
        let index = match fate {
            Fate::Dropped(_) => 0,
            Fate::Changed(bytes) => {
                assert_eq!(different_bits(&bytes, &udp((n % 10, 9), 100)), 1);
                1
            }
            Fate::Duplicated(times) => {
                assert_eq!(times, 2);
                2
            }
            Fate::Delayed(_) => 3,
            Fate::Passed => 4,
            Fate::Held => panic!("nobody asked for it"),
        };
        counts[index] += 1;
    }
    for (count, expected) in counts.into_iter().zip([1000, 2000, 3000, 4000, 10_000_u32]) {
        assert!(count.abs_diff(expected) < expected / 8, "{counts:?}");
    }
}

fn different_bits(one: &[u8], other: &[u8]) -> u32 {
    assert_eq!(one.len(), other.len());
    one.iter()
        .zip(other)
        .map(|(one, other)| (one ^ other).count_ones())
        .sum()
}

#[test]
fn impairment_reaches_the_cable() {
    let lossy = |seed| {
        let ends = ends();
        ends.relay.impair(Some(Impairment {
            loss: 0.5,
            ..Impairment::none(seed)
        }));
        arrived(&ends, 100)
    };
    let once = lossy(1);
    assert!((20..80).contains(&once.len()), "{once:?}");
    assert_eq!(once, lossy(1));
    assert_ne!(once, lossy(2));
}
