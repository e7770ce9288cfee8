//! Registers as they are, not as the driver under test says they are.
#![expect(unsafe_code, reason = "registers are raw addresses")]

use core::ptr::with_exposed_provenance_mut;

/// Base of UART0.
pub(crate) const UART0: usize = 0x4000_4000;
/// Base of the network chip.
pub(crate) const LAN9118: usize = 0x4020_0000;

/// Reads a register of one of these devices.
pub(crate) fn read(base: usize, offset: usize) -> u32 {
    // SAFETY: aligned, inside a device; reading devices changes no memory.
    unsafe { with_exposed_provenance_mut::<u32>(checked(base, offset)).read_volatile() }
}

/// Writes a register of one of these devices.
pub(crate) fn write(base: usize, offset: usize, value: u32) {
    // SAFETY: likewise; none of the devices writes memory.
    unsafe { with_exposed_provenance_mut::<u32>(checked(base, offset)).write_volatile(value) }
}

fn checked(base: usize, offset: usize) -> usize {
    assert!(
        [UART0, LAN9118].contains(&base) && offset < 0x1000 && offset.is_multiple_of(4),
        "a register of a device"
    );
    base + offset
}

/// Reads a register of the network chip's MAC.
pub(crate) fn mac(register: u32) -> u32 {
    write(LAN9118, 0xa4, 1 << 31 | 1 << 30 | register);
    while read(LAN9118, 0xa4) & 1 << 31 != 0 {}
    read(LAN9118, 0xa8)
}

/// Writes a register of the network chip's MAC.
fn set_mac(register: u32, value: u32) {
    write(LAN9118, 0xa8, value);
    write(LAN9118, 0xa4, 1 << 31 | register);
    while read(LAN9118, 0xa4) & 1 << 31 != 0 {}
}

/// Access to a register of the PHY at address 1.
const fn mii(register: u32, write: bool) -> u32 {
    1 << 11 | register << 6 | (write as u32) << 1 | 1
}

/// Reads a register of its PHY.
pub(crate) fn phy(register: u32) -> u32 {
    set_mac(6, mii(register, false));
    while mac(6) & 1 != 0 {}
    mac(7)
}

/// Writes a register of its PHY.
pub(crate) fn set_phy(register: u32, value: u32) {
    set_mac(7, value);
    set_mac(6, mii(register, true));
    while mac(6) & 1 != 0 {}
}
