//! Framing: `COBS(body ++ CRC-16/X-25, little-endian) 0x00`, the body one postcard message.
//!
//! A zero byte stands only at the end of a frame, so whatever was lost or damaged, the next zero byte begins
//! a new frame. Empty frames (two zero bytes in a row) mean nothing; a sender that does not know what came
//! before it may begin with one.
//!
//! Must not: know what a message means; allocate; panic, whatever the bytes.

use core::fmt;

use crc::{CRC_16_IBM_SDLC, Crc, Table};
use postcard::ser_flavors::{Cobs, Slice, crc::CrcModifier};
use serde::{Deserialize, Serialize};

/// CRC-16/X-25, which the catalogue of checksums also knows as IBM-SDLC.
const CRC: Crc<u16, Table<1>> = Crc::<u16, Table<1>>::new(&CRC_16_IBM_SDLC);

/// Length of the checksum in bytes.
const CRC_LEN: usize = 2;

/// Largest body, in bytes, that both sides of protocol [`crate::PROTOCOL`] can handle.
pub const MAX_BODY: usize = 576;

/// Room that a frame with a body of [`MAX_BODY`] bytes takes, its zero byte included.
pub const MAX_FRAME: usize = frame_len(MAX_BODY);

/// Room that a frame with a body of `body` bytes takes at most, its zero byte included.
#[must_use]
pub const fn frame_len(body: usize) -> usize {
    let payload = body + CRC_LEN;
    // COBS: one byte of overhead to begin with and one more for each full run of 254; then the zero byte.
    payload + 1 + payload / 254 + 1
}

/// A message did not fit into the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the message does not fit into the frame buffer")
    }
}

impl core::error::Error for TooLong {}

/// Writes `message` as one frame to the beginning of `out` and returns the frame.
///
/// # Errors
/// [`TooLong`] if `out` is too short; it then holds an unusable beginning.
pub fn encode<'o, T: Serialize + ?Sized>(
    message: &T,
    out: &'o mut [u8],
) -> Result<&'o mut [u8], TooLong> {
    let cobs = Cobs::try_new(Slice::new(out)).map_err(|_| TooLong)?;
    postcard::serialize_with_flavor(message, CrcModifier::new(cobs, CRC.digest()))
        .map_err(|_| TooLong)
}

/// Why a frame was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// Longer than the receiver's buffer.
    TooLong,
    /// Not COBS, or too short to hold a checksum.
    Malformed,
    /// The checksum does not match.
    Checksum,
    /// The body is no message of this protocol.
    Message,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the frame is too long",
            Self::Malformed => "the frame is malformed",
            Self::Checksum => "the checksum of the frame does not match",
            Self::Message => "the frame holds no message of this protocol",
        })
    }
}

impl core::error::Error for FrameError {}

/// Cuts a stream of bytes into frames. `N` is the longest frame it can hold, without the zero byte.
#[derive(Debug)]
pub struct Deframer<const N: usize> {
    buffer: [u8; N],
    filled: usize,
    /// The frame being received is longer than the buffer; its rest is skipped.
    overlong: bool,
    dropped: u32,
}

impl<const N: usize> Default for Deframer<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Deframer<N> {
    /// A deframer at the beginning of a frame.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            buffer: [0; N],
            filled: 0,
            overlong: false,
            dropped: 0,
        }
    }

    /// How many frames were dropped so far.
    #[must_use]
    pub const fn dropped(&self) -> u32 {
        self.dropped
    }

    /// Takes bytes from the front of `bytes` up to the end of the next frame and returns the message in it.
    /// `None`: all bytes are taken and no frame has ended. Call again until then.
    pub fn next<'d, T: Deserialize<'d>>(
        &'d mut self,
        bytes: &mut &[u8],
    ) -> Option<Result<T, FrameError>> {
        let len = match self.next_body(bytes)? {
            Ok(len) => len,
            Err(error) => {
                self.dropped = self.dropped.saturating_add(1);
                return Some(Err(error));
            }
        };
        let body = self.buffer.get(..len).unwrap_or_default();
        Some(match postcard::take_from_bytes(body) {
            Ok((message, [])) => Ok(message),
            _ => {
                self.dropped = self.dropped.saturating_add(1);
                Err(FrameError::Message)
            }
        })
    }

    /// The same for the length of the body, which then stands at the beginning of the buffer.
    fn next_body(&mut self, bytes: &mut &[u8]) -> Option<Result<usize, FrameError>> {
        loop {
            let end = bytes.iter().position(|&byte| byte == 0);
            let (piece, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            match self.buffer.get_mut(self.filled..self.filled + piece.len()) {
                Some(room) => {
                    room.copy_from_slice(piece);
                    self.filled += piece.len();
                }
                None => self.overlong = true,
            }
            // `rest` begins with the zero byte, if there is one.
            let (_, rest) = rest.split_first().unzip();
            *bytes = rest.unwrap_or_default();
            end?;

            let (filled, overlong) = (self.filled, self.overlong);
            (self.filled, self.overlong) = (0, false);
            if overlong {
                return Some(Err(FrameError::TooLong));
            }
            if filled > 0 {
                return Some(check(self.buffer.get_mut(..filled).unwrap_or_default()));
            }
        }
    }
}

/// Takes a frame apart in place; returns the length of its body.
fn check(frame: &mut [u8]) -> Result<usize, FrameError> {
    let len = cobs::decode_in_place(frame).map_err(|_| FrameError::Malformed)?;
    let payload = frame.get(..len).ok_or(FrameError::Malformed)?;
    let (body, crc) = payload
        .split_last_chunk::<CRC_LEN>()
        .ok_or(FrameError::Malformed)?;
    if CRC.checksum(body) != u16::from_le_bytes(*crc) {
        return Err(FrameError::Checksum);
    }
    Ok(body.len())
}

#[cfg(test)]
mod tests;
