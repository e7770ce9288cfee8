//! The log: defmt's frames, on RTT's channel 0 and on UART1 alike. Whoever has the image turns them into text.
//!
//! Must not: hold up the board. A frame that a place does not take is dropped there; be used by interrupt
//! handlers, whose words would get into those of the main loop.
#![expect(
    unsafe_code,
    reason = "defmt asks for a promise about its global logger"
)]

use core::cell::RefCell;

use critical_section::Mutex;
use defmt::{Encoder, Logger};

use crate::hardware::uart::Uart;
use crate::hardware::{clock, rtt};

/// How often a busy UART is looked at per byte: longer than a byte takes at 115200 baud.
const PATIENCE: u32 = 2_000;

/// Longest frame in bytes, for the longest message of a beacon and what belongs to it. A longer one is dropped.
const FRAME: usize = 192;

/// Ends a frame.
const FRAME_END: u8 = 0;

defmt::timestamp!("{=u64:us}", clock::now_us());

/// The frame being made.
struct Draft {
    encoder: Encoder,
    bytes: [u8; FRAME],
    /// How long it would be; more than `FRAME` if it does not fit.
    len: usize,
    /// UART1 has got only the beginning of a frame.
    torn: bool,
}

static DRAFT: Mutex<RefCell<Draft>> = Mutex::new(RefCell::new(Draft::new()));

impl Draft {
    const fn new() -> Self {
        Self {
            encoder: Encoder::new(),
            bytes: [0; FRAME],
            len: 0,
            torn: false,
        }
    }

    /// Lets the encoder append to the frame.
    fn append(&mut self, encode: impl FnOnce(&mut Encoder, &mut dyn FnMut(&[u8]))) {
        let Self {
            encoder,
            bytes,
            len,
            ..
        } = self;
        encode(encoder, &mut |encoded| {
            for &byte in encoded {
                if let Some(place) = bytes.get_mut(*len) {
                    *place = byte;
                }
                *len += 1;
            }
        });
    }

    /// Hands the frame out.
    fn send(&mut self) {
        let Some(frame) = self.bytes.get(..self.len) else {
            return;
        };
        rtt::log(frame);
        self.torn = !((!self.torn || sent(FRAME_END)) && frame.iter().all(|&byte| sent(byte)));
    }
}

/// Sends a byte, if UART1 takes it in time.
fn sent(byte: u8) -> bool {
    let ready = (0..PATIENCE).any(|_| Uart::LOG.is_ready_to_send());
    if ready {
        Uart::LOG.send(byte);
    }
    ready
}

/// Turns UART1 on.
pub(crate) fn start() {
    Uart::LOG.start_sending();
}

/// Forgets the frame being made: whoever made it will not come back.
pub(crate) fn begin_anew() {
    with(|draft| *draft = Draft::new());
}

/// Does something with the frame being made. Nothing if a fault has come in between: then the log is the least.
fn with(f: impl FnOnce(&mut Draft)) {
    critical_section::with(|cs| {
        if let Ok(mut draft) = DRAFT.borrow(cs).try_borrow_mut() {
            f(&mut draft);
        }
    });
}

#[defmt::global_logger]
struct Log;

// SAFETY: there is one context that logs, the main loop, and after a fault only the fault's. Were there more, their
// frames would be mixed up, but each access to the draft is exclusive.
unsafe impl Logger for Log {
    fn acquire() {
        with(|draft| {
            draft.len = 0;
            draft.append(|encoder, write| encoder.start_frame(write));
        });
    }

    unsafe fn flush() {}

    unsafe fn release() {
        with(|draft| {
            draft.append(|encoder, write| encoder.end_frame(write));
            draft.send();
        });
    }

    unsafe fn write(bytes: &[u8]) {
        with(|draft| draft.append(|encoder, write| encoder.write(bytes, write)));
    }
}
