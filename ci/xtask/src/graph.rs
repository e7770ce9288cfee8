//! Checks the arrows between the crates of this workspace: who may see whom.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::cargo;

/// Which crates of this workspace a crate may depend on, be it to build, to run or to test. A crate that is not here fails the check, so
/// that whoever adds one decides.
const MAY_SEE: [(&str, &[&str]); 14] = [
    // Target side: boards → agent → {protocol, nsapi} ← ports. The protocol borrows the vocabulary of nsapi.
    ("nsapi", &[]),
    ("nsapi-protocol", &["nsapi"]),
    ("nsapi-agent", &["nsapi", "nsapi-protocol"]),
    ("nsapi-smoltcp", &["nsapi"]),
    ("nsapi-posix", &["nsapi"]),
    ("nsapi-null", &["nsapi"]),
    ("native-posix", &["nsapi", "nsapi-agent", "nsapi-posix"]),
    ("native-null", &["nsapi", "nsapi-agent", "nsapi-null"]),
    (
        "qemu-mps2-an385",
        &["nsapi", "nsapi-agent", "nsapi-smoltcp"],
    ),
    // Host side: hil → suites → kit → protocol. A case sees no link, board or reporter.
    ("hil-kit-macros", &[]),
    ("hil-kit", &["hil-kit-macros", "nsapi", "nsapi-protocol"]),
    ("hil-suites", &["hil-kit", "nsapi", "nsapi-protocol"]),
    ("hil", &["hil-kit", "hil-suites", "nsapi", "nsapi-protocol"]),
    ("xtask", &[]),
];

/// Reads the real arrows from cargo and reports all that are not allowed.
pub(crate) fn check() -> Result<()> {
    let mut command = cargo::command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["metadata", "--no-deps", "--format-version=1"]);
    let metadata: Metadata = serde_json::from_str(&cargo::output(&mut command, "cargo metadata")?)
        .context("cannot make sense of cargo metadata")?;
    let trouble = forbidden(&metadata.packages);
    if !trouble.is_empty() {
        bail!(
            "the picture of the crates is broken:\n  {}",
            trouble.join("\n  ")
        );
    }
    println!(
        "{} crates, no arrow that must not be",
        metadata.packages.len()
    );
    Ok(())
}

fn forbidden(packages: &[Package]) -> Vec<String> {
    let rules = BTreeMap::from(MAY_SEE);
    let mut trouble = Vec::new();
    for package in packages {
        let Some(allowed) = rules.get(package.name.as_str()) else {
            trouble.push(format!(
                "`{}` has no row in ci/xtask/src/graph.rs",
                package.name
            ));
            continue;
        };
        for dependency in &package.dependencies {
            let inside = packages.iter().any(|other| other.name == dependency.name);
            if inside && !allowed.contains(&dependency.name.as_str()) {
                trouble.push(format!(
                    "`{}` must not depend on `{}`",
                    package.name, dependency.name
                ));
            }
        }
    }
    trouble
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
}

#[cfg(test)]
mod tests {
    use super::{Dependency, Package, forbidden};

    fn package(name: &str, dependencies: &[&str]) -> Package {
        let dependencies = dependencies
            .iter()
            .map(|name| Dependency {
                name: (*name).to_owned(),
            })
            .collect();
        Package {
            name: name.to_owned(),
            dependencies,
        }
    }

    #[test]
    fn arrows_of_the_picture_and_libraries_are_allowed() {
        let packages = [
            package("nsapi", &["critical-section"]),
            package("nsapi-protocol", &["nsapi", "serde"]),
            package("nsapi-agent", &["nsapi-protocol", "nsapi"]),
        ];
        assert!(forbidden(&packages).is_empty());
    }

    #[test]
    fn an_arrow_back_and_a_crate_without_a_row_are_reported() {
        let packages = [
            package("nsapi", &["nsapi-agent"]),
            package("nsapi-agent", &[]),
            package("hil", &[]),
            package("hil-suites", &["hil"]),
            package("utils", &[]),
        ];
        let trouble = forbidden(&packages);
        assert_eq!(trouble.len(), 3, "{trouble:?}");
        assert!(trouble[0].contains("`nsapi` must not depend on `nsapi-agent`"));
        assert!(trouble[1].contains("`hil-suites` must not depend on `hil`"));
        assert!(trouble[2].contains("`utils` has no row"));
    }
}
