//! The account of a board: how many cases of which suite got which verdict.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::Paint;
use crate::event::{CaseFinished, Verdict};

/// Counts per suite.
#[derive(Clone, Debug, Default)]
pub(super) struct Summary {
    suites: BTreeMap<String, BTreeMap<Verdict, u64>>,
}

impl Summary {
    /// One more case.
    pub(super) fn add(&mut self, case: &CaseFinished) {
        *self
            .suites
            .entry(case.suite.clone())
            .or_default()
            .entry(case.verdict)
            .or_default() += 1;
    }

    /// How many cases have this verdict.
    #[must_use]
    pub(super) fn of(&self, verdict: Verdict) -> u64 {
        self.suites
            .values()
            .filter_map(|counts| counts.get(&verdict))
            .sum()
    }

    /// How many cases there are.
    #[must_use]
    pub(super) fn total(&self) -> u64 {
        self.suites.values().flat_map(BTreeMap::values).sum()
    }

    /// `54 pass, 1 fail`.
    #[must_use]
    pub(super) fn in_words(&self, paint: Paint) -> String {
        let words: Vec<String> = Verdict::ALL
            .into_iter()
            .filter(|verdict| self.of(*verdict) > 0)
            .map(|verdict| paint.verdict(verdict, &format!("{} {verdict}", self.of(verdict))))
            .collect();
        if words.is_empty() {
            "no case finished".into()
        } else {
            words.join(", ")
        }
    }

    /// A table of suites by verdicts, with those verdicts that occur.
    #[must_use]
    pub(super) fn table(&self, paint: Paint) -> String {
        let columns: Vec<Verdict> = Verdict::ALL
            .into_iter()
            .filter(|verdict| self.of(*verdict) > 0)
            .collect();
        let names = self
            .suites
            .keys()
            .map(String::len)
            .max()
            .unwrap_or(0)
            .max("suite".len());
        let mut out = format!("  {:<names$}", "suite");
        for column in &columns {
            let _ = write!(out, "  {}", paint.verdict(*column, &format!("{column:>6}")));
        }
        out.push('\n');
        for (suite, counts) in &self.suites {
            let _ = write!(out, "  {suite:<names$}");
            for column in &columns {
                let width = column.name().len().max(6);
                let number = counts
                    .get(column)
                    .map_or_else(|| format!("{:>width$}", "."), |n| format!("{n:>width$}"));
                let number = if counts.contains_key(column) {
                    number
                } else {
                    paint.dim(&number)
                };
                let _ = write!(out, "  {number}");
            }
            out.push('\n');
        }
        out
    }
}
