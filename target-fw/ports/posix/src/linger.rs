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
    /// More may be there that nobody has thrown away yet; the kernel does not say so again.
    more: bool,
}

impl Linger {
    /// Keeps a connection that has been shut down for sending and is watched already.
    pub(crate) fn add(&mut self, fd: OwnedFd, epoll: &Epoll) {
        let more = match empty(&fd) {
            Emptied::Over => return,
            Emptied::NotYet => true,
            Emptied::ForNow => false,
        };
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
            more,
        });
    }

    /// Something arrived for one of them.
    pub(crate) fn event(&mut self, key: u32) {
        for kept in self.kept.iter_mut().filter(|kept| kept.key == key) {
            kept.more = true;
        }
    }

    /// Throws away what has arrived, and closes those whose peer has ended or whose time is over. Returns when
    /// to do it again.
    pub(crate) fn tend(&mut self, now: Instant) -> Option<Instant> {
        self.kept.retain_mut(|kept| {
            let left = if kept.more {
                empty(&kept.fd)
            } else {
                Emptied::ForNow
            };
            kept.more = left == Emptied::NotYet;
            left != Emptied::Over && kept.until > now
        });
        let next = |kept: &Kept| if kept.more { now } else { kept.until };
        self.kept.iter().map(next).min()
    }
}

/// What throwing away has come to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Emptied {
    /// Nothing is left, and nothing more can come.
    Over,
    /// Nothing is left; the kernel will say when something comes.
    ForNow,
    /// Something may be left. A peer that never stops sending must not keep the others waiting.
    NotYet,
}

/// Throws away what has arrived.
fn empty(fd: &OwnedFd) -> Emptied {
    let mut buffer = [0; 4096];
    for _ in 0..64 {
        match recv(fd, &mut buffer, RecvFlags::DONTWAIT) {
            Ok((0, _)) => return Emptied::Over,
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Emptied::ForNow,
            Err(_) => return Emptied::Over,
        }
    }
    Emptied::NotYet
}
