//! What can be done to get a lost board back, from the least to the most.
//!
//! Must not: do it.

use core::time::Duration;

/// How a board was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Its agent fell silent or its link carried garbage; nothing shows that anything is wrong with the board.
    OutOfStep,
    /// Its core loops, was stopped to look inside, or could not clean up.
    Stuck,
    /// Its core has crashed.
    Crashed,
    /// What runs or reaches it has ended.
    Gone,
}

/// A step on the way back. Each does more than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remedy {
    /// Greet the agent again over the same bytes: it forgets all that was before.
    Resync,
    /// Reset the core.
    Reset,
    /// Write the image again.
    Reflash,
    /// End what runs or reaches the board, and begin anew.
    StartAgain,
    /// Switch the board off and on by the command of boards.toml, and begin anew.
    Power,
}

impl Remedy {
    /// The word in events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resync => "resync",
            Self::Reset => "reset",
            Self::Reflash => "reflash",
            Self::StartAgain => "start-again",
            Self::Power => "power",
        }
    }

    /// How long it may take on the reference, the greeting of the agent included.
    #[must_use]
    pub const fn limit(self) -> Duration {
        Duration::from_secs(match self {
            Self::Resync => 2,
            Self::Reset => 10,
            // A large image over a slow probe.
            Self::Reflash => 90,
            // It waits for the address and for the lan as well, as the first start does.
            Self::StartAgain => 30,
            Self::Power => 60,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_does_more_than_the_one_before_and_has_a_name_of_its_own() {
        let all = [
            Remedy::Resync,
            Remedy::Reset,
            Remedy::Reflash,
            Remedy::StartAgain,
            Remedy::Power,
        ];
        assert!(all.is_sorted());
        let mut names = all.map(Remedy::name).to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len());
        let total: Duration = all.iter().map(|remedy| remedy.limit()).sum();
        assert!(total < Duration::from_secs(240), "{total:?}");
    }
}
