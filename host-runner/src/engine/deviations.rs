//! Known deviations of a port: `suites/deviations/<port>.toml`.
//!
//! ```toml
//! [[deviation]]
//! case = "tcp/recv/after-reset"     # pattern, as on the command line
//! key = "recv.after-reset"          # what is broken, as reports name it
//! reason = "the kernel reports a reset once, then the end of the stream"
//! link = "https://…"                # optional: where it is discussed
//! expires = 2027-06-30              # optional: last day on which the entry counts as good
//! boards = ["native-posix"]         # optional: only on these boards
//! lans = ["loopback"]               # optional: only on these lans
//! sporadic = false                  # optional: a pass counts as pass
//! ```

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;
use toml::value::Date;

use super::toml_file::{Problem, TomlFile};
use crate::plan::CasePattern;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deviation {
    /// Which cases.
    pub case: CasePattern,
    /// What is broken: [`hil_kit::Violation::key`].
    pub key: String,
    /// Why that is known and tolerated.
    pub reason: String,
    /// Last day on which the entry counts.
    pub expires: Option<Date>,
    /// Only on these boards; everywhere if empty.
    pub boards: Vec<String>,
    /// Only on these lans; everywhere if empty.
    pub lans: Vec<String>,
    /// A pass counts as pass.
    pub sporadic: bool,
    /// `file:line`.
    pub at: String,
}

/// All entries of a file.
#[derive(Clone, Debug, Default)]
pub struct Deviations {
    entries: Vec<Deviation>,
}

/// A deviations file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeviationsError {
    /// It cannot be read.
    #[error("failed to read the deviations file {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is wrong somewhere.
    #[error("{0}")]
    Problem(#[from] Box<Problem>),
}

impl DeviationsError {
    /// For people: with the place in the file, in colour and with lines drawn on a terminal, else plain.
    #[must_use]
    pub fn render(&self, terminal: bool) -> String {
        match self {
            Self::Read { source, .. } => format!("error: {self}: {source}\n"),
            Self::Problem(problem) => problem.render(terminal),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    deviation: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    case: Spanned<String>,
    key: Spanned<String>,
    reason: Spanned<String>,
    #[serde(default)]
    #[expect(dead_code, reason = "for readers of the file")]
    link: Option<String>,
    expires: Option<Spanned<toml::value::Datetime>>,
    #[serde(default)]
    boards: Vec<String>,
    #[serde(default)]
    lans: Vec<String>,
    #[serde(default)]
    sporadic: bool,
}

impl Deviations {
    /// Reads a file; a file that does not exist has no entries.
    ///
    /// # Errors
    /// It cannot be read, or an entry is wrong; the error shows the place and what would be right.
    pub fn load(path: &Path) -> Result<Self, DeviationsError> {
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Self::parse(&path.display().to_string(), &text)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(DeviationsError::Read {
                path: path.into(),
                source,
            }),
        }
    }

    /// Understands the text of the file `name`.
    ///
    /// # Errors
    /// An entry is wrong.
    pub fn parse(name: &str, text: &str) -> Result<Self, Box<Problem>> {
        let file = TomlFile::new(name, text);
        let content: File = file.parse("the fields of a [[deviation]] are case, key, reason, link, expires, boards, lans and sporadic")?;
        let mut entries = Vec::new();
        for entry in content.deviation {
            let at = format!("{name}:{}", file.line(entry.span().start));
            let entry = entry.into_inner();
            for (field, value) in [
                ("case", &entry.case),
                ("key", &entry.key),
                ("reason", &entry.reason),
            ] {
                if value.get_ref().trim().is_empty() {
                    return Err(file.problem(
                        value.span(),
                        &format!("{field} is empty"),
                        "say which case, what it breaks and why that is tolerated",
                    ));
                }
            }
            let case = CasePattern::new(entry.case.get_ref()).map_err(|problem| {
                file.problem(
                    entry.case.span(),
                    &format!("malformed case pattern: {problem}"),
                    "a case id, a part of one, or a pattern with * and ?",
                )
            })?;
            let expires = match &entry.expires {
                None => None,
                Some(date) => Some(
                    date.get_ref()
                        .date
                        .filter(|_| date.get_ref().time.is_none())
                        .ok_or_else(|| {
                            file.problem(
                                date.span(),
                                "expires is not a date",
                                "a date without quotes: expires = 2027-06-30",
                            )
                        })?,
                ),
            };
            entries.push(Deviation {
                case,
                key: entry.key.into_inner(),
                reason: entry.reason.into_inner(),
                expires,
                boards: entry.boards,
                lans: entry.lans,
                sporadic: entry.sporadic,
                at,
            });
        }
        Ok(Self { entries })
    }

    /// The entries that concern `case` on this board and lan.
    #[must_use]
    pub fn of<'d>(&'d self, case: &str, board: &str, lan: &str) -> Listed<'d> {
        let here =
            |names: &[String], name: &str| names.is_empty() || names.iter().any(|one| one == name);
        Listed {
            entries: self
                .entries
                .iter()
                .filter(|entry| {
                    entry.case.fits(case) && here(&entry.boards, board) && here(&entry.lans, lan)
                })
                .collect(),
        }
    }

    /// Entries that name no existing case.
    pub fn stale<'d>(&'d self, all_ids: &[String]) -> impl Iterator<Item = &'d Deviation> {
        self.entries
            .iter()
            .filter(|entry| !all_ids.iter().any(|id| entry.case.fits(id)))
    }

    /// Entries that have expired and of whose cases at least one was judged on this board and lan.
    pub fn expired<'d>(
        &'d self,
        today: Date,
        judged_ids: &[String],
        board: &str,
        lan: &str,
    ) -> impl Iterator<Item = &'d Deviation> {
        self.entries.iter().filter(move |entry| {
            entry
                .expires
                .is_some_and(|expires| ordinal(expires) < ordinal(today))
                && judged_ids.iter().any(|id| {
                    self.of(id, board, lan)
                        .entries
                        .iter()
                        .any(|listed| core::ptr::eq(*listed, *entry))
                })
        })
    }
}

/// The deviations of one case on one board.
#[derive(Clone, Debug, Default)]
pub struct Listed<'d> {
    entries: Vec<&'d Deviation>,
}

impl<'d> Listed<'d> {
    /// None.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            entries: Vec::new(),
        }
    }

    /// The entry for this violation.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Option<&'d Deviation> {
        self.entries.iter().copied().find(|entry| entry.key == key)
    }

    /// An entry that does not allow the case to pass.
    #[must_use]
    pub fn must_show(&self) -> Option<&'d Deviation> {
        self.entries.iter().copied().find(|entry| !entry.sporadic)
    }

    /// The keys, for a message; empty if there are none.
    #[must_use]
    pub fn keys(&self) -> String {
        self.entries
            .iter()
            .map(|entry| entry.key.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    }
}

const fn ordinal(date: Date) -> (u16, u8, u8) {
    (date.year, date.month, date.day)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[[deviation]]
case = "tcp/recv/*"
key = "recv.reset"
reason = "the kernel forgets"
expires = 2026-06-30
boards = ["native-posix"]

[[deviation]]
case = "udp/recvfrom/truncates"
key = "recvfrom.truncate"
reason = "sometimes"
lans = ["loopback"]
sporadic = true
"#;

    fn date(text: &str) -> Date {
        text.parse::<toml::value::Datetime>().unwrap().date.unwrap()
    }

    #[test]
    fn entries_match_case_board_and_lan() {
        let all = Deviations::parse("posix.toml", GOOD).unwrap();
        assert_eq!(
            all.of("tcp/recv/a", "native-posix", "user").keys(),
            "recv.reset"
        );
        assert_eq!(all.of("tcp/recv/a", "other", "user").keys(), "");
        assert_eq!(all.of("udp/recvfrom/truncates", "other", "user").keys(), "");
        let sporadic = all.of("udp/recvfrom/truncates", "other", "loopback");
        assert_eq!(sporadic.keys(), "recvfrom.truncate");
        assert_eq!(sporadic.must_show(), None);
        assert_eq!(
            sporadic.with_key("recvfrom.truncate").unwrap().at,
            "posix.toml:9"
        );
        assert!(
            all.of("tcp/recv/a", "native-posix", "user")
                .must_show()
                .is_some()
        );
    }

    #[test]
    fn stale_is_what_names_no_case_and_expired_what_was_judged_too_late() {
        let all = Deviations::parse("posix.toml", GOOD).unwrap();
        let stale = |ids: &[&str]| {
            let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
            all.stale(&ids)
                .map(|entry| entry.case.text().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            stale(&["tcp/recv/a", "udp/recvfrom/truncates"]),
            Vec::<String>::new()
        );
        assert_eq!(stale(&["tcp/recv/a"]), ["udp/recvfrom/truncates"]);

        let judged = ["tcp/recv/a".to_owned()];
        let expired = |day: &str, judged: &[String], board: &str| {
            all.expired(date(day), judged, board, "loopback").count()
        };
        assert_eq!(expired("2026-06-30", &judged, "native-posix"), 0);
        assert_eq!(expired("2026-07-01", &judged, "native-posix"), 1);
        assert_eq!(expired("2026-07-01", &judged, "other"), 0);
        assert_eq!(expired("2026-07-01", &[], "native-posix"), 0);
    }

    #[test]
    fn mistakes_are_shown_with_their_place() {
        let table: &[(&str, &str)] = &[
            (
                "[[deviation]]\ncase = \"a\"\nkey = \"b\"",
                "d.toml:1:1: missing field `reason`",
            ),
            (
                "[[deviation]]\ncase = \"a\"\nkey = \"b\"\nreason = \" \"",
                "d.toml:4:10: reason is empty",
            ),
            (
                "[[deviation]]\ncase = \"[a\"\nkey = \"b\"\nreason = \"c\"",
                "d.toml:2:8: malformed case pattern: invalid range pattern at character 1",
            ),
            (
                "[[deviation]]\ncase = \"a\"\nkey = \"b\"\nreason = \"c\"\nexpires = 10:00:00",
                "d.toml:5:11: expires is not a date",
            ),
            (
                "[[deviation]]\ncase = \"a\"\nkey = \"b\"\nreason = \"c\"\nexpires = \"soon\"",
                "d.toml:5:11: ",
            ),
            (
                "[[deviation]]\ncas = \"a\"",
                "d.toml:2:1: unknown field `cas`",
            ),
            ("[[deviation]\n", "d.toml:1:"),
        ];
        for (text, expected) in table {
            let problem = Deviations::parse("d.toml", text).unwrap_err().to_string();
            assert!(
                problem.starts_with(expected),
                "{text:?} gave {problem:?}, expected {expected:?}"
            );
        }
    }

    #[test]
    fn no_file_is_no_entries() {
        assert!(
            Deviations::load(Path::new("there/is/none.toml"))
                .unwrap()
                .entries
                .is_empty()
        );
    }
}
