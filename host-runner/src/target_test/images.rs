//! The images of tests of a workspace: built when they are needed.
//!
//! Must not: know how to compile anything; that is `cargo xtask target-tests`.

use std::path::{Path, PathBuf};

use super::Image;
use crate::board::{BoardError, xtask};

/// Builds the images with these names, or those that run unless others are named, and reads them.
///
/// # Errors
/// One does not build, or holds no tests.
pub async fn prepare(names: &[String], workspace: &Path) -> Result<Vec<Image>, BoardError> {
    let mut arguments = vec!["target-tests", "--quiet"];
    arguments.extend(names.iter().map(String::as_str));
    let said = xtask(&arguments, "of tests", workspace).await?;
    let mut images = Vec::new();
    for line in said.lines().filter(|line| !line.trim().is_empty()) {
        let Some((name, path)) = line.trim().split_once(' ') else {
            return Err(BoardError::Image {
                path: line.into(),
                problem:
                    "this is not a name and a path, which `cargo xtask target-tests` should have \
                          printed"
                        .into(),
            });
        };
        let elf = workspace.join(PathBuf::from(path));
        images.push(read(name, &elf, workspace)?);
    }
    Ok(images)
}

/// Reads a finished image.
///
/// # Errors
/// It is not there, or holds no tests.
pub fn read(name: &str, elf: &Path, workspace: &Path) -> Result<Image, BoardError> {
    Image::read(name, elf, workspace).map_err(|bad| BoardError::Image {
        path: bad.elf,
        problem: bad.problem,
    })
}
