//! The registers of debug port and access port (ARM IHI 0031, ADIv5): one AHB port, number 0.

/// The debug port: version 1, designed by ARM.
const DPIDR: u32 = 0x2ba0_1477;

/// The access port: AHB3.
const AP_IDR: u32 = 0x2477_0011;

/// Where the ROM table would be, with the bits that say it is there.
const AP_BASE: u32 = 0xe00f_f003;

/// The access port that memory hangs on.
pub(super) const MEMORY_PORT: u8 = 0;

const CSW: u8 = 0x00;
const TAR: u8 = 0x04;
const BASE: u8 = 0xf8;
const IDR: u8 = 0xfc;

/// State of both ports.
#[derive(Debug)]
pub(super) struct Dap {
    control: u32,
    select: u32,
    csw: u32,
    tar: u32,
    // What the last read through the wire fetched.
    fetched: u32,
}

impl Default for Dap {
    fn default() -> Self {
        Self {
            control: 0,
            select: 0,
            csw: 0x2300_0040,
            tar: 0,
            fetched: 0,
        }
    }
}

impl Dap {
    /// Reads a register of the debug port.
    pub(super) const fn read_dp(&self, register: u8) -> u32 {
        match register {
            0x0 => DPIDR,
            // Each request for power is acknowledged by the bit above it.
            0x4 => self.control | (self.control & 0x5000_0000) << 1,
            0x8 => 0,
            _ => self.fetched,
        }
    }

    /// Writes a register of the debug port.
    pub(super) const fn write_dp(&mut self, register: u8, value: u32) {
        match register {
            0x4 => self.control = value & 0x5000_0f01,
            0x8 => self.select = value,
            // ABORT clears errors, of which there are none; the other is for reading only.
            _ => {}
        }
    }

    /// Reads a register of an access port. Memory is not reached this way, but by the accelerator.
    pub(super) const fn read_ap(&self, port: u8, register: u8) -> u32 {
        if port != MEMORY_PORT {
            return 0;
        }
        match register {
            CSW => self.csw,
            TAR => self.tar,
            BASE => AP_BASE,
            IDR => AP_IDR,
            _ => 0,
        }
    }

    /// Writes a register of an access port.
    pub(super) const fn write_ap(&mut self, port: u8, register: u8, value: u32) {
        match (port, register) {
            (MEMORY_PORT, CSW) => self.csw = value,
            (MEMORY_PORT, TAR) => self.tar = value,
            _ => {}
        }
    }

    /// A read through the wire: of an access port one gets what the read before fetched.
    pub(super) const fn wire_read(&mut self, access_port: bool, register: u8) -> u32 {
        if !access_port {
            return self.read_dp(register);
        }
        let before = self.fetched;
        let (port, register) = self.selected(register);
        self.fetched = self.read_ap(port, register);
        before
    }

    /// A write through the wire.
    pub(super) const fn wire_write(&mut self, access_port: bool, register: u8, value: u32) {
        if access_port {
            let (port, register) = self.selected(register);
            self.write_ap(port, register, value);
        } else {
            self.write_dp(register, value);
        }
    }

    const fn selected(&self, register: u8) -> (u8, u8) {
        (
            (self.select >> 24) as u8,
            self.select as u8 & 0xf0 | register,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_is_acknowledged() {
        let mut dap = Dap::default();
        assert_eq!(dap.read_dp(4), 0);
        dap.write_dp(4, 0x5000_0f00);
        assert_eq!(dap.read_dp(4), 0xf000_0f00);
    }

    #[test]
    fn there_is_one_access_port() {
        let dap = Dap::default();
        assert_eq!(dap.read_ap(0, IDR), AP_IDR);
        assert_eq!(dap.read_ap(1, IDR), 0);
    }

    #[test]
    fn reads_of_access_ports_come_one_late_on_the_wire() {
        let mut dap = Dap::default();
        dap.write_dp(8, 0xf0);
        assert_eq!(dap.wire_read(true, 0xc), 0);
        assert_eq!(dap.wire_read(false, 0xc), AP_IDR);
    }
}
