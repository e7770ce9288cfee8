//! The registers of the core's debug unit (ARMv7-M architecture reference, C1.6 and C1.11), which QEMU has not.
//!
//! Must not: act; what a write causes is the business of [`super::cpu`].

/// Application interrupt and reset control.
pub(super) const AIRCR: u32 = 0xe000_ed0c;
/// Where the vectors are.
pub(super) const VTOR: u32 = 0xe000_ed08;
/// Why the core stopped.
pub(super) const DFSR: u32 = 0xe000_ed30;
/// Halting control and status.
pub(super) const DHCSR: u32 = 0xe000_edf0;
/// Selects a core register.
pub(super) const DCRSR: u32 = 0xe000_edf4;
/// Value of a core register.
pub(super) const DCRDR: u32 = 0xe000_edf8;
/// Exceptions and monitor.
pub(super) const DEMCR: u32 = 0xe000_edfc;
/// The unit of breakpoints.
pub(super) const FP_CTRL: u32 = 0xe000_2000;
/// Its first comparator.
const FP_COMP: u32 = 0xe000_2008;

/// What DHCSR must be written with in its upper half.
const DEBUG_KEY: u32 = 0xa05f;
/// What AIRCR must be written with in its upper half.
const VECTOR_KEY: u32 = 0x05fa;

/// Revision 2, which reaches all addresses; 6 comparators.
const FP_ABOUT: u32 = 0x1000_0060;
/// How many comparators.
const COMPARATORS: usize = 6;

/// Bits of DHCSR that can be written.
pub(super) mod control {
    pub(crate) const DEBUGEN: u32 = 1 << 0;
    pub(crate) const HALT: u32 = 1 << 1;
    pub(crate) const STEP: u32 = 1 << 2;
    pub(crate) const MASKINTS: u32 = 1 << 3;
    pub(crate) const ALL: u32 = DEBUGEN | HALT | STEP | MASKINTS;
}

/// Bits of DHCSR that can be read.
pub(super) mod status {
    pub(crate) const REGRDY: u32 = 1 << 16;
    pub(crate) const HALT: u32 = 1 << 17;
    pub(crate) const LOCKUP: u32 = 1 << 19;
    pub(crate) const RETIRE: u32 = 1 << 24;
    pub(crate) const RESET: u32 = 1 << 25;
}

/// Bits of DFSR.
pub(super) mod cause {
    pub(crate) const HALTED: u32 = 1 << 0;
    pub(crate) const BKPT: u32 = 1 << 1;
    pub(crate) const VCATCH: u32 = 1 << 3;
}

/// Bits of DEMCR.
mod catch {
    pub(super) const CORERESET: u32 = 1 << 0;
    pub(super) const HARDERR: u32 = 1 << 10;
    pub(super) const KEPT: u32 = 0x010f_07f1;
}

/// The state of the debug unit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DebugUnit {
    /// What was written to DHCSR.
    pub(super) control: u32,
    /// DFSR.
    pub(super) cause: u32,
    /// DCRDR.
    pub(super) data: u32,
    /// Bits of DHCSR that are cleared by reading.
    pub(super) sticky: u32,
    catch: u32,
    enabled: bool,
    comparators: [u32; COMPARATORS],
}

/// What a write to the debug unit asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// It is done.
    Nothing,
    /// Other breakpoints than before.
    Breakpoints,
    /// Halt, run or step, as these bits say.
    Control(u32),
    /// Move a core register.
    Transfer {
        /// Which, as DCRSR numbers them.
        register: u8,
        /// Into the core.
        write: bool,
    },
    /// Reset the chip.
    Reset,
    /// It is no register of the debug unit.
    NotMine,
}

impl DebugUnit {
    /// As if no debugger had ever been there, but for what it has not read yet.
    pub(super) fn forget(&mut self) {
        *self = Self {
            sticky: self.sticky,
            ..Self::default()
        };
    }

    /// Whether a debugger is there.
    pub(super) const fn is_enabled(&self) -> bool {
        self.control & control::DEBUGEN != 0
    }

    /// Halt after a reset.
    pub(super) const fn catches_reset(&self) -> bool {
        self.catch & catch::CORERESET != 0
    }

    /// Halt at the entry of HardFault.
    pub(super) const fn catches_hard_faults(&self) -> bool {
        self.catch & catch::HARDERR != 0
    }

    /// Addresses at which the core is to halt.
    pub(super) fn breakpoints(&self) -> impl Iterator<Item = u32> + '_ {
        self.comparators
            .iter()
            .filter(|comparator| self.enabled && **comparator & 1 != 0)
            .map(|comparator| comparator & !1)
    }

    /// Reads a register that has no side effect; `None` if it is not of the debug unit.
    pub(super) fn read(&self, address: u32) -> Option<u32> {
        match address {
            DFSR => Some(self.cause),
            DCRSR => Some(0),
            DCRDR => Some(self.data),
            DEMCR => Some(self.catch),
            FP_CTRL => Some(FP_ABOUT | u32::from(self.enabled)),
            _ => Some(self.comparators[comparator(address)?]),
        }
    }

    /// Writes a register.
    pub(super) fn write(&mut self, address: u32, value: u32) -> Wish {
        match address {
            DFSR => self.cause &= !value,
            DCRDR => self.data = value,
            DEMCR => {
                self.catch = value & catch::KEPT;
                return Wish::Breakpoints;
            }
            DHCSR => {
                if value >> 16 == DEBUG_KEY {
                    return Wish::Control(value & control::ALL);
                }
            }
            DCRSR => {
                return Wish::Transfer {
                    register: value as u8 & 0x7f,
                    write: value & 1 << 16 != 0,
                };
            }
            AIRCR => {
                // SYSRESETREQ, VECTRESET.
                if value >> 16 == VECTOR_KEY && value & 0b101 != 0 {
                    return Wish::Reset;
                }
                return Wish::NotMine;
            }
            FP_CTRL => {
                // The key.
                if value & 0b10 != 0 {
                    self.enabled = value & 1 != 0;
                    return Wish::Breakpoints;
                }
            }
            _ => {
                let Some(index) = comparator(address) else {
                    return Wish::NotMine;
                };
                self.comparators[index] = value;
                return Wish::Breakpoints;
            }
        }
        Wish::Nothing
    }
}

/// The comparator at this address.
fn comparator(address: u32) -> Option<usize> {
    let offset = address.checked_sub(FP_COMP)? as usize;
    (offset.is_multiple_of(4) && offset / 4 < COMPARATORS).then_some(offset / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breakpoints_count_only_when_enabled() {
        let mut unit = DebugUnit::default();
        assert_eq!(unit.write(FP_COMP + 4, 0x2000_0101), Wish::Breakpoints);
        assert_eq!(unit.breakpoints().count(), 0);
        assert_eq!(unit.write(FP_CTRL, 1), Wish::Nothing);
        assert_eq!(unit.breakpoints().count(), 0);
        assert_eq!(unit.write(FP_CTRL, 3), Wish::Breakpoints);
        assert_eq!(unit.breakpoints().collect::<Vec<_>>(), [0x2000_0100]);
        assert_eq!(unit.read(FP_CTRL), Some(FP_ABOUT | 1));
    }

    #[test]
    fn writes_without_the_key_have_no_effect() {
        let mut unit = DebugUnit::default();
        assert_eq!(unit.write(DHCSR, 3), Wish::Nothing);
        assert_eq!(unit.write(DHCSR, 0xa05f_0003), Wish::Control(3));
        assert_eq!(unit.write(AIRCR, 0x4), Wish::NotMine);
        assert_eq!(unit.write(AIRCR, 0x05fa_0004), Wish::Reset);
        assert_eq!(unit.write(AIRCR, 0x05fa_0300), Wish::NotMine);
    }

    #[test]
    fn causes_are_cleared_by_writing_ones() {
        let mut unit = DebugUnit {
            cause: cause::BKPT | cause::HALTED,
            ..DebugUnit::default()
        };
        assert_eq!(unit.write(DFSR, cause::BKPT), Wish::Nothing);
        assert_eq!(unit.read(DFSR), Some(cause::HALTED));
    }

    #[test]
    fn other_addresses_are_not_its_business() {
        let mut unit = DebugUnit::default();
        for address in [0xe000_ed00, FP_COMP + 24, FP_COMP + 2, 0] {
            assert_eq!(unit.read(address), None, "{address:#x}");
            assert_eq!(unit.write(address, 0), Wish::NotMine, "{address:#x}");
        }
    }
}
