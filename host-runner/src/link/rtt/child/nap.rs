//! How long to leave a target alone between two looks at its RTT.
//!
//! A look costs the probe some ten microseconds, and an emulated core the processor it runs on: looking without a
//! pause starves it. Right after traffic the naps are as short as an answer takes; the longer nothing happens, the
//! longer they get.

use core::time::Duration;

/// The shortest nap: the medium of RTT has no event, but an answer takes longer than this.
pub(super) const SHORTEST: Duration = Duration::from_micros(25);
/// The longest while somebody may be waiting.
const LONGEST: Duration = Duration::from_millis(1);
/// The longest when nothing has happened for a good while.
const ASLEEP: Duration = Duration::from_millis(2);
/// How long after traffic the naps stay at the shortest.
const ALERT: Duration = Duration::from_millis(1);
/// What counts as a good while.
const LONG_IDLE: Duration = Duration::from_secs(1);

/// The nap to take when nothing has happened for `idle`.
pub(super) fn after(idle: Duration) -> Duration {
    if idle < ALERT {
        SHORTEST
    } else if idle < LONG_IDLE {
        // An answer that comes after this time is late by a small part of it.
        (idle / 16).clamp(SHORTEST, LONGEST)
    } else {
        ASLEEP
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn naps_get_longer_and_are_never_nothing() {
        let mut last = Duration::ZERO;
        for idle_us in [
            0, 10, 999, 1_000, 5_000, 20_000, 500_000, 1_000_000, 9_000_000,
        ] {
            let nap = after(Duration::from_micros(idle_us));
            assert!(nap >= SHORTEST && nap >= last, "{idle_us}: {nap:?}");
            last = nap;
        }
        assert_eq!(last, ASLEEP);
    }

    #[test]
    fn an_answer_is_late_by_a_small_part_of_its_time() {
        for idle_us in 1_000..100_000_u64 {
            let idle = Duration::from_micros(idle_us);
            assert!(after(idle) <= SHORTEST.max(idle / 16));
        }
    }
}
