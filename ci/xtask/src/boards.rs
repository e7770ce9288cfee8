//! The boards of this project: the folders of `target-fw/boards`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

/// What a board's crate says about itself.
pub(crate) struct Board {
    /// Its name: folder and package.
    pub(crate) name: String,
    /// The target its image is built for; a program of the host has none.
    pub(crate) target: Option<String>,
}

/// Where the workspace is.
pub(crate) fn workspace() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.ancestors().nth(2).unwrap_or(xtask).to_path_buf()
}

/// Looks a board up by its name.
pub(crate) fn find(name: &str) -> Result<Board> {
    let folder = workspace().join("target-fw/boards");
    let known = names(&folder)?;
    if !known.iter().any(|board| board == name) {
        bail!(
            "there is no board `{name}` in {}; there are: {}",
            folder.display(),
            known.join(", ")
        );
    }
    let path = folder.join(name).join("Cargo.toml");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let manifest: Manifest = toml::from_str(&text)
        .with_context(|| format!("cannot make sense of {}", path.display()))?;
    Ok(Board {
        name: name.to_owned(),
        target: manifest.package.metadata.firmware.target,
    })
}

/// The boards there are, in order.
fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        if entry.path().join("Cargo.toml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

#[derive(Deserialize)]
struct Manifest {
    package: Package,
}

#[derive(Deserialize)]
struct Package {
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    firmware: Firmware,
}

#[derive(Default, Deserialize)]
struct Firmware {
    target: Option<String>,
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_default_board_is_bare_metal_and_a_native_one_is_not() {
        let target = |name| super::find(name).expect("is there").target;
        assert_eq!(
            target("qemu-mps2-an385").as_deref(),
            Some("thumbv7m-none-eabi")
        );
        assert_eq!(target("native-null"), None);
    }

    #[test]
    fn an_unknown_board_is_answered_with_the_known_ones() {
        let message = super::find("quemu")
            .err()
            .expect("is not there")
            .to_string();
        assert!(
            message.contains("`quemu`") && message.contains("native-posix"),
            "{message}"
        );
    }
}
