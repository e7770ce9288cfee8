//! Client of QEMU's side door into the guest's memory: works while the guest runs, and never stops it.
//!
//! One line per request, one line per answer. Must not: know which addresses mean what.

use core::fmt::Write as _;
use core::time::Duration;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use super::base64;
use super::error::{Trouble, closed};

/// Time for one answer: microseconds usually, milliseconds under load.
const PATIENCE: Duration = Duration::from_secs(2);

/// Largest piece read at once, in bytes.
const PIECE: usize = 64 << 10;

/// Longest answer: a piece in base64 and a little.
const LONGEST_ANSWER: usize = PIECE / 3 * 4 + 64;

/// The width of one access, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    Byte = 1,
    Half = 2,
    Word = 4,
}

impl Width {
    const fn letter(self) -> char {
        match self {
            Self::Byte => 'b',
            Self::Half => 'w',
            Self::Word => 'l',
        }
    }
}

/// The connection.
#[derive(Debug)]
pub(super) struct Qtest {
    stream: UnixStream,
    received: Vec<u8>,
    // How many lines are still to come that nobody waits for any more.
    abandoned: usize,
}

impl Qtest {
    pub(super) fn new(stream: UnixStream) -> Result<Self, Trouble> {
        stream
            .set_read_timeout(Some(PATIENCE))
            .and_then(|()| stream.set_write_timeout(Some(PATIENCE)))
            .map_err(Trouble::Gone)?;
        Ok(Self {
            stream,
            received: Vec::new(),
            abandoned: 0,
        })
    }

    /// For waiting on.
    pub(super) const fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// One access of this width.
    pub(super) fn read(&mut self, width: Width, address: u32) -> Result<u32, Trouble> {
        let asked = format!("read{} {address:#x}", width.letter());
        let answer = self.ask(&asked)?;
        let value = answer
            .strip_prefix("0x")
            .and_then(|digits| u64::from_str_radix(digits, 16).ok());
        match value {
            Some(value) => Ok(value as u32),
            None => Err(Trouble::Odd { asked, answer }),
        }
    }

    /// One access of this width.
    pub(super) fn write(&mut self, width: Width, address: u32, value: u32) -> Result<(), Trouble> {
        self.ask(&format!("write{} {address:#x} {value:#x}", width.letter()))
            .map(drop)
    }

    /// Memory, not registers: accesses of any width.
    pub(super) fn read_block(&mut self, address: u32, data: &mut [u8]) -> Result<(), Trouble> {
        let mut at = address;
        for piece in data.chunks_mut(PIECE) {
            let asked = format!("b64read {at:#x} {:#x}", piece.len());
            let answer = self.ask(&asked)?;
            match base64::decode(answer.as_bytes()) {
                Some(bytes) if bytes.len() == piece.len() => piece.copy_from_slice(&bytes),
                _ => return Err(Trouble::Odd { asked, answer }),
            }
            at = at.wrapping_add(piece.len() as u32);
        }
        Ok(())
    }

    /// Memory, also code: what was translated from it is translated anew.
    pub(super) fn write_block(&mut self, address: u32, data: &[u8]) -> Result<(), Trouble> {
        let mut at = address;
        for piece in data.chunks(PIECE / 2) {
            let mut line = format!("write {at:#x} {:#x} 0x", piece.len());
            for byte in piece {
                // Writing to a string does not fail.
                let _ = write!(line, "{byte:02x}");
            }
            self.ask(&line)?;
            at = at.wrapping_add(piece.len() as u32);
        }
        Ok(())
    }

    /// The answer without its `OK`.
    fn ask(&mut self, line: &str) -> Result<String, Trouble> {
        let request = format!("{line}\n");
        self.stream
            .write_all(request.as_bytes())
            .map_err(|error| Trouble::from_socket(error, "memory"))?;
        self.abandoned += 1;
        loop {
            let answer = self.line()?;
            self.abandoned -= 1;
            if self.abandoned > 0 {
                continue;
            }
            return match answer.strip_prefix("OK") {
                Some(rest) => Ok(rest.trim_start().to_owned()),
                None => Err(Trouble::Odd {
                    asked: line.chars().take(40).collect(),
                    answer,
                }),
            };
        }
    }

    fn line(&mut self) -> Result<String, Trouble> {
        loop {
            if let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.received.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            if self.received.len() > LONGEST_ANSWER {
                return Err(closed());
            }
            let mut buffer = [0; 16 << 10];
            let read = self
                .stream
                .read(&mut buffer)
                .map_err(|error| Trouble::from_socket(error, "memory"))?;
            if read == 0 {
                return Err(closed());
            }
            self.received.extend_from_slice(&buffer[..read]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};

    use super::*;

    /// Answers each line by the next of these.
    fn scripted(answers: &'static [(&str, &str)]) -> Qtest {
        let (ours, theirs) = UnixStream::pair().expect("sockets");
        std::thread::spawn(move || {
            let mut lines = BufReader::new(theirs.try_clone().expect("a socket")).lines();
            for (asked, answer) in answers {
                let line = lines.next().expect("a line").expect("text");
                assert_eq!(line, *asked);
                (&theirs).write_all(answer.as_bytes()).expect("it reads");
            }
        });
        Qtest::new(ours).expect("a client")
    }

    #[test]
    fn speaks_the_language_of_the_door() {
        let mut door = scripted(&[
            ("readl 0xe000ed00", "OK 0x00000000410fc231\n"),
            ("writeb 0x40004000 0x41", "OK\n"),
            ("b64read 0x0 0x4", "OK 3q2+7w==\n"),
            ("write 0x20000000 0x2 0x0aff", "OK\n"),
        ]);
        assert_eq!(
            door.read(Width::Word, 0xe000_ed00).expect("a word"),
            0x410f_c231
        );
        door.write(Width::Byte, 0x4000_4000, 0x41).expect("done");
        let mut four = [0; 4];
        door.read_block(0, &mut four).expect("bytes");
        assert_eq!(four, [0xde, 0xad, 0xbe, 0xef]);
        door.write_block(0x2000_0000, &[0x0a, 0xff]).expect("done");
    }

    #[test]
    fn nonsense_and_silence_are_errors() {
        let mut odd = scripted(&[
            ("readl 0x0", "FAIL Unknown command\n"),
            ("readl 0x4", "OK what\n"),
        ]);
        assert!(matches!(odd.read(Width::Word, 0), Err(Trouble::Odd { .. })));
        assert!(matches!(odd.read(Width::Word, 4), Err(Trouble::Odd { .. })));
        assert!(matches!(odd.read(Width::Word, 8), Err(Trouble::Gone(_))));
    }
}
