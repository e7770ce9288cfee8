//! Edge-triggered events of the kernel.
//!
//! Must not: report a state; only changes are events.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nsapi::{Result, StackHandle};
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

use crate::errno::error;

/// Marks the token of a lingering connection.
const LINGER: u64 = 1 << 32;
/// The token of lookups.
const LOOKUP: u64 = 1 << 33;

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Socket(StackHandle),
    Linger(u32),
    /// Of any lookup.
    Lookup,
}

/// What a socket wants to hear of. Errors and ends are always heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    Read,
    ReadAndWrite,
}

/// An epoll descriptor.
#[derive(Debug)]
pub(crate) struct Epoll {
    fd: OwnedFd,
}

impl Epoll {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            fd: epoll::create(CreateFlags::CLOEXEC)?,
        })
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Begins to watch a descriptor; ends by itself when that is closed.
    pub(crate) fn watch(&self, fd: &OwnedFd, token: Token, interest: Interest) -> Result<()> {
        epoll::add(&self.fd, fd, data(token), flags(interest)).map_err(error)
    }

    /// Changes what is watched for, and whom it is about. A state that is already there is an event.
    pub(crate) fn rewatch(&self, fd: &OwnedFd, token: Token, interest: Interest) -> Result<()> {
        epoll::modify(&self.fd, fd, data(token), flags(interest)).map_err(error)
    }

    /// All events there are.
    pub(crate) fn take(&self) -> Vec<Token> {
        let mut tokens = Vec::new();
        let mut buffer = [MaybeUninit::<epoll::Event>::uninit(); 32];
        loop {
            let Ok((events, _)) = epoll::wait(&self.fd, &mut buffer, Some(&Timespec::default()))
            else {
                return tokens;
            };
            tokens.extend(events.iter().map(|event| token(event.data)));
            if events.len() < 32 {
                return tokens;
            }
        }
    }
}

fn data(token: Token) -> EventData {
    EventData::new_u64(match token {
        Token::Socket(StackHandle(handle)) => handle.into(),
        Token::Linger(key) => LINGER | u64::from(key),
        Token::Lookup => LOOKUP,
    })
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the lower half is what was put there"
)]
fn token(data: EventData) -> Token {
    let value = data.u64();
    if value == LOOKUP {
        Token::Lookup
    } else if value & LINGER == 0 {
        Token::Socket(StackHandle(value as u32))
    } else {
        Token::Linger(value as u32)
    }
}

fn flags(interest: Interest) -> EventFlags {
    let read = EventFlags::IN | EventFlags::RDHUP | EventFlags::ET;
    match interest {
        Interest::Read => read,
        Interest::ReadAndWrite => read | EventFlags::OUT,
    }
}
