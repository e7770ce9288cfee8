//! What the target writes to its log: bytes become lines, lines go to `target.log` and to the case that ran.
//!
//! The bytes come from a UART, over RTT, or from the standard error of a process; defmt or plain text, as the image
//! says. Must not: say anything to the target, or know how it is attached; and never panic, whatever the bytes are.

mod collector;
mod decoder;
mod defmt;
mod evidence;
mod source;
mod text;

pub use collector::{Attached, TargetLog};
pub use decoder::Decoder;

use crate::event::LogLine;

/// A line of our own among those of the target.
fn remark(text: String) -> LogLine {
    LogLine {
        level: Some("warn".into()),
        text: format!("({text})"),
        ..LogLine::default()
    }
}

/// What a terminal or a file may be shown: no control characters but the end of a line.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() && character != '\n' && character != '\t' {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}
