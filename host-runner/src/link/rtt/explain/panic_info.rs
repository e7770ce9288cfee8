//! What a Rust panic has to say, read out of the memory of a core that stands at the entry of its panic handler.
//!
//! The compiler promises no layout. This knows the one that `format_args!` has had since Rust 1.92; whatever does not
//! look like it is no message, and a value whose formatter is not known is shown as `…`.
//!
//! Must not: guess. A message that is told was there.

use crate::symbols::Symbols;

/// Longest message, template and piece of text that is read, in bytes.
const MOST: usize = 512;
/// Most values of one message.
const MOST_VALUES: u32 = 16;

/// A placeholder, and what follows its first byte.
const PLACEHOLDER: u8 = 0xc0;
const LONG_PIECE: u8 = 0x80;
const HAS_FLAGS: u8 = 1;
const HAS_WIDTH: u8 = 1 << 1;
const HAS_PRECISION: u8 = 1 << 2;
const HAS_INDEX: u8 = 1 << 3;

/// The message of the panic whose `PanicInfo` is at `info`. `read` fills a buffer from the core's memory, or says that
/// it cannot.
pub(super) fn message(
    info: u32,
    symbols: &Symbols,
    read: impl FnMut(u32, &mut [u8]) -> bool,
) -> Option<String> {
    let mut memory = Memory { read };
    let formatter = |address: u32| {
        let frames = symbols.frames_at(address & !1);
        frames.last().map(|frame| frame.function.clone())
    };
    // Two references, `message` and `location`, in whichever order.
    let references = [memory.word(info)?, memory.word(info.checked_add(4)?)?];
    let [first, second] = references;
    [(first, second), (second, first)]
        .into_iter()
        .find_map(|(arguments, location)| {
            memory.is_location(location).then_some(())?;
            memory.arguments(arguments, &formatter)
        })
}

struct Memory<R> {
    read: R,
}

impl<R: FnMut(u32, &mut [u8]) -> bool> Memory<R> {
    fn word(&mut self, address: u32) -> Option<u32> {
        let mut bytes = [0; 4];
        (self.read)(address, &mut bytes).then(|| u32::from_le_bytes(bytes))
    }

    fn text(&mut self, address: u32, length: usize) -> Option<String> {
        if length > MOST {
            return None;
        }
        let mut bytes = vec![0; length];
        (self.read)(address, &mut bytes).then_some(())?;
        let text = String::from_utf8(bytes).ok()?;
        let printable = |letter: char| !letter.is_control() || letter == '\n' || letter == '\t';
        text.chars().all(printable).then_some(text)
    }

    /// Whether a `Location` is there: a file's name and its length, a line and a column. The length may count a zero
    /// behind the name.
    fn is_location(&mut self, address: u32) -> bool {
        let mut field = |index: u32| self.word(address.checked_add(index * 4)?);
        let (Some(name), Some(length), Some(line)) = (field(0), field(1), field(2)) else {
            return false;
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let named = self.text(name, length).is_some()
            || length > 0 && self.text(name, length - 1).is_some();
        named && length > 0 && line > 0 && line < 1_000_000
    }

    /// The text of `format_args!` at `address`: a template and the values for it; or, with the low bit of the second
    /// word set, a text and its length.
    fn arguments(
        &mut self,
        address: u32,
        formatter: &impl Fn(u32) -> Option<String>,
    ) -> Option<String> {
        let template = self.word(address)?;
        let values = self.word(address.checked_add(4)?)?;
        if values & 1 == 1 {
            return self.text(template, usize::try_from(values >> 1).ok()?);
        }
        let mut at = template;
        let mut text = String::new();
        let mut next = 0_u32;
        while text.len() <= MOST {
            match self.bytes::<1>(&mut at)?[0] {
                0 => return Some(text),
                LONG_PIECE => {
                    let length = u16::from_le_bytes(self.bytes(&mut at)?);
                    text.push_str(&self.piece(&mut at, length)?);
                }
                length if length < LONG_PIECE => {
                    text.push_str(&self.piece(&mut at, length.into())?);
                }
                placeholder if placeholder & PLACEHOLDER == PLACEHOLDER => {
                    if placeholder & HAS_FLAGS != 0 {
                        self.bytes::<4>(&mut at)?;
                    }
                    for bit in [HAS_WIDTH, HAS_PRECISION] {
                        if placeholder & bit != 0 {
                            self.bytes::<2>(&mut at)?;
                        }
                    }
                    if placeholder & HAS_INDEX != 0 {
                        next = u16::from_le_bytes(self.bytes(&mut at)?).into();
                    }
                    if next >= MOST_VALUES {
                        return None;
                    }
                    text.push_str(&self.value(values.checked_add(next * 8)?, formatter)?);
                    next += 1;
                }
                _ => return None,
            }
        }
        None
    }

    fn bytes<const N: usize>(&mut self, at: &mut u32) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        (self.read)(*at, &mut bytes).then_some(())?;
        *at = at.checked_add(u32::try_from(N).ok()?)?;
        Some(bytes)
    }

    fn piece(&mut self, at: &mut u32, length: u16) -> Option<String> {
        let text = self.text(*at, length.into())?;
        *at = at.checked_add(length.into())?;
        Some(text)
    }

    /// A value and its formatter. `None` only if not even that can be read.
    fn value(
        &mut self,
        address: u32,
        formatter: &impl Fn(u32) -> Option<String>,
    ) -> Option<String> {
        let value = self.word(address)?;
        let formatter = formatter(self.word(address.checked_add(4)?)?).unwrap_or_default();
        Some(self.shown(value, &formatter).unwrap_or_else(|| "…".into()))
    }

    fn shown(&mut self, value: u32, formatter: &str) -> Option<String> {
        let of = |name: &str| {
            formatter == format!("<{name} as core::fmt::Display>::fmt")
                || formatter == format!("<{name} as core::fmt::Debug>::fmt")
                || formatter.ends_with(&format!("<impl core::fmt::Display for {name}>::fmt"))
                || formatter.ends_with(&format!("<impl core::fmt::Debug for {name}>::fmt"))
        };
        if of("u32") || of("usize") {
            return Some(self.word(value)?.to_string());
        }
        if of("i32") || of("isize") {
            return Some(self.word(value)?.cast_signed().to_string());
        }
        let mut at = value;
        if of("u8") {
            return Some(u8::from_le_bytes(self.bytes(&mut at)?).to_string());
        }
        if of("u16") {
            return Some(u16::from_le_bytes(self.bytes(&mut at)?).to_string());
        }
        if of("bool") {
            return match self.bytes::<1>(&mut at)? {
                [0] => Some("false".into()),
                [1] => Some("true".into()),
                _ => None,
            };
        }
        if of("str") || of("&str") || of("alloc::string::String") {
            // Of a reference to a text, the place and the length.
            let text = self.word(value)?;
            let length = self.word(value.checked_add(4)?)?;
            return self.text(text, usize::try_from(length).ok()?);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Memory from address 0x1000 on.
    #[derive(Default)]
    struct Target(Vec<u8>);

    impl Target {
        fn put(&mut self, bytes: &[u8]) -> u32 {
            while !self.0.len().is_multiple_of(4) {
                self.0.push(0xee);
            }
            let address = 0x1000 + u32::try_from(self.0.len()).expect("small");
            self.0.extend_from_slice(bytes);
            address
        }

        fn put_words(&mut self, words: &[u32]) -> u32 {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            self.put(&bytes)
        }

        fn memory(&self) -> Memory<impl FnMut(u32, &mut [u8]) -> bool> {
            Memory {
                read: |address: u32, bytes: &mut [u8]| {
                    let start = address.checked_sub(0x1000).map(|at| at as usize);
                    let part = start.and_then(|at| self.0.get(at..at + bytes.len()));
                    part.is_some_and(|part| {
                        bytes.copy_from_slice(part);
                        true
                    })
                },
            }
        }
    }

    fn formatter(address: u32) -> Option<String> {
        match address {
            1 => Some("<u32 as core::fmt::Display>::fmt".into()),
            2 => Some("core::fmt::num::imp::<impl core::fmt::Display for usize>::fmt".into()),
            3 => Some("<&str as core::fmt::Display>::fmt".into()),
            _ => None,
        }
    }

    #[test]
    fn a_plain_text_is_read() {
        let mut target = Target::default();
        let text = target.put(b"as told");
        let arguments = target.put_words(&[text, 7 << 1 | 1]);
        let told = target.memory().arguments(arguments, &formatter);
        assert_eq!(told.as_deref(), Some("as told"));
    }

    #[test]
    fn values_are_put_where_they_belong() {
        let mut target = Target::default();
        let len = target.put_words(&[3]);
        let index = target.put_words(&[7]);
        let name = target.put(b"ring");
        let name = target.put_words(&[name, 4]);
        let values = target.put_words(&[len, 1, index, 2, name, 3, len, 99]);
        // "len {0} index {1:>5} of {2}: {3}, again {0}"
        let mut template = Vec::from(b"\x04len \xc0\x07 index ".as_slice());
        template
            .extend_from_slice(b"\xc3\x20\0\0\0\x05\0\x04 of \xc0\x02: \xc0\x08, again \xc8\0\0\0");
        let template = target.put(&template);
        let arguments = target.put_words(&[template, values]);
        assert_eq!(
            target.memory().arguments(arguments, &formatter).as_deref(),
            Some("len 3 index 7 of ring: …, again 3")
        );
    }

    #[test]
    fn whatever_is_there_nothing_is_made_up() {
        let mut target = Target::default();
        let garbage = target.put(&[0x81, 0xff, 0x90, 0x00, 0xfe, 0x20, 1, 2, 3, 4, 5, 6]);
        let arguments = target.put_words(&[garbage, 0x1000]);
        assert_eq!(target.memory().arguments(arguments, &formatter), None);
        let unreadable = target.put_words(&[0xdead_0000, 0x1000]);
        assert_eq!(target.memory().arguments(unreadable, &formatter), None);
        let endless = target.put_words(&[garbage, u32::MAX]);
        assert_eq!(target.memory().arguments(endless, &formatter), None);
        assert!(!target.memory().is_location(garbage));
        let name = target.put(b"src/main.rs\0");
        let location = target.put_words(&[name, 11, 42, 5]);
        assert!(target.memory().is_location(location));
        let with_zero = target.put_words(&[name, 12, 42, 5]);
        assert!(target.memory().is_location(with_zero));
    }
}
