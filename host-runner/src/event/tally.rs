//! Counting: from verdicts to the exit code.

use std::collections::BTreeMap;

use super::{Event, Exit, Verdict};

/// What a run came to so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    counts: BTreeMap<Verdict, u64>,
    deviation_problems: u64,
    interrupted: bool,
}

impl Tally {
    /// Takes one event into account.
    pub fn count(&mut self, event: &Event) {
        match event {
            Event::CaseFinished(case) => self.add(case.verdict),
            Event::DeviationProblem(_) => self.deviation_problems += 1,
            Event::RunStarted(_)
            | Event::BoardPreparing(_)
            | Event::BoardStarted(_)
            | Event::BoardFailed(_)
            | Event::CaseStarted(_)
            | Event::BoardLost(_)
            | Event::BoardRecovery(_)
            | Event::BoardRestarted(_)
            | Event::RunFinished(_) => {}
        }
    }

    /// One more case with this verdict.
    pub fn add(&mut self, verdict: Verdict) {
        *self.counts.entry(verdict).or_default() += 1;
    }

    /// Somebody interrupted the run.
    pub fn interrupt(&mut self) {
        self.interrupted = true;
    }

    /// How many cases have this verdict.
    #[must_use]
    pub fn of(&self, verdict: Verdict) -> u64 {
        self.counts.get(&verdict).copied().unwrap_or(0)
    }

    /// How many cases have one at all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Every word with its number, zeros included.
    #[must_use]
    pub fn by_word(&self) -> BTreeMap<String, u64> {
        Verdict::ALL
            .iter()
            .map(|verdict| (verdict.name().to_owned(), self.of(*verdict)))
            .collect()
    }

    /// The exit code: the first of [`Exit::PRECEDENCE`] that applies.
    #[must_use]
    pub fn exit(&self) -> Exit {
        let any = |wanted: fn(Verdict) -> bool| {
            Verdict::ALL
                .into_iter()
                .any(|verdict| wanted(verdict) && self.of(verdict) > 0)
        };
        let trouble = any(Verdict::is_trouble);
        let good = self.of(Verdict::Pass) + self.of(Verdict::Lenient) > 0;
        if self.interrupted {
            Exit::Interrupted
        } else if !any(Verdict::judged) && !trouble {
            Exit::NothingSelected
        } else if any(Verdict::violates) {
            Exit::Violated
        } else if trouble {
            Exit::RigTrouble
        } else if self.deviation_problems > 0 {
            Exit::StaleDeviations
        } else if good {
            Exit::Conforms
        } else {
            // Only `noted` and `xfail`: nothing is violated, but nothing shows conformance either.
            Exit::NothingSelected
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(words: &[Verdict], problems: u64, interrupted: bool) -> Tally {
        let mut tally = Tally {
            deviation_problems: problems,
            interrupted,
            ..Tally::default()
        };
        words.iter().for_each(|word| tally.add(*word));
        tally
    }

    #[test]
    fn precedence_of_exit_codes() {
        use Verdict as V;
        let table: &[(&[Verdict], u64, bool, u8)] = &[
            (&[], 0, false, 4),
            (&[], 0, true, 130),
            (&[V::Pass], 0, false, 0),
            (&[V::Lenient], 0, false, 0),
            (&[V::Noted], 0, false, 4),
            (&[V::Xfail], 0, false, 4),
            (
                &[V::Pass, V::Noted, V::Xfail, V::Skipped, V::Unsupported],
                0,
                false,
                0,
            ),
            (&[V::Skipped, V::Unsupported], 0, false, 4),
            (&[V::Skipped, V::Infra], 0, false, 97),
            (&[V::BoardLost], 0, false, 97),
            (&[V::Skipped], 1, false, 4),
            (&[V::Pass], 1, false, 101),
            (&[V::Xfail], 1, false, 101),
            (&[V::Pass, V::Infra], 1, false, 97),
            (&[V::Pass, V::BoardLost], 0, false, 97),
            (&[V::Pass, V::Fail], 0, false, 100),
            (&[V::Pass, V::Xpass], 0, false, 100),
            (&[V::Pass, V::Flaky], 0, false, 100),
            (&[V::Infra, V::Fail], 2, false, 100),
            (&[V::Infra, V::Fail], 2, true, 130),
        ];
        for (words, problems, interrupted, exit) in table {
            let tally = tally(words, *problems, *interrupted);
            assert_eq!(
                tally.exit().code(),
                *exit,
                "{words:?}, {problems} deviation problems, interrupted: {interrupted}"
            );
        }
    }

    #[test]
    fn every_word_is_counted_even_at_zero() {
        let words = tally(&[Verdict::Pass, Verdict::Pass], 0, false).by_word();
        assert_eq!(words.len(), Verdict::ALL.len());
        assert_eq!(words["pass"], 2);
        assert_eq!(words["board-lost"], 0);
    }

    #[test]
    fn precedence_lists_every_exit_once() {
        let codes: Vec<u8> = Exit::PRECEDENCE.iter().map(|exit| exit.code()).collect();
        assert_eq!(codes, [130, 96, 4, 100, 97, 101, 0]);
        assert_eq!(Exit::from_code(97), Some(Exit::RigTrouble));
        assert_eq!(Exit::from_code(1), None);
    }
}
