//! Which requests have been taken up, so that a repeated one is never executed twice.
//!
//! Ids count upwards and wrap. The last 256 are remembered exactly. What is further back, by up to half of all
//! ids, is taken for known: a call may be in flight for longer than that, and doing it twice would be worse
//! than not doing it.

/// Ids that are remembered.
const SPAN: u16 = 256;
/// Half of all ids: what is further back than this is ahead.
const HALF: u16 = 0x8000;

/// The ids that were taken up.
#[derive(Debug)]
pub(crate) struct Seen {
    /// `None` before the first.
    newest: Option<u16>,
    /// Bit `id % SPAN`, for the ids from `newest - SPAN + 1` to `newest`.
    bits: [u32; SPAN as usize / 32],
}

impl Seen {
    pub(crate) const fn new() -> Self {
        Self {
            newest: None,
            bits: [0; SPAN as usize / 32],
        }
    }

    pub(crate) fn contains(&self, id: u16) -> bool {
        let Some(newest) = self.newest else {
            return false;
        };
        match newest.wrapping_sub(id) {
            0..SPAN => self.bits.get(word(id)).is_some_and(|w| w & bit(id) != 0),
            SPAN..HALF => true,
            // Ahead.
            HALF.. => false,
        }
    }

    /// Enters an id that was not known.
    pub(crate) fn insert(&mut self, id: u16) {
        let newest = self.newest.unwrap_or(id);
        let ahead = id.wrapping_sub(newest);
        if ahead < HALF {
            if ahead >= SPAN {
                self.bits = [0; SPAN as usize / 32];
            } else {
                for skipped in 1..=ahead {
                    self.set(newest.wrapping_add(skipped), false);
                }
            }
            self.newest = Some(id);
        }
        self.set(id, true);
    }

    fn set(&mut self, id: u16, value: bool) {
        if let Some(word) = self.bits.get_mut(word(id)) {
            *word = if value {
                *word | bit(id)
            } else {
                *word & !bit(id)
            };
        }
    }
}

fn word(id: u16) -> usize {
    usize::from(id % SPAN / 32)
}

fn bit(id: u16) -> u32 {
    1 << (id % 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_remembered_within_the_span_and_across_the_wrap() {
        let mut seen = Seen::new();
        for id in (65_400..=u16::MAX).chain(0..100) {
            assert!(!seen.contains(id), "{id} is new");
            seen.insert(id);
            assert!(seen.contains(id), "{id} is known");
        }
        assert!(seen.contains(65_500));
        // One that was lost at first and comes late is new once.
        seen.insert(110);
        assert!(!seen.contains(105));
        seen.insert(105);
        assert!(seen.contains(105) && seen.contains(110) && seen.contains(99));
        seen.insert(1000);
        assert!(seen.contains(110), "long ago, so not new");
        assert!(!seen.contains(900), "skipped");
        assert!(!seen.contains(1000_u16.wrapping_add(HALF)), "ahead");
    }

    #[test]
    fn a_session_may_begin_with_any_id() {
        for first in [0, 1, 255, 256, 20_000, 40_000, u16::MAX] {
            let mut seen = Seen::new();
            assert!(!seen.contains(first), "{first}");
            seen.insert(first);
            assert!(seen.contains(first));
            let next = first.wrapping_add(1);
            assert!(!seen.contains(next));
            seen.insert(next);
            assert!(seen.contains(first) && seen.contains(next));
        }
    }
}
