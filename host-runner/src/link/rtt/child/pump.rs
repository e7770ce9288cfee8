//! Carries bytes between the sockets and the RTT of a running core, and watches that core.
//!
//! What the runner does not take stays here, then in the target: a buffer on each side, and no more. Must not: look
//! without a pause when there is nothing, or an emulated core gets no time.

use core::time::Duration;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use probe_rs::Core;
use probe_rs::rtt;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::channels::Channels;
use super::image::Image;
use super::start::{NoRtt, find, is_stopped, restore_breakpoints};
use super::{Runner, in_words, nap};
use crate::link::rtt::message::Word;

/// Largest piece that is carried at once, in bytes.
const PIECE: usize = 8 * 1024;
/// Between looks at whether the core still runs: a look costs as much as one at RTT.
const WATCH: Duration = Duration::from_millis(20);
/// Between signs of life.
const ALIVE: Duration = Duration::from_millis(250);
/// Between looks at the log while the link is idle for shorter than that.
const LOG: Duration = Duration::from_millis(1);
/// How long the RTT of a core that has reset itself may be missing.
const REBOOT: Duration = Duration::from_secs(2);
/// How long a probe may fail before it counts as gone.
const FAILING: Duration = Duration::from_millis(200);
/// Between attempts then.
const AGAIN: Duration = Duration::from_millis(5);

/// Why nothing is carried any more.
pub(super) enum Ended {
    /// The runner has said something, or is gone.
    Asked,
    /// The core has stopped by itself.
    Stopped,
    /// Probe or chip are gone.
    Lost(String),
}

/// The sockets, and what is on its way.
pub(super) struct Link {
    channels: Channels,
    bytes: OwnedFd,
    log: OwnedFd,
    /// Nobody is at the other end any more.
    bytes_closed: bool,
    log_closed: bool,
    to_agent: Piece,
    to_runner: Piece,
    log_piece: Piece,
}

impl Link {
    pub(super) fn new(channels: Channels, bytes: OwnedFd, log: OwnedFd) -> Self {
        Self {
            channels,
            bytes,
            log,
            bytes_closed: false,
            log_closed: false,
            to_agent: Piece::new(),
            to_runner: Piece::new(),
            log_piece: Piece::new(),
        }
    }

    /// Carries bytes until something else is to be done.
    pub(super) fn pump(&mut self, core: &mut Core<'_>, image: &Image, runner: &Runner) -> Ended {
        let mut clock = Clock::new();
        let mut failing: Option<Instant> = None;
        loop {
            let now = Instant::now();
            let turn = self
                .turn(core, &mut clock, now)
                .and_then(|()| clock.watch(core, now, runner));
            match turn {
                Ok(Watched::Runs) => failing = None,
                Ok(Watched::Stopped) => return Ended::Stopped,
                Err(error) => {
                    if !is_restart(&error) {
                        let since = *failing.get_or_insert(now);
                        if now.duration_since(since) >= FAILING {
                            return Ended::Lost(in_words(&error));
                        }
                        std::thread::sleep(AGAIN);
                        continue;
                    }
                    match self.again(core, image) {
                        Ok(()) => {}
                        Err(NoRtt::Stopped) => return Ended::Stopped,
                        Err(NoRtt::Trouble(error)) => {
                            return Ended::Lost(format!("after a reset of the core: {error}"));
                        }
                    }
                }
            }
            if self.wait(runner, clock.nap()) {
                return Ended::Asked;
            }
        }
    }

    /// Takes what a core that has stopped has left, as far as the runner takes it at once.
    pub(super) fn drain(&mut self, core: &mut Core<'_>) {
        let mut clock = Clock::new();
        for _ in 0..MOST_DRAINED {
            clock.moved = false;
            let taken = self
                .from_agent(core, &mut clock)
                .and_then(|()| self.from_log(core, &mut clock));
            if taken.is_err() || !clock.moved {
                return;
            }
        }
    }

    /// Carries a piece each way.
    fn turn(
        &mut self,
        core: &mut Core<'_>,
        clock: &mut Clock,
        now: Instant,
    ) -> Result<(), rtt::Error> {
        clock.moved = false;
        self.to_agent(core, clock)?;
        self.from_agent(core, clock)?;
        if clock.is_log_due(now) {
            self.from_log(core, clock)?;
        }
        if clock.moved {
            clock.active = now;
        }
        Ok(())
    }

    fn to_agent(&mut self, core: &mut Core<'_>, clock: &mut Clock) -> Result<(), rtt::Error> {
        if self.to_agent.is_empty() && !self.bytes_closed {
            self.bytes_closed = self.to_agent.fill_from(&self.bytes);
        }
        if self.to_agent.is_empty() {
            return Ok(());
        }
        let written = self.channels.down.write(core, self.to_agent.rest())?;
        if written > 0 {
            if let Some(doorbell) = self.channels.doorbell {
                doorbell.ring(core)?;
            }
            self.to_agent.advance(written);
            clock.moved = true;
        }
        Ok(())
    }

    fn from_agent(&mut self, core: &mut Core<'_>, clock: &mut Clock) -> Result<(), rtt::Error> {
        let closed = &mut self.bytes_closed;
        carry(
            &mut self.channels.up,
            core,
            &mut self.to_runner,
            &self.bytes,
            closed,
            clock,
        )
    }

    fn from_log(&mut self, core: &mut Core<'_>, clock: &mut Clock) -> Result<(), rtt::Error> {
        let Some(log) = &mut self.channels.log else {
            return Ok(());
        };
        carry(
            log,
            core,
            &mut self.log_piece,
            &self.log,
            &mut self.log_closed,
            clock,
        )
    }

    /// Finds the RTT of a core that has reset itself.
    fn again(&mut self, core: &mut Core<'_>, image: &Image) -> Result<(), NoRtt> {
        self.channels = find(core, image, REBOOT)?;
        // What was on its way to the agent of before is nothing to this one.
        self.to_agent.clear();
        // Without them a crash shows as a reboot with a beacon.
        let _ = restore_breakpoints(core, image);
        Ok(())
    }

    /// Naps, or less if there is something to do; whether the runner wants something.
    fn wait(&self, runner: &Runner, nap: Duration) -> bool {
        let from_runner = !self.bytes_closed && self.to_agent.is_empty();
        let to_runner = !self.bytes_closed && !self.to_runner.is_empty();
        let mut wanted = PollFlags::empty();
        wanted.set(PollFlags::IN, from_runner);
        wanted.set(PollFlags::OUT, to_runner);
        let mut sockets = [
            PollFd::new(&runner.0, PollFlags::IN),
            PollFd::new(&self.bytes, wanted),
        ];
        let watched = if wanted.is_empty() { 1 } else { 2 };
        let timeout = Timespec {
            tv_sec: 0,
            tv_nsec: nap.subsec_nanos().into(),
        };
        // An interrupted nap is a short one.
        let _ = poll(&mut sockets[..watched], Some(&timeout));
        !sockets[0].revents().is_empty()
    }
}

/// Pieces of a log and a link that one core can have left: more than any buffer holds.
const MOST_DRAINED: usize = 64;

/// From an up channel to a socket. While the socket takes nothing, the channel is left alone.
fn carry(
    channel: &mut rtt::UpChannel,
    core: &mut Core<'_>,
    piece: &mut Piece,
    socket: &OwnedFd,
    closed: &mut bool,
    clock: &mut Clock,
) -> Result<(), rtt::Error> {
    if piece.is_empty() {
        let read = channel.read(core, piece.room())?;
        piece.filled(read);
        clock.moved |= read > 0;
    }
    if *closed {
        // Nobody listens: gone, or the agent would wait for room.
        piece.clear();
    } else if !piece.is_empty() {
        *closed = piece.empty_into(socket);
    }
    Ok(())
}

/// Whether RTT is not where it was: the core has begun anew.
const fn is_restart(error: &rtt::Error) -> bool {
    matches!(
        error,
        rtt::Error::ReadPointerChanged
            | rtt::Error::ControlBlockCorrupted(_)
            | rtt::Error::ControlBlockNotFound
    )
}

/// What a look at the core has shown.
enum Watched {
    Runs,
    Stopped,
}

/// When what was done last.
struct Clock {
    active: Instant,
    moved: bool,
    log: Instant,
    watched: Instant,
    said: Instant,
}

impl Clock {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            active: now,
            moved: false,
            log: now,
            watched: now,
            said: now,
        }
    }

    fn is_log_due(&mut self, now: Instant) -> bool {
        let due = now.duration_since(self.log) >= LOG;
        if due {
            self.log = now;
        }
        due
    }

    fn watch(
        &mut self,
        core: &mut Core<'_>,
        now: Instant,
        runner: &Runner,
    ) -> Result<Watched, rtt::Error> {
        if now.duration_since(self.said) >= ALIVE {
            self.said = now;
            runner.say(&Word::Alive);
        }
        if now.duration_since(self.watched) >= WATCH {
            self.watched = now;
            if is_stopped(core.status()?) {
                return Ok(Watched::Stopped);
            }
        }
        Ok(Watched::Runs)
    }

    fn nap(&self) -> Duration {
        nap::after(self.active.elapsed())
    }
}

/// A piece of a stream that is on its way.
struct Piece {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Piece {
    fn new() -> Self {
        Self {
            bytes: vec![0; PIECE].into(),
            start: 0,
            end: 0,
        }
    }

    const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    const fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    const fn advance(&mut self, by: usize) {
        self.start += by;
        if self.start >= self.end {
            self.clear();
        }
    }

    /// Room for the next piece, once this one is empty.
    fn room(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    const fn filled(&mut self, to: usize) {
        (self.start, self.end) = (0, to);
    }

    /// Takes what the socket has; whether it is closed.
    fn fill_from(&mut self, socket: impl AsFd) -> bool {
        match recv(socket, &mut *self.bytes, RecvFlags::DONTWAIT) {
            Ok((0, _)) => true,
            Ok((read, _)) => {
                self.filled(read);
                false
            }
            Err(error) => !is_later(error),
        }
    }

    /// Gives the socket what it takes; whether it is closed.
    fn empty_into(&mut self, socket: impl AsFd) -> bool {
        match send(
            socket,
            self.rest(),
            SendFlags::DONTWAIT | SendFlags::NOSIGNAL,
        ) {
            Ok(sent) => {
                self.advance(sent);
                false
            }
            Err(error) => !is_later(error),
        }
    }
}

const fn is_later(error: rustix::io::Errno) -> bool {
    matches!(error, rustix::io::Errno::AGAIN | rustix::io::Errno::INTR)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_piece_passes_whole_and_in_order() {
        let (mut ours, theirs) = UnixStream::pair().expect("a pair");
        let (out, mut read) = UnixStream::pair().expect("a pair");
        let mut piece = Piece::new();
        assert!(!piece.fill_from(&theirs), "nothing there is not closed");
        assert!(piece.is_empty());
        ours.write_all(b"one two").expect("it takes it");
        assert!(!piece.fill_from(&theirs));
        piece.advance(4);
        assert_eq!(piece.rest(), b"two");
        assert!(!piece.empty_into(&out));
        assert!(piece.is_empty());
        let mut got = [0; 3];
        read.read_exact(&mut got).expect("it arrives");
        assert_eq!(&got, b"two");
        drop(ours);
        assert!(piece.fill_from(&theirs), "closed");
    }

    #[test]
    fn a_socket_that_takes_nothing_keeps_the_piece() {
        let (out, full) = UnixStream::pair().expect("a pair");
        let mut piece = Piece::new();
        let mut passed = 0;
        while piece.is_empty() {
            piece.filled(PIECE);
            assert!(!piece.empty_into(&out), "not closed");
            passed += 1;
            assert!(passed < 1_000, "it takes for ever");
        }
        drop(full);
        assert!(piece.empty_into(&out), "closed");
    }

    #[test]
    fn only_a_block_that_has_moved_is_a_restart() {
        assert!(is_restart(&rtt::Error::ReadPointerChanged));
        assert!(is_restart(
            &rtt::Error::ControlBlockCorrupted(String::new())
        ));
        let probe = rtt::Error::Probe(probe_rs::Error::Timeout);
        assert!(!is_restart(&probe));
    }
}
