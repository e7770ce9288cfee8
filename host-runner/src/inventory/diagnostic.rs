//! What is wrong with a boards.toml, and how it is shown.
//!
//! Must not: print; the caller decides where a rendering goes.

use core::fmt;
use core::ops::Range;
use std::path::{Path, PathBuf};

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode,
};

/// One thing that is wrong, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub message: String,
    /// Bytes of the file that it is about.
    pub span: Range<usize>,
    /// What those bytes are in this context.
    pub label: String,
    /// What would be right.
    pub help: String,
}

/// A boards.toml that cannot be used.
#[derive(Debug)]
pub enum InventoryError {
    /// It cannot be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It says something wrong; everything found is listed.
    Wrong {
        /// The file.
        path: PathBuf,
        /// Its text.
        text: String,
        /// In the order of their places; never empty.
        problems: Vec<Problem>,
    },
}

impl InventoryError {
    /// For people: with the lines of the file, in colour and with lines drawn on a terminal, else plain.
    #[must_use]
    pub fn render(&self, terminal: bool) -> String {
        let theme = if terminal {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::none()
        };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_width(110)
            .with_links(false);
        let mut out = String::new();
        match self {
            Self::Unreadable { .. } => out = format!("error: {self}\n"),
            Self::Wrong {
                path,
                text,
                problems,
            } => {
                for problem in problems {
                    let shown = Shown {
                        message: located(path, text, problem),
                        problem,
                        source: NamedSource::new(path.display().to_string(), text.clone()),
                    };
                    if handler.render_report(&mut out, &shown).is_err() {
                        out.push_str(&shown.message);
                    }
                    out.push('\n');
                }
            }
        }
        out
    }

    /// Line and column (both from 1, the column in characters) of every problem.
    #[must_use]
    pub fn places(&self) -> Vec<(usize, usize)> {
        match self {
            Self::Unreadable { .. } => Vec::new(),
            Self::Wrong { text, problems, .. } => problems
                .iter()
                .map(|problem| place(text, problem.span.start))
                .collect(),
        }
    }
}

/// One line per problem: `boards.toml:7:3: unknown key …; did you mean …`.
impl fmt::Display for InventoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, source } => write!(
                f,
                "{}: cannot be read: {source}; name another file with --boards FILE",
                path.display()
            ),
            Self::Wrong {
                path,
                text,
                problems,
            } => {
                for (index, problem) in problems.iter().enumerate() {
                    let gap = if index == 0 { "" } else { "\n" };
                    write!(f, "{gap}{}; {}", located(path, text, problem), problem.help)?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for InventoryError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { source, .. } => Some(source),
            Self::Wrong { .. } => None,
        }
    }
}

/// A board that is not in the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: there is no board \"{name}\"; {}known: {}", file.display(), maybe(meant.as_deref()), known.join(", "))]
pub struct UnknownBoard {
    /// The name asked for.
    pub name: String,
    /// The boards.toml.
    pub file: PathBuf,
    /// The names there are.
    pub known: Vec<String>,
    /// The one that was probably meant.
    pub meant: Option<String>,
}

impl UnknownBoard {
    pub(super) fn new<'a>(name: &str, file: &Path, known: impl Iterator<Item = &'a str>) -> Self {
        let known: Vec<String> = known.map(String::from).collect();
        let meant = similar(name, known.iter().map(String::as_str)).map(String::from);
        Self {
            name: name.into(),
            file: file.into(),
            known,
            meant,
        }
    }
}

fn maybe(meant: Option<&str>) -> String {
    meant
        .map(|meant| format!("did you mean \"{meant}\"? "))
        .unwrap_or_default()
}

/// The word of `known` that `word` is most likely a slip of.
pub(super) fn similar<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

fn located(path: &Path, text: &str, problem: &Problem) -> String {
    let (line, column) = place(text, problem.span.start);
    format!("{}:{line}:{column}: {}", path.display(), problem.message)
}

fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}

/// A problem in the shape miette draws.
#[derive(Debug)]
struct Shown<'a> {
    message: String,
    problem: &'a Problem,
    source: NamedSource<String>,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        Some(Box::new(&self.problem.help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span =
            LabeledSpan::new_with_span(Some(self.problem.label.clone()), self.problem.span.clone());
        Some(Box::new(core::iter::once(span)))
    }
}
