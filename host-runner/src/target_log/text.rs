//! Lines of text, as the standard error of a process has them, or an image that logs without defmt.
//!
//! A line may begin with the target's time: `[   123.456 ms] text`. Must not: guess a level.

use super::printable;
use crate::event::LogLine;

/// Longest line, in bytes; one that is longer becomes several.
pub(super) const LONGEST: usize = 4096;

/// Collects bytes into lines.
#[derive(Debug, Default)]
pub(super) struct Text {
    unfinished: Vec<u8>,
}

impl Text {
    /// More bytes.
    pub(super) fn feed(&mut self, bytes: &[u8], lines: &mut Vec<LogLine>) {
        for &byte in bytes {
            if byte == b'\n' {
                self.end(lines);
                continue;
            }
            if self.unfinished.len() == LONGEST {
                self.end(lines);
            }
            self.unfinished.push(byte);
        }
    }

    /// What there is of a line is one.
    pub(super) fn end(&mut self, lines: &mut Vec<LogLine>) {
        let bytes = core::mem::take(&mut self.unfinished);
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_end();
        if !text.is_empty() {
            lines.push(line(text));
        }
    }
}

fn line(text: &str) -> LogLine {
    let (at_us, text) = match stamped(text) {
        Some((at, rest)) => (Some(at), rest),
        None => (None, text),
    };
    LogLine {
        at_us,
        level: None,
        text: printable(text),
        at: None,
    }
}

/// `[   123.456 ms] text`: microseconds and the rest.
fn stamped(line: &str) -> Option<(u64, &str)> {
    let (time, rest) = line.strip_prefix('[')?.split_once(" ms]")?;
    let (whole, fraction) = time.trim_start().split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() != 3 {
        return None;
    }
    let milliseconds: u64 = whole.parse().ok()?;
    let at = milliseconds
        .checked_mul(1000)?
        .checked_add(fraction.parse().ok()?)?;
    Some((at, rest.strip_prefix(' ').unwrap_or(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&str]) -> Vec<LogLine> {
        let mut text = Text::default();
        let mut lines = Vec::new();
        for piece in pieces {
            text.feed(piece.as_bytes(), &mut lines);
        }
        text.end(&mut lines);
        lines
    }

    #[test]
    fn reads_the_time_and_puts_pieces_together() {
        let lines = lines(&["[   12", "3.456 ms] link", " up\r\n\r\nplain [1 ms]", " x"]);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert_eq!(lines[0].at_us, Some(123_456));
        assert_eq!(lines[0].text, "link up");
        assert_eq!(lines[1].at_us, None);
        assert_eq!(lines[1].text, "plain [1 ms] x");
    }

    #[test]
    fn takes_only_a_time_for_a_time() {
        for text in [
            "[ms] x",
            "[1.2 ms] x",
            "[-1.000 ms] x",
            "[99999999999999999999.000 ms] x",
            "[18446744073709551.615 ms] x",
            "[18446744073709552.000 ms] x",
        ] {
            let line = line(text);
            let fits = text.contains("551.615");
            assert_eq!(line.at_us.is_some(), fits, "{text}");
            assert_eq!(line.text == text, !fits);
        }
    }

    #[test]
    fn cuts_what_never_ends_and_shows_no_escapes() {
        let lines = lines(&[&"x".repeat(LONGEST + 1), "\x1b[2J\n"]);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].text.len(), LONGEST);
        assert_eq!(lines[1].text, "x\\u{1b}[2J");
    }
}
