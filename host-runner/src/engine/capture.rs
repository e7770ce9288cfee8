//! The frames of a case that somebody has to look at, in a file of their own.

use std::io;
use std::path::{Path, PathBuf};

use hil_kit::wire::Cable;

use crate::lan::wire::relay::pcapng;

/// Directory of those files, in the board's.
const FOLDER: &str = "cases";

/// Writes the frames that passed since the case began, and says where; `None` if there were none.
///
/// # Errors
/// The file cannot be written.
pub(super) fn write(cable: &dyn Cable, board: &Path, case: &str) -> io::Result<Option<PathBuf>> {
    let (frames, lost) = cable.frames();
    if frames.is_empty() {
        return Ok(None);
    }
    let folder = board.join(FOLDER);
    std::fs::create_dir_all(&folder)?;
    let path = free(&folder, case);
    pcapng::write_case(&path, case, cable.began(), &frames, lost)?;
    Ok(Some(path))
}

/// A name from the case's id that no earlier attempt or round has taken.
fn free(folder: &Path, case: &str) -> PathBuf {
    let name: String = case
        .chars()
        .map(|it| match it {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '@' | ',' => it,
            _ => '.',
        })
        .collect();
    let first = folder.join(format!("{name}.pcapng"));
    if !first.exists() {
        return first;
    }
    (2_u32..)
        .map(|number| folder.join(format!("{name}.{number}.pcapng")))
        .find(|path| !path.exists())
        .unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attempt_has_a_file_of_its_own() {
        let dir = tempfile::tempdir().expect("a directory");
        let case = "tcp/recv/some-case@ipv6";
        let names = [(); 3].map(|()| {
            let path = free(dir.path(), case);
            std::fs::write(&path, "").expect("written");
            path.file_name().map(|it| it.to_string_lossy().into_owned())
        });
        assert_eq!(
            names.map(Option::unwrap_or_default),
            [
                "tcp.recv.some-case@ipv6.pcapng",
                "tcp.recv.some-case@ipv6.2.pcapng",
                "tcp.recv.some-case@ipv6.3.pcapng"
            ]
        );
    }
}
