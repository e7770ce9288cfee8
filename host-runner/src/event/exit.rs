//! Exit codes: part of the interface, never renumbered (design §7).

/// How `hil` ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Exit {
    /// Conforms: nothing was violated and at least one case is `pass` or `lenient`.
    Conforms = 0,
    /// Nothing was selected, or nothing that was selected could show conformance.
    NothingSelected = 4,
    /// Bad configuration: `boards.toml`, a deviations file or the command line.
    BadConfiguration = 96,
    /// Trouble of the rig: `infra` or `board-lost`.
    RigTrouble = 97,
    /// Violated: `fail`, `flaky` or `xpass`.
    Violated = 100,
    /// A deviations file has stale or expired entries.
    StaleDeviations = 101,
    /// Interrupted; what was done until then is kept.
    Interrupted = 130,
}

impl Exit {
    /// All of them, the one that wins over all others first.
    pub const PRECEDENCE: [Self; 7] = [
        Self::Interrupted,
        Self::BadConfiguration,
        Self::NothingSelected,
        Self::Violated,
        Self::RigTrouble,
        Self::StaleDeviations,
        Self::Conforms,
    ];

    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The exit with this number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::PRECEDENCE
            .into_iter()
            .find(|exit| exit.code() == code)
    }

    /// What it says, in a few words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Conforms => "conforms",
            Self::NothingSelected => "nothing selected",
            Self::BadConfiguration => "bad configuration",
            Self::RigTrouble => "rig trouble",
            Self::Violated => "violated",
            Self::StaleDeviations => "stale or expired deviations",
            Self::Interrupted => "interrupted",
        }
    }

    /// What it means and what to do.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Conforms => {
                "No case is fail, xpass or flaky, the rig had no trouble, and at least one case is pass or lenient."
            }
            Self::NothingSelected => {
                "The selection matches no case, or none of the selected cases could show conformance \
                 (all of them unsupported, skipped, noted or xfail). `hil list` shows what there is."
            }
            Self::BadConfiguration => {
                "boards.toml, a deviations file or the command line is wrong. The message names the place and what would be right; nothing was run."
            }
            Self::RigTrouble => {
                "Some cases are infra or board-lost: the equipment failed, which says nothing about the implementation. `hil doctor` looks for the cause."
            }
            Self::Violated => {
                "At least one case is fail, flaky, or xpass (a listed deviation that did not show). `hil report` shows the last run again."
            }
            Self::StaleDeviations => {
                "The deviations file has an entry that names no existing case, or that has expired. Correct or remove it."
            }
            Self::Interrupted => {
                "Stopped by Ctrl-C or a signal. The results so far are in the directory of the run."
            }
        }
    }
}
