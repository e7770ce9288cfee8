//! Colour, or none.

use crate::event::Verdict;

/// Paints text if it is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paint {
    on: bool,
}

impl Paint {
    /// With or without colour.
    #[must_use]
    pub const fn new(on: bool) -> Self {
        Self { on }
    }

    /// A heading.
    #[must_use]
    pub fn bold(self, text: &str) -> String {
        self.sgr("1", text)
    }

    /// Something of less weight.
    #[must_use]
    pub fn dim(self, text: &str) -> String {
        self.sgr("2", text)
    }

    /// Something good.
    #[must_use]
    pub fn good(self, text: &str) -> String {
        self.sgr("32", text)
    }

    /// Something bad.
    #[must_use]
    pub fn bad(self, text: &str) -> String {
        self.sgr("1;31", text)
    }

    /// Something to look at.
    #[must_use]
    pub fn warn(self, text: &str) -> String {
        self.sgr("33", text)
    }

    /// In the colour of a verdict.
    #[must_use]
    pub fn verdict(self, verdict: Verdict, text: &str) -> String {
        match verdict {
            Verdict::Pass => self.good(text),
            Verdict::Fail | Verdict::Xpass | Verdict::Flaky => self.bad(text),
            Verdict::Infra | Verdict::BoardLost => self.sgr("1;35", text),
            Verdict::Lenient | Verdict::Xfail => self.warn(text),
            Verdict::Noted => self.sgr("36", text),
            Verdict::Unsupported | Verdict::Skipped => self.dim(text),
        }
    }

    /// In the colour of a level of a log.
    #[must_use]
    pub fn level(self, level: &str, text: &str) -> String {
        match level {
            "error" => self.bad(text),
            "warn" => self.warn(text),
            "info" => self.sgr("36", text),
            _ => self.dim(text),
        }
    }

    fn sgr(self, code: &str, text: &str) -> String {
        if self.on {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.into()
        }
    }
}
