//! A private directory with a short path for sockets (their paths may have 107 bytes at most), removed
//! afterwards; what a killed runner left behind is recognised by its free lock and removed by the next one.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::FlockOperation;

use super::BoardError;
use super::error::at;

/// Leaves room for the names below it.
const LONGEST_BASE: usize = 70;
const PREFIX: &str = "run-";

/// A directory that is removed on drop.
#[derive(Debug)]
pub(super) struct RunDir {
    path: PathBuf,
    // Locked: says that its owner lives.
    _lock: File,
}

impl RunDir {
    pub(super) fn create() -> Result<Self, BoardError> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        loop {
            let base = base()?;
            // Nobody may take a new directory for an abandoned one before it is locked.
            let Ok(guard) = lock(&base, FlockOperation::LockExclusive) else {
                continue;
            };
            sweep(&base);
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = base.join(format!("{PREFIX}{}-{number}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => {}
                // Removed between `base` and the lock, or left by a dead process of the same number.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists
                    ) =>
                {
                    continue;
                }
                Err(error) => return Err(at(path)(error)),
            }
            let own = lock(&path, FlockOperation::LockExclusive).map_err(at(&path))?;
            drop(guard);
            return Ok(Self { path, _lock: own });
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next run.
        let _ = fs::remove_dir_all(&self.path);
        remove_base_if_empty();
    }
}

/// The directory all of it lives in, of this user alone; made if it is not there.
pub(super) fn base() -> Result<PathBuf, BoardError> {
    let user = rustix::process::getuid().as_raw();
    let path = std::env::var_os("XDG_RUNTIME_DIR")
        .map(|directory| PathBuf::from(directory).join("hil"))
        .filter(|path| {
            path.as_os_str().len() <= LONGEST_BASE && path.parent().is_some_and(Path::is_dir)
        })
        .unwrap_or_else(|| PathBuf::from(format!("/tmp/hil-{user}")));
    match DirBuilder::new().mode(0o700).create(&path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(at(path)(error)),
    }
    // Somebody else may have made it first, in a directory that all can write.
    match fs::symlink_metadata(&path) {
        Ok(found) if found.is_dir() && found.uid() == user => Ok(path),
        Ok(_) => Err(at(path)(io::Error::other(
            "belongs to another user: remove it",
        ))),
        // Removed again in this moment: who needs it calls once more.
        Err(error) if error.kind() == io::ErrorKind::NotFound => base(),
        Err(error) => Err(at(path)(error)),
    }
}

/// Directories whose owner is dead.
pub(super) fn abandoned(base: &Path) -> Vec<PathBuf> {
    fs::read_dir(base)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX))
        .map(|entry| entry.path())
        .filter(|path| lock(path, FlockOperation::NonBlockingLockExclusive).is_ok())
        .collect()
}

pub(super) fn remove_base_if_empty() {
    if let Ok(base) = base()
        && let Ok(_guard) = lock(&base, FlockOperation::NonBlockingLockExclusive)
    {
        // Fails when something is in it, as it should.
        let _ = fs::remove_dir(&base);
    }
}

fn sweep(base: &Path) {
    for path in abandoned(base) {
        let _ = fs::remove_dir_all(path);
    }
}

/// An advisory lock on a directory.
fn lock(path: &Path, operation: FlockOperation) -> io::Result<File> {
    let directory = File::open(path)?;
    rustix::fs::flock(&directory, operation)?;
    Ok(directory)
}
