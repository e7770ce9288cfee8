//! Where the bytes of a log come from: any descriptor that can be read without waiting.
//!
//! It is read in two ways: as soon as something is there, by a task; and at once, by whoever needs to know what the
//! target has said up to now, without waiting for the task's turn.
#![expect(unsafe_code, reason = "registering a descriptor with the runtime")]

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Bytes of one read.
const PIECE: usize = 16 * 1024;

/// What reading found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// So many bytes.
    Bytes(usize),
    /// Nothing at the moment.
    Nothing,
    /// The other end is closed, or broken.
    End,
}

/// A descriptor that is read.
#[derive(Debug)]
pub(super) struct Source(AsyncFd<OwnedFd>);

impl Source {
    /// Of a pipe, a socket or a terminal. To be called on the runtime.
    pub(super) fn new(descriptor: OwnedFd) -> io::Result<Self> {
        let flags = fcntl_getfl(&descriptor)?;
        fcntl_setfl(&descriptor, flags | OFlags::NONBLOCK)?;
        // SAFETY: the descriptor is owned by the registration and closed after it.
        let source = unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE)? };
        Ok(Self(source))
    }

    /// Reads what is there, without waiting.
    pub(super) fn read(&self, piece: &mut Vec<u8>) -> Found {
        piece.resize(PIECE, 0);
        loop {
            return match rustix::io::read(self.0.as_fd(), &mut piece[..]) {
                Ok(0) => Found::End,
                Ok(count) => Found::Bytes(count),
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => Found::Nothing,
                // A terminal whose other end is closed says EIO.
                Err(_) => Found::End,
            };
        }
    }

    /// Waits until there may be something, and calls `read` for it; that must say whether it found nothing.
    pub(super) async fn when_readable(&self, read: impl FnOnce() -> Found) -> Found {
        let Ok(mut ready) = self.0.readable().await else {
            return Found::End;
        };
        let found = read();
        if found == Found::Nothing {
            ready.clear_ready();
        }
        found
    }
}
