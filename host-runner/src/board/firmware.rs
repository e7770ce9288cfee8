//! The image of a board: built when it is a crate of the workspace, and identified by its GNU build id.
//!
//! Must not: know how to compile anything; that is `cargo xtask firmware`.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use object::Object;
use rustix::process::{Pid, Signal};
use tokio::process::{Child, Command};

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
        Firmware::Crate(name) => build(name, &board.features, &board.workspace).await?,
    };
    let build_id = build_id(&elf)?;
    Ok(Image { elf, build_id })
}

async fn build(name: &str, features: &[String], workspace: &Path) -> Result<PathBuf, BoardError> {
    let features = features.join(",");
    let mut arguments = vec!["firmware", name];
    if !features.is_empty() {
        arguments.extend(["--features", &features]);
    }
    let said = xtask(&arguments, name, workspace).await?;
    Ok(workspace.join(said.lines().next_back().unwrap_or_default().trim()))
}

/// Runs one of the project's chores that builds something called `name`, and gives what it prints: at least a line.
///
/// # Errors
/// It failed (with the end of its output), or printed nothing.
pub(crate) async fn xtask(
    arguments: &[&str],
    name: &str,
    workspace: &Path,
) -> Result<String, BoardError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let command = format!("cargo xtask {}", arguments.join(" "));
    let spawn_error = |source| BoardError::Spawn {
        program: command.clone(),
        source,
    };
    let child = Command::new(cargo)
        .arg("xtask")
        .args(arguments)
        .current_dir(workspace)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C on the terminal is for the runner; to a build of its group it would look like a failure.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(spawn_error)?;
    let group = Group::led_by(&child);
    let output = child.wait_with_output().await.map_err(spawn_error)?;
    group.has_ended();
    let stdout = String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned();
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
    if stdout.is_empty() {
        return Err(failed("it printed no path".into()));
    }
    Ok(stdout)
}

/// A command with the processes it has started, compilers for one; they end with a command that is given up.
pub(super) struct Group(Option<Pid>);

impl Group {
    pub(super) fn led_by(child: &Child) -> Self {
        let number = child.id().and_then(|id| i32::try_from(id).ok());
        Self(number.and_then(Pid::from_raw))
    }

    /// Its number may belong to others from now on.
    pub(super) fn has_ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // Fails if it has just ended, as it should.
            let _ = rustix::process::kill_process_group(leader, Signal::TERM);
        }
    }
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
