//! Registers that QEMU's stub does not tell: both stack pointers, and the masks. The core itself moves them, by one
//! instruction in a corner of its memory that is put back afterwards.
//!
//! Must not: be used while the core runs. A core without privileges tells nothing of them but `CONTROL`.

use super::Core;
use crate::board::qemu::probe::chip::Kind;
use crate::board::qemu::probe::error::Trouble;
use crate::board::qemu::probe::registers::{PC, Place, XPSR};

/// The register that the instruction moves from or to.
const R0: Place = Place::Whole(0);

/// The state of an IT block or of an interrupted instruction, which would apply to ours too.
const CONTINUED: u64 = 0x0600_fc00;

/// The bit that says that the core executes Thumb instructions.
const THUMB: u64 = 1 << 24;

/// The numbers of the registers in instructions.
const MSP: u16 = 8;
const PSP: u16 = 9;
/// Of the packed register, lowest byte first: PRIMASK, BASEPRI, FAULTMASK, CONTROL.
const PACKED: [u16; 4] = [16, 17, 19, 20];

/// Whether a register, as DCRSR numbers it, is one of these.
pub(super) const fn is_special(register: u8) -> bool {
    matches!(register, 17 | 18 | 20)
}

impl Core {
    /// Reads such a register.
    pub(super) fn read_special(&mut self, register: u8) -> Result<u32, Trouble> {
        match register {
            17 => self.move_from(MSP),
            18 => self.move_from(PSP),
            _ => {
                let mut packed = 0;
                for (index, number) in PACKED.into_iter().enumerate() {
                    packed |= (self.move_from(number)? & 0xff) << (8 * index);
                }
                Ok(packed)
            }
        }
    }

    /// Writes such a register.
    pub(super) fn write_special(&mut self, register: u8, value: u32) -> Result<(), Trouble> {
        match register {
            17 => self.move_to(MSP, value),
            18 => self.move_to(PSP, value),
            _ => {
                for (index, number) in PACKED.into_iter().enumerate() {
                    self.move_to(number, value >> (8 * index) & 0xff)?;
                }
                Ok(())
            }
        }
    }

    /// `mrs r0, …`
    fn move_from(&mut self, number: u16) -> Result<u32, Trouble> {
        self.execute([0xf3ef, 0x8000 | number], None)
    }

    /// `msr …, r0`
    fn move_to(&mut self, number: u16, value: u32) -> Result<(), Trouble> {
        self.execute([0xf380, 0x8800 | number], Some(value))
            .map(drop)
    }

    /// Executes one instruction with this in r0, and says what is there then. Nothing else is changed.
    fn execute(&mut self, instruction: [u16; 2], value: Option<u32>) -> Result<u32, Trouble> {
        let corner = self.memory.chip().region(Kind::Ram);
        let corner = corner.start + corner.size - 4;
        let [r0, counter, status] = [self.register(R0)?, self.register(PC)?, self.register(XPSR)?];
        let mut before = [0; 4];
        self.memory.read(corner, &mut before)?;
        let code = instruction.map(u16::to_le_bytes);
        self.memory.write(corner, code.as_flattened(), false)?;
        let executed = self.execute_at(corner, value, status);
        // Whatever happened, all is put back.
        self.set(R0, r0)?;
        self.set(PC, counter)?;
        self.set(XPSR, status)?;
        self.memory.write(corner, &before, false)?;
        executed
    }

    fn execute_at(
        &mut self,
        address: u32,
        value: Option<u32>,
        status: u64,
    ) -> Result<u32, Trouble> {
        if let Some(value) = value {
            self.set(R0, value.into())?;
        }
        self.set(XPSR, status & !CONTINUED | THUMB)?;
        self.set(PC, address.into())?;
        self.step_awake()?;
        Ok(self.register(R0)? as u32)
    }

    fn set(&mut self, place: Place, value: u64) -> Result<(), Trouble> {
        self.gdb.set_register(place.number(), value, 4)
    }
}
