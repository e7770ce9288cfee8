//! Which requests have been taken up, so that a repeated one is never executed twice.
//!
//! Ids count upwards and wrap. The last 256 are remembered exactly; what is further back is taken for new.

/// Ids that are remembered.
const SPAN: u16 = 256;

/// The ids that were taken up.
#[derive(Debug)]
pub(crate) struct Seen {
    newest: u16,
    /// Bit `id % SPAN`, valid for the ids from `newest - SPAN + 1` to `newest`.
    bits: [u32; SPAN as usize / 32],
}

impl Seen {
    pub(crate) const fn new() -> Self {
        Self {
            newest: 0,
            bits: [0; SPAN as usize / 32],
        }
    }

    pub(crate) fn contains(&self, id: u16) -> bool {
        self.newest.wrapping_sub(id) < SPAN
            && self.bits.get(word(id)).is_some_and(|w| w & bit(id) != 0)
    }

    pub(crate) fn insert(&mut self, id: u16) {
        let ahead = id.wrapping_sub(self.newest);
        if ahead < 0x8000 {
            if ahead >= SPAN {
                self.bits = [0; SPAN as usize / 32];
            } else {
                for skipped in 1..=ahead {
                    self.set(self.newest.wrapping_add(skipped), false);
                }
            }
            self.newest = id;
        }
        if self.newest.wrapping_sub(id) < SPAN {
            self.set(id, true);
        }
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
        assert!(!seen.contains(110));
    }
}
