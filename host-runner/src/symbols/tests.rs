//! Against the one image that is there for certain: that of these tests.

use object::{Object as _, ObjectSymbol as _};

use super::*;

/// A function whose place in this file is known.
#[inline(never)]
fn landmark(number: u32) -> u32 {
    core::hint::black_box(number) + helper(number)
}

#[inline(always)]
fn helper(number: u32) -> u32 {
    core::hint::black_box(number).rotate_left(3)
}

fn own_image() -> (Symbols, u32) {
    assert!(core::hint::black_box(landmark as fn(u32) -> u32)(1) > 0);
    let elf = std::env::current_exe().expect("the tests run from a file");
    let bytes = std::fs::read(&elf).expect("it can be read");
    let file = object::File::parse(&*bytes).expect("it is an image");
    let address = file
        .symbols()
        .find(|symbol| {
            symbol
                .name()
                .is_ok_and(|name| name.contains("symbols") && name.contains("landmark"))
        })
        .expect("the landmark has a symbol")
        .address();
    (
        Symbols::load(&elf).expect("it has symbols"),
        u32::try_from(address).expect("the image is small"),
    )
}

#[test]
fn an_address_is_a_function_in_a_file_at_a_line() {
    let (symbols, address) = own_image();
    let frames = symbols.frames_at(address);
    let outermost = frames.last().expect("there is one at least");
    assert!(
        outermost.function.ends_with("symbols::tests::landmark"),
        "{outermost:?}"
    );
    assert_eq!(
        outermost.file.as_deref(),
        Some("host-runner/src/symbols/tests.rs")
    );
    assert!(
        outermost.line.is_some_and(|line| (9..=13).contains(&line)),
        "{outermost:?}"
    );
    assert!(!outermost.inlined && symbols.is_code(address));
}

#[test]
fn what_is_inlined_comes_before_where_it_is_inlined() {
    let (symbols, address) = own_image();
    let inlined = (address..address + 200)
        .map(|address| symbols.frames_at(address))
        .find(|frames| {
            frames
                .first()
                .is_some_and(|frame| frame.function.ends_with("helper"))
        })
        .expect("the helper is somewhere in the landmark");
    assert!(inlined.len() >= 2, "{inlined:?}");
    assert!(inlined.first().is_some_and(|frame| frame.inlined));
    assert!(
        inlined
            .last()
            .is_some_and(|frame| !frame.inlined && frame.function.ends_with("landmark")),
        "{inlined:?}"
    );
}

#[test]
fn an_address_of_nothing_says_so() {
    let (symbols, _) = own_image();
    let frames = symbols.frames_at(0xffff_fff0);
    assert_eq!(frames.len(), 1);
    assert_eq!(
        frames.first().map(|frame| frame.function.as_str()),
        Some("nothing that the image knows, at 0xfffffff0")
    );
    assert!(!symbols.is_code(0xffff_fff0));
    assert_eq!(symbols.address_of("no such symbol"), None);
}

#[test]
fn a_file_that_is_no_image_is_refused_by_name() {
    let error = Symbols::load(Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/Cargo.toml"
    )))
    .expect_err("a text is no image");
    assert!(error.to_string().contains("Cargo.toml"), "{error}");
    assert!(Symbols::load(Path::new("/no/such/image")).is_err());
}

/// Symbols with nothing but these instructions at 0x100.
fn with_code(halfwords: &[u16]) -> Symbols {
    let (mut symbols, _) = own_image();
    let bytes = halfwords
        .iter()
        .flat_map(|half| half.to_le_bytes())
        .collect();
    symbols.code = vec![(0x100, bytes)];
    symbols
}

#[test]
fn a_return_address_follows_a_call_and_is_marked_as_thumb_code() {
    // nop; bl; nop; blx r3; nop; bx r3; b.w
    let symbols = with_code(&[
        0xbf00, 0xf000, 0xf801, 0xbf00, 0x4798, 0xbf00, 0x4718, 0xf000, 0xb801,
    ]);
    assert_eq!(symbols.call_before(0x107), Some(0x102), "bl");
    assert_eq!(symbols.call_before(0x10b), Some(0x108), "blx r3");
    for none in [
        0x106,
        0x10a,
        0x103,
        0x105,
        0x109,
        0x10d,
        0x10f,
        0x113,
        1,
        0,
        u32::MAX,
    ] {
        assert_eq!(symbols.call_before(none), None, "{none:#x}");
    }
    let stack = [0, 0x107, 0x2100_0000, 0x106, 0xffff_fff9, 0x10b, 0x107];
    assert_eq!(
        symbols.return_addresses(&stack).collect::<Vec<_>>(),
        [0x107, 0x10b, 0x107]
    );
}
