//! What the image says about itself: where its RTT is, its build id, and the handlers a crash ends in.

use std::path::Path;

use object::read::elf::{ElfFile32, NoteIterator};
use object::{Endianness, Object, ObjectSection, ObjectSymbol, SectionKind, elf};

use crate::link::rtt::ProbeError;

/// What is needed of an ELF file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Image {
    /// Address of the RTT control block.
    pub(super) rtt: u64,
    /// Address and bytes of the GNU build id in the image.
    pub(super) build_id: Option<(u64, Vec<u8>)>,
    /// Where the core goes when it crashes: addresses with what has happened then, the most telling first.
    pub(super) ends: Vec<(u64, &'static str)>,
    /// Where the core waits for something to happen: every place that looks like such an instruction.
    pub(super) waits: Vec<u64>,
}

/// The instructions a core waits in: wait for interrupt, for event.
const WFI: u16 = 0xbf30;
const WFE: u16 = 0xbf20;

/// Whether two bytes of code are one of them.
pub(super) const fn is_wait(code: [u8; 2]) -> bool {
    matches!(u16::from_le_bytes(code), WFI | WFE)
}

impl Image {
    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be read, is not for a 32-bit core, or has no RTT.
    pub(super) fn read(path: &Path) -> Result<Self, ProbeError> {
        let bad = |problem: String| ProbeError::Image {
            path: path.into(),
            problem,
        };
        let bytes = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
        Self::parse(&bytes)
            .map_err(|error| bad(format!("not an ELF file of a 32-bit core: {error}")))?
            .ok_or_else(|| ProbeError::NoRtt { path: path.into() })
    }

    fn parse(bytes: &[u8]) -> Result<Option<Self>, object::Error> {
        let file: ElfFile32<'_, Endianness> = ElfFile32::parse(bytes)?;
        let Some(rtt) = file.symbol_by_name("_SEGGER_RTT") else {
            return Ok(None);
        };
        Ok(Some(Self {
            rtt: rtt.address(),
            build_id: build_id(&file)?,
            ends: ends(&file),
            waits: waits(&file),
        }))
    }
}

/// The note as it lies in the target's memory, not in the file.
fn build_id(file: &ElfFile32<'_, Endianness>) -> Result<Option<(u64, Vec<u8>)>, object::Error> {
    let endian = file.endian();
    for section in file.sections() {
        let header = section.elf_section_header();
        if header.sh_type.get(endian) != elf::SHT_NOTE || section.address() == 0 {
            continue;
        }
        let data = section.data()?;
        let align = header.sh_addralign.get(endian);
        let mut notes = NoteIterator::<elf::FileHeader32<Endianness>>::new(endian, align, data)?;
        while let Some(note) = notes.next()? {
            if note.name() == elf::ELF_NOTE_GNU && note.n_type(endian) == elf::NT_GNU_BUILD_ID {
                let offset = note.desc().as_ptr().addr() - data.as_ptr().addr();
                return Ok(Some((
                    section.address() + offset as u64,
                    note.desc().to_vec(),
                )));
            }
        }
    }
    Ok(None)
}

/// Vectors of the faults of a Cortex-M, by their place in its vector table.
const FAULTS: [(usize, &str); 4] = [
    (3, "a hard fault"),
    (4, "a memory management fault"),
    (5, "a bus fault"),
    (6, "a usage fault"),
];

fn ends(file: &ElfFile32<'_, Endianness>) -> Vec<(u64, &'static str)> {
    let mut ends: Vec<(u64, &'static str)> = Vec::new();
    let mut add = |address: u64, what| {
        // Bit 0 only says that it is Thumb code.
        let address = address & !1;
        if address != 0 && ends.iter().all(|(known, _)| *known != address) {
            ends.push((address, what));
        }
    };
    let vectors = vectors(file);
    let vector = |(at, what): (usize, &'static str)| {
        let word = vectors.get(at * 4..at * 4 + 4)?.try_into().ok()?;
        Some((u64::from(u32::from_le_bytes(word)), what))
    };
    if let Some((address, what)) = vector(FAULTS[0]) {
        add(address, what);
    }
    if let Some(panic) = panic_entry(file) {
        add(panic, "a panic");
    }
    for (address, what) in FAULTS[1..].iter().copied().filter_map(vector) {
        add(address, what);
    }
    for symbol in file.symbols() {
        match symbol.name() {
            Ok("HardFault") => add(symbol.address(), FAULTS[0].1),
            Ok("DefaultHandler") => add(symbol.address(), "an exception without a handler"),
            _ => {}
        }
    }
    ends
}

/// In a constant among the code, or across two instructions, nobody ever stops.
fn waits(file: &ElfFile32<'_, Endianness>) -> Vec<u64> {
    let code = file
        .sections()
        .filter(|section| section.kind() == SectionKind::Text);
    let places = |section: object::read::elf::ElfSection32<'_, '_, Endianness>| {
        let (at, data) = (section.address(), section.data().unwrap_or_default());
        let halves = data.chunks_exact(2).enumerate();
        halves
            .filter(|(_, half)| is_wait([half[0], half[1]]))
            .map(move |(index, _)| at + 2 * index as u64)
            .collect::<Vec<u64>>()
    };
    code.flat_map(places).collect()
}

fn vectors<'data>(file: &ElfFile32<'data, Endianness>) -> &'data [u8] {
    file.section_by_name(".vector_table")
        .and_then(|section| section.data().ok())
        .unwrap_or_default()
}

/// The image's panic handler; where the optimiser has left nothing of it, the only one who calls it.
fn panic_entry(file: &ElfFile32<'_, Endianness>) -> Option<u64> {
    let named = |end: &str| {
        file.symbols()
            .find(|symbol| symbol.name().is_ok_and(|name| name.ends_with(end)))
            .map(|symbol| symbol.address())
    };
    named("rust_begin_unwind").or_else(|| named("4core9panicking9panic_fmt"))
}

#[cfg(test)]
mod tests;
