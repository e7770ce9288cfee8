//! A queue of bytes between one interrupt handler and the main loop.
//!
//! Must not: have more than one writer or more than one reader; a second one would lose or repeat bytes,
//! though nothing worse.

use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// Holds up to `N` bytes; `N` is a power of two.
pub(crate) struct Ring<const N: usize> {
    bytes: [AtomicU8; N],
    /// Bytes ever written, modulo the width of the word.
    written: AtomicUsize,
    /// Bytes ever read, likewise.
    read: AtomicUsize,
}

impl<const N: usize> Ring<N> {
    pub(crate) const fn new() -> Self {
        assert!(N.is_power_of_two(), "positions wrap with the word");
        Self {
            bytes: [const { AtomicU8::new(0) }; N],
            written: AtomicUsize::new(0),
            read: AtomicUsize::new(0),
        }
    }

    /// Appends a byte; `false` when there is no room.
    pub(crate) fn push(&self, byte: u8) -> bool {
        let written = self.written.load(Ordering::Relaxed);
        if self.is_full() {
            return false;
        }
        self.bytes[written % N].store(byte, Ordering::Relaxed);
        self.written
            .store(written.wrapping_add(1), Ordering::Release);
        true
    }

    /// Takes the oldest byte.
    pub(crate) fn pop(&self) -> Option<u8> {
        let read = self.read.load(Ordering::Relaxed);
        if self.written.load(Ordering::Acquire) == read {
            return None;
        }
        let byte = self.bytes[read % N].load(Ordering::Relaxed);
        self.read.store(read.wrapping_add(1), Ordering::Release);
        Some(byte)
    }

    /// Takes as many bytes as there are and `into` has room for.
    pub(crate) fn drain(&self, into: &mut [u8]) -> usize {
        let mut taken = 0;
        for slot in into {
            let Some(byte) = self.pop() else { break };
            *slot = byte;
            taken += 1;
        }
        taken
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len() >= N
    }

    pub(crate) fn is_half_full(&self) -> bool {
        self.len() >= N / 2
    }

    fn len(&self) -> usize {
        self.written
            .load(Ordering::Acquire)
            .wrapping_sub(self.read.load(Ordering::Acquire))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.written.load(Ordering::Acquire) == self.read.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::Ring;

    #[test]
    fn bytes_come_out_in_the_order_they_went_in() {
        let ring = Ring::<4>::new();
        for round in 0..10_u8 {
            assert!(ring.push(round) && ring.push(round + 100));
            let mut out = [0; 8];
            assert_eq!(ring.drain(&mut out), 2);
            assert_eq!(out[..2], [round, round + 100]);
            assert!(ring.is_empty());
        }
    }

    #[test]
    fn a_full_ring_refuses_and_keeps_what_it_has() {
        let ring = Ring::<4>::new();
        assert!((1..=2).all(|byte| !ring.is_half_full() && ring.push(byte)));
        assert!(ring.is_half_full() && !ring.is_full());
        assert!((3..=4).all(|byte| ring.push(byte)));
        assert!(ring.is_full());
        assert!(!ring.push(5));
        assert_eq!(ring.pop(), Some(1));
        assert!(ring.push(5));
        let mut out = [0; 3];
        assert_eq!(ring.drain(&mut out), 3);
        assert_eq!(out, [2, 3, 4]);
        assert_eq!(ring.pop(), Some(5));
        assert_eq!(ring.pop(), None);
    }
}
