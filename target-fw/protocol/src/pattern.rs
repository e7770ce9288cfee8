//! Seeded patterns: bulk data that either side can make and check at any position without the other.
//!
//! The 32-bit word number `i` of pattern `seed` is `mix(i ^ mix(seed + 0x9E37_79B9))`, little-endian, where
//! `mix` scrambles 32 bits one-to-one. So a pattern repeats after 16 GiB at the earliest, and a shifted,
//! repeated or missing piece of it does not look right.
//!
//! Must not: keep state beyond the seed, so that every position costs the same.

/// One pattern. Positions are counted in bytes and stay below 2^63.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    key: u32,
}

impl Pattern {
    /// The pattern `seed`.
    #[must_use]
    pub const fn new(seed: u32) -> Self {
        Self {
            key: mix(seed.wrapping_add(0x9E37_79B9)),
        }
    }

    /// Byte number `offset`.
    #[must_use]
    pub const fn byte(self, offset: u64) -> u8 {
        let [a, b, c, d] = self.word(offset / 4);
        match offset % 4 {
            0 => a,
            1 => b,
            2 => c,
            _ => d,
        }
    }

    /// Writes the bytes from number `offset` on.
    pub fn fill(self, offset: u64, out: &mut [u8]) {
        let bytewise = |offset: u64, out: &mut [u8]| {
            for (at, byte) in (offset..).zip(out) {
                *byte = self.byte(at);
            }
        };
        let (head, rest) = out.split_at_mut(lead(offset, out.len()));
        bytewise(offset, head);
        let offset = offset + head.len() as u64;
        let (words, tail) = rest.as_chunks_mut::<4>();
        for (index, word) in (offset / 4..).zip(words.iter_mut()) {
            *word = self.word(index);
        }
        bytewise(offset + 4 * words.len() as u64, tail);
    }

    /// Where `data` first differs from the bytes from number `offset` on, counted from the beginning of
    /// `data`.
    #[must_use]
    pub fn first_mismatch(self, offset: u64, data: &[u8]) -> Option<usize> {
        let bytewise = |offset: u64, data: &[u8]| {
            (offset..)
                .zip(data)
                .position(|(at, &byte)| byte != self.byte(at))
        };
        let (head, rest) = data.split_at(lead(offset, data.len()));
        if let Some(at) = bytewise(offset, head) {
            return Some(at);
        }
        let first = (offset + head.len() as u64) / 4;
        let (words, tail) = rest.as_chunks::<4>();
        let good = (first..)
            .zip(words)
            .take_while(|&(index, word)| *word == self.word(index))
            .count();
        let at = head.len() + 4 * good;
        let suspect: &[u8] = words.get(good).map_or(tail, |word| word);
        bytewise(offset + at as u64, suspect).map(|found| at + found)
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "word numbers count modulo 2^32, as documented"
    )]
    const fn word(self, index: u64) -> [u8; 4] {
        mix(index as u32 ^ self.key).to_le_bytes()
    }
}

/// How many of `len` bytes from `offset` on come before the next whole word.
fn lead(offset: u64, len: usize) -> usize {
    let lead = match offset % 4 {
        0 => 0,
        1 => 3,
        2 => 2,
        _ => 1,
    };
    len.min(lead)
}

/// Scrambles 32 bits one-to-one: the finaliser of MurmurHash3, two multiplications.
const fn mix(mut x: u32) -> u32 {
    x = (x ^ x >> 16).wrapping_mul(0x85EB_CA6B);
    x = (x ^ x >> 13).wrapping_mul(0xC2B2_AE35);
    x ^ x >> 16
}

#[cfg(test)]
mod tests;
