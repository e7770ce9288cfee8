//! The chip's memory as its access port sees it: what is shared is read without the emulator's help, the rest goes
//! through the side door; neither stops the core.
//!
//! Must not: hold the registers of the core's debug unit, which QEMU has not.

use std::sync::Arc;

use super::chip::{Chip, Kind, Region};
use super::error::Trouble;
use super::qtest::{Qtest, Width};
use super::ram::SharedRam;

/// The memory of one machine.
#[derive(Debug)]
pub(super) struct Memory {
    chip: Chip,
    door: Qtest,
    shared: Arc<SharedRam>,
}

impl Memory {
    pub(super) const fn new(chip: Chip, door: Qtest, shared: Arc<SharedRam>) -> Self {
        Self { chip, door, shared }
    }

    pub(super) const fn chip(&self) -> &Chip {
        &self.chip
    }

    /// For waiting on.
    pub(super) const fn door(&self) -> &Qtest {
        &self.door
    }

    /// The part that is shared.
    pub(super) fn shared(&self) -> Arc<SharedRam> {
        Arc::clone(&self.shared)
    }

    /// What is at an address, if all of `length` bytes is there.
    pub(super) fn region(
        &self,
        address: u32,
        length: usize,
    ) -> Result<(&'static Region, usize), Trouble> {
        let (region, offset) = self.chip.find(address).ok_or(Trouble::Fault)?;
        let fits = (offset as usize)
            .checked_add(length)
            .is_some_and(|end| end <= region.size as usize);
        if fits {
            Ok((region, offset as usize))
        } else {
            Err(Trouble::Fault)
        }
    }

    /// Reads memory that is no register.
    pub(super) fn read(&mut self, address: u32, data: &mut [u8]) -> Result<(), Trouble> {
        let (region, offset) = self.region(address, data.len())?;
        if region.kind == Kind::Shared && self.shared.read(offset, data) {
            return Ok(());
        }
        match width(address, data.len()) {
            Some(width) => {
                let value = self.door.read(width, address)?;
                data.copy_from_slice(&value.to_le_bytes()[..data.len()]);
                Ok(())
            }
            None => self.door.read_block(address, data),
        }
    }

    /// Writes memory that is no register. What the guest may execute must go through the emulator, which else would
    /// go on with what it has translated: so the short way is taken only while the core runs and is not loaded with code.
    pub(super) fn write(
        &mut self,
        address: u32,
        data: &[u8],
        running: bool,
    ) -> Result<(), Trouble> {
        let (region, offset) = self.region(address, data.len())?;
        if running && region.kind == Kind::Shared && self.shared.write(offset, data) {
            return Ok(());
        }
        match width(address, data.len()) {
            Some(width) => {
                let mut value = [0; 4];
                value[..data.len()].copy_from_slice(data);
                self.door.write(width, address, u32::from_le_bytes(value))
            }
            None => self.door.write_block(address, data),
        }
    }

    /// Reads one register.
    pub(super) fn read_register(&mut self, width: Width, address: u32) -> Result<u32, Trouble> {
        self.door.read(width, address)
    }

    /// Reads one register of 32 bits.
    pub(super) fn word_of_register(&mut self, address: u32) -> Result<u32, Trouble> {
        self.door.read(Width::Word, address)
    }

    /// Writes one register.
    pub(super) fn write_register(
        &mut self,
        width: Width,
        address: u32,
        value: u32,
    ) -> Result<(), Trouble> {
        self.door.write(width, address, value)
    }

    /// A word of memory.
    pub(super) fn word(&mut self, address: u32) -> Result<u32, Trouble> {
        let mut word = [0; 4];
        self.read(address, &mut word)?;
        Ok(u32::from_le_bytes(word))
    }

    /// The first halfword of an instruction.
    pub(super) fn instruction(&mut self, address: u32) -> Result<u16, Trouble> {
        let mut half = [0; 2];
        self.read(address & !1, &mut half)?;
        Ok(u16::from_le_bytes(half))
    }
}

/// The width of a single access, if it is one.
pub(super) const fn width(address: u32, length: usize) -> Option<Width> {
    match length {
        4 if address.is_multiple_of(4) => Some(Width::Word),
        2 if address.is_multiple_of(2) => Some(Width::Half),
        1 => Some(Width::Byte),
        _ => None,
    }
}
