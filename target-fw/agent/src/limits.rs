//! How much of everything the agent has. All of its memory follows from these numbers.

/// Largest body of a frame, in bytes.
pub const MAX_BODY: usize = nsapi_protocol::frame::MAX_BODY;
/// Requests that may be unanswered; so many of the largest replies are kept for repeats at least.
pub const CREDITS: usize = 8;
/// Blocking calls that may be in flight.
pub const LANES: usize = 6;
/// Lanes there are. One more than announced, so that a close can always release blocked calls.
pub(crate) const LANE_SLOTS: usize = LANES + 1;
/// Socket objects that may exist: more than a port has, so that it is the port that runs out.
pub const HANDLES: usize = 48;
/// Event counters.
pub const COUNTERS: usize = 16;
/// Largest payload carried in a frame, in bytes.
pub const MAX_INLINE: usize = 512;
/// Largest single send or receive by pattern, in bytes.
pub const MAX_IO: usize = 2048;
/// Bytes from the runner that wait to be looked at.
pub(crate) const INBOX: usize = 2 * nsapi_protocol::frame::MAX_FRAME;
/// Bytes of replies, sent and unsent: the promised ones, the one being written, and what is lost at the seam.
pub(crate) const OUTBOX: usize = (CREDITS + 2) * nsapi_protocol::frame::MAX_FRAME;
/// Replies in that memory at most.
pub(crate) const OUTBOX_FRAMES: usize = 32;
/// Calls of one bulk operation before the others get their turn.
pub(crate) const BULK_CALLS: usize = 8;
/// Rounds of one poll before the board gets its turn.
pub(crate) const ROUNDS: usize = 4;
/// Longest line of the log, in bytes; the rest is cut off.
pub(crate) const LOG_LINE: usize = 240;

// On a microcontroller all of this must leave room for the stack under test.
#[cfg(target_pointer_width = "32")]
const _: () = assert!(
    size_of::<crate::Memory>() + size_of::<crate::Agent<'_, dyn nsapi::Iut>>() <= 16 * 1024
);
