//! What a fault writes down before it resets the core.
//!
//! [`BeaconRecord`] is plain integers in a fixed layout, so a board can keep one in memory that a reset does
//! not clear and look at it afterwards, whatever the memory holds then: [`BeaconRecord::is_valid`] tells.
//!
//! Must not: touch memory or reset anything; that is the board's part.

use core::fmt;

use nsapi_protocol::message::MAX_RETURNS;

/// Why the core was reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum FaultKind {
    /// A Rust panic.
    Panic = 1,
    /// Hard fault.
    HardFault = 2,
    /// Memory management fault.
    MemManage = 3,
    /// Bus fault.
    BusFault = 4,
    /// Usage fault.
    UsageFault = 5,
    /// An exception or interrupt nobody handles.
    Unhandled = 6,
    /// The watchdog bit.
    Watchdog = 7,
}

/// Marks a record that was written on purpose.
const MAGIC: u32 = 0x6265_6163;

/// Length of the message in bytes.
const MESSAGE: usize = 128;

/// Length of the return addresses in bytes.
const RETURNS: usize = MAX_RETURNS * 4;

/// The record. Fill it in with [`Self::new`], `write!` the message, then [`Self::seal`] it.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct BeaconRecord {
    magic: u32,
    kind: u32,
    pc: u32,
    lr: u32,
    cfsr: u32,
    len: u32,
    message: [u8; MESSAGE],
    returns_len: u32,
    returns: [u8; RETURNS],
    checksum: u32,
}

impl BeaconRecord {
    /// No record: write this once a record has been read, so that it is reported once.
    pub const EMPTY: Self = Self {
        magic: 0,
        kind: 0,
        pc: 0,
        lr: 0,
        cfsr: 0,
        len: 0,
        message: [0; MESSAGE],
        returns_len: 0,
        returns: [0; RETURNS],
        checksum: 0,
    };

    /// A record without a message, not sealed yet. `pc`, `lr` and `cfsr` (configurable fault status) are 0
    /// where they are not known.
    #[must_use]
    pub const fn new(kind: FaultKind, pc: u32, lr: u32, cfsr: u32) -> Self {
        Self {
            magic: MAGIC,
            kind: kind as u32,
            pc,
            lr,
            cfsr,
            ..Self::EMPTY
        }
    }

    /// Appends what looks like a return address; `false` when there is no room for more.
    pub fn add_return(&mut self, address: u32) -> bool {
        let start = self.returns_len();
        let Some(place) = self.returns.get_mut(start..start + 4) else {
            return false;
        };
        place.copy_from_slice(&address.to_le_bytes());
        self.returns_len += 4;
        true
    }

    fn returns_len(&self) -> usize {
        usize::try_from(self.returns_len)
            .unwrap_or(RETURNS)
            .min(RETURNS)
    }

    /// Makes the record valid. Changing it afterwards makes it invalid again.
    pub fn seal(&mut self) {
        self.checksum = self.sum();
    }

    /// Whether it was sealed and is intact.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.magic == MAGIC && self.checksum == self.sum()
    }

    /// The word for the kind of fault.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self.kind {
            1 => "panic",
            2 => "hard-fault",
            3 => "mem-manage",
            4 => "bus-fault",
            5 => "usage-fault",
            6 => "unhandled-exception",
            7 => "watchdog",
            _ => "unknown",
        }
    }

    /// The message; what is not UTF-8 ends it.
    #[must_use]
    pub fn message(&self) -> &str {
        let len = usize::try_from(self.len).unwrap_or(MESSAGE).min(MESSAGE);
        let bytes = self.message.get(..len).unwrap_or_default();
        match core::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
                core::str::from_utf8(good).unwrap_or_default()
            }
        }
    }

    /// As it goes over the link.
    pub(crate) fn report(&self) -> nsapi_protocol::Beacon<'_> {
        let Self { pc, lr, cfsr, .. } = *self;
        nsapi_protocol::Beacon {
            kind: self.kind(),
            pc,
            lr,
            cfsr,
            message: self.message(),
            returns: self.returns.get(..self.returns_len()).unwrap_or_default(),
        }
    }

    /// FNV-1a over all that stands before the checksum: the words, then the bytes.
    fn sum(&self) -> u32 {
        let step = |sum: u32, value: u32| (sum ^ value).wrapping_mul(0x0100_0193);
        let words = [
            self.magic,
            self.kind,
            self.pc,
            self.lr,
            self.cfsr,
            self.len,
            self.returns_len,
        ];
        let sum = words.into_iter().fold(0x811C_9DC5, step);
        let bytes = self.message.iter().chain(&self.returns);
        bytes.copied().map(u32::from).fold(sum, step)
    }
}

impl fmt::Write for BeaconRecord {
    /// Appends to the message; what does not fit is cut off.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let start = usize::try_from(self.len).unwrap_or(MESSAGE).min(MESSAGE);
        let room = self.message.get_mut(start..).unwrap_or_default();
        for (to, from) in room.iter_mut().zip(text.as_bytes()) {
            *to = *from;
            self.len += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use core::fmt::Write as _;

    use super::*;

    #[test]
    fn only_a_sealed_and_intact_record_is_valid() {
        let mut record = BeaconRecord::new(FaultKind::BusFault, 0x2000, 0x1001, 0x8200);
        write!(record, "read of {:#x}", 0xdead).unwrap();
        assert!(!record.is_valid());
        record.seal();
        assert!(record.is_valid());
        assert_eq!(
            (record.kind(), record.message()),
            ("bus-fault", "read of 0xdead")
        );
        let mut damaged = record;
        damaged.lr ^= 1;
        assert!(!damaged.is_valid());
        assert!(!BeaconRecord::EMPTY.is_valid());
    }

    #[test]
    fn return_addresses_are_kept_up_to_a_limit() {
        let mut record = BeaconRecord::new(FaultKind::HardFault, 1, 2, 3);
        assert!(record.report().returns.is_empty());
        record.seal();
        let addresses = (0..MAX_RETURNS as u32).map(|number| 0x100 + number);
        assert!(addresses.clone().all(|address| record.add_return(address)));
        assert!(!record.add_return(7));
        assert!(!record.is_valid());
        assert!(record.report().return_addresses().eq(addresses));
    }

    #[test]
    fn whatever_the_memory_holds_a_message_can_be_read() {
        let mut record = BeaconRecord {
            returns_len: u32::MAX,
            len: u32::MAX,
            message: [0xff; MESSAGE],
            ..BeaconRecord::EMPTY
        };
        assert_eq!(record.message(), "");
        assert_eq!(record.kind(), "unknown");
        assert_eq!(record.report().return_addresses().count(), MAX_RETURNS);
        record = BeaconRecord::new(FaultKind::Panic, 0, 0, 0);
        for _ in 0..100 {
            record.write_str("äöü").unwrap();
        }
        assert!(record.message().len() >= MESSAGE - 1);
    }
}
