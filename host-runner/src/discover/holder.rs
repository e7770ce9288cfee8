//! Who has a device open.

use core::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// A process that has it open.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// Its name, as far as the kernel keeps it (15 bytes).
    pub name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.name, self.pid)
    }
}

/// The processes that have one of `files` open; only those of this user, unless it is root. `proc` is where procfs is.
#[must_use]
pub fn holders(proc: &Path, files: &[PathBuf]) -> Vec<Holder> {
    let files: Vec<PathBuf> = files
        .iter()
        .map(|file| fs::canonicalize(file).unwrap_or_else(|_| file.clone()))
        .collect();
    let mut found = Vec::new();
    for process in fs::read_dir(proc).into_iter().flatten().flatten() {
        let Some(pid) = process
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let path = process.path();
        // Of processes of others there is nothing to see, and one may end while it is looked at.
        let has = fs::read_dir(path.join("fd"))
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|open| fs::read_link(open.path()).ok())
            .any(|target| files.contains(&target));
        if has {
            let name = fs::read_to_string(path.join("comm")).unwrap_or_default();
            let name = name.trim().to_owned();
            found.push(Holder { pid, name });
        }
    }
    found.sort();
    found
}
