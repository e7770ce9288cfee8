//! What goes wrong with the cable itself: it is counted, bounded, and told from what an IUT does.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::lan::wire::relay::state::MOST_WAITING;

/// Injects twice as much as may wait for an end that takes nothing; how many frames that were.
fn flood(ends: &Ends, to: End) -> u64 {
    let big = vec![0; 1514];
    let count = 2 * MOST_WAITING / big.len();
    for _ in 0..count {
        ends.relay.inject(to, big.clone());
    }
    count as u64
}

#[test]
fn an_end_that_takes_nothing_costs_frames_but_no_memory() {
    let ends = ends();
    let count = flood(&ends, End::Board);
    let dropped = ends.relay.counts().dropped;
    assert!(dropped > 0 && dropped < count, "{dropped} of {count}");
    let mut taken = 0;
    ends.board.set_read_timeout(Some(SILENCE)).expect("set");
    while ends.board.recv(&mut [0; 2048]).is_ok() {
        taken += 1;
    }
    assert_eq!(taken + dropped, count);
    assert!(!ends.relay.troubles().is_empty());
}

#[test]
fn only_the_rig_spoils_a_case() {
    let ends = ends();
    ends.relay.begin_case("a slow board");
    flood(&ends, End::Board);
    assert_eq!(ends.relay.spoiled(), None, "a board may be slow");
    ends.relay.begin_case("a slow host");
    flood(&ends, End::Host);
    let spoiled = ends.relay.spoiled().expect("the host is the rig's");
    assert!(spoiled.contains("host"), "{spoiled}");
    ends.relay.begin_case("the next one");
    assert_eq!(ends.relay.spoiled(), None);
}

#[test]
fn copies_that_find_no_room_are_not_told_as_delivered() {
    let ends = ends();
    let twice = Action::Duplicate(1000);
    let all = Pattern::new("all", |_, _| true);
    ends.relay.add_rule(rule(all, When::Always, twice));
    let mut tap = ends.relay.tap(from_board());
    let big = vec![0; 60_000];
    ends.board.send(&big).expect("sent");
    let told = tap.blocking_recv().expect("a frame");
    let Fate::Duplicated(times) = told.fate else {
        panic!("some copies have found room: {:?}", told.fate);
    };
    assert!((1..1000).contains(&times), "{times}");
    let mut taken = 0;
    ends.host.set_read_timeout(Some(SILENCE)).expect("set");
    while ends.host.recv(&mut vec![0; 70_000]).is_ok() {
        taken += 1;
    }
    assert_eq!(taken, times);
}

#[tokio::test]
async fn a_phy_that_did_not_hear_is_told_again() {
    let ends = ends();
    let deaf = Arc::new(AtomicBool::new(false));
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (is_deaf, seen) = (Arc::clone(&deaf), Arc::clone(&told));
    ends.relay.on_set_link(Some(Arc::new(move |up| {
        seen.lock().expect("no panic").push(up);
        let deaf = is_deaf.load(Ordering::Relaxed);
        Box::pin(async move {
            match deaf {
                true => Err(std::io::Error::other("deaf")),
                false => Ok(()),
            }
        })
    })));
    ends.relay.set_link(false).await.expect("set");
    deaf.store(true, Ordering::Relaxed);
    assert!(ends.relay.set_link(true).await.is_err());
    deaf.store(false, Ordering::Relaxed);
    ends.relay.set_link(true).await.expect("set");
    // Given up before it was told.
    drop(ends.relay.set_link(false));
    drop(ends.relay.set_link(true));
    ends.relay.set_link(true).await.expect("set");
    ends.relay.set_link(true).await.expect("set");
    assert_eq!(
        *told.lock().expect("no panic"),
        [false, true, true, true],
        "told until it has heard, and then no more"
    );
}
