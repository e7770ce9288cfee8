//! The flash algorithm: a few instructions that clients load into the chip's memory and call there, as the interface
//! of CMSIS wants them (functions and their arguments in r0 to r2, 0 in r0 for success).
//!
//! The emulated flash is plain memory, so erasing and programming are loops. They run on the emulated core, so that
//! the whole way of a real chip is gone.

/// Where the code is loaded; clients put a breakpoint instruction before it.
pub(super) const LOAD_ADDRESS: u32 = 0x2000_0020;

/// Erased at once, in bytes.
pub(super) const SECTOR: u32 = 16 << 10;

/// Programmed at once, in bytes.
pub(super) const PAGE: u32 = 16 << 10;

/// `Init(address, clock, operation)`
pub(super) const INIT: u32 = 0x00;
/// `UnInit(operation)`
pub(super) const UNINIT: u32 = INIT;
/// `EraseChip()`
pub(super) const ERASE_ALL: u32 = 0x04;
/// `EraseSector(address)`
pub(super) const ERASE_SECTOR: u32 = 0x0c;
/// `ProgramPage(address, size, data)`
pub(super) const PROGRAM_PAGE: u32 = 0x22;

/// Thumb-2, a halfword each.
pub(super) const CODE: [u16; 27] = [
    // init, uninit:
    0x2000, //         movs r0, #0
    0x4770, //         bx lr
    // erase_all:
    0x2000, //         movs r0, #0
    0xf44f, 0x0280, // mov.w r2, #0x400000
    0xe001, //         b fill
    // erase_sector:
    0xf44f, 0x4280, // mov.w r2, #0x4000
    // fill:
    0xf04f, 0x33ff, // mov.w r3, #0xffffffff
    0x1882, //         adds r2, r0, r2
    // 1:
    0xf840, 0x3b04, // str r3, [r0], #4
    0x4290, //         cmp r0, r2
    0xd1fb, //         bne 1b
    0x2000, //         movs r0, #0
    0x4770, //         bx lr
    // program_page:
    0x1841, //         adds r1, r0, r1
    // 2:
    0xf852, 0x3b04, // ldr r3, [r2], #4
    0xf840, 0x3b04, // str r3, [r0], #4
    0x4288, //         cmp r0, r1
    0xd3f9, //         blo 2b
    0x2000, //         movs r0, #0
    0x4770, //         bx lr
    0xbf00, //         nop
];

/// The code as bytes.
pub(super) fn bytes() -> Vec<u8> {
    CODE.iter().flat_map(|half| half.to_le_bytes()).collect()
}
