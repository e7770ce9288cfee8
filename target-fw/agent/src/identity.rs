//! What a board says about itself.

use nsapi::{Capability, Statement};
use nsapi_protocol::{Hello, PROTOCOL};

use crate::BeaconRecord;
use crate::limits::{COUNTERS, CREDITS, LANES, MAX_BODY, MAX_INLINE, MAX_IO};

/// Longest name of a board or port that is told, in bytes.
const NAME: usize = 48;
/// Longest build id that is told, in bytes.
const BUILD_ID: usize = 32;

/// Who the board is. Made once at start-up.
#[derive(Debug)]
pub struct Identity {
    /// Name of the board (at most 48 bytes are told).
    pub board: &'static str,
    /// GNU build id of the image, from the board's memory (at most 32 bytes are told).
    pub build_id: &'static [u8],
    /// Differs after every reset.
    pub boot: u32,
    /// What the last fault left behind, if it was a fault that reset the board.
    pub beacon: Option<BeaconRecord>,
    /// Longest time in µs, since it was last asked, by which the board was late for something it had planned.
    pub jitter_us: fn() -> u32,
}

impl Identity {
    /// The answer to a greeting.
    pub(crate) fn hello(&self, statement: &Statement, nonce: u64) -> Hello<'_> {
        let (capabilities, options) = statement.capabilities.to_bits();
        let has = |capability| statement.capabilities.has(capability);
        Hello {
            protocol: PROTOCOL,
            nonce,
            board: cut(self.board),
            port: cut(statement.port),
            build_id: self.build_id.get(..BUILD_ID).unwrap_or(self.build_id),
            boot: self.boot,
            capabilities,
            options,
            ip: has(Capability::Tcp) || has(Capability::Udp),
            max_frame: told(MAX_BODY),
            credits: told(CREDITS),
            lanes: told(LANES),
            counters: told(COUNTERS),
            max_inline: told(MAX_INLINE),
            max_io: told(MAX_IO),
            limits: statement.limits.into(),
            beacon: self.beacon.as_ref().map(BeaconRecord::report),
        }
    }
}

/// The beginning of a name that is too long.
fn cut(name: &'static str) -> &'static str {
    let end = (0..=name.len().min(NAME))
        .rev()
        .find(|&end| name.is_char_boundary(end));
    end.and_then(|end| name.get(..end)).unwrap_or_default()
}

/// One of our limits as the link carries it.
fn told<T: TryFrom<usize> + Default>(limit: usize) -> T {
    T::try_from(limit).unwrap_or_default()
}
