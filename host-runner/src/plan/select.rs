//! Selection: suites, patterns, tags and profile on one side, the registry on the other.

use hil_kit::{Case, Profile};

/// Suites whose cases are about the harness and fail by design: they are there only for those who name them, by
/// `--suite` or by a pattern that begins with the suite.
const ONLY_NAMED: [&str; 1] = ["selftest"];

/// What a user asked for.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Only these suites; all if empty.
    pub suites: Vec<String>,
    /// Only cases that match one of these; all if empty.
    pub patterns: Vec<String>,
    /// Only cases with all of these tags.
    pub tags: Vec<String>,
    /// Only cases of at most this profile. A case whose full id is a pattern is selected whatever its profile.
    pub profile: Profile,
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            suites: Vec::new(),
            patterns: Vec::new(),
            tags: Vec::new(),
            profile: Profile::Full,
        }
    }
}

/// A pattern of case ids: with `*`, `?` or `[…]` it has to fit the whole id (`*` also spans `/`), without it
/// may stand anywhere in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CasePattern {
    text: String,
    glob: Option<glob::Pattern>,
}

impl CasePattern {
    /// Understands a pattern.
    ///
    /// # Errors
    /// A bracket is not closed, and the like; in words.
    pub fn new(text: &str) -> Result<Self, String> {
        let glob = if text.contains(['*', '?', '[']) {
            Some(
                glob::Pattern::new(text)
                    .map_err(|error| format!("{} at character {}", error.msg, error.pos + 1))?,
            )
        } else {
            None
        };
        Ok(Self {
            text: text.into(),
            glob,
        })
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it begins with the name of `suite`.
    fn names(&self, suite: &str) -> bool {
        self.text
            .strip_prefix(suite)
            .is_some_and(|rest| rest.starts_with('/'))
    }

    /// Whether `id` fits.
    #[must_use]
    pub fn fits(&self, id: &str) -> bool {
        match &self.glob {
            Some(glob) => glob.matches(id),
            None => id.contains(&self.text),
        }
    }
}

/// Why a selection came to nothing, or part of it did: a pattern that fits nothing is a mistake even beside
/// others that fit something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NothingSelected {
    /// A pattern is no pattern.
    #[error("the case pattern \"{pattern}\" is malformed: {problem}")]
    Malformed {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A word names nothing there is.
    #[error("no {what} \"{word}\"{}", suggestion(.similar))]
    Unknown {
        /// `suite`, `tag` or `case matches`.
        what: &'static str,
        /// The word.
        word: String,
        /// Similar words that do name something.
        similar: Vec<String>,
    },
    /// Only longer cases fit.
    #[error("the {count} case(s) that fit belong to profile {profile}: add `--profile {profile}`")]
    Profile {
        /// How many.
        count: usize,
        /// The shortest profile that contains one of them.
        profile: &'static str,
    },
    /// Every word names something, but no case fits all of them.
    #[error("no case fits everything that was asked for: {0}")]
    Contradiction(String),
    /// There are no cases at all.
    #[error("this build of hil contains no cases")]
    Empty,
}

fn suggestion(similar: &[String]) -> String {
    match similar {
        [] => "; `hil list` shows what there is".into(),
        words => format!("; similar: {}", words.join(", ")),
    }
}

/// The cases that `selection` stands for, in the order of their ids.
///
/// # Errors
/// See [`NothingSelected`].
pub fn select<'c>(
    cases: impl IntoIterator<Item = &'c Case>,
    selection: &Selection,
) -> Result<Vec<&'c Case>, NothingSelected> {
    let mut all: Vec<(String, &Case)> = cases.into_iter().map(|case| (case.id(), case)).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    if all.is_empty() {
        return Err(NothingSelected::Empty);
    }
    known(
        "suite",
        &selection.suites,
        all.iter().map(|(_, case)| case.suite()),
    )?;
    known(
        "tag",
        &selection.tags,
        all.iter().flat_map(|(_, case)| case.tags.iter().copied()),
    )?;
    let patterns = understood(&all, selection)?;

    let exact = |id: &str| patterns.iter().any(|pattern| pattern.text() == id);
    let fits = |pattern: &CasePattern, id: &str, case: &Case| {
        pattern.fits(id) && is_there(case, selection, Some(pattern))
    };
    let mut too_long = Vec::new();
    let mut chosen = Vec::new();
    for (id, case) in &all {
        let named = if patterns.is_empty() {
            is_there(case, selection, None)
        } else {
            patterns.iter().any(|pattern| fits(pattern, id, case))
        };
        let fits = named
            && (selection.suites.is_empty()
                || selection.suites.iter().any(|suite| suite == case.suite()))
            && selection
                .tags
                .iter()
                .all(|tag| case.tags.contains(&tag.as_str()));
        if fits && (case.profile <= selection.profile || exact(id)) {
            chosen.push(*case);
        } else if fits {
            too_long.push(case.profile);
        }
    }
    if !chosen.is_empty() {
        return Ok(chosen);
    }
    match too_long.iter().min() {
        Some(profile) => Err(NothingSelected::Profile {
            count: too_long.len(),
            profile: profile.name(),
        }),
        None => Err(NothingSelected::Contradiction(in_words(selection))),
    }
}

fn known<'w>(
    what: &'static str,
    words: &[String],
    there: impl Iterator<Item = &'w str>,
) -> Result<(), NothingSelected> {
    let mut there: Vec<&str> = there.collect();
    there.sort_unstable();
    there.dedup();
    match words.iter().find(|word| !there.contains(&word.as_str())) {
        None => Ok(()),
        Some(word) => Err(NothingSelected::Unknown {
            what,
            word: word.clone(),
            similar: similar(word, there.into_iter()),
        }),
    }
}

/// Whether a case is there for this selection and, if it has patterns, for this one of them.
fn is_there(case: &Case, selection: &Selection, pattern: Option<&CasePattern>) -> bool {
    let suite = case.suite();
    !ONLY_NAMED.contains(&suite)
        || selection.suites.iter().any(|named| named == suite)
        || pattern.is_some_and(|pattern| pattern.names(suite))
}

fn understood(
    all: &[(String, &Case)],
    selection: &Selection,
) -> Result<Vec<CasePattern>, NothingSelected> {
    let mut understood = Vec::new();
    for text in &selection.patterns {
        let pattern = CasePattern::new(text).map_err(|problem| NothingSelected::Malformed {
            pattern: text.clone(),
            problem,
        })?;
        let there = |case: &Case| is_there(case, selection, Some(&pattern));
        if !all.iter().any(|(id, case)| pattern.fits(id) && there(case)) {
            let others = all.iter().filter(|(_, case)| there(case));
            let similar = similar(text, others.map(|(id, _)| id.as_str()));
            return Err(NothingSelected::Unknown {
                what: "case matches",
                word: text.clone(),
                similar,
            });
        }
        understood.push(pattern);
    }
    Ok(understood)
}

/// Up to three words that look like `word`, the most similar first; for a path also those whose last part does.
pub(crate) fn similar<'w>(word: &str, there: impl Iterator<Item = &'w str>) -> Vec<String> {
    let likeness = |candidate: &str| {
        let whole = strsim::jaro_winkler(word, candidate);
        match candidate.rsplit_once('/') {
            Some((_, last)) => whole.max(strsim::jaro_winkler(word, last)),
            None => whole,
        }
    };
    let mut ranked: Vec<(f64, &str)> = there
        .map(|candidate| (likeness(candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    ranked
        .into_iter()
        .take(3)
        .map(|(_, candidate)| candidate.to_owned())
        .collect()
}

fn in_words(selection: &Selection) -> String {
    let mut parts = Vec::new();
    let mut add = |flag: &str, words: &[String]| {
        parts.extend(words.iter().map(|word| format!("{flag}{word}")))
    };
    add("--suite ", &selection.suites);
    add("--tag ", &selection.tags);
    add("", &selection.patterns);
    parts.push(format!("--profile {}", selection.profile.name()));
    parts.join(" ")
}
