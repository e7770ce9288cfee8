//! Stimuli in numbers: frames without a line each, gaps between them, counts, and times seen on the cable.
//!
//! Must not: be a way to wait for something that happens; expectations do that.

use core::time::Duration;
use std::time::Instant;

use super::{End, Pattern, Wire};
use crate::outcome::here;
use crate::{Ctx, Stop, text};

impl Wire {
    /// Puts a frame on the cable towards the board without a line in the narration: one of very many.
    pub fn inject_quietly(&self, frame: impl Into<Vec<u8>>) {
        self.cable.inject(End::Board, frame.into());
    }

    /// A gap between two stimuli. What the board does meanwhile is not looked at; to wait for something, expect it.
    pub async fn pause(&self, gap: Duration) {
        tokio::time::sleep(gap).await;
    }

    /// Requires at least `count` such frames since the case began, the last of them within this time (stretched on slow
    /// boards) after the one before it.
    ///
    /// # Errors
    /// A violation `…/count`.
    #[track_caller]
    pub fn expect_count(
        &self,
        pattern: &Pattern,
        count: usize,
        within: Duration,
    ) -> impl Future<Output = Result<(), Stop>> {
        here(async move {
            let patience = self.stretched(within);
            let mut seen = self.count(pattern);
            while seen < count {
                let end = self.shared.log.end();
                // One that came between the count and now is in the count of the next round.
                let before = self.count(pattern);
                if before == seen && self.look(end, pattern, patience).await.is_none() {
                    let again = self.count(pattern);
                    if again == seen {
                        let call =
                            format!("wire waits {} for the next frame", text::duration(patience));
                        let expected = format!("{count} frames {}", pattern.words());
                        let violation = self.state.in_vain(
                            patience,
                            "count",
                            &call,
                            expected,
                            format!("{seen} of them"),
                        );
                        return Err(violation.into());
                    }
                }
                if Instant::now() >= self.state.deadline {
                    break;
                }
                seen = self.count(pattern);
            }
            self.say(format_args!("sees {seen} × {}", pattern.words()));
            Ok(())
        })
    }
}

impl Ctx {
    /// Requires a time that was seen on the cable to be at most `limit`; judged only if the rig was quiet compared
    /// with it.
    ///
    /// # Errors
    /// A violation `…/<what>`.
    #[track_caller]
    pub fn require_within(&self, what: &str, took: Duration, limit: Duration) -> Result<(), Stop> {
        if took <= limit {
            return Ok(());
        }
        let mut violation = self.state.violation(
            what,
            what,
            format!("at most {}", text::duration(limit)),
            text::duration(took),
        );
        violation.slack = Some(limit);
        Err(violation.into())
    }

    /// Bytes `0..len` of the pattern `seed`, as the agent makes them.
    #[must_use]
    pub fn pattern(&self, seed: u32, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        nsapi_protocol::pattern::Pattern::new(seed).fill(0, &mut bytes);
        bytes
    }
}
