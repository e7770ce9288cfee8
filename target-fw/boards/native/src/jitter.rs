//! How long the process wanted to run and could not.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

/// Total at the last question, in nanoseconds.
static LAST_NS: AtomicU64 = AtomicU64::new(0);

/// Time in µs spent waiting for a processor since this was last asked: the sum, so an upper bound of the
/// longest single delay.
pub(crate) fn take_us() -> u32 {
    let Some(total_ns) = waited_ns() else {
        return 0;
    };
    let since_ns = total_ns.saturating_sub(LAST_NS.swap(total_ns, Ordering::Relaxed));
    u32::try_from(since_ns / 1000).unwrap_or(u32::MAX)
}

/// The second number of schedstat: time on the run queue, in nanoseconds. The program has one thread.
fn waited_ns() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/schedstat").ok()?;
    text.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_waited_is_told_once() {
        if waited_ns().is_none() {
            // A kernel without scheduler statistics: nothing is ever told.
            assert_eq!(take_us(), 0);
            return;
        }
        take_us();
        assert!(take_us() < 1_000_000, "not the total again");
    }
}
