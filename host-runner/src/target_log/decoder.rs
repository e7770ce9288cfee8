//! Which decoder an image needs, and the bytes through it.

use std::path::{Path, PathBuf};

use super::defmt::Defmt;
use super::remark;
use super::text::Text;
use crate::event::LogLine;

/// Turns the bytes of a target's log into lines. One for every start of the target: what an earlier one left
/// unfinished belongs to nobody.
#[derive(Debug)]
pub struct Decoder(Kind);

#[derive(Debug)]
enum Kind {
    Text(Text),
    Defmt(Box<Defmt>),
    /// The image logs in a way that this program cannot read; why, until it was said.
    Unreadable(Option<String>),
}

impl Decoder {
    /// The one for an image: defmt if it has a table of its messages, else text. `workspace` is what the files of
    /// messages are named relative to.
    #[must_use]
    pub fn of_image(elf: &[u8], workspace: &Path) -> Self {
        Self(match Defmt::of_image(elf, workspace) {
            Ok(Some(defmt)) => Kind::Defmt(Box::new(defmt)),
            Ok(None) => Kind::Text(Text::default()),
            Err(problem) => Kind::Unreadable(Some(problem)),
        })
    }

    /// Likewise, of a file; text if that cannot be read.
    #[must_use]
    pub fn of_file(elf: &Path, workspace: &Path) -> Self {
        std::fs::read(elf).map_or_else(|_| Self::text(), |bytes| Self::of_image(&bytes, workspace))
    }

    /// For lines of text.
    #[must_use]
    pub fn text() -> Self {
        Self(Kind::Text(Text::default()))
    }

    /// More bytes; lines that they complete are added to `lines`.
    pub fn feed(&mut self, bytes: &[u8], lines: &mut Vec<LogLine>) {
        match &mut self.0 {
            Kind::Text(text) => text.feed(bytes, lines),
            Kind::Defmt(defmt) => defmt.feed(bytes, lines),
            Kind::Unreadable(why) => {
                if let Some(why) = why.take() {
                    lines.push(remark(format!("the log cannot be decoded: {why}")));
                }
            }
        }
    }

    /// No more bytes come: what is left is a line if it can be one. The next bytes are those of a new start.
    pub fn end(&mut self, lines: &mut Vec<LogLine>) {
        match &mut self.0 {
            Kind::Text(text) => text.end(lines),
            Kind::Defmt(defmt) => defmt.end(lines),
            Kind::Unreadable(_) => {}
        }
    }

    /// How many frames were left out because they could not be decoded.
    #[must_use]
    pub fn malformed(&self) -> u64 {
        match &self.0 {
            Kind::Defmt(defmt) => defmt.malformed(),
            Kind::Text(_) | Kind::Unreadable(_) => 0,
        }
    }
}

/// An image whose table is read when its first byte comes: reading it takes time, and many a run never needs it.
#[derive(Debug)]
pub(super) struct Lazily {
    elf: PathBuf,
    workspace: PathBuf,
    decoder: Option<Decoder>,
}

impl Lazily {
    pub(super) fn new(elf: &Path, workspace: &Path) -> Self {
        Self {
            elf: elf.into(),
            workspace: workspace.into(),
            decoder: None,
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8], lines: &mut Vec<LogLine>) {
        self.decoder
            .get_or_insert_with(|| Decoder::of_file(&self.elf, &self.workspace))
            .feed(bytes, lines);
    }

    pub(super) fn end(&mut self, lines: &mut Vec<LogLine>) {
        if let Some(decoder) = &mut self.decoder {
            decoder.end(lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::target_log::text;

    #[test]
    fn takes_what_is_no_image_for_one_that_writes_text() {
        let mut decoder = Decoder::of_image(b"no image", Path::new("/"));
        let mut lines = Vec::new();
        decoder.feed(b"[     1.000 ms] up\n", &mut lines);
        assert_eq!(lines[0].text, "up");
        assert_eq!(decoder.malformed(), 0);
    }

    #[test]
    fn says_once_that_a_table_cannot_be_read() {
        let mut decoder = Decoder(Kind::Unreadable(Some("wire format 9".into())));
        let mut lines = Vec::new();
        decoder.feed(&[1, 0], &mut lines);
        decoder.feed(&[1, 0], &mut lines);
        decoder.end(&mut lines);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].text, "(the log cannot be decoded: wire format 9)");
    }

    proptest! {
        #[test]
        fn text_survives_any_bytes_in_any_pieces(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20)
        ) {
            let mut decoder = Decoder::text();
            let mut lines = Vec::new();
            for piece in &pieces {
                decoder.feed(piece, &mut lines);
            }
            decoder.end(&mut lines);
            for line in lines {
                prop_assert!(line.text.len() <= 6 * text::LONGEST, "{}", line.text.len());
                prop_assert!(!line.text.contains('\n') && !line.text.contains('\x1b'));
            }
        }
    }
}
