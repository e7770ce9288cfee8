//! What listens to the link: the transcript, and the target's log for lines that the agent sends itself.
//!
//! Must not: keep anything.

use std::sync::Arc;
use std::time::Instant;

use hil_kit::dut::Tap;

use super::link_log::LinkLog;
use crate::event::LogLine;
use crate::target_log::TargetLog;

/// Both of them.
pub(super) struct Ears {
    pub(super) link: Arc<LinkLog>,
    pub(super) target: Arc<TargetLog>,
}

impl Tap for Ears {
    fn message(&self, toward_agent: bool, at: Instant, text: &str) {
        self.link.message(toward_agent, at, text);
    }

    fn logged(&self, line: &str) {
        self.target.add(LogLine {
            text: format!("agent: {line}"),
            ..LogLine::default()
        });
    }
}
