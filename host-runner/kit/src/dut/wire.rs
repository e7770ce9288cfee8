//! Frames as the client uses them: owned bytes out, decoded messages in.
//!
//! Must not: know what the messages mean.

use nsapi_protocol::frame::{Deframer, MAX_BODY, MAX_FRAME, encode as frame, frame_len};
use nsapi_protocol::{FromAgent, Request};

/// A request as bytes for the link, its end mark included; `None` if its body is longer than `limit` bytes.
pub(crate) fn encode(request: &Request<'_>, limit: usize) -> Option<Vec<u8>> {
    let mut buffer = vec![0; frame_len(limit.min(MAX_BODY))];
    let used = frame(request, &mut buffer).ok()?.len();
    buffer.truncate(used);
    Some(buffer)
}

/// Puts a stream of bytes back together into messages; what does not decode is dropped.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    deframer: Deframer<MAX_FRAME>,
}

impl Decoder {
    /// Hands every message in `bytes` to `take`, the one begun earlier included.
    pub(crate) fn each(&mut self, mut bytes: &[u8], mut take: impl FnMut(FromAgent<'_>)) {
        while let Some(message) = self.deframer.next::<FromAgent<'_>>(&mut bytes) {
            if let Ok(message) = message {
                take(message);
            }
        }
    }
}
