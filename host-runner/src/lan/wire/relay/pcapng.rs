//! Frames as a pcapng file: interfaces `board`, `host` and `injected`, times in nanoseconds, comments for what
//! became of a frame.
//!
//! A frame stands there as its sender put it on the cable; what arrived instead is in the comment. Must not: decide
//! which frames are kept.

use core::fmt::Write as _;
use core::time::Duration;
use std::borrow::Cow;
use std::io::{self, Write};
use std::path::Path;
use std::time::SystemTime;

use hil_kit::wire::{End, Fate, Frame, Origin};
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::{DataLink, Endianness, PcapError};

/// Names of the interfaces, by their number.
pub const INTERFACES: [&str; 3] = ["board", "host", "injected"];

/// Powers of ten: times are in nanoseconds, which is also all that the library writes.
const NANOSECONDS: u8 = 9;

/// The number of the interface that shows a frame.
#[must_use]
pub const fn interface_of(origin: Origin) -> u32 {
    match origin {
        Origin::Sent(End::Board) => 0,
        Origin::Sent(End::Host) => 1,
        Origin::Injected(_) => 2,
    }
}

/// A writer of frames.
pub struct Capture<W: Write> {
    writer: PcapNgWriter<W>,
    /// Wall clock at which frames' times are 0, since 1970.
    epoch: Duration,
    written: u64,
}

impl<W: Write> Capture<W> {
    /// Begins a file. Frames' times count from `epoch`.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn new(writer: W, epoch: SystemTime) -> io::Result<Self> {
        let section = SectionHeaderBlock {
            endianness: Endianness::native(),
            options: vec![SectionHeaderOption::UserApplication(
                concat!("hil ", env!("CARGO_PKG_VERSION")).into(),
            )],
            ..SectionHeaderBlock::default()
        };
        let mut writer = PcapNgWriter::with_section_header(writer, section).map_err(as_io)?;
        for name in INTERFACES {
            let interface = InterfaceDescriptionBlock {
                linktype: DataLink::ETHERNET,
                snaplen: 0,
                options: vec![
                    InterfaceDescriptionOption::IfName(name.into()),
                    InterfaceDescriptionOption::IfTsResol(NANOSECONDS),
                ],
            };
            writer.write_pcapng_block(interface).map_err(as_io)?;
        }
        Ok(Self {
            writer,
            epoch: epoch
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default(),
            written: 0,
        })
    }

    /// Writes a frame with `remarks` and what became of it as its comments.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn frame(&mut self, frame: &Frame, remarks: &[String]) -> io::Result<()> {
        let mut options: Vec<_> = remarks
            .iter()
            .map(|it| EnhancedPacketOption::Comment(shortened(it)))
            .collect();
        if let Some(comment) = comment(frame) {
            options.push(EnhancedPacketOption::Comment(comment.into()));
        }
        let length = u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX);
        let block = EnhancedPacketBlock {
            interface_id: interface_of(frame.origin),
            timestamp: self.epoch + frame.at,
            original_len: length,
            data: Cow::Borrowed(&frame.bytes),
            options,
        };
        let size = self.writer.write_pcapng_block(block).map_err(as_io)?;
        self.written += size as u64;
        Ok(())
    }

    /// Bytes written for frames.
    #[must_use]
    pub const fn written(&self) -> u64 {
        self.written
    }

    /// Hands buffered bytes to the system.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.writer.get_mut().flush()
    }
}

/// Writes the frames of one case to a file of their own. `lost` says that older ones are missing.
///
/// # Errors
/// The file cannot be written.
pub fn write_case(
    path: &Path,
    case: &str,
    epoch: SystemTime,
    frames: &[Frame],
    lost: bool,
) -> io::Result<()> {
    let file = io::BufWriter::new(std::fs::File::create(path)?);
    let mut capture = Capture::new(file, epoch)?;
    let mut remarks = vec![case.to_owned()];
    if lost {
        remarks.push("older frames of this case are missing: it moved too many bytes".into());
    }
    for frame in frames {
        capture.frame(frame, &remarks)?;
        remarks.clear();
    }
    capture.flush()
}

/// What became of a frame, unless it just went on.
fn comment(frame: &Frame) -> Option<String> {
    let injected = match frame.origin {
        Origin::Injected(End::Board) => "to the board",
        Origin::Injected(End::Host) => "to the host",
        Origin::Sent(_) => "",
    };
    let fate = match &frame.fate {
        Fate::Passed => String::new(),
        Fate::Dropped(why) => format!("dropped: {why}"),
        Fate::Delayed(by) => format!("delayed by {by:?}"),
        Fate::Held => "held".into(),
        Fate::Duplicated(times) => format!("delivered {times} times"),
        Fate::Changed(bytes) => changed(&frame.bytes, bytes),
    };
    match (injected, fate.as_str()) {
        ("", "") => None,
        (one, "") | ("", one) => Some(one.to_owned()),
        (injected, fate) => Some(format!("{injected}; {fate}")),
    }
}

/// Which bytes arrive instead.
fn changed(before: &[u8], after: &[u8]) -> String {
    const SHOWN: usize = 16;
    let mut text = String::from("changed:");
    if before.len() != after.len() {
        let _ = write!(text, " {} bytes instead of {};", after.len(), before.len());
    }
    let mut different = before
        .iter()
        .zip(after)
        .enumerate()
        .filter(|(_, (before, after))| before != after);
    for (at, (before, after)) in different.by_ref().take(SHOWN) {
        let _ = write!(text, " byte {at} {before:02x} to {after:02x};");
    }
    let more = different.count();
    if more > 0 {
        let _ = write!(text, " and {more} more;");
    }
    text.pop();
    text
}

/// A comment's length has 16 bits.
fn shortened(text: &str) -> Cow<'_, str> {
    const MOST: usize = 4096;
    Cow::Borrowed(&text[..text.floor_char_boundary(MOST)])
}

fn as_io(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        other => io::Error::other(other),
    }
}
