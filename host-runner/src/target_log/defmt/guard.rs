//! Looks through a frame before it is decoded: whether its lengths are those of the bytes that are there.
//!
//! defmt's decoder makes room for as many elements as a frame says there are, and goes down as deep as its formats
//! lead it. Noise on a line must cost neither the memory nor the stack of this process. Must not: show anything.

use std::collections::BTreeMap;

use defmt_parser::{Fragment, ParserMode, Type, parse};
use object::{Object, ObjectSection, ObjectSymbol};
use serde::Deserialize;

/// How many elements all sequences of a frame may have together.
const ELEMENTS: usize = 4096;

/// How many formats may be inside each other.
const DEPTH: usize = 24;

/// The formats of an image.
#[derive(Debug, Default)]
pub(super) struct Guard {
    formats: BTreeMap<u16, String>,
    timestamp: Option<String>,
}

/// Name of a symbol in the section of messages.
#[derive(Deserialize)]
struct Name {
    tag: String,
    data: String,
}

impl Guard {
    /// Of an ELF file, if it has messages.
    pub(super) fn of_image(elf: &[u8]) -> Option<Self> {
        let elf = object::File::parse(elf).ok()?;
        let sections: Vec<_> = elf
            .sections()
            .filter(|section| {
                section
                    .name()
                    .is_ok_and(|name| name == ".defmt" || name.starts_with(".defmt."))
            })
            .map(|section| section.index())
            .collect();
        if sections.is_empty() {
            return None;
        }
        let mut guard = Self::default();
        for symbol in elf.symbols() {
            let inside = symbol
                .section_index()
                .is_some_and(|section| sections.contains(&section));
            let name = symbol.name().ok().filter(|_| inside);
            let Some(name) = name.and_then(|name| serde_json::from_str::<Name>(name).ok()) else {
                continue;
            };
            match name.tag.as_str() {
                "defmt_timestamp" => guard.timestamp = Some(name.data),
                "defmt_bitflags_value" => {}
                _ => {
                    if let Ok(index) = u16::try_from(symbol.address()) {
                        guard.formats.insert(index, name.data);
                    }
                }
            }
        }
        Some(guard)
    }

    /// Whether a frame has what its formats say, in reasonable amounts.
    pub(super) fn accepts(&self, frame: &[u8]) -> bool {
        let mut look = Look {
            guard: self,
            rest: frame,
            elements: ELEMENTS,
        };
        look.frame().is_some()
    }
}

/// One look through a frame.
struct Look<'g> {
    guard: &'g Guard,
    rest: &'g [u8],
    /// Elements that are still allowed.
    elements: usize,
}

impl<'g> Look<'g> {
    fn frame(&mut self) -> Option<()> {
        let format = self.named()?;
        if let Some(timestamp) = &self.guard.timestamp {
            self.arguments(timestamp, 0)?;
        }
        self.arguments(format, 0)
    }

    fn arguments(&mut self, format: &str, depth: usize) -> Option<()> {
        if depth > DEPTH {
            return None;
        }
        for parameter in parameters(format)? {
            self.argument(&parameter, depth)?;
        }
        Some(())
    }

    fn argument(&mut self, parameter: &Type, depth: usize) -> Option<()> {
        match parameter {
            Type::I8 | Type::U8 | Type::Bool => self.skip(1),
            Type::I16 | Type::U16 | Type::IStr => self.skip(2),
            Type::I32 | Type::U32 | Type::Isize | Type::Usize | Type::F32 | Type::Char => {
                self.skip(4)
            }
            Type::I64 | Type::U64 | Type::F64 => self.skip(8),
            Type::I128 | Type::U128 => self.skip(16),
            Type::BitField(range) => {
                let octets = range.end.checked_sub(1)? / 8 - range.start / 8 + 1;
                self.skip(match octets {
                    1 => 1,
                    2 => 2,
                    3..=4 => 4,
                    5..=8 => 8,
                    _ => 16,
                })
            }
            Type::Str | Type::U8Slice => {
                let length = self.count()?;
                self.skip(length)
            }
            Type::U8Array(length) => self.skip(*length),
            Type::Debug | Type::Display => {
                let end = self.rest.iter().position(|byte| *byte == 0xff)?;
                self.skip(end + 1)
            }
            Type::Format => {
                let format = self.named()?;
                self.one_of(format, depth)
            }
            Type::FormatSlice => {
                let count = self.count()?;
                self.elements(count, depth)
            }
            Type::FormatArray(count) => self.elements(*count, depth),
            Type::FormatSequence => loop {
                let (low, rest) = self.rest.split_first_chunk::<2>()?;
                if *low == [0, 0] {
                    self.rest = rest;
                    return Some(());
                }
                self.take_elements(1)?;
                let format = self.named()?;
                self.arguments(format, depth + 1)?;
            },
        }
    }

    fn elements(&mut self, count: usize, depth: usize) -> Option<()> {
        self.take_elements(count)?;
        let format = self.named()?;
        for _ in 0..count {
            self.one_of(format, depth)?;
        }
        Some(())
    }

    /// A format, or the variant of it that is next.
    fn one_of(&mut self, format: &'g str, depth: usize) -> Option<()> {
        let format = if format.contains('|') {
            let variants = format.matches('|').count();
            let width = if variants <= usize::from(u8::MAX) {
                1
            } else {
                2
            };
            let (number, rest) = self.rest.split_at_checked(width)?;
            self.rest = rest;
            let number = number
                .iter()
                .rev()
                .fold(0, |number, byte| number << 8 | usize::from(*byte));
            format.split('|').nth(number)?
        } else {
            format
        };
        self.arguments(format, depth + 1)
    }

    fn named(&mut self) -> Option<&'g str> {
        let (index, rest) = self.rest.split_first_chunk::<2>()?;
        self.rest = rest;
        let format = self.guard.formats.get(&u16::from_le_bytes(*index))?;
        Some(format)
    }

    fn count(&mut self) -> Option<usize> {
        let (count, rest) = self.rest.split_first_chunk::<4>()?;
        self.rest = rest;
        usize::try_from(u32::from_le_bytes(*count)).ok()
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.rest = self.rest.get(bytes..)?;
        Some(())
    }

    fn take_elements(&mut self, count: usize) -> Option<()> {
        self.elements = self.elements.checked_sub(count)?;
        Some(())
    }
}

/// Types of what a format takes, each once, in the order of the frame: several looks at the bits of one argument
/// are one number that has all of them.
fn parameters(format: &str) -> Option<impl Iterator<Item = Type>> {
    let mut types: BTreeMap<usize, Type> = BTreeMap::new();
    for fragment in parse(format, ParserMode::ForwardsCompatible).ok()? {
        let Fragment::Parameter(parameter) = fragment else {
            continue;
        };
        let merged = match (types.get(&parameter.index), parameter.ty) {
            (Some(Type::BitField(known)), Type::BitField(new)) => {
                Type::BitField(known.start.min(new.start)..known.end.max(new.end))
            }
            (Some(known), _) => known.clone(),
            (None, new) => new,
        };
        types.insert(parameter.index, merged);
    }
    Some(types.into_values())
}
