//! Finds what a command works on: boards.toml, deviations, the place for evidence.

use std::path::{Path, PathBuf};

use super::{Failure, Shell};
use crate::engine::deviations::Deviations;
use crate::event::Exit;
use crate::inventory::{Board, Inventory};

/// Name of the file of boards.
const FILE: &str = "boards.toml";

/// The file of boards: the one named, or the next one from here upwards.
pub(super) fn boards_file(named: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(path) = named {
        return Ok(path.into());
    }
    let here = std::env::current_dir().map_err(|error| {
        Failure::error(
            Exit::BadConfiguration,
            format!("the current directory cannot be read: {error}"),
        )
    })?;
    here.ancestors()
        .map(|dir| dir.join(FILE))
        .find(|path| path.is_file())
        .map(|path| shorter(path, &here))
        .ok_or_else(|| {
            Failure::error(
                Exit::BadConfiguration,
                format!(
                    "there is no {FILE} in {} or above it; name one with --boards FILE",
                    here.display()
                ),
            )
        })
}

/// All boards.
pub(super) fn inventory(named: Option<&Path>, shell: &Shell) -> Result<Inventory, Failure> {
    let path = boards_file(named)?;
    Inventory::load(&path)
        .map_err(|error| Failure::new(Exit::BadConfiguration, error.render(shell.draws_errors())))
}

/// The boards called `names`, each once; without names the default one.
pub(super) fn boards<'i>(
    inventory: &'i Inventory,
    names: &[String],
) -> Result<Vec<&'i Board>, Failure> {
    let names: Vec<&String> = if names.is_empty() {
        let default = inventory.default.iter().collect::<Vec<_>>();
        if default.is_empty() {
            return Err(Failure::error(
                Exit::BadConfiguration,
                format!(
                    "{} names no default board; name one with --board NAME",
                    inventory.path.display()
                ),
            ));
        }
        default
    } else {
        names.iter().collect()
    };
    let mut boards: Vec<&Board> = Vec::new();
    for name in names {
        let board = inventory
            .board(name)
            .map_err(|error| Failure::error(Exit::BadConfiguration, error))?;
        if !boards.iter().any(|known| known.name == board.name) {
            boards.push(board);
        }
    }
    Ok(boards)
}

/// The deviations of a board's port.
pub(super) fn deviations(board: &Board, shell: &Shell) -> Result<Deviations, Failure> {
    let path = match &board.deviations {
        Some(path) => path.clone(),
        None => board
            .workspace
            .join("suites/deviations")
            .join(format!("{}.toml", board.port)),
    };
    Deviations::load(&path)
        .map_err(|error| Failure::new(Exit::BadConfiguration, error.render(shell.draws_errors())))
}

/// Where the directories of runs are: beside the file of boards.
pub(super) fn runs(boards_file: &Path) -> PathBuf {
    boards_file
        .parent()
        .unwrap_or_else(|| Path::new(""))
        .join("target/hil")
}

/// `path` relative to `here` if it is below it.
fn shorter(path: PathBuf, here: &Path) -> PathBuf {
    match path.strip_prefix(here) {
        Ok(below) => below.into(),
        Err(_) => path,
    }
}
