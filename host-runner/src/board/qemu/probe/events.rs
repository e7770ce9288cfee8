//! A monitor of QEMU's for the probe alone: resets the machine, and hears when the guest resets itself.
//!
//! Must not: do what the board's own monitor does.

use core::time::Duration;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use serde_json::Value;

use super::error::{Trouble, closed};

/// Time for a reset: milliseconds usually.
const PATIENCE: Duration = Duration::from_secs(3);

/// Longest line taken.
const LONGEST_LINE: usize = 1 << 20;

/// The connection.
#[derive(Debug)]
pub(super) struct Events {
    stream: UnixStream,
    received: Vec<u8>,
}

impl Events {
    pub(super) fn new(stream: UnixStream) -> Result<Self, Trouble> {
        stream
            .set_write_timeout(Some(PATIENCE))
            .map_err(Trouble::Gone)?;
        let mut events = Self {
            stream,
            received: Vec::new(),
        };
        events.wait_for(|message| message.get("QMP").is_some())?;
        events.execute("qmp_capabilities")?;
        Ok(events)
    }

    /// For waiting on.
    pub(super) const fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// Resets a machine that is stopped; it stays so, at the start of its program.
    pub(super) fn reset(&mut self) -> Result<(), Trouble> {
        self.drain()?;
        self.send("system_reset")?;
        // Answer and event come in either order.
        let mut answered = false;
        let mut done = false;
        self.wait_for(|message| {
            answered |= message.get("return").is_some();
            done |= is_reset(message);
            answered && done
        })
    }

    /// Whether the guest has reset itself since the last look.
    pub(super) fn drain(&mut self) -> Result<bool, Trouble> {
        let mut reset = false;
        loop {
            while let Some(message) = take_message(&mut self.received) {
                reset |= is_reset(&message);
            }
            self.stream.set_nonblocking(true).map_err(Trouble::Gone)?;
            let mut buffer = [0; 4096];
            let read = self.stream.read(&mut buffer);
            self.stream.set_nonblocking(false).map_err(Trouble::Gone)?;
            match read {
                Ok(0) => return Err(closed()),
                Ok(read) => self.keep(&buffer[..read])?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(reset),
                Err(error) => return Err(Trouble::Gone(error)),
            }
        }
    }

    fn execute(&mut self, command: &str) -> Result<(), Trouble> {
        self.send(command)?;
        self.wait_for(|message| message.get("return").is_some())
    }

    fn send(&mut self, command: &str) -> Result<(), Trouble> {
        let request = format!("{{\"execute\":\"{command}\"}}\n");
        self.stream
            .write_all(request.as_bytes())
            .map_err(|error| Trouble::from_socket(error, "monitor"))
    }

    fn wait_for(&mut self, mut is_it: impl FnMut(&Value) -> bool) -> Result<(), Trouble> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            while let Some(message) = take_message(&mut self.received) {
                if is_it(&message) {
                    return Ok(());
                }
                if let Some(refused) = message.get("error") {
                    return Err(Trouble::Odd {
                        asked: "a command of the monitor".into(),
                        answer: refused.to_string(),
                    });
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Trouble::Late("reset"));
            }
            self.stream
                .set_read_timeout(Some(left))
                .map_err(Trouble::Gone)?;
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(closed()),
                Ok(read) => self.keep(&buffer[..read])?,
                Err(error) => return Err(Trouble::from_socket(error, "reset")),
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        if self.received.len() > LONGEST_LINE {
            return Err(closed());
        }
        self.received.extend_from_slice(bytes);
        Ok(())
    }
}

fn is_reset(message: &Value) -> bool {
    message["event"] == "RESET"
}

/// The next line that is JSON.
fn take_message(received: &mut Vec<u8>) -> Option<Value> {
    loop {
        let end = received.iter().position(|byte| *byte == b'\n')?;
        let message = serde_json::from_slice(&received[..end]).ok();
        received.drain(..=end);
        if message.is_some() {
            return message;
        }
    }
}
