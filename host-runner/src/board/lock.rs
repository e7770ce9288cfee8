//! One user per board, and per probe and serial port: advisory locks that the kernel frees when their holder dies.
//!
//! The file is removed with the lock; who gets a lock on a file that is no longer the one at its path tries
//! again.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::error::at;
use super::{BoardError, rundir};
use crate::inventory::{Board, Link};

/// Held for as long as the board, or a device that reaches it, is used.
#[derive(Debug)]
pub(super) struct BoardLock {
    path: PathBuf,
    _file: File,
}

impl BoardLock {
    /// Takes the lock of a board, at once or not at all.
    pub(super) fn take(board: &Board) -> Result<Self, BoardError> {
        Self::take_file(&file_name(board), |holder| BoardError::Locked {
            board: board.name.clone(),
            holder,
        })
    }

    /// Takes the lock of the device behind a link of a board, which another board may name as well; `None` for a link
    /// that needs none.
    pub(super) fn take_device(board: &str, link: &Link) -> Result<Option<Self>, BoardError> {
        let device = match link {
            Link::Rtt { attachment } => match &attachment.probe {
                Some(selector) => format!("probe {}", selector.to_lowercase()),
                // Only one can be attached if it is not named; the emulated ones need no name either.
                None => return Ok(None),
            },
            Link::Port(port) => {
                let port = fs::canonicalize(&port.port).unwrap_or_else(|_| port.port.clone());
                format!("serial port {}", port.display())
            }
            Link::Unix | Link::Serial { .. } => return Ok(None),
        };
        let file = format!("device-{:016x}", fnv1a(device.as_bytes()));
        Self::take_file(&file, |holder| BoardError::DeviceLocked {
            board: board.into(),
            device: device.clone(),
            holder,
        })
        .map(Some)
    }

    fn take_file(name: &str, locked: impl Fn(String) -> BoardError) -> Result<Self, BoardError> {
        let path = rundir::base()?.join(name);
        loop {
            let file = match File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
            {
                Ok(file) => file,
                // The last user of the directory has just removed it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    rundir::base()?;
                    continue;
                }
                Err(error) => return Err(at(&path)(error)),
            };
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => {
                    return Err(locked(holder(&path)));
                }
                Err(error) => return Err(at(&path)(error.into())),
            }
            if is_still(&file, &path) {
                sign(&file).map_err(at(&path))?;
                return Ok(Self { path, _file: file });
            }
        }
    }
}

impl Drop for BoardLock {
    fn drop(&mut self) {
        // Removed while still locked, so nobody else's file is removed.
        let _ = fs::remove_file(&self.path);
        rundir::remove_base_if_empty();
    }
}

fn is_still(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => open.ino() == named.ino() && open.dev() == named.dev(),
        _ => false,
    }
}

fn sign(mut file: &File) -> io::Result<()> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    file.set_len(0)?;
    file.write_all(format!("{} {now}\n", std::process::id()).as_bytes())
}

fn holder(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut words = text.split_whitespace();
    let pid = words.next().and_then(|word| word.parse::<u32>().ok());
    let since = words.next().and_then(|word| word.parse::<u64>().ok());
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    match (pid, since) {
        (Some(pid), Some(since)) => {
            format!(
                "process {pid} has been using it for {} s; wait for it or end it",
                now.saturating_sub(since)
            )
        }
        _ => "another process has just taken it".into(),
    }
}

/// Two files may name boards alike, so the file is part of the identity.
fn file_name(board: &Board) -> String {
    let file = fs::canonicalize(&board.file).unwrap_or_else(|_| board.file.clone());
    let identity = format!("{}\n{}", file.display(), board.name);
    let plain: String = board
        .name
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .take(40)
        .collect();
    format!("lock-{plain}-{:016x}", fnv1a(identity.as_bytes()))
}

/// FNV-1a: the same in every build of the runner, unlike the standard library's hasher.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::SerialPort;
    use crate::link::rtt::Attachment;

    #[test]
    fn a_device_has_one_user_whatever_the_boards_are_called() {
        let probe = |selector: &str| Link::Rtt {
            attachment: Attachment {
                probe: Some(selector.into()),
                ..Attachment::default()
            },
        };
        let held = BoardLock::take_device("a", &probe("1366:1015:TEST-ab")).expect("it is free");
        let error = BoardLock::take_device("b", &probe("1366:1015:TEST-AB")).expect_err("in use");
        let text = error.to_string();
        assert!(
            text.contains("board b") && text.contains("probe 1366:1015:test-ab"),
            "{text}"
        );
        drop(held);
        BoardLock::take_device("b", &probe("1366:1015:TEST-AB")).expect("it is free again");

        let port = |path: &Path| {
            Link::Port(SerialPort {
                port: path.into(),
                baud: 9600,
                log: None,
            })
        };
        let directory = tempfile::tempdir().expect("a directory");
        let (device, by_id) = (directory.path().join("tty"), directory.path().join("by-id"));
        fs::write(&device, "").expect("a file");
        std::os::unix::fs::symlink(&device, &by_id).expect("a link");
        let _held = BoardLock::take_device("a", &port(&device)).expect("it is free");
        let error = BoardLock::take_device("b", &port(&by_id)).expect_err("in use");
        assert!(matches!(error, BoardError::DeviceLocked { .. }), "{error}");
    }
}
