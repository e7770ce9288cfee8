//! The frames of the case that runs, up to a number of bytes: then the oldest go.

use std::collections::VecDeque;

use hil_kit::wire::Frame;

/// Bytes kept, with what it costs to keep them.
pub(super) const MOST_BYTES: usize = 48 << 20;

/// A bounded record.
#[derive(Default)]
pub(super) struct Ring {
    frames: VecDeque<Frame>,
    bytes: usize,
    lost: bool,
}

impl Ring {
    pub(super) fn push(&mut self, frame: Frame) {
        self.bytes += cost(&frame);
        self.frames.push_back(frame);
        while self.bytes > MOST_BYTES {
            let Some(oldest) = self.frames.pop_front() else {
                break;
            };
            self.bytes -= cost(&oldest);
            self.lost = true;
        }
    }

    /// All of them, and whether older ones were lost.
    pub(super) fn frames(&self) -> (Vec<Frame>, bool) {
        (self.frames.iter().cloned().collect(), self.lost)
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

fn cost(frame: &Frame) -> usize {
    let changed = match &frame.fate {
        hil_kit::wire::Fate::Changed(bytes) => super::size(bytes),
        _ => 0,
    };
    size_of::<Frame>() + super::size(&frame.bytes) + changed
}
