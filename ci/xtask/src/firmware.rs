//! Builds the images of boards and tells where they are.

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::boards::{self, Board};
use crate::cargo;
use crate::toolchain::Toolchain;

/// Level from which an image's log is told, unless the environment says otherwise. The logger's own default
/// would leave out everything but errors.
const LOG_LEVEL: (&str, &str) = ("DEFMT_LOG", "info");

/// Builds the boards with these names, all with these features; their executables, in the same order.
///
/// Images with features lie in a folder of their own, so that they and the plain ones can be there, and up to
/// date, at the same time.
pub(crate) fn build(names: &[String], features: &[String], quiet: bool) -> Result<Vec<PathBuf>> {
    let boards = names
        .iter()
        .map(|name| boards::find(name))
        .collect::<Result<Vec<_>>>()?;
    let mut by_target = BTreeMap::<Option<&str>, Vec<&Board>>::new();
    for board in &boards {
        by_target
            .entry(board.target.as_deref())
            .or_default()
            .push(board);
    }
    let mut built = BTreeMap::new();
    for (target, boards) in by_target {
        let mut command = match target {
            Some(target) => {
                let mut command = Toolchain::choose(target)?.cargo(target);
                command.args(["build", "--profile", "firmware", "--target", target]);
                command
            }
            None => {
                let mut command =
                    cargo::command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
                command.args(["build", "--release"]);
                command
            }
        };
        command.arg("--message-format=json-render-diagnostics");
        set_log_level(&mut command);
        if !features.is_empty() {
            command
                .arg("--target-dir")
                .arg(cargo::target_folder().join(folder_with(features)));
        }
        if quiet {
            command.arg("--quiet");
        }
        for board in &boards {
            command.args(["--package", &board.name]);
            for feature in features {
                command
                    .arg("--features")
                    .arg(format!("{}/{feature}", board.name));
            }
        }
        built.extend(executables(&mut command)?);
    }
    names
        .iter()
        .map(|name| {
            built
                .get(name)
                .cloned()
                .with_context(|| format!("cargo built no executable `{name}`"))
        })
        .collect()
}

/// Name of the folder for images with these features, in whatever order they are given.
fn folder_with(features: &[String]) -> String {
    let mut features: Vec<_> = features.iter().map(String::as_str).collect();
    features.sort_unstable();
    features.dedup();
    format!("with-{}", features.join("-and-"))
}

/// The level is the same in every build for a target: a change builds all that logs again.
pub(crate) fn set_log_level(command: &mut Command) {
    if env::var_os(LOG_LEVEL.0).is_none() {
        command.env(LOG_LEVEL.0, LOG_LEVEL.1);
    }
}

/// Runs a build and picks out of cargo's messages which executable belongs to which name.
pub(crate) fn executables(command: &mut Command) -> Result<BTreeMap<String, PathBuf>> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {command:?}"))?;
    let messages = child.stdout.take().context("the pipe was asked for")?;
    let mut found = BTreeMap::new();
    for line in BufReader::new(messages).lines() {
        if let Some((name, path)) = executable(&line?) {
            found.insert(name, path);
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("the build failed ({status})");
    }
    Ok(found)
}

fn executable(line: &str) -> Option<(String, PathBuf)> {
    let message: Message = serde_json::from_str(line).ok()?;
    (message.reason == "compiler-artifact").then_some(())?;
    Some((message.target?.name, message.executable?))
}

/// The part of cargo's messages that matters here.
#[derive(Deserialize)]
struct Message {
    reason: String,
    target: Option<Artifact>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Artifact {
    name: String,
}

#[cfg(test)]
mod tests {
    use super::{executable, folder_with};

    #[test]
    fn features_have_a_folder_whatever_their_order() {
        let folder = |features: &[&str]| {
            folder_with(&features.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(folder(&["crash-commands"]), "with-crash-commands");
        assert_eq!(folder(&["b", "a", "b"]), folder(&["a", "b"]));
        assert_ne!(folder(&["a"]), folder(&["a", "b"]));
    }

    #[test]
    fn only_an_artifact_with_an_executable_counts() {
        let line = |reason: &str, path: &str| {
            format!(
                r#"{{"reason":"{reason}","target":{{"name":"b","kind":["bin"]}},"executable":{path}}}"#
            )
        };
        let found = executable(&line("compiler-artifact", r#""/x/b""#));
        assert_eq!(found, Some(("b".to_owned(), "/x/b".into())));
        assert_eq!(executable(&line("compiler-artifact", "null")), None);
        assert_eq!(
            executable(&line("build-script-executed", r#""/x/b""#)),
            None
        );
        assert_eq!(executable("not a message"), None);
    }
}
