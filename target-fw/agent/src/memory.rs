//! The agent's memory, in one piece for a static.
//!
//! It is apart from [`crate::Agent`] because it can be made before anything else is known, so that it lies in
//! zeroed memory; as a part of the agent it would have to pass through the stack of a small board once.

use heapless::Vec;
use nsapi_protocol::frame::{Deframer, MAX_FRAME};

use crate::handles::Handles;
use crate::inbox::Inbox;
use crate::interface::Record;
use crate::lane::Lane;
use crate::limits::LANE_SLOTS;
use crate::outbox::Outbox;
use crate::scratch::Scratch;
use crate::seen::Seen;

/// Buffers and tables of one agent; what is in them is the agent's.
#[derive(Debug)]
pub struct Memory {
    pub(crate) inbox: Inbox,
    pub(crate) deframer: Deframer<MAX_FRAME>,
    pub(crate) handles: Handles,
    /// Filled by the agent: an empty lane is not a zero.
    pub(crate) lanes: Vec<Option<Lane>, LANE_SLOTS>,
    pub(crate) scratch: Scratch,
    pub(crate) outbox: Outbox,
    pub(crate) seen: Seen,
    pub(crate) record: Record,
}

impl Memory {
    /// Empty.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            inbox: Inbox::new(),
            deframer: Deframer::new(),
            handles: Handles::new(),
            lanes: Vec::new(),
            scratch: Scratch::new(),
            outbox: Outbox::new(),
            seen: Seen::new(),
            record: Record::new(),
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}
