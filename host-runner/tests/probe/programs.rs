//! Programs for the emulated core, by hand: what they do is in the comments, so that no compiler is needed.

/// Where the program's stack begins.
const STACK: u32 = 0x2100_1000;

/// Where every program begins: after the vectors.
pub(crate) const START: u32 = 0x40;

/// Where the control block of RTT is put by [`echo`].
pub(crate) const RTT: u32 = 0x2100_0100;

/// Handler of HardFault and everything else, in every program: `b .`
pub(crate) const HANDLER: u32 = 0x3c;

/// Vectors and a program.
fn image(code: &[u16], data: &[u32]) -> Vec<u8> {
    let mut words = vec![STACK, START | 1];
    words.resize(15, HANDLER | 1);
    // b .; nop
    words.push(0xbf00_e7fe);
    let code = code.iter().flat_map(|half| half.to_le_bytes());
    let data = data.iter().flat_map(|word| word.to_le_bytes());
    let vectors = words.iter().flat_map(|word| word.to_le_bytes());
    vectors.chain(code).chain(data).collect()
}

/// Counts in r0 and sleeps in between: each step is one of the three instructions.
pub(crate) fn count() -> Vec<u8> {
    image(
        &[
            0x2000, // movs r0, #0
            0x3001, // 1: adds r0, #1
            0xbf00, // nop
            0xe7fc, // b 1b
        ],
        &[],
    )
}

/// Sleeps for ever, and nothing wakes it.
pub(crate) fn sleep() -> Vec<u8> {
    image(
        &[
            0xbf30, // wfi
            0xe7fd, // b .-2
        ],
        &[],
    )
}

/// Asks the debugger to note that the program has ended well.
pub(crate) fn semihosting() -> Vec<u8> {
    image(
        &[
            0x2018, // movs r0, #0x18
            0x4901, // ldr r1, reason
            0xbeab, // bkpt #0xab
            0xe7fe, // b .
        ],
        // ADP_Stopped_ApplicationExit
        &[0x0002_0026],
    )
}

/// Reads where nothing is.
pub(crate) fn fault() -> Vec<u8> {
    image(
        &[
            0x4801, // ldr r0, nowhere
            0x6800, // ldr r0, [r0]
            0xe7fe, // b .
            0xbf00, // nop
        ],
        &[0x3000_0000],
    )
}

/// Faults, and its handler of faults does so too.
pub(crate) fn lockup() -> Vec<u8> {
    let mut image = image(
        &[
            0xde00, // udf #0
        ],
        &[],
    );
    let handler = HANDLER as usize;
    image[handler..handler + 2].copy_from_slice(&0xde00_u16.to_le_bytes());
    image
}

/// Has a second stack in use and interrupts held off, and sleeps.
pub(crate) fn second_stack() -> Vec<u8> {
    image(
        &[
            0x4804, // ldr r0, stack
            0xf380, 0x8809, // msr psp, r0
            0x2002, // movs r0, #2
            0xf380, 0x8814, // msr control, r0
            0xb672, // cpsid i
            0xbf30, // 1: wfi
            0xe7fd, // b 1b
            0xbf00, // nop
        ],
        &[SECOND_STACK],
    )
}

/// Where [`second_stack`] sleeps.
pub(crate) const SLEEP: u32 = START + 0xe;

/// The stack of [`second_stack`].
pub(crate) const SECOND_STACK: u32 = 0x2100_0800;

/// Puts a control block at [`RTT`] and sends back what comes, byte by byte, without ever sleeping.
pub(crate) fn echo() -> Vec<u8> {
    const BUFFER: u32 = 64;
    let block = [
        // "SEGGER RTT"
        0x4747_4553,
        0x5220_5245,
        0x0000_5454,
        0,
        // One channel each way.
        1,
        1,
        // name, buffer, size, written, read, mode
        RTT + 0x200,
        RTT + 0x80,
        BUFFER,
        0,
        0,
        0,
        RTT + 0x200,
        RTT + 0x100,
        BUFFER,
        0,
        0,
        0,
    ];
    image(
        &[
            0x480e, //         ldr r0, block
            0xa10f, //         adr r1, image
            0x2212, //         movs r2, #18
            0xf851,
            0x3b04, // 1: ldr r3, [r1], #4
            0xf840,
            0x3b04, // str r3, [r0], #4
            0x3a01, //         subs r2, #1
            0xd1f9, //         bne 1b
            0x480a, //         ldr r0, block
            0x2600, //         movs r6, #0
            0x3601, //         2: adds r6, #1
            0x6c01, //         ldr r1, [r0, #64]   how far the board has read
            0x6bc2, //         ldr r2, [r0, #60]   how far the host has written
            0x4291, //         cmp r1, r2
            0xd0fa, //         beq 2b
            0x6b43, //         ldr r3, [r0, #52]
            0x5c5c, //         ldrb r4, [r3, r1]
            0x3101, //         adds r1, #1
            0xf001,
            0x013f, // and r1, r1, #63
            0x6401, //         str r1, [r0, #64]
            0x6a45, //         ldr r5, [r0, #36]
            0x69c3, //         ldr r3, [r0, #28]
            0x555c, //         strb r4, [r3, r5]
            0x3501, //         adds r5, #1
            0xf005,
            0x053f, // and r5, r5, #63
            0x6245, //         str r5, [r0, #36]
            0xe7ec, //         b 2b
            // block:
            RTT as u16,
            (RTT >> 16) as u16,
        ],
        &block,
    )
}
