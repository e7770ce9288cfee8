//! Does a process compute without a pause, or does it wait for something? Tells a core that loops inside the
//! IUT from an agent that is merely silent.
//!
//! Must not: take a machine under load for a loop. So it asks for both: a thread that was never found waiting,
//! and computing time that it really got.

use core::time::Duration;
use std::collections::HashMap;
use std::fs;

use tokio::time::{MissedTickBehavior, interval};

/// How far apart the threads are looked at.
const APART: Duration = Duration::from_millis(20);

/// A thread that is never found waiting for so many looks loops, if it has had its computing time by then.
const LOOKS: u32 = 25;

/// Where the machine is so loaded that it has not, this many are the end.
const MOST_LOOKS: u32 = 250;

/// Computing time that a loop must have got, in ticks of 10 ms: far more than an agent needs to answer.
const LEAST_TICKS: u64 = 10;

/// Watches the threads of a process: half a second on a machine that is not overloaded, at most five.
pub(super) async fn is_looping(process: u32) -> bool {
    let mut looks = interval(APART);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut first = HashMap::new();
    for look in 0..MOST_LOOKS {
        looks.tick().await;
        let now = running(process);
        if look == 0 {
            first.clone_from(&now);
        }
        first.retain(|thread, _| now.contains_key(thread));
        if first.is_empty() {
            return false;
        }
        let has_computed = |(thread, before): (&String, &u64)| {
            now.get(thread)
                .is_some_and(|ticks| ticks.saturating_sub(*before) >= LEAST_TICKS)
        };
        if look >= LOOKS && first.iter().any(has_computed) {
            return true;
        }
    }
    false
}

/// The threads that compute or could, each with the computing time it has had.
fn running(process: u32) -> HashMap<String, u64> {
    fs::read_dir(format!("/proc/{process}/task"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|thread| {
            let stat = fs::read_to_string(thread.path().join("stat")).ok()?;
            let ticks = ticks_if_running(&stat)?;
            Some((thread.file_name().to_string_lossy().into_owned(), ticks))
        })
        .collect()
}

/// From a line of `/proc/<pid>/task/<tid>/stat`: number, name in parentheses, state, ten numbers, user time,
/// system time, and more.
fn ticks_if_running(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let words: Vec<&str> = rest.split_whitespace().collect();
    if *words.first()? != "R" {
        return None;
    }
    let ticks = |at: usize| words.get(at)?.parse::<u64>().ok();
    ticks(11)?.checked_add(ticks(12)?)
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// Ends its process when dropped.
    struct Victim(Child);

    impl Victim {
        fn of(script: &str) -> Self {
            let child = Command::new("sh")
                .args(["-c", script])
                .stdin(Stdio::piped())
                .spawn();
            Self(child.expect("a shell"))
        }
    }

    impl Drop for Victim {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[tokio::test]
    async fn tells_computing_from_waiting() {
        let loops = Victim::of("while :; do :; done");
        // Waits for a line that never comes.
        let waits = Victim::of("read line");
        let (looping, waiting) = tokio::join!(is_looping(loops.0.id()), is_looping(waits.0.id()));
        assert!(looping && !waiting);
    }

    #[tokio::test]
    async fn a_process_that_is_not_there_does_not_loop() {
        let mut over = Victim::of("exit 0");
        let id = over.0.id();
        let _ = over.0.wait();
        assert!(!is_looping(id).await);
    }

    #[test]
    fn reads_lines_of_the_kernel() {
        let line =
            |state| format!("7 (a) b) {state} 1 7 7 0 -1 4194304 8 0 0 0 30 12 0 0 20 0 1 0");
        assert_eq!(ticks_if_running(&line("R")), Some(42));
        assert_eq!(ticks_if_running(&line("S")), None);
        assert_eq!(ticks_if_running("garbage"), None);
        assert_eq!(ticks_if_running("7 (a) R 1"), None);
    }
}
