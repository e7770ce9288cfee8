//! An image made by hand, and frames for it.

use object::write::{Object as Writer, Symbol, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, SectionKind, SymbolFlags, SymbolKind, SymbolScope,
};
use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Messages of the image: index, kind, format.
const MESSAGES: [(u16, &str, &str); 10] = [
    (1, "info", "link is up, {=u32} ms, {=bool}"),
    (2, "error", "{=str} failed: {=?}"),
    (3, "debug", "list {=[?]}"),
    (4, "derived", "Point {{ x: {=u8}, y: {=u8} }}"),
    (5, "derived", "None|Some({=?})"),
    (6, "println", "no level, {=[u8]:a}"),
    (7, "prim", "{=u8}"),
    (8, "derived", "Unit"),
    (9, "warn", "bits {0=0..4} {0=4..12} {1=__internal_Display}"),
    (10, "trace", "many {=__internal_FormatSequence}"),
];

fn image(version: &str, timestamp: Option<&str>) -> Vec<u8> {
    let mut elf = Writer::new(BinaryFormat::Elf, Architecture::Arm, Endianness::Little);
    let section = elf.add_section(Vec::new(), b".defmt".to_vec(), SectionKind::Other);
    elf.append_section_data(section, &[0; 64], 1);
    let mut add = |name: String, value: u64, section| {
        elf.add_symbol(Symbol {
            name: name.into_bytes(),
            value,
            size: 1,
            kind: SymbolKind::Data,
            scope: SymbolScope::Linkage,
            weak: false,
            section,
            flags: SymbolFlags::None,
        });
    };
    add(
        format!("_defmt_version_ = {version}"),
        0,
        SymbolSection::Absolute,
    );
    add(
        "_defmt_encoding_ = rzcobs".into(),
        0,
        SymbolSection::Absolute,
    );
    let name = |tag: &str, data: &str| {
        json!({"package": "p", "tag": format!("defmt_{tag}"), "data": data, "disambiguator": "7", "crate_name": "c"})
            .to_string()
    };
    for (index, tag, format) in MESSAGES {
        add(
            name(tag, format),
            index.into(),
            SymbolSection::Section(section),
        );
    }
    if let Some(format) = timestamp {
        add(
            name("timestamp", format),
            20,
            SymbolSection::Section(section),
        );
    }
    elf.write().expect("an ELF file")
}

fn decoder() -> Defmt {
    Defmt::of_image(&image("4", Some("{=u64:us}")), Path::new("/w"))
        .expect("a table")
        .expect("messages")
}

/// A frame of a message at 1.5 ms, with the zero that ends it.
fn frame(index: u16, arguments: &[u8]) -> Vec<u8> {
    let mut bytes = index.to_le_bytes().to_vec();
    bytes.extend(1500_u64.to_le_bytes());
    bytes.extend(arguments);
    let mut frame = frame::encode(&bytes);
    frame.push(0);
    frame
}

fn lines(bytes: &[u8]) -> (Vec<LogLine>, u64) {
    let mut decoder = decoder();
    let mut lines = Vec::new();
    // In pieces, as they come.
    for piece in bytes.chunks(3) {
        decoder.feed(piece, &mut lines);
    }
    decoder.end(&mut lines);
    (lines, decoder.malformed())
}

fn one(index: u16, arguments: &[u8]) -> LogLine {
    let (lines, malformed) = lines(&frame(index, arguments));
    assert_eq!((lines.len(), malformed), (1, 0), "{lines:?}");
    lines[0].clone()
}

#[test]
fn decodes_messages_with_time_and_level() {
    let line = one(1, &[42, 0, 0, 0, 1]);
    assert_eq!(line.at_us, Some(1500));
    assert_eq!(line.level.as_deref(), Some("info"));
    assert_eq!(line.text, "link is up, 42 ms, true");
    assert_eq!(line.at, None);

    let mut arguments = 4_u32.to_le_bytes().to_vec();
    arguments.extend(b"open");
    arguments.extend([5, 0, 1, 4, 0, 3, 9]);
    assert_eq!(
        one(2, &arguments).text,
        "open failed: Some(Point { x: 3, y: 9 })"
    );
    assert_eq!(one(3, &[2, 0, 0, 0, 7, 0, 5, 6]).text, "list [5, 6]");
    assert_eq!(
        one(6, &[3, 0, 0, 0, b'a', 0x1b, b'c']).text,
        "no level, b\"a\\x1bc\""
    );
    assert_eq!(one(6, &[0; 4]).level, None);
    assert_eq!(one(9, &[0x5a, 0x01, b'x', 0xff]).text, "bits 10 21 x");
    assert_eq!(
        one(10, &[8, 0, 4, 0, 1, 2, 0, 0]).text,
        "many UnitPoint { x: 1, y: 2 }"
    );
}

#[test]
fn goes_on_after_a_malformed_frame_and_says_so_once() {
    let good = frame(1, &[42, 0, 0, 0, 1]);
    let mut bytes = good[3..].to_vec();
    bytes.extend(&good);
    // Nobody's message; flushes; one that is far too long.
    bytes.extend(frame(30, &[]));
    bytes.extend([0, 0]);
    bytes.extend([1; LONGEST + 5]);
    bytes.push(0);
    bytes.extend(&good);
    let (lines, malformed) = lines(&bytes);
    let texts: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(malformed, 3);
    assert_eq!(
        texts,
        [
            "(a malformed frame of the log was left out; others are counted)",
            "link is up, 42 ms, true",
            "link is up, 42 ms, true",
            "(3 malformed frames were left out in all)",
        ]
    );
}

#[test]
fn believes_no_lengths() {
    for (index, arguments) in [
        // Four thousand million units, which take no bytes.
        (3, &[0xff, 0xff, 0xff, 0xff, 8, 0][..]),
        (3, &[0x01, 0x10, 0, 0, 8, 0]),
        (2, &[0xff, 0xff, 0xff, 0xff, 1]),
        (6, &[9, 0, 0, 0, 1]),
        (9, &[0, 0, b'x']),
        (10, &[8, 0, 8, 0]),
    ] {
        let (_, malformed) = lines(&frame(index, arguments));
        assert_eq!(malformed, 1, "{index}");
    }
    // As deep as a frame can lead.
    let mut arguments = vec![0; 4];
    for _ in 0..1000 {
        arguments.extend([5, 0, 1]);
    }
    assert_eq!(lines(&frame(2, &arguments)).1, 1);
}

#[test]
fn says_what_it_cannot_read() {
    let other = Defmt::of_image(&image("99", None), Path::new("/")).expect_err("unknown");
    assert!(other.contains("99"), "{other}");
    assert!(
        Defmt::of_image(b"", Path::new("/"))
            .expect("fine")
            .is_none()
    );
}

#[test]
fn an_image_without_a_time_has_none() {
    let mut decoder = Defmt::of_image(&image("4", None), Path::new("/"))
        .expect("a table")
        .expect("messages");
    let mut frame = frame::encode(&[1, 0, 42, 0, 0, 0, 1]);
    frame.push(0);
    let mut lines = Vec::new();
    decoder.feed(&frame, &mut lines);
    assert_eq!(lines[0].at_us, None);
    assert_eq!(lines[0].text, "link is up, 42 ms, true");
}

proptest! {
    #[test]
    fn survives_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        lines(&bytes);
    }

    /// Closer to what is understood: known messages with any arguments.
    #[test]
    fn survives_any_arguments(
        frames in prop::collection::vec(
            (1_u16..11, prop::collection::vec(prop_oneof![Just(0_u8), 0_u8..12, any::<u8>()], 0..60)),
            1..8,
        )
    ) {
        let bytes: Vec<u8> = frames.iter().flat_map(|(index, arguments)| frame(*index, arguments)).collect();
        let (found, malformed) = lines(&bytes);
        let remarks = found.iter().filter(|line| line.text.starts_with('(')).count() as u64;
        prop_assert_eq!(found.len() as u64 - remarks + malformed, frames.len() as u64);
    }

    /// A good frame is found after any noise and the zero that ends it.
    #[test]
    fn resynchronises(noise in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut bytes = noise;
        bytes.push(0);
        bytes.extend(frame(1, &[42, 0, 0, 0, 1]));
        let (lines, _) = lines(&bytes);
        prop_assert!(lines.iter().any(|line| line.text == "link is up, 42 ms, true"));
    }
}
