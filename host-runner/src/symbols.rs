//! What an image knows of its addresses: functions, files, lines, and which of them are return addresses.
//!
//! Everything is read from the image's own ELF file; no board is needed. Reading it takes some milliseconds, so one
//! [`Symbols`] serves a whole run.
//!
//! Must not: ask a board, or judge what it finds.

mod names;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use object::elf::SHF_EXECINSTR;
use object::{Object as _, ObjectSection as _, ObjectSymbol as _, SectionFlags, SymbolKind};

use crate::event::Frame;

/// Most functions of a way that is guessed from a stack.
const MOST_SCANNED: usize = 24;

/// The instructions a core sleeps at.
const WFI: u16 = 0xbf30;
const WFE: u16 = 0xbf20;

/// The functions and lines of one image.
pub struct Symbols {
    dwarf: addr2line::Loader,
    /// Addresses and bytes of the sections that hold instructions.
    code: Vec<(u32, Vec<u8>)>,
    by_name: BTreeMap<String, u32>,
    /// Functions by their start: size, which is 0 where nobody has told it, and name.
    functions: BTreeMap<u32, (u32, String)>,
    /// Source files as the image names them, and as people call them.
    files: RefCell<BTreeMap<String, String>>,
}

/// Why an image says nothing about its addresses.
#[derive(Debug, thiserror::Error)]
#[error("the symbols of {} cannot be read: {problem}", elf.display())]
pub struct NoSymbols {
    /// The image.
    pub elf: PathBuf,
    /// What is wrong with it.
    pub problem: String,
}

impl Symbols {
    /// Reads the image at `elf`.
    ///
    /// # Errors
    /// It cannot be read, or is no ELF file. A file without debug information is fine: it knows fewer names.
    pub fn load(elf: &Path) -> Result<Self, NoSymbols> {
        let bad = |problem: String| NoSymbols {
            elf: elf.into(),
            problem,
        };
        let dwarf = addr2line::Loader::new(elf).map_err(|error| bad(error.to_string()))?;
        let bytes = std::fs::read(elf).map_err(|error| bad(error.to_string()))?;
        let file = object::File::parse(&*bytes).map_err(|error| bad(error.to_string()))?;
        let mut code = Vec::new();
        for section in file.sections() {
            let executable = matches!(section.flags(), SectionFlags::Elf { sh_flags } if sh_flags & u64::from(SHF_EXECINSTR) != 0);
            if let (true, Ok(start), Ok(bytes)) =
                (executable, u32::try_from(section.address()), section.data())
            {
                code.push((start, bytes.to_vec()));
            }
        }
        let mut by_name = BTreeMap::new();
        let mut functions = BTreeMap::new();
        for symbol in file.symbols() {
            let (Ok(address), Ok(name)) = (u32::try_from(symbol.address()), symbol.name()) else {
                continue;
            };
            let address = if symbol.kind() == SymbolKind::Text {
                // The lowest bit marks Thumb code.
                let start = address & !1;
                let size = u32::try_from(symbol.size()).unwrap_or_default();
                functions.insert(start, (size, name.to_owned()));
                start
            } else {
                address
            };
            by_name.insert(name.to_owned(), address);
        }
        Ok(Self {
            dwarf,
            code,
            by_name,
            functions,
            files: RefCell::default(),
        })
    }

    /// Address of the symbol with exactly this name, without the mark of Thumb code.
    #[must_use]
    pub fn address_of(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    /// The function that an instruction at `address` belongs to, and those it is inlined in, innermost first. One
    /// frame at least; where nothing is known it says so.
    #[must_use]
    pub fn frames_at(&self, address: u32) -> Vec<Frame> {
        let mut frames = Vec::new();
        if let Ok(mut found) = self.dwarf.find_frames(address.into()) {
            while let Ok(Some(frame)) = found.next() {
                let function = frame
                    .function
                    .as_ref()
                    .and_then(|function| function.demangle().ok())
                    .map(|name| names::without_arguments(&name));
                let place = frame.location.as_ref();
                frames.push(Frame {
                    address,
                    function: function.unwrap_or_else(|| self.symbol_at(address)),
                    file: place
                        .and_then(|place| place.file)
                        .map(|file| self.file(file)),
                    // Line 0 marks code that no line stands for.
                    line: place.and_then(|place| place.line).filter(|line| *line > 0),
                    inlined: true,
                });
            }
        }
        if frames.is_empty() {
            frames.push(Frame {
                address,
                function: self.symbol_at(address),
                ..Frame::default()
            });
        }
        // All of them but the outermost, whose symbol knows its path even if the debug information is terse.
        if let Some(outermost) = frames.last_mut() {
            outermost.inlined = false;
            let symbol = self.symbol_at(address);
            if symbol.ends_with(&format!("::{}", outermost.function)) {
                outermost.function = symbol;
            }
        }
        frames
    }

    /// The frames at the call that `return_address` follows.
    #[must_use]
    pub fn frames_of_call(&self, return_address: u32) -> Vec<Frame> {
        let call = self
            .call_before(return_address)
            // The last byte of whatever stands before it.
            .unwrap_or_else(|| (return_address & !1).wrapping_sub(1) & !1);
        self.frames_at(call)
    }

    /// Address of the Thumb instruction that calls, if one stands right before `return_address`.
    #[must_use]
    pub fn call_before(&self, return_address: u32) -> Option<u32> {
        if return_address & 1 == 0 {
            return None;
        }
        let next = return_address & !1;
        let half = |back: u32| self.halfword(next.checked_sub(back)?);
        // BLX <register>: 0100 0111 1rrr r000.
        if half(2)? & 0xff87 == 0x4780 {
            return Some(next - 2);
        }
        // BL <label>: 11110… 11.1….
        (half(4)? & 0xf800 == 0xf000 && half(2)? & 0xd000 == 0xd000).then(|| next - 4)
    }

    /// Those `words` of a stack that are return addresses, in the order in which they stand there: the innermost call
    /// comes first, and between those that count there may be remains of calls that are long over.
    pub fn return_addresses<'w>(&'w self, words: &'w [u32]) -> impl Iterator<Item = u32> + use<'w> {
        words
            .iter()
            .copied()
            .filter(|word| self.call_before(*word).is_some())
    }

    /// A way of calls guessed from a stack, for want of something better: the instruction the core was at, if that is
    /// known; what it returns to, unless that is left over from a call before; then the return addresses in `words`.
    #[must_use]
    pub fn scanned(&self, pc: Option<u32>, lr: Option<u32>, words: &[u32]) -> Vec<Frame> {
        let mut frames = pc.map(|pc| self.frames_at(pc)).unwrap_or_default();
        let mut calls: Vec<u32> = self.return_addresses(words).collect();
        if let Some(lr) = lr.filter(|lr| self.call_before(*lr).is_some()) {
            let before = self.frames_of_call(lr);
            let same = |frame: &Frame| {
                frames
                    .last()
                    .is_some_and(|it| it.function == frame.function)
            };
            if !before.last().is_some_and(same) {
                calls.insert(0, lr);
            }
        }
        // A function that calls itself until there is no more room says it once.
        calls.dedup();
        for call in calls {
            if frames.len() >= MOST_SCANNED {
                break;
            }
            frames.extend(self.frames_of_call(call));
        }
        frames
    }

    /// Whether a core that stands at `address` waits for an interrupt or event: at WFI or WFE, or right behind it.
    #[must_use]
    pub fn waits_at(&self, address: u32) -> bool {
        let at = address & !1;
        [Some(at), at.checked_sub(2)]
            .into_iter()
            .flatten()
            .any(|at| matches!(self.halfword(at), Some(WFI | WFE)))
    }

    /// Whether instructions of the image stand at `address`.
    #[must_use]
    pub fn is_code(&self, address: u32) -> bool {
        self.halfword(address & !1).is_some()
    }

    fn halfword(&self, address: u32) -> Option<u16> {
        self.code.iter().find_map(|(start, bytes)| {
            let at = usize::try_from(address.checked_sub(*start)?).ok()?;
            let pair = bytes.get(at..at.checked_add(2)?)?;
            Some(u16::from_le_bytes([*pair.first()?, *pair.get(1)?]))
        })
    }

    fn symbol_at(&self, address: u32) -> String {
        let symbol = self.functions.range(..=address).next_back();
        let symbol = symbol
            .filter(|(start, (size, _))| *size == 0 || address - **start < *size)
            .filter(|_| self.is_code(address))
            .map(|(_, (_, name))| name.as_str());
        symbol.map_or_else(
            || format!("nothing that the image knows, at {address:#010x}"),
            |name| names::without_arguments(&addr2line::demangle_auto(name.into(), None)),
        )
    }

    fn file(&self, path: &str) -> String {
        self.files
            .borrow_mut()
            .entry(path.to_owned())
            .or_insert_with(|| names::file(path))
            .clone()
    }
}

impl core::fmt::Debug for Symbols {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Symbols")
            .field("symbols", &self.by_name.len())
            .finish_non_exhaustive()
    }
}
