//! Checks the arrows between the crates of this workspace: who may see whom.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::cargo;

/// Which crates of this workspace a crate may depend on. A crate that is not here fails the check, so that
/// whoever adds one decides.
const MAY_SEE: [(&str, &[&str]); 17] = [
    // Target side: boards → agent → {protocol, nsapi} ← ports. The protocol borrows the vocabulary of nsapi.
    ("nsapi", &[]),
    ("nsapi-protocol", &["nsapi"]),
    ("nsapi-agent", &["nsapi", "nsapi-protocol"]),
    ("nsapi-smoltcp", &["nsapi"]),
    ("nsapi-posix", &["nsapi"]),
    ("nsapi-null", &["nsapi"]),
    ("native-board", &["nsapi", "nsapi-agent"]),
    ("native-posix", &["native-board", "nsapi", "nsapi-posix"]),
    ("native-null", &["native-board", "nsapi", "nsapi-null"]),
    ("sim", &["native-board", "nsapi", "nsapi-smoltcp"]),
    (
        "qemu-mps2-an385",
        &["nsapi", "nsapi-agent", "nsapi-smoltcp"],
    ),
    // Tests on the target see what is below a board; the board's own drivers they mount as source.
    (
        "target-tests",
        &["nsapi", "nsapi-agent", "nsapi-protocol", "nsapi-smoltcp"],
    ),
    // Host side: hil → suites → kit → protocol. A case sees no link, board or reporter.
    ("hil-kit-macros", &[]),
    ("hil-kit", &["hil-kit-macros", "nsapi", "nsapi-protocol"]),
    ("hil-suites", &["hil-kit", "nsapi", "nsapi-protocol"]),
    ("hil", &["hil-kit", "hil-suites", "nsapi", "nsapi-protocol"]),
    ("xtask", &[]),
];

/// What the tests of a crate may depend on besides.
const TESTS_MAY_SEE: [(&str, &[&str]); 3] = [
    // The agent is tested on an IUT that is not ours to judge.
    ("nsapi-agent", &["nsapi-null"]),
    // A native board is tested as a process, by what it says on its link.
    ("native-posix", &["nsapi-protocol"]),
    ("native-null", &["nsapi-protocol"]),
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
    let tests = BTreeMap::from(TESTS_MAY_SEE);
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
            let name = dependency.name.as_str();
            let for_tests = dependency.kind.as_deref() == Some("dev")
                && tests
                    .get(package.name.as_str())
                    .is_some_and(|allowed| allowed.contains(&name));
            if inside && !for_tests && !allowed.contains(&name) {
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
    /// `dev` and `build` are told apart from what the crate itself needs, which has none.
    kind: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::{Dependency, Package, forbidden};

    fn package(name: &str, dependencies: &[&str]) -> Package {
        let dependencies = dependencies
            .iter()
            .map(|name| Dependency {
                name: (*name).to_owned(),
                kind: None,
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

    #[test]
    fn what_tests_may_see_the_crate_itself_may_not() {
        let with = |kind: Option<&str>| {
            let mut agent = package("nsapi-agent", &["nsapi-null"]);
            agent.dependencies[0].kind = kind.map(str::to_owned);
            forbidden(&[agent, package("nsapi-null", &[])]).len()
        };
        assert_eq!(
            (with(Some("dev")), with(Some("build")), with(None)),
            (0, 1, 1)
        );
    }
}
