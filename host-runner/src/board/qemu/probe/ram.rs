//! The guest's memory that this process shares: read and written without the emulator's help.
//!
//! Must not: be written where the guest may execute; the emulator would not notice.
#![expect(
    unsafe_code,
    reason = "memory that another process writes is reached by pointers"
)]

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::MemfdFlags;

/// Memory without a name, mapped.
#[derive(Debug)]
pub(super) struct SharedRam {
    file: File,
    map: MmapRaw,
}

impl SharedRam {
    /// Zeroed memory of so many bytes, a multiple of 4.
    pub(super) fn new(size: usize) -> io::Result<Self> {
        let file = rustix::fs::memfd_create("hil-board", MemfdFlags::CLOEXEC)?;
        let file = File::from(file);
        file.set_len(size as u64)?;
        let map = MmapOptions::new().len(size).map_raw(&file)?;
        Ok(Self { file, map })
    }

    /// For the emulator.
    pub(super) fn descriptor(&self) -> io::Result<OwnedFd> {
        Ok(self.file.try_clone()?.into())
    }

    /// Size in bytes.
    pub(super) fn len(&self) -> usize {
        self.map.len()
    }

    /// Copies out, word by word where that is aligned. False if it is not all inside.
    pub(super) fn read(&self, offset: usize, data: &mut [u8]) -> bool {
        if !self.holds(offset, data.len()) {
            return false;
        }
        let mut at = offset;
        let mut rest = data;
        while !rest.is_empty() {
            let step = step(at, rest.len());
            let (now, later) = rest.split_at_mut(step);
            // SAFETY: inside the mapping, as checked above, and aligned, as `step` says; the mapping starts at a page.
            unsafe {
                let pointer = self.map.as_ptr().add(at);
                if step == 4 {
                    let word = pointer.cast::<u32>().read_volatile();
                    now.copy_from_slice(&word.to_ne_bytes());
                } else {
                    now[0] = pointer.read_volatile();
                }
            }
            at += step;
            rest = later;
        }
        true
    }

    /// Copies in, word by word where that is aligned. False if it is not all inside.
    pub(super) fn write(&self, offset: usize, data: &[u8]) -> bool {
        if !self.holds(offset, data.len()) {
            return false;
        }
        let mut at = offset;
        let mut rest = data;
        while !rest.is_empty() {
            let step = step(at, rest.len());
            let (now, later) = rest.split_at(step);
            // SAFETY: as for reading; nothing of this process refers to the memory.
            unsafe {
                let pointer = self.map.as_mut_ptr().add(at);
                match <[u8; 4]>::try_from(now) {
                    Ok(word) => pointer
                        .cast::<u32>()
                        .write_volatile(u32::from_ne_bytes(word)),
                    Err(_) => pointer.write_volatile(now[0]),
                }
            }
            at += step;
            rest = later;
        }
        true
    }

    fn holds(&self, offset: usize, length: usize) -> bool {
        offset
            .checked_add(length)
            .is_some_and(|end| end <= self.map.len())
    }
}

/// A whole word where one lies, else a byte.
const fn step(at: usize, left: usize) -> usize {
    if at.is_multiple_of(4) && left >= 4 {
        4
    } else {
        1
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn reads_what_was_written_and_nothing_outside(offset in 0_usize..300, data: Vec<u8>) {
            let ram = SharedRam::new(256).expect("memory");
            let fits = offset + data.len() <= ram.len();
            prop_assert_eq!(ram.write(offset, &data), fits);
            let mut back = vec![0; data.len()];
            prop_assert_eq!(ram.read(offset, &mut back), fits);
            if fits {
                prop_assert_eq!(back, data);
            }
        }
    }
}
