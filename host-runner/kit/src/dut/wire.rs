//! Frames as the client uses them: owned bytes out, decoded messages in.
//!
//! Must not: know what the messages mean.

use nsapi_protocol::{FromAgent, Request};

/// Largest frame body the client accepts, whatever Hello says later.
const MAX_BODY: usize = 4096;

/// A request as bytes for the link, its end mark included; `None` if its body is longer than `limit`.
pub(crate) fn encode(request: &Request<'_>, limit: usize) -> Option<Vec<u8>> {
    let mut body = vec![0; MAX_BODY.min(limit)];
    let used = postcard::to_slice(request, &mut body).ok()?.len();
    body.truncate(used);
    body.extend(crc(&body).to_le_bytes());
    Some(stuff(&body))
}

/// Puts a stream of bytes back together into messages.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    raw: Vec<u8>,
    body: Vec<u8>,
    /// Frames that did not decode.
    pub(crate) broken: u64,
}

impl Decoder {
    /// Takes one byte; yields the message it completes.
    pub(crate) fn push(&mut self, byte: u8) -> Option<FromAgent<'_>> {
        if byte != 0 {
            if self.raw.len() <= MAX_BODY + MAX_BODY / 64 {
                self.raw.push(byte);
            }
            return None;
        }
        if self.raw.is_empty() {
            return None;
        }
        self.body = unstuff(&self.raw).unwrap_or_default();
        self.raw.clear();
        let Some(end) = self.body.len().checked_sub(2) else {
            self.broken += 1;
            return None;
        };
        let (body, sum) = self.body.split_at(end);
        let message = if crc(body).to_le_bytes() == *sum { postcard::from_bytes(body).ok() } else { None };
        if message.is_none() {
            self.broken += 1;
        }
        message
    }
}

fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |mut crc, byte| {
        crc ^= u16::from(*byte) << 8;
        for _ in 0..8 {
            crc = if crc & 0x8000 != 0 { crc << 1 ^ 0x1021 } else { crc << 1 };
        }
        crc
    })
}

fn stuff(body: &[u8]) -> Vec<u8> {
    let mut out = vec![0];
    let mut mark = 0;
    for byte in body {
        if *byte != 0 {
            out.push(*byte);
        }
        if *byte == 0 || out.len() - mark == 255 {
            out[mark] = (out.len() - mark) as u8;
            mark = out.len();
            out.push(0);
        }
    }
    out[mark] = (out.len() - mark) as u8;
    out.push(0);
    out
}

fn unstuff(raw: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = raw;
    while let Some((code, tail)) = rest.split_first() {
        let run = usize::from(*code).checked_sub(1)?;
        out.extend(tail.get(..run)?);
        rest = &tail[run..];
        if *code != 255 && !rest.is_empty() {
            out.push(0);
        }
    }
    Some(out)
}
