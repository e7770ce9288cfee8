//! defmt-test: all tests of an image in one go, told apart by what the image says meanwhile.
//!
//! `(1/5) running `name`...` begins a test, the next such line or `all tests passed!` ends it. The first failure
//! ends the image. Must not: run anything, or take a test for passed that nobody has heard the end of.

use core::time::Duration;

use crate::event::LogLine;

/// What an image does with a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It runs.
    Running,
    /// It is marked as ignored.
    Ignoring,
}

/// How far a test of such an image has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// What was done with it.
    pub what: What,
    /// Whether something came after it: it is over, and has passed.
    pub over: bool,
    /// When it began, and ended as far as anybody has heard, since the image was started.
    pub span: (Duration, Duration),
    /// What it said meanwhile.
    pub log: Vec<LogLine>,
}

/// What an image says when all is over.
const PASSED: &str = "all tests passed!";

/// What a line without its numbers announces, if it is such a line: "running `name`...".
#[must_use]
pub fn announcement(line: &str) -> Option<(What, &str)> {
    let (word, rest) = line.split_once(" `")?;
    let name = rest.strip_suffix("`...")?;
    let what = match word {
        "running" => What::Running,
        "ignoring" => What::Ignoring,
        _ => return None,
    };
    Some((what, name))
}

/// Cuts what an image has said into its tests. Lines before the first belong to nobody.
#[must_use]
pub fn cut(lines: &[(Duration, LogLine)]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (at, line) in lines {
        let begins = line
            .text
            .strip_prefix('(')
            .and_then(|text| text.split_once(") "))
            .filter(|(numbers, _)| {
                numbers
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte == b'/')
            })
            .and_then(|(_, rest)| announcement(rest));
        let ends = begins.is_some() || line.text == PASSED;
        if let Some(last) = steps.last_mut() {
            last.span.1 = *at;
            last.over |= ends;
            if !ends {
                last.log.push(line.clone());
            }
        }
        if let Some((what, name)) = begins {
            steps.push(Step {
                name: name.into(),
                what,
                over: false,
                span: (*at, *at),
                log: Vec::new(),
            });
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(lines: &[&str]) -> Vec<(Duration, LogLine)> {
        (1..)
            .map(Duration::from_millis)
            .zip(lines.iter().map(|text| LogLine {
                text: (*text).into(),
                ..LogLine::default()
            }))
            .collect()
    }

    #[test]
    fn a_test_is_over_when_the_next_begins_or_all_have_passed() {
        let steps = cut(&said(&[
            "up",
            "(1/3) running `one`...",
            "something",
            "(2/3) ignoring `two`...",
            "(3/3) running `three`...",
            "all tests passed!",
        ]));
        let short: Vec<_> = steps
            .iter()
            .map(|step| (step.name.as_str(), step.what, step.over, step.log.len()))
            .collect();
        assert_eq!(
            short,
            [
                ("one", What::Running, true, 1),
                ("two", What::Ignoring, true, 0),
                ("three", What::Running, true, 0),
            ]
        );
        assert_eq!(
            steps[0].span,
            (Duration::from_millis(2), Duration::from_millis(4))
        );
    }

    #[test]
    fn the_one_that_ends_the_image_is_not_over() {
        let steps = cut(&said(&[
            "(1/2) running `one`...",
            "(2/2) running `two`...",
            "panic: src/x.rs:1: no",
        ]));
        assert!(steps[0].over && !steps[1].over);
        assert_eq!(steps[1].log[0].text, "panic: src/x.rs:1: no");
    }

    #[test]
    fn what_only_looks_like_an_announcement_is_none() {
        for line in [
            "running `x`",
            "(x) running `x`...",
            "(1/2) walking `x`...",
            "(1/2) ",
        ] {
            assert!(cut(&said(&[line])).is_empty(), "{line}");
        }
    }
}
