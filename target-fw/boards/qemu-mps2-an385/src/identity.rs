//! Who this image is: the build id the linker wrote into it, read from the board's own memory.
#![expect(
    unsafe_code,
    reason = "the build id is delimited by symbols of the linker script"
)]

unsafe extern "C" {
    /// Begin and end of the build id note (link/build-id.x); only their addresses mean something.
    static __build_id_start: u8;
    static __build_id_end: u8;
}

/// A note begins with three words: lengths of name and content, and its type.
const HEADER: usize = 12;
/// The name is `GNU` and a zero.
const NAME: usize = 4;

/// The GNU build id of this image; empty if the note is not what it should be.
pub(crate) fn build_id() -> &'static [u8] {
    let start = &raw const __build_id_start;
    let length = (&raw const __build_id_end).addr() - start.addr();
    // SAFETY: the linker script puts the note, and nothing else, between the symbols, in memory that nobody
    // writes.
    let note = unsafe { core::slice::from_raw_parts(start, length) };
    let size = match note.get(4..8) {
        Some(&[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]) as usize,
        _ => 0,
    };
    note.get(HEADER + NAME..)
        .and_then(|content| content.get(..size))
        .unwrap_or_default()
}
