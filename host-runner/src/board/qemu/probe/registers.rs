//! The core's registers: how the debug unit numbers them, and how QEMU's stub does. Those that the stub does not tell
//! are not here.

use super::error::Trouble;
use super::gdb::Gdb;

/// Where the stub has a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// All of a register of this size in bytes.
    Whole(u8),
    /// Half of a register of 64 bits; the upper one if set.
    Half(u8, bool),
}

/// The link register.
pub(super) const LR: Place = Place::Whole(14);
/// The program counter.
pub(super) const PC: Place = Place::Whole(15);
/// The status.
pub(super) const XPSR: Place = Place::Whole(25);
/// The stub's number of the first floating-point register.
const FIRST_DOUBLE: u8 = 26;
/// The stub's number of the floating-point status.
const FPSCR: u8 = 42;

impl Place {
    /// The stub's number.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Whole(number) | Self::Half(number, _) => number,
        }
    }

    /// Of a register as DCRSR numbers it.
    const fn of(register: u8) -> Option<Self> {
        Some(match register {
            0..=15 => Self::Whole(register),
            16 => XPSR,
            33 => Self::Whole(FPSCR),
            64..=95 => Self::Half(
                FIRST_DOUBLE + (register - 64) / 2,
                !register.is_multiple_of(2),
            ),
            _ => return None,
        })
    }
}

/// Reads a register of a halted core. Those that the stub does not tell read as 0.
pub(super) fn read(gdb: &mut Gdb, register: u8) -> Result<u32, Trouble> {
    let Some(place) = Place::of(register) else {
        return Ok(0);
    };
    match (gdb.register(place.number()), place) {
        (Ok(value), Place::Half(_, true)) => Ok((value >> 32) as u32),
        (Ok(value), _) => Ok(value as u32),
        // A core without floating point.
        (Err(Trouble::Odd { .. }), _) => Ok(0),
        (Err(trouble), _) => Err(trouble),
    }
}

/// Writes a register of a halted core. Those that the stub does not know stay as they are.
pub(super) fn write(gdb: &mut Gdb, register: u8, value: u32) -> Result<(), Trouble> {
    let written = match Place::of(register) {
        None => return Ok(()),
        Some(Place::Whole(number)) => gdb.set_register(number, value.into(), 4),
        Some(Place::Half(number, upper)) => gdb.register(number).and_then(|double| {
            let value = u64::from(value);
            let double = if upper {
                double & 0xffff_ffff | value << 32
            } else {
                double & !0xffff_ffff | value
            };
            gdb.set_register(number, double, 8)
        }),
    };
    match written {
        Err(Trouble::Odd { .. }) => Ok(()),
        written => written,
    }
}
