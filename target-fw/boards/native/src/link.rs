//! The link: a Unix socket.

use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nsapi::Iut;
use nsapi_agent::{Agent, Link};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::clock::now_us;

/// The socket that the runner connects to.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: UnixListener,
    path: PathBuf,
}

impl Listener {
    pub(crate) fn bind(path: &Path) -> io::Result<Self> {
        let socket = UnixListener::bind(path).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("cannot listen on {}: {error}", path.display()),
            )
        })?;
        Ok(Self {
            socket,
            path: path.to_owned(),
        })
    }

    /// Waits for the runner. Nobody else can connect afterwards.
    pub(crate) fn accept(self) -> io::Result<RunnerLink> {
        let (stream, _) = self.socket.accept()?;
        stream.set_nonblocking(true)?;
        // The runner may have tidied up already.
        let _ = fs::remove_file(&self.path);
        Ok(RunnerLink { stream, up: true })
    }
}

/// The connection to the runner.
#[derive(Debug)]
pub(crate) struct RunnerLink {
    stream: UnixStream,
    up: bool,
}

impl RunnerLink {
    /// The link that the program had before it restarted.
    pub(crate) fn at_standard_input() -> io::Result<Self> {
        let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        // Anything but a socket is refused here.
        stream.local_addr()?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, up: true })
    }

    /// Leaves the link to the program that comes after.
    pub(crate) fn leave_at_standard_input(self) -> io::Result<()> {
        Ok(rustix::stdio::dup2_stdin(&self.stream)?)
    }

    pub(crate) const fn is_up(&self) -> bool {
        self.up
    }

    /// Hands what has arrived to the agent, as much as it takes now.
    pub(crate) fn read_into<I: Iut + ?Sized + 'static>(&mut self, agent: &mut Agent<'_, I>) {
        let mut buffer = [0; 2048];
        let room = agent.room().min(buffer.len());
        if room == 0 {
            return;
        }
        match self.stream.read(&mut buffer[..room]) {
            Ok(0) => self.up = false,
            Ok(len) => agent.receive(&buffer[..len]),
            Err(error) => self.note(&error),
        }
    }

    /// Sleeps until bytes come (if `read`), the runner takes bytes (if `write`), the port has work, or
    /// `until_us` has come.
    pub(crate) fn wait(
        &self,
        port: Option<BorrowedFd<'_>>,
        write: bool,
        read: bool,
        until_us: Option<u64>,
    ) -> io::Result<()> {
        if !self.up {
            return Ok(());
        }
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, read);
        flags.set(PollFlags::OUT, write);
        let mut fds = vec![PollFd::from_borrowed_fd(self.stream.as_fd(), flags)];
        fds.extend(port.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        let timeout = until_us.map(|until_us| timespec(until_us.saturating_sub(now_us())));
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn note(&mut self, error: &io::Error) {
        if !matches!(
            error.kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
        ) {
            self.up = false;
        }
    }
}

impl Link for RunnerLink {
    fn write(&mut self, bytes: &[u8]) -> usize {
        match self.stream.write(bytes) {
            Ok(len) => len,
            Err(error) => {
                self.note(&error);
                0
            }
        }
    }
}

fn timespec(us: u64) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(us / 1_000_000).unwrap_or(i64::MAX),
        tv_nsec: i64::try_from(us % 1_000_000 * 1000).unwrap_or(0),
    }
}
