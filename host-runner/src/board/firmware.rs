//! The image of a board: built when it is a crate of the workspace, and identified by its GNU build id.
//!
//! Must not: know how to compile anything; that is `cargo xtask firmware`.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use object::Object;
use tokio::process::Command;

use super::BoardError;
use crate::inventory::{Board, Firmware};

/// What an error shows of a build's output.
const SHOWN: usize = 4096;

/// An image that is ready to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The ELF file.
    pub elf: PathBuf,
    /// Its GNU build id, if it was linked with one.
    pub build_id: Option<Vec<u8>>,
}

/// Builds the board's image if it is a crate, and reads its build id.
///
/// # Errors
/// The build failed (with the end of its output), or the file is no ELF file.
pub async fn prepare(board: &Board) -> Result<Image, BoardError> {
    let elf = match &board.firmware {
        Firmware::Elf(path) => path.clone(),
        Firmware::Crate(name) => build(name, &board.workspace).await?,
    };
    let build_id = build_id(&elf)?;
    Ok(Image { elf, build_id })
}

async fn build(name: &str, workspace: &Path) -> Result<PathBuf, BoardError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let command = format!("cargo xtask firmware {name}");
    let output = Command::new(cargo)
        .args(["xtask", "firmware", name])
        .current_dir(workspace)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|source| BoardError::Spawn {
            program: command.clone(),
            source,
        })?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    let failed = |status: String| {
        let mut said = String::from_utf8_lossy(&output.stderr).into_owned();
        said.push_str(&stdout);
        BoardError::Build {
            name: name.into(),
            command: command.clone(),
            directory: workspace.into(),
            status,
            output: tail(&said, SHOWN).into(),
        }
    };
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    let last = stdout
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty());
    last.map(|line| workspace.join(line))
        .ok_or_else(|| failed("it printed no path".into()))
}

fn build_id(elf: &Path) -> Result<Option<Vec<u8>>, BoardError> {
    let bad = |problem: String| BoardError::Image {
        path: elf.into(),
        problem,
    };
    let bytes = std::fs::read(elf).map_err(|error| bad(error.to_string()))?;
    let file =
        object::File::parse(&*bytes).map_err(|error| bad(format!("not an ELF file: {error}")))?;
    let id = file
        .build_id()
        .map_err(|error| bad(format!("its notes cannot be read: {error}")))?;
    Ok(id.map(<[u8]>::to_vec))
}

/// The last `limit` bytes of a text, from the start of a line.
pub(super) fn tail(text: &str, limit: usize) -> &str {
    let text = text.trim_end();
    if text.len() <= limit {
        return text;
    }
    let start = (text.len() - limit..text.len())
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(text.len());
    let cut = &text[start..];
    cut.find('\n').map_or(cut, |newline| &cut[newline + 1..])
}
