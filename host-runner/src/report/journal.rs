//! The directory of a run: where its evidence goes, and how it is found and read again.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::JsonLines;
use crate::event::{Record, SCHEMA};

/// Name of the journal in the directory of a run.
pub const EVENTS: &str = "events.jsonl";

/// The link to the last run.
pub const LATEST: &str = "latest";

/// Makes the directory of a run and its journal. With `latest_in`, a link `latest` there points at it.
///
/// # Errors
/// The directory cannot be made or written.
pub fn create(dir: &Path, latest_in: Option<&Path>) -> io::Result<JsonLines<File>> {
    fs::create_dir_all(dir)?;
    let path = dir.join(EVENTS);
    let journal = JsonLines::new(path.display().to_string(), File::create(&path)?);
    if let (Some(parent), Some(name)) = (latest_in, dir.file_name()) {
        // Renaming replaces the old link in one step; two runs that begin at once both succeed.
        let new = parent.join(format!(".{LATEST}-{}", std::process::id()));
        let _ = fs::remove_file(&new);
        std::os::unix::fs::symlink(name, &new)?;
        fs::rename(&new, parent.join(LATEST))?;
    }
    Ok(journal)
}

/// Why a run cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no such run.
    #[error("there is no run {wanted}: {} cannot be read ({source}){}", path.display(), known(.runs))]
    NoRun {
        /// What was asked for.
        wanted: String,
        /// Its journal.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
        /// Runs there are, the newest first.
        runs: Vec<String>,
    },
    /// A line is no event.
    #[error("{}:{line}: not an event: {source}", path.display())]
    Line {
        /// The journal.
        path: PathBuf,
        /// Which line.
        line: usize,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// It was written by a later version.
    #[error("{}: written with schema {found}; this hil reads up to {SCHEMA}", path.display())]
    Schema {
        /// The journal.
        path: PathBuf,
        /// The version.
        found: u32,
    },
}

fn known(runs: &[String]) -> String {
    match runs {
        [] => "; no run has been made yet".into(),
        runs => format!("; the last runs: {}", runs.join(", ")),
    }
}

/// The directory that `wanted` means: a path, or the name of a run under `root`.
#[must_use]
pub fn find(wanted: &str, root: &Path) -> PathBuf {
    let path = Path::new(wanted);
    if path.is_file() {
        return path.parent().unwrap_or(path).into();
    }
    if path.is_dir() {
        path.into()
    } else {
        root.join(wanted)
    }
}

/// Reads the events of a run. A last line that was cut off (the runner was killed) is left out.
///
/// # Errors
/// There is no such run, or its journal is damaged.
pub fn read(wanted: &str, root: &Path) -> Result<Vec<Record>, ReadError> {
    let path = find(wanted, root).join(EVENTS);
    let no_run = |source| ReadError::NoRun {
        wanted: wanted.into(),
        path: path.clone(),
        source,
        runs: runs(root),
    };
    let file = File::open(&path).map_err(no_run)?;
    let lines: Vec<String> = BufReader::new(file)
        .lines()
        .collect::<io::Result<_>>()
        .map_err(no_run)?;
    let last = lines.len();
    let mut records = Vec::with_capacity(last);
    for (index, line) in lines.iter().enumerate() {
        if let Some(found) = schema(line).filter(|found| *found > SCHEMA) {
            return Err(ReadError::Schema { path, found });
        }
        match record(line) {
            Ok(record) => records.push(record),
            Err(error) if index + 1 == last && error.is_eof() => {}
            Err(source) => {
                return Err(ReadError::Line {
                    path,
                    line: index + 1,
                    source,
                });
            }
        }
    }
    Ok(records)
}

/// By way of a value: a build in which something turns on serde_json's `arbitrary_precision` (defmt-decoder does) cannot
/// read numbers of flattened objects from text.
fn record(line: &str) -> serde_json::Result<Record> {
    serde_json::from_str::<serde_json::Value>(line).and_then(serde_json::from_value)
}

/// The schema that a `run-started` names, looked at before the rest of it.
fn schema(line: &str) -> Option<u32> {
    #[derive(serde::Deserialize)]
    struct Head {
        schema: u32,
    }
    serde_json::from_str::<Head>(line)
        .ok()
        .map(|head| head.schema)
}

/// The five newest runs under `root`.
fn runs(root: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(root)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().join(EVENTS).is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name != LATEST)
        .collect();
    names.sort_unstable_by(|a, b| b.cmp(a));
    names.truncate(5);
    names
}
