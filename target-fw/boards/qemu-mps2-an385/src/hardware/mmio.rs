//! Access to the registers of the peripherals that exist on this board, and to nothing else.
#![expect(unsafe_code, reason = "registers are raw addresses")]

use core::ptr::with_exposed_provenance_mut;

/// The 4 KiB of registers of one peripheral. Only the constants below exist, so every access through a
/// block hits a peripheral and never memory.
#[derive(Clone, Copy)]
pub(super) struct Block {
    base: usize,
}

impl Block {
    pub(super) const UART0: Self = Self { base: 0x4000_4000 };
    pub(super) const UART1: Self = Self { base: 0x4000_5000 };
    pub(super) const FPGAIO: Self = Self { base: 0x4002_8000 };
    pub(super) const LAN9118: Self = Self { base: 0x4020_0000 };

    /// Reads the register at byte offset `OFFSET`.
    pub(super) fn read<const OFFSET: usize>(self) -> u32 {
        // SAFETY: aligned and inside the block (checked when compiled); devices may be read at any time.
        unsafe { self.register::<OFFSET>().read_volatile() }
    }

    /// Writes the register at byte offset `OFFSET`.
    pub(super) fn write<const OFFSET: usize>(self, value: u32) {
        // SAFETY: as above; none of these devices writes memory, so no Rust object can change.
        unsafe { self.register::<OFFSET>().write_volatile(value) }
    }

    fn register<const OFFSET: usize>(self) -> *mut u32 {
        const {
            assert!(
                OFFSET < 0x1000 && OFFSET.is_multiple_of(4),
                "a register of the block"
            )
        };
        with_exposed_provenance_mut(self.base + OFFSET)
    }
}
