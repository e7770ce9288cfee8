//! The chips that are emulated: their memory.

/// What a range of addresses is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Code is flashed here, and runs from here.
    Flash,
    /// Memory inside the emulator.
    Ram,
    /// Memory that the probe shares.
    Shared,
    /// Registers: every access has a width.
    Registers,
}

/// A range of addresses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Region {
    pub(super) name: &'static str,
    pub(super) start: u32,
    pub(super) size: u32,
    pub(super) kind: Kind,
}

impl Region {
    /// Offset of an address in it.
    pub(super) const fn offset(&self, address: u32) -> Option<u32> {
        match address.checked_sub(self.start) {
            Some(offset) if offset < self.size => Some(offset),
            _ => None,
        }
    }
}

/// A machine of QEMU's, as a chip.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chip {
    /// Name of the machine and of the chip.
    pub(super) name: &'static str,
    pub(super) regions: &'static [Region],
}

const fn region(name: &'static str, kind: Kind, start: u32, size: u32) -> Region {
    Region {
        name,
        start,
        size,
        kind,
    }
}

/// The FPGA board MPS2 (application notes 385 and 386, the same but for the core). Flash is the static memory at 0.
const MPS2: [Region; 6] = [
    region("flash", Kind::Flash, 0, 4 << 20),
    region("block", Kind::Ram, 0x0100_0000, 16 << 10),
    region("ssram", Kind::Ram, 0x2000_0000, 4 << 20),
    region("psram", Kind::Shared, 0x2100_0000, 16 << 20),
    region(
        "peripherals",
        Kind::Registers,
        0x4000_0000,
        2 << 20 | 1 << 16,
    ),
    region("private peripherals", Kind::Registers, 0xe000_0000, 1 << 20),
];

/// All of them.
const CHIPS: [Chip; 2] = [
    Chip {
        name: "mps2-an385",
        regions: &MPS2,
    },
    Chip {
        name: "mps2-an386",
        regions: &MPS2,
    },
];

impl Chip {
    /// The one that a machine of QEMU's is.
    pub(super) fn of_machine(machine: &str) -> Option<Self> {
        CHIPS.into_iter().find(|chip| chip.name == machine)
    }

    /// The names of all of them.
    pub(super) fn names() -> String {
        CHIPS.map(|chip| chip.name).join(", ")
    }

    /// The region of an address, and the offset in it.
    pub(super) fn find(&self, address: u32) -> Option<(&'static Region, u32)> {
        self.regions
            .iter()
            .find_map(|region| Some((region, region.offset(address)?)))
    }

    /// The first region of this kind.
    pub(super) fn region(&self, kind: Kind) -> &'static Region {
        self.regions
            .iter()
            .find(|region| region.kind == kind)
            .expect("every chip has a region of each kind")
    }

    /// Whether code can be there.
    pub(super) fn is_executable(&self, address: u32) -> bool {
        self.find(address)
            .is_some_and(|(region, _)| region.kind != Kind::Registers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_to_the_last_byte() {
        let chip = Chip::of_machine("mps2-an385").expect("there is one");
        let kind = |address| chip.find(address).map(|(region, _)| region.kind);
        assert_eq!(kind(0x003f_ffff), Some(Kind::Flash));
        assert_eq!(kind(0x0040_0000), None);
        assert_eq!(kind(0x21ff_ffff), Some(Kind::Shared));
        assert_eq!(kind(0x2200_0000), None);
        assert_eq!(kind(0xe000_ed00), Some(Kind::Registers));
        assert_eq!(kind(0xffff_ffff), None);
        assert!(chip.is_executable(0) && !chip.is_executable(0x4000_0000));
    }

    #[test]
    fn every_chip_has_flash_and_shared_memory() {
        for chip in CHIPS {
            assert_eq!(chip.region(Kind::Flash).start, 0);
            assert!(chip.region(Kind::Shared).size > 0);
        }
    }
}
