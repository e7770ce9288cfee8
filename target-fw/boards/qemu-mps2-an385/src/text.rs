//! The log: plain text on UART1, for people and for the runner's evidence.
//!
//! Must not: hold up the board. Where the UART does not take bytes they are dropped.

use core::fmt;

use crate::hardware::clock;
use crate::hardware::uart::Uart;

/// How often a busy UART is looked at per byte: longer than a byte takes at 115200 baud.
const PATIENCE: u32 = 2_000;

/// The log as a place to write to.
pub(crate) struct Text;

impl Text {
    /// Turns the UART on.
    pub(crate) fn start() {
        Uart::TEXT.start_sending();
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if !(0..PATIENCE).any(|_| Uart::TEXT.is_ready_to_send()) {
                return Err(fmt::Error);
            }
            Uart::TEXT.send(byte);
        }
        Ok(())
    }
}

/// Writes a line, with the time since reset. A line that cannot be written is dropped.
pub(crate) fn line(text: fmt::Arguments<'_>) {
    let now = clock::now_us();
    let _ = fmt::Write::write_fmt(
        &mut Text,
        format_args!("[{:>6}.{:03} ms] {text}\r\n", now / 1000, now % 1000),
    );
}

/// Writes a formatted line to the log.
macro_rules! say {
    ($($format:tt)*) => { $crate::text::line(format_args!($($format)*)) };
}

pub(crate) use say;
