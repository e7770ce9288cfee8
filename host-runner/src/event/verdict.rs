//! The verdicts, one word each (design §7).

use core::fmt;

use serde::{Deserialize, Serialize};

/// What a run says about one case. Details such as `crash` or `silent` stand in
/// [`super::CaseFinished::cause`], so that counting needs only this word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every expectation held.
    Pass,
    /// An allowed alternative was used.
    Lenient,
    /// Characterisation: traits were recorded after a positive control. Never counts as pass.
    Noted,
    /// The IUT did something it must not do.
    Fail,
    /// It did, and the deviation is listed.
    Xfail,
    /// A listed deviation did not show.
    Xpass,
    /// Failed first and passed when tried again.
    Flaky,
    /// Needs an optional capability that the port does not claim.
    Unsupported,
    /// Not applicable to this board or lan.
    Skipped,
    /// Trouble of the rig; says nothing about the IUT.
    Infra,
    /// The board went away.
    BoardLost,
}

impl Verdict {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 11] = [
        Self::Pass,
        Self::Lenient,
        Self::Noted,
        Self::Fail,
        Self::Xfail,
        Self::Xpass,
        Self::Flaky,
        Self::Unsupported,
        Self::Skipped,
        Self::Infra,
        Self::BoardLost,
    ];

    /// The word used everywhere.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Lenient => "lenient",
            Self::Noted => "noted",
            Self::Fail => "fail",
            Self::Xfail => "xfail",
            Self::Xpass => "xpass",
            Self::Flaky => "flaky",
            Self::Unsupported => "unsupported",
            Self::Skipped => "skipped",
            Self::Infra => "infra",
            Self::BoardLost => "board-lost",
        }
    }

    /// Whether something was found out about the IUT.
    #[must_use]
    pub const fn judged(self) -> bool {
        match self {
            Self::Pass
            | Self::Lenient
            | Self::Noted
            | Self::Fail
            | Self::Xfail
            | Self::Xpass
            | Self::Flaky => true,
            Self::Unsupported | Self::Skipped | Self::Infra | Self::BoardLost => false,
        }
    }

    /// Whether it makes the run a violation (exit 100).
    #[must_use]
    pub const fn violates(self) -> bool {
        matches!(self, Self::Fail | Self::Xpass | Self::Flaky)
    }

    /// Whether it is trouble of the rig (exit 97).
    #[must_use]
    pub const fn is_trouble(self) -> bool {
        matches!(self, Self::Infra | Self::BoardLost)
    }

    /// Whether a person has to look at it: it is shown with all details.
    #[must_use]
    pub const fn needs_attention(self) -> bool {
        self.violates() || self.is_trouble()
    }

    /// What the word means, for `hil explain` and the documentation.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Pass => "every expectation held",
            Self::Lenient => "an allowed alternative was used; its reason is shown",
            Self::Noted => {
                "characterised: traits were recorded after a positive control; never counts as pass"
            }
            Self::Fail => "the implementation did something it must not do",
            Self::Xfail => "it did, as its deviations file says",
            Self::Xpass => "a listed deviation did not show: the list is wrong",
            Self::Flaky => "failed, then passed when tried again",
            Self::Unsupported => "needs an optional capability that the port does not claim",
            Self::Skipped => "does not apply to this board or lan; the reason is shown",
            Self::Infra => "trouble of the rig; says nothing about the implementation",
            Self::BoardLost => "the board went away or fell silent",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
