//! The requirements that cases cite: `suites/requirements/<suite>.toml`.
//!
//! ```toml
//! [[requirement]]
//! id = "tcp.recv.orderly-close"
//! level = "MUST"
//! text = "After the peer has closed in order, recv returns all data first, then 0."
//! source = "contract §6"
//! ```

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// One requirement.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Requirement {
    /// Its id, which cases cite.
    pub id: String,
    /// MUST, SHOULD or MAY.
    pub level: String,
    /// What is required, in our words.
    pub text: String,
    /// Where it comes from.
    pub source: String,
}

/// All of them, by id.
#[derive(Clone, Debug, Default)]
pub struct Requirements {
    by_id: BTreeMap<String, Requirement>,
}

/// A file of requirements that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RequirementsError {
    /// It cannot be read.
    #[error("failed to read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is wrong somewhere.
    #[error("{0}")]
    Problem(#[from] Box<crate::engine::toml_file::Problem>),
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    requirement: Vec<Requirement>,
}

impl Requirements {
    /// Reads every file of a directory; one that does not exist has none.
    ///
    /// # Errors
    /// A file cannot be read or is wrong.
    pub fn load(dir: &Path) -> Result<Self, RequirementsError> {
        let mut all = Self::default();
        let Ok(entries) = std::fs::read_dir(dir) else {
            return Ok(all);
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.extension().is_none_or(|extension| extension != "toml") {
                continue;
            }
            let text =
                std::fs::read_to_string(&path).map_err(|source| RequirementsError::Read {
                    path: path.clone(),
                    source,
                })?;
            let name = path.display().to_string();
            let file: File = crate::engine::toml_file::TomlFile::new(&name, &text)
                .parse("a [[requirement]] has id, level, text and source")?;
            all.by_id.extend(
                file.requirement
                    .into_iter()
                    .map(|one| (one.id.clone(), one)),
            );
        }
        Ok(all)
    }

    /// The requirement with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Requirement> {
        self.by_id.get(id)
    }
}
