//! A TOML file that a user wrote: errors in it name file, line and column and show the place.

use core::ops::Range;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, NamedSource, SourceSpan};
use serde::de::DeserializeOwned;

/// Text of a file, with its name.
#[derive(Debug)]
pub struct TomlFile<'t> {
    name: &'t str,
    text: &'t str,
}

/// Something wrong at one place of a file.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{at}: {message}")]
pub struct Problem {
    at: String,
    message: String,
    #[source_code]
    source_code: NamedSource<String>,
    #[label("here")]
    span: SourceSpan,
    #[help]
    help: String,
}

impl Problem {
    /// For people: with the line of the file.
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
        match handler.render_report(&mut out, self) {
            Ok(()) => out,
            Err(_) => format!("error: {self}\n"),
        }
    }
}

impl<'t> TomlFile<'t> {
    /// The file `name` with this content.
    #[must_use]
    pub const fn new(name: &'t str, text: &'t str) -> Self {
        Self { name, text }
    }

    /// Reads it as `T`; `help` says what would be right.
    ///
    /// # Errors
    /// It is no TOML, or not a `T`.
    pub fn parse<T: DeserializeOwned>(&self, help: &str) -> Result<T, Box<Problem>> {
        toml::from_str(self.text)
            .map_err(|error| self.problem(error.span().unwrap_or(0..0), error.message(), help))
    }

    /// Line number of a byte offset, from 1.
    #[must_use]
    pub fn line(&self, offset: usize) -> usize {
        self.before(offset).matches('\n').count() + 1
    }

    /// A problem at these bytes.
    #[must_use]
    pub fn problem(&self, span: Range<usize>, message: &str, help: &str) -> Box<Problem> {
        let before = self.before(span.start);
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        // The first line names the place; a parser's further lines would only repeat it.
        let message = message.lines().next().unwrap_or_default().to_owned();
        Box::new(Problem {
            at: format!("{}:{}:{column}", self.name, self.line(span.start)),
            message,
            source_code: NamedSource::new(self.name, self.text.to_owned()),
            span: span.into(),
            help: help.into(),
        })
    }

    fn before(&self, offset: usize) -> &str {
        self.text.get(..offset).unwrap_or(self.text)
    }
}
