//! Client of QEMU's stub for debuggers: run control, core registers, breakpoints.
//!
//! The stub stops the guest when *any* byte arrives while it runs, and announces every stop by itself, also those
//! that nobody asked for. So nothing is sent to a running guest except the request to stop, acknowledgements go out
//! before it is resumed, and answers to requests are told from announcements of stops by their first letter.
//! Must not: know the architecture beyond register numbers.

use core::time::Duration;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use super::error::{Trouble, closed};

/// Time for one answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Longest packet taken.
const LONGEST_PACKET: usize = 64 << 10;

/// Why the guest stopped, as far as the stub says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// A breakpoint, or a step is done.
    Trap,
    /// Somebody asked for it.
    Asked,
}

/// The connection. As soon as it is there, the guest is stopped.
#[derive(Debug)]
pub(super) struct Gdb {
    stream: UnixStream,
    received: Vec<u8>,
}

impl Gdb {
    pub(super) fn new(stream: UnixStream) -> Result<Self, Trouble> {
        stream
            .set_read_timeout(Some(PATIENCE))
            .and_then(|()| stream.set_write_timeout(Some(PATIENCE)))
            .map_err(Trouble::Gone)?;
        let mut gdb = Self {
            stream,
            received: Vec::new(),
        };
        // Registers are served only to those who have read how they are described.
        let description = gdb.ask("qXfer:features:read:target.xml:0,ffb")?;
        if !description.contains("m-profile") {
            return Err(Trouble::Odd {
                asked: "the description of the core".into(),
                answer: description,
            });
        }
        Ok(gdb)
    }

    /// For waiting on.
    pub(super) const fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// A register of up to 64 bits by the stub's number.
    pub(super) fn register(&mut self, number: u8) -> Result<u64, Trouble> {
        let asked = format!("p{number:x}");
        let answer = self.ask(&asked)?;
        let bytes = answer.len() / 2;
        let little = u64::from_str_radix(&answer, 16).ok();
        match little {
            // As in memory, lowest byte first.
            Some(value) if matches!(bytes, 4 | 8) => {
                Ok(value.swap_bytes() >> (64 - 8 * bytes as u32))
            }
            _ => Err(Trouble::Odd { asked, answer }),
        }
    }

    /// Sets a register of `bytes` (4 or 8).
    pub(super) fn set_register(
        &mut self,
        number: u8,
        value: u64,
        bytes: usize,
    ) -> Result<(), Trouble> {
        let digits: String = value.to_le_bytes()[..bytes]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        self.done(&format!("P{number:x}={digits}"))
    }

    /// A breakpoint that leaves memory as it is.
    pub(super) fn set_breakpoint(&mut self, address: u32) -> Result<(), Trouble> {
        self.done(&format!("Z0,{address:x},2"))
    }

    pub(super) fn clear_breakpoint(&mut self, address: u32) -> Result<(), Trouble> {
        self.done(&format!("z0,{address:x},2"))
    }

    /// Lets the guest run.
    pub(super) fn resume(&mut self) -> Result<(), Trouble> {
        self.send("c")
    }

    /// Executes one instruction, interrupts held off. If that takes longer than `patience`, the guest is stopped before
    /// the instruction or in the middle of it, and the answer is [`Stop::Asked`].
    pub(super) fn step(&mut self, patience: Duration) -> Result<Stop, Trouble> {
        self.send("s")?;
        match self.stopped_within(patience)? {
            Some(stop) => Ok(stop),
            None => self.interrupt(),
        }
    }

    /// Stops a running guest. It may have stopped by itself in this moment: says why.
    pub(super) fn interrupt(&mut self) -> Result<Stop, Trouble> {
        self.stream
            .write_all(b"\x03")
            .map_err(|error| Trouble::from_socket(error, "halt"))?;
        self.stopped_within(PATIENCE)?.ok_or(Trouble::Late("halt"))
    }

    /// Whether the guest has stopped meanwhile. Does not wait.
    pub(super) fn has_stopped(&mut self) -> Result<Option<Stop>, Trouble> {
        self.stream.set_nonblocking(true).map_err(Trouble::Gone)?;
        let mut buffer = [0; 256];
        let read = self.stream.read(&mut buffer);
        self.stream.set_nonblocking(false).map_err(Trouble::Gone)?;
        match read {
            Ok(0) => return Err(closed()),
            Ok(read) => self.received.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(Trouble::Gone(error)),
        }
        while let Some(packet) = self.take()? {
            if let Some(stop) = stop(&packet) {
                return Ok(Some(stop));
            }
        }
        Ok(None)
    }

    fn stopped_within(&mut self, patience: Duration) -> Result<Option<Stop>, Trouble> {
        let deadline = Instant::now() + patience;
        loop {
            match self.packet(deadline) {
                Ok(packet) => {
                    if let Some(stop) = stop(&packet) {
                        return Ok(Some(stop));
                    }
                }
                Err(Trouble::Late(_)) => return Ok(None),
                Err(trouble) => return Err(trouble),
            }
        }
    }

    fn done(&mut self, asked: &str) -> Result<(), Trouble> {
        match self.ask(asked)? {
            answer if answer == "OK" => Ok(()),
            answer => Err(Trouble::Odd {
                asked: asked.into(),
                answer,
            }),
        }
    }

    fn ask(&mut self, asked: &str) -> Result<String, Trouble> {
        self.send(asked)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let packet = self.packet(deadline)?;
            // A stop that was announced meanwhile and is known.
            if stop(&packet).is_none() {
                return Ok(packet);
            }
        }
    }

    fn send(&mut self, data: &str) -> Result<(), Trouble> {
        let sum = data.bytes().fold(0_u8, u8::wrapping_add);
        self.stream
            .write_all(format!("${data}#{sum:02x}").as_bytes())
            .map_err(|error| Trouble::from_socket(error, "debugger"))
    }

    /// The next packet that has arrived, acknowledged.
    fn take(&mut self) -> Result<Option<String>, Trouble> {
        let packet = take_packet(&mut self.received);
        if packet.is_some() {
            self.stream
                .write_all(b"+")
                .map_err(|error| Trouble::from_socket(error, "debugger"))?;
        }
        Ok(packet)
    }

    /// The next packet, acknowledged.
    fn packet(&mut self, deadline: Instant) -> Result<String, Trouble> {
        loop {
            if let Some(packet) = self.take()? {
                return Ok(packet);
            }
            if self.received.len() > LONGEST_PACKET {
                return Err(closed());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Trouble::Late("debugger"));
            }
            self.stream
                .set_read_timeout(Some(left))
                .map_err(Trouble::Gone)?;
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(closed()),
                Ok(read) => self.received.extend_from_slice(&buffer[..read]),
                Err(error) => return Err(Trouble::from_socket(error, "debugger")),
            }
        }
    }
}

/// Takes the first complete packet, and everything before it.
fn take_packet(received: &mut Vec<u8>) -> Option<String> {
    let Some(start) = received.iter().position(|byte| *byte == b'$') else {
        // Acknowledgements.
        received.clear();
        return None;
    };
    let length = received[start..].iter().position(|byte| *byte == b'#')?;
    let end = start + length;
    // Two digits of the sum; the socket loses nothing, so it is not worth a look.
    if received.len() < end + 3 {
        return None;
    }
    let packet = String::from_utf8_lossy(&received[start + 1..end]).into_owned();
    received.drain(..end + 3);
    Some(packet)
}

/// `T05thread:01;`
fn stop(packet: &str) -> Option<Stop> {
    match packet.strip_prefix('T')?.get(..2)? {
        "05" => Some(Stop::Trap),
        _ => Some(Stop::Asked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_cut_out_of_what_arrives() {
        let mut received = b"++$OK#9a+$T02thread:01;#04$m".to_vec();
        assert_eq!(take_packet(&mut received).as_deref(), Some("OK"));
        assert_eq!(take_packet(&mut received).as_deref(), Some("T02thread:01;"));
        assert_eq!(take_packet(&mut received), None);
        assert_eq!(received, b"$m");
    }

    #[test]
    fn stops_are_told_from_answers() {
        assert_eq!(stop("T05thread:01;"), Some(Stop::Trap));
        assert_eq!(stop("T02thread:01;"), Some(Stop::Asked));
        for answer in ["OK", "", "E14", "08000000", "T", "T0"] {
            assert_eq!(stop(answer), None, "{answer}");
        }
    }
}
