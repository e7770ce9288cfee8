//! Closed connections whose last bytes are still under way.
//!
//! The kernel answers with a reset when a connection is closed over unread data, or when data arrives
//! afterwards, and a reset may overtake what was sent. So such a connection is kept a little while: shut down
//! for sending, and emptied until the peer ends it too.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use crate::epoll::{Epoll, Interest, Token};

/// How long the peer has to end its side.
const PATIENCE: Duration = Duration::from_secs(2);

/// Connections kept at most; the oldest gives way.
const KEPT: usize = 32;

/// The connections.
#[derive(Debug, Default)]
pub(crate) struct Linger {
    kept: Vec<Kept>,
    next_key: u32,
}

#[derive(Debug)]
struct Kept {
    key: u32,
    fd: OwnedFd,
    until: Instant,
}

impl Linger {
    /// Keeps a connection that has been shut down for sending and is watched already.
    pub(crate) fn add(&mut self, fd: OwnedFd, epoll: &Epoll) {
        if is_over(&fd) {
            return;
        }
        let key = self.next_key;
        self.next_key = key.wrapping_add(1);
        if epoll
            .rewatch(&fd, Token::Linger(key), Interest::Read)
            .is_err()
        {
            return;
        }
        if self.kept.len() >= KEPT {
            self.kept.remove(0);
        }
        self.kept.push(Kept {
            key,
            fd,
            until: Instant::now() + PATIENCE,
        });
    }

    /// Something arrived for one of them.
    pub(crate) fn event(&mut self, key: u32) {
        self.kept
            .retain(|kept| kept.key != key || !is_over(&kept.fd));
    }

    /// Closes those whose time is over; returns when the next one's is.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<Instant> {
        self.kept.retain(|kept| kept.until > now);
        self.kept.iter().map(|kept| kept.until).min()
    }
}

/// Throws away what has arrived; `true` when nothing more can.
fn is_over(fd: &OwnedFd) -> bool {
    let mut buffer = [0; 4096];
    // A peer that never stops sending is left to the deadline.
    for _ in 0..64 {
        match recv(fd, &mut buffer, RecvFlags::DONTWAIT) {
            Ok((0, _)) => return true,
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return false,
            Err(_) => return true,
        }
    }
    true
}
