//! Tests with an ELF file that is put together here.

use super::*;

/// A section: name, type, flags, address, content.
type Section = (&'static str, u32, u32, u32, Vec<u8>);

const CODE: u32 = elf::SHF_ALLOC | elf::SHF_EXECINSTR;

/// An ELF file of a Cortex-M with these sections and symbols.
fn file(mut sections: Vec<Section>, symbols: &[(&str, u32)]) -> Vec<u8> {
    let mut strings = vec![0];
    // The first symbol is none.
    let mut table = vec![0; 16];
    for (name, address) in symbols {
        let at = u32::try_from(strings.len()).expect("small");
        strings.extend(name.bytes().chain([0]));
        for word in [at, *address, 0, 0xfff1_0012] {
            table.extend(word.to_le_bytes());
        }
    }
    let link = u32::try_from(sections.len() + 2).expect("small");
    sections.insert(0, ("", elf::SHT_NULL, 0, 0, Vec::new()));
    sections.push((".symtab", elf::SHT_SYMTAB, 0, 0, table));
    sections.push((".strtab", elf::SHT_STRTAB, 0, 0, strings));
    let mut names: Vec<u8> = Vec::new();
    let mut name_at = Vec::new();
    for name in sections.iter().map(|section| section.0).chain([".names"]) {
        name_at.push(u32::try_from(names.len()).expect("small"));
        names.extend(name.bytes().chain([0]));
    }
    sections.push((".names", elf::SHT_STRTAB, 0, 0, names));
    let mut bytes = vec![0; 52];
    let mut headers = Vec::new();
    for (index, (_, kind, flags, address, content)) in sections.iter().enumerate() {
        let at = u32::try_from(bytes.len()).expect("small");
        let size = u32::try_from(content.len()).expect("small");
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        let (link, entry) = if *kind == elf::SHT_SYMTAB {
            (link, 16)
        } else {
            (0, 0)
        };
        let words = [
            name_at[index],
            *kind,
            *flags,
            *address,
            at,
            size,
            link,
            1,
            4,
            entry,
        ];
        headers.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    }
    let at = u32::try_from(bytes.len()).expect("small");
    bytes.extend(headers);
    bytes[..16].copy_from_slice(b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0");
    let count = u16::try_from(sections.len()).expect("small");
    let halves = [
        2,
        40,
        1,
        0,
        0,
        0,
        0,
        0,
        (at & 0xffff) as u16,
        (at >> 16) as u16,
        0,
        0,
        52,
        0,
        0,
    ];
    let halves = halves.into_iter().chain([40, count, count - 1]);
    for (index, half) in halves.enumerate() {
        bytes[16 + 2 * index..18 + 2 * index].copy_from_slice(&u16::to_le_bytes(half));
    }
    bytes
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn sections() -> Vec<Section> {
    // Stack, reset, NMI, then hard fault, and one handler for the other faults.
    let vectors = words(&[0x2000_1000, 0x101, 0x121, 0x141, 0x121, 0x121, 0x121]);
    let mut note = words(&[4, 3, 3]);
    note.extend(b"GNU\0\xaa\xbb\xcc\0");
    // nop; wfi; nop; wfe
    let code = [0x00, 0xbf, 0x30, 0xbf, 0x00, 0xbf, 0x20, 0xbf].to_vec();
    vec![
        (
            ".vector_table",
            elf::SHT_PROGBITS,
            elf::SHF_ALLOC,
            0,
            vectors,
        ),
        (".text", elf::SHT_PROGBITS, CODE, 0x100, code),
        (
            ".note.gnu.build-id",
            elf::SHT_NOTE,
            elf::SHF_ALLOC,
            0x800,
            note,
        ),
    ]
}

fn read(sections: Vec<Section>, symbols: &[(&str, u32)]) -> Option<Image> {
    Image::parse(&file(sections, symbols)).expect("an ELF file")
}

#[test]
fn says_where_everything_is() {
    let symbols = [
        ("_SEGGER_RTT", 0x2100_0000),
        ("_RNvCsX_7___rustc17rust_begin_unwind", 0x161),
        ("HardFault", 0x141),
        ("DefaultHandler", 0x121),
    ];
    let image = read(sections(), &symbols).expect("it has RTT");
    assert_eq!(image.rtt, 0x2100_0000);
    assert_eq!(image.build_id, Some((0x810, vec![0xaa, 0xbb, 0xcc])));
    let ends: Vec<u64> = image.ends.iter().map(|(address, _)| *address).collect();
    assert_eq!(
        ends,
        [0x140, 0x160, 0x120],
        "each once, the most telling first"
    );
    assert_eq!(image.waits, [0x102, 0x106]);
}

#[test]
fn a_panic_that_was_inlined_ends_where_it_begins() {
    let symbols = [
        ("_SEGGER_RTT", 0x2100_0000),
        ("_RNvNtCsX_4core9panicking9panic_fmt", 0x171),
    ];
    let image = read(sections(), &symbols).expect("it has RTT");
    assert!(image.ends.contains(&(0x170, "a panic")), "{:?}", image.ends);
}

#[test]
fn an_image_may_have_nothing_but_rtt_and_must_have_that() {
    let image = read(Vec::new(), &[("_SEGGER_RTT", 0x2000_0000)]).expect("it has RTT");
    assert_eq!(image.build_id, None);
    assert!(image.ends.is_empty() && image.waits.is_empty());
    assert_eq!(read(sections(), &[("main", 0x101)]), None);
}

#[test]
fn whatever_is_cut_off_is_refused_without_a_panic() {
    let whole = file(sections(), &[("_SEGGER_RTT", 0x2100_0000)]);
    for length in 0..whole.len() {
        // Some of it may still be understood.
        let _ = Image::parse(&whole[..length]);
    }
}
