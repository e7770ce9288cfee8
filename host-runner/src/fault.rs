//! The fault registers of an Arm Cortex-M in words (Armv7-M Architecture Reference Manual, B3.2.15 to B3.2.18;
//! Armv8-M adds the stack limit). Pure.
//!
//! Must not: read a register; those who can hand the values in.

/// What a fault left in the registers of the system control block. Of a register that could not be read, `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultRegisters {
    /// Configurable fault status (`0xE000ED28`): memory management, bus and usage faults.
    pub cfsr: u32,
    /// Hard fault status (`0xE000ED2C`).
    pub hfsr: u32,
    /// Address of a memory management fault (`0xE000ED34`); means something only if CFSR says so.
    pub mmfar: Option<u32>,
    /// Address of a bus fault (`0xE000ED38`); likewise.
    pub bfar: Option<u32>,
}

/// Which address a sentence ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// None.
    Nowhere,
    /// That of MMFAR, while bit 7 of CFSR is set.
    Memory,
    /// That of BFAR, while bit 15 of CFSR is set.
    Bus,
}

/// Bits that only say that an address register holds something.
const MMARVALID: u32 = 1 << 7;
const BFARVALID: u32 = 1 << 15;

/// Bits of CFSR that mean something, and what. In the order in which they explain most: that an exception could not
/// save its registers comes first, because then nothing else is where it should be.
const CFSR: [(u32, &str, Place); 20] = [
    (
        4,
        "memory protection fault while an exception saved the registers on the stack",
        Place::Nowhere,
    ),
    (
        12,
        "bus fault while an exception saved the registers on the stack",
        Place::Nowhere,
    ),
    (20, "the stack pointer went below its limit", Place::Nowhere),
    (
        1,
        "data access that memory protection forbids",
        Place::Memory,
    ),
    (
        0,
        "instruction fetch from where nothing may be executed",
        Place::Nowhere,
    ),
    (
        3,
        "memory protection fault while the end of an exception restored the registers from the stack",
        Place::Nowhere,
    ),
    (
        5,
        "memory protection fault while floating-point registers were saved late",
        Place::Nowhere,
    ),
    (9, "precise data access error", Place::Bus),
    (
        10,
        "imprecise data access error (the instruction is one of those before)",
        Place::Nowhere,
    ),
    (8, "bus error on an instruction fetch", Place::Nowhere),
    (
        11,
        "bus fault while the end of an exception restored the registers from the stack",
        Place::Nowhere,
    ),
    (
        13,
        "bus fault while floating-point registers were saved late",
        Place::Nowhere,
    ),
    (16, "undefined instruction", Place::Nowhere),
    (
        17,
        "invalid state: a branch to an address that is not marked as Thumb code",
        Place::Nowhere,
    ),
    (
        18,
        "an exception returned with a value that means nothing",
        Place::Nowhere,
    ),
    (
        19,
        "coprocessor instruction while the coprocessor is off or absent",
        Place::Nowhere,
    ),
    (24, "unaligned access", Place::Nowhere),
    (25, "division by zero", Place::Nowhere),
    // What says only where something was, if nothing says what.
    (7, "memory protection fault", Place::Memory),
    (15, "bus fault", Place::Bus),
];

/// Bits of HFSR that mean something, and what.
const HFSR: [(u32, &str); 3] = [
    (1, "bus error on reading the vector table"),
    (
        30,
        "escalated to a hard fault: its own handler is off, or was at work",
    ),
    (31, "debug event while no debugger was attached"),
];

const MEMORY: u32 = 0x0000_00ff;
const BUS: u32 = 0x0000_ff00;
const USAGE: u32 = 0xffff_0000;
/// An exception found no room for the registers, or the stack pointer its limit.
const STACK: u32 = 1 << 4 | 1 << 12 | 1 << 20;

impl FaultRegisters {
    /// One sentence for each bit that is set, the most telling first. A bit that this core should not have is named by
    /// its number.
    #[must_use]
    pub fn in_words(&self) -> Vec<String> {
        let mut words = Vec::new();
        for (bit, text, place) in CFSR {
            let only_where = match 1 << bit {
                MMARVALID => self.cfsr & MEMORY != MMARVALID,
                BFARVALID => self.cfsr & BUS != BFARVALID,
                _ => false,
            };
            if self.cfsr & 1 << bit == 0 || only_where {
                continue;
            }
            let at = match place {
                Place::Nowhere => None,
                Place::Memory => self.mmfar.filter(|_| self.cfsr & MMARVALID != 0),
                Place::Bus => self.bfar.filter(|_| self.cfsr & BFARVALID != 0),
            };
            words.push(match at {
                Some(address) => format!("{text} at {address:#010x}"),
                None => text.into(),
            });
        }
        let known = CFSR.iter().fold(0, |bits, (bit, ..)| bits | 1 << bit);
        let known_hard = HFSR.iter().fold(0, |bits, (bit, _)| bits | 1 << bit);
        for (name, unknown) in [
            ("CFSR", self.cfsr & !known),
            ("HFSR", self.hfsr & !known_hard),
        ] {
            for bit in (0..32).filter(|bit| unknown & 1 << bit != 0) {
                words.push(format!("bit {bit} of {name}, which means nothing"));
            }
        }
        for (bit, text) in HFSR {
            if self.hfsr & 1 << bit != 0 {
                words.push(text.into());
            }
        }
        words
    }

    /// What to call it in two words.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self.cfsr {
            cfsr if cfsr & STACK != 0 => "stack overflow",
            cfsr if cfsr & MEMORY != 0 => "memory fault",
            cfsr if cfsr & BUS != 0 => "bus fault",
            cfsr if cfsr & USAGE != 0 => "usage fault",
            _ => "hard fault",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(cfsr: u32, hfsr: u32) -> Vec<String> {
        FaultRegisters {
            cfsr,
            hfsr,
            mmfar: Some(0x2100_0000),
            bfar: Some(0x3000_0000),
        }
        .in_words()
    }

    #[test]
    fn every_bit_of_the_architecture_has_a_sentence() {
        // Armv7-M: MMFSR 0, 1, 3, 4, 5, 7; BFSR 8 to 13, 15; UFSR 16 to 19, 24, 25. Armv8-M: 20.
        let architecture = [
            0, 1, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 15, 16, 17, 18, 19, 20, 24, 25,
        ];
        for bit in 0..32 {
            let told = words(1 << bit, 0);
            assert_eq!(told.len(), 1, "{told:?}");
            let unknown = told
                .iter()
                .any(|text| text.contains("means nothing") && text.contains("CFSR"));
            assert_eq!(unknown, !architecture.contains(&bit), "bit {bit}: {told:?}");
        }
        let all: std::collections::BTreeSet<String> = architecture
            .iter()
            .flat_map(|bit| words(1 << bit, 0))
            .collect();
        assert_eq!(
            all.len(),
            architecture.len(),
            "no sentence stands for two bits"
        );
    }

    #[test]
    fn an_address_is_told_only_where_it_is_valid() {
        assert_eq!(
            words(1 << 9 | BFARVALID, 0),
            ["precise data access error at 0x30000000"]
        );
        assert_eq!(words(1 << 9, 0), ["precise data access error"]);
        assert_eq!(
            words(1 << 1 | MMARVALID, 0),
            ["data access that memory protection forbids at 0x21000000"]
        );
        // The other one's address says nothing about it.
        assert_eq!(
            words(1 << 1 | BFARVALID, 0)[0],
            "data access that memory protection forbids"
        );
        let unread = FaultRegisters {
            cfsr: 1 << 9 | BFARVALID,
            ..FaultRegisters::default()
        };
        assert_eq!(unread.in_words(), ["precise data access error"]);
    }

    #[test]
    fn an_overflow_into_the_guard_is_told_as_one() {
        // As measured on the emulated board: MMARVALID, MSTKERR and DACCVIOL.
        let registers = FaultRegisters {
            cfsr: 0x92,
            hfsr: 1 << 30,
            mmfar: Some(0x2100_0010),
            bfar: None,
        };
        assert_eq!(registers.kind(), "stack overflow");
        assert_eq!(
            registers.in_words(),
            [
                "memory protection fault while an exception saved the registers on the stack",
                "data access that memory protection forbids at 0x21000010",
                "escalated to a hard fault: its own handler is off, or was at work",
            ]
        );
    }

    #[test]
    fn the_kind_is_that_of_the_first_group_with_a_bit() {
        for (cfsr, kind) in [
            (0, "hard fault"),
            (1 << 1, "memory fault"),
            (1 << 9, "bus fault"),
            (1 << 16, "usage fault"),
            (1 << 12, "stack overflow"),
            (1 << 20, "stack overflow"),
        ] {
            let registers = FaultRegisters {
                cfsr,
                ..FaultRegisters::default()
            };
            assert_eq!(registers.kind(), kind);
        }
        assert!(FaultRegisters::default().in_words().is_empty());
    }
}
