//! Builds the images that test the firmware on the target: those of target-fw/tests.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::toolchain::Toolchain;
use crate::{boards, firmware};

/// The crate with the images.
const PACKAGE: &str = "target-tests";
const FOLDER: &str = "target-fw/tests";

/// Builds the images with these names, or those that belong to a run without names; name and executable of
/// each, in the same order.
pub(crate) fn build(names: &[String], quiet: bool) -> Result<Vec<(String, PathBuf)>> {
    let known = read()?;
    if let Some(unknown) = names.iter().find(|name| !known.images.contains(name)) {
        bail!(
            "there is no image `{unknown}` in {FOLDER}; there are: {}",
            known.images.join(", ")
        );
    }
    let names = if names.is_empty() {
        &known.default
    } else {
        names
    };
    let mut command = Toolchain::choose(&known.target)?.cargo(&known.target);
    command.args(["build", "--profile", "firmware", "--target", &known.target]);
    // Always all of them: what one of them needs of a dependency the others then find built, whichever is
    // asked for.
    command.args(["--package", PACKAGE, "--bins", "--test", "*"]);
    command.arg("--message-format=json-render-diagnostics");
    firmware::set_log_level(&mut command);
    if quiet {
        command.arg("--quiet");
    }
    let built = firmware::executables(&mut command)?;
    names
        .iter()
        .map(|name| {
            let elf = built
                .get(name)
                .with_context(|| format!("cargo built no executable `{name}`"))?;
            Ok((name.clone(), elf.clone()))
        })
        .collect()
}

/// What the crate says of its images.
fn read() -> Result<TargetTests> {
    let path = boards::workspace().join(FOLDER).join("Cargo.toml");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let manifest: Manifest = toml::from_str(&text)
        .with_context(|| format!("cannot make sense of {}", path.display()))?;
    Ok(manifest.package.metadata.target_tests)
}

#[derive(Deserialize)]
struct Manifest {
    package: Package,
}

#[derive(Deserialize)]
struct Package {
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "target-tests")]
    target_tests: TargetTests,
}

#[derive(Deserialize)]
struct TargetTests {
    target: String,
    images: Vec<String>,
    default: Vec<String>,
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_fails_on_purpose_is_built_only_when_named() {
        let known = super::read().expect("a manifest with images");
        assert!(known.images.iter().any(|name| name == "harness"));
        assert!(!known.default.iter().any(|name| name == "harness"));
        assert!(known.default.iter().all(|name| known.images.contains(name)));
    }

    #[test]
    fn an_unknown_image_is_answered_with_the_known_ones() {
        let message = super::build(&["units".to_owned()], true)
            .expect_err("is not there")
            .to_string();
        assert!(
            message.contains("`units`") && message.contains("harness"),
            "{message}"
        );
    }
}
