//! Passive rules: what every frame of the board must be like, whatever the case is about (packet-level §12). Pure
//! functions over the frames of a case.
//!
//! A rule sees the middle of things: connections that began before the case, frames that were lost, held, changed or
//! injected. Where it cannot know it says nothing. What the board may know counts generously: all that anybody ever sent
//! towards it until then; what it must have known is only what was delivered at once.
//!
//! Not here, because a frame does not show it: minimum length (emulators and veth pairs do not pad), identifiers across
//! boots.

mod connection;
mod frames;
mod sequence;
mod tcp;
#[cfg(test)]
mod tests;

use core::fmt;
use core::time::Duration;

use super::{Frame, Packet, WirePlan};

/// How binding a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// A case in which it is broken fails.
    Must,
    /// It is only narrated.
    Should,
}

/// A frame that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassiveViolation {
    /// Which rule: the violation's key is `passive.<rule>`.
    pub rule: &'static str,
    /// How binding it is.
    pub weight: Weight,
    /// When the frame came, on the cable.
    pub at: Duration,
    /// The frame in words.
    pub frame: String,
    /// What must be.
    pub expected: String,
    /// What was.
    pub observed: String,
}

impl fmt::Display for PassiveViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "passive.{} at {:.6} s, {}: expected {}, observed {}",
            self.rule,
            self.at.as_secs_f64(),
            self.frame,
            self.expected,
            self.observed
        )
    }
}

/// A frame and what it says.
struct View<'a> {
    frame: &'a Frame,
    /// As its sender put it on the cable.
    packet: Packet<'a>,
}

impl View<'_> {
    const fn is_board(&self) -> bool {
        self.frame.origin.is_board()
    }

    fn breaks(
        &self,
        rule: &'static str,
        expected: impl Into<String>,
        observed: impl Into<String>,
    ) -> PassiveViolation {
        PassiveViolation {
            rule,
            weight: Weight::Must,
            at: self.frame.at,
            frame: self.packet.to_string(),
            expected: expected.into(),
            observed: observed.into(),
        }
    }
}

/// All frames that break a rule, in the order in which they came. `frames` are those of one case, in order.
#[must_use]
pub fn check(frames: &[Frame], plan: &WirePlan) -> Vec<PassiveViolation> {
    let views: Vec<_> = frames
        .iter()
        .map(|frame| View {
            frame,
            packet: frame.packet(),
        })
        .collect();
    let mut broken = Vec::new();
    for view in views.iter().filter(|view| view.is_board()) {
        broken.extend(frames::check(view, plan));
        broken.extend(tcp::check(view));
    }
    broken.extend(sequence::check(&views));
    broken.extend(connection::check(&views));
    broken.sort_by_key(|violation| violation.at);
    broken
}
