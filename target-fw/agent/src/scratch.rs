//! The one buffer in which bulk data is made and checked. Between two polls it holds nothing that counts.

use nsapi_protocol::pattern::Pattern;

use crate::limits::MAX_IO;

/// How much of a receive buffer is set to what the pattern is not.
const PRIMED: usize = 64;

/// The buffer.
#[derive(Debug)]
pub(crate) struct Scratch {
    bytes: [u8; MAX_IO],
    /// Pattern, position and length of the data in it, if it is known.
    holds: Option<(u32, u32, usize)>,
}

impl Scratch {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; MAX_IO],
            holds: None,
        }
    }

    /// `len` bytes of the pattern `seed` from `offset` on.
    pub(crate) fn pattern(&mut self, seed: u32, offset: u32, len: usize) -> &[u8] {
        let wanted = Some((seed, offset, len));
        let bytes = self.bytes.get_mut(..len).unwrap_or_default();
        if self.holds != wanted {
            Pattern::new(seed).fill(offset.into(), bytes);
            self.holds = wanted;
        }
        bytes
    }

    /// An empty buffer of `len` bytes to receive into.
    pub(crate) fn blank(&mut self, len: usize) -> &mut [u8] {
        self.holds = None;
        let bytes = self.bytes.get_mut(..len).unwrap_or_default();
        bytes.fill(0);
        bytes
    }

    /// A buffer of `len` bytes to receive the pattern `seed` from `offset` on into. It never begins with the
    /// right data, so that an IUT that leaves it untouched is noticed.
    pub(crate) fn primed(&mut self, seed: u32, offset: u32, len: usize) -> &mut [u8] {
        let bytes = self.blank(len);
        let primed = bytes.get_mut(..len.min(PRIMED)).unwrap_or_default();
        Pattern::new(seed).fill(offset.into(), primed);
        primed.iter_mut().for_each(|byte| *byte = !*byte);
        bytes
    }

    /// The first `len` bytes, at most all.
    pub(crate) fn received(&self, len: usize) -> &[u8] {
        self.bytes.get(..len.min(MAX_IO)).unwrap_or_default()
    }
}
