//! RTT: rings in memory that a debug probe reads and writes while the core runs. Up 0 carries the log, up 1 and
//! down 1 the bytes of the link; the name of down 1 tells which interrupt the host may ring (the *doorbell*)
//! after it has written.
//!
//! Must not: wait for the host. It may be gone, and it may have asked for a mode that waits; so the mode is set
//! again before each write.

use core::cell::RefCell;

use critical_section::Mutex;
use rtt_target::{ChannelMode, DownChannel, UpChannel, rtt_init};

use super::interrupts::Interrupt;

/// Where the log goes, once there is a control block.
static LOG: Mutex<RefCell<Option<UpChannel>>> = Mutex::new(RefCell::new(None));

// The name of the channel says so.
const _: () = assert!(Interrupt::Doorbell as u16 == 31);

/// Writes a whole frame of the log, or nothing if there is no room for it.
pub(crate) fn log(frame: &[u8]) {
    critical_section::with(|cs| {
        if let Some(channel) = LOG.borrow_ref_mut(cs).as_mut() {
            channel.set_mode(ChannelMode::NoBlockSkip);
            channel.write(frame);
        }
    });
}

/// Both directions of the link.
pub(crate) struct Rtt {
    up: UpChannel,
    down: DownChannel,
    /// Taken from `down`, because that cannot be asked whether there is something.
    ahead: Option<u8>,
    /// `up` did not take all of the latest write.
    cut_short: bool,
}

impl Rtt {
    /// Makes the control block and lets the doorbell through. Called once.
    pub(crate) fn start() -> Self {
        let channels = rtt_init! {
            up: {
                0: { size: 1024, name: "defmt" }
                1: { size: 2048, name: "hil" }
            }
            down: {
                0: { size: 4, name: "unused" }
                1: { size: 2048, name: "hil irq=31" }
            }
        };
        critical_section::with(|cs| LOG.borrow(cs).replace(Some(channels.up.0)));
        Interrupt::Doorbell.unmask();
        Self {
            up: channels.up.1,
            down: channels.down.1,
            ahead: None,
            cut_short: false,
        }
    }

    /// Whether the host has written something.
    pub(crate) fn has_received(&mut self) -> bool {
        if self.ahead.is_none() {
            let mut byte = [0];
            self.ahead = (self.down.read(&mut byte) == 1).then_some(byte[0]);
        }
        self.ahead.is_some()
    }

    /// Takes what the host has written.
    pub(crate) fn receive(&mut self, into: &mut [u8]) -> usize {
        if into.is_empty() || !self.has_received() {
            return 0;
        }
        let Some((first, rest)) = into.split_first_mut() else {
            return 0;
        };
        *first = self.ahead.take().unwrap_or_default();
        1 + self.down.read(rest)
    }

    /// Writes as much as there is room for, and returns how much that was.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> usize {
        self.up.set_mode(ChannelMode::NoBlockTrim);
        let written = self.up.write(bytes);
        self.cut_short = written < bytes.len();
        written
    }

    /// Whether [`Self::write`] would take a byte. May say no too long: until the host has taken everything.
    pub(crate) fn has_room(&self) -> bool {
        !self.cut_short || self.up.is_empty()
    }

    /// Whether the host has taken everything.
    pub(crate) fn is_empty(&self) -> bool {
        self.up.is_empty()
    }
}
