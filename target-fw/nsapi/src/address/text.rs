//! Address bytes to text. Writes into a buffer of its own: no allocation, no formatting machinery.

use core::fmt;
use core::ops::Deref;

/// Room for the longest text, that of an IPv6 address with eight groups of four digits.
const CAPACITY: usize = 39;

/// The text of an IP address.
#[derive(Clone, Copy)]
pub struct IpText {
    bytes: [u8; CAPACITY],
    len: usize,
}

impl IpText {
    const EMPTY: Self = Self {
        bytes: [0; CAPACITY],
        len: 0,
    };

    pub(super) fn of_ipv4(bytes: [u8; 4]) -> Self {
        let mut text = Self::EMPTY;
        for (i, byte) in bytes.into_iter().enumerate() {
            if i > 0 {
                text.push(b'.');
            }
            text.number(u16::from(byte), 10);
        }
        text
    }

    pub(super) fn of_ipv6(bytes: [u8; 16]) -> Self {
        let mut groups = [0; 8];
        for (group, pair) in groups.iter_mut().zip(bytes.chunks_exact(2)) {
            *group = pair
                .iter()
                .fold(0, |value, byte| value << 8 | u16::from(*byte));
        }
        let (zeros_from, zeros_to) = longest_zeros(&groups);

        let mut text = Self::EMPTY;
        for (i, group) in groups.into_iter().enumerate() {
            if i == zeros_from && zeros_from != zeros_to {
                text.push(b':');
                text.push(b':');
            }
            if (zeros_from..zeros_to).contains(&i) {
                continue;
            }
            if i > 0 && i != zeros_to {
                text.push(b':');
            }
            text.number(group, 16);
        }
        text
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII was pushed, and never beyond the end, so neither fallback is ever taken.
        let bytes = self.bytes.get(..self.len).unwrap_or_default();
        core::str::from_utf8(bytes).unwrap_or_default()
    }

    fn push(&mut self, character: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = character;
            self.len += 1;
        }
    }

    /// Lower case, without leading zeros.
    fn number(&mut self, value: u16, base: u16) {
        if value >= base {
            self.number(value / base, base);
        }
        let digit = (value % base) as u8;
        self.push(if digit < 10 {
            b'0' + digit
        } else {
            b'a' + digit - 10
        });
    }
}

/// First and past-the-end index of the run of zero groups to compress: the longest of at least two, the
/// first one on a tie (RFC 5952 §4.2). Past the end of everything when there is none.
fn longest_zeros(groups: &[u16; 8]) -> (usize, usize) {
    let mut best = (groups.len(), groups.len());
    let mut start = 0;
    for (i, group) in groups.iter().enumerate() {
        if *group != 0 {
            start = i + 1;
        } else if i + 1 - start > 1.max(best.1 - best.0) {
            best = (start, i + 1);
        }
    }
    best
}

impl Deref for IpText {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for IpText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for IpText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
