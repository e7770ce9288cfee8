//! Carries bytes between the sockets and the RTT of a running core, and watches that core.
//!
//! What the runner does not take stays here, then in the target: a buffer on each side, and no more. Must not: look
//! without a pause when there is nothing, or an emulated core gets no time.

use core::time::Duration;
use std::os::fd::OwnedFd;
use std::time::Instant;

use probe_rs::Core;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::channels::Channels;
use super::image::Image;
use super::piece::Piece;
use super::rings::Trouble;
use super::start::{NoRtt, find, is_stopped, restore_breakpoints};
use super::{Runner, in_words, nap};
use crate::link::rtt::message::Word;

/// Between looks at whether the core still runs: a look costs as much as one at RTT.
const WATCH: Duration = Duration::from_millis(20);
/// Between signs of life.
const ALIVE: Duration = Duration::from_millis(250);
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
                Err(Trouble::Probe(error)) => {
                    let since = *failing.get_or_insert(now);
                    if now.duration_since(since) >= FAILING {
                        return Ended::Lost(in_words(&error));
                    }
                    std::thread::sleep(AGAIN);
                    continue;
                }
                Err(Trouble::Moved) => match self.again(core, image) {
                    Ok(()) => {}
                    Err(NoRtt::Stopped) => return Ended::Stopped,
                    Err(NoRtt::Trouble(error)) => {
                        return Ended::Lost(format!("after a reset of the core: {error}"));
                    }
                },
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
            let taken = (self.channels.rings.look(core))
                .and_then(|()| self.carry_up(core, &mut clock))
                .and_then(|()| self.carry_log(core, &mut clock));
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
    ) -> Result<(), Trouble> {
        clock.moved = false;
        if self.to_agent.is_empty() && !self.bytes_closed {
            self.bytes_closed = self.to_agent.fill_from(&self.bytes);
        }
        // What has just come from the runner goes first; an answer to it is not there yet. But never twice in a row.
        let at_once = !self.to_agent.is_empty() && !clock.wrote && self.channels.rings.has_room();
        clock.wrote = at_once;
        if at_once {
            self.carry_down(core, clock)?;
        } else {
            self.channels.rings.look(core)?;
            self.carry_up(core, clock)?;
            self.carry_down(core, clock)?;
            self.carry_log(core, clock)?;
        }
        if clock.moved {
            clock.active = now;
        }
        Ok(())
    }

    fn carry_down(&mut self, core: &mut Core<'_>, clock: &mut Clock) -> Result<(), Trouble> {
        if self.to_agent.is_empty() {
            return Ok(());
        }
        let written = self.channels.rings.write(core, self.to_agent.rest())?;
        if written > 0 {
            if let Some(doorbell) = self.channels.doorbell {
                doorbell.ring(core)?;
            }
            self.to_agent.advance(written);
            clock.moved = true;
        }
        Ok(())
    }

    fn carry_up(&mut self, core: &mut Core<'_>, clock: &mut Clock) -> Result<(), Trouble> {
        let rings = &mut self.channels.rings;
        if !self.to_runner.is_empty() {
            self.bytes_closed |= self.to_runner.empty_into(&self.bytes);
        }
        if self.to_runner.is_empty() {
            let read = rings.read(rings.up, core, self.to_runner.room())?;
            if read > 0 {
                self.to_runner.filled(read);
                // The runner goes on while the target gets its room back.
                self.bytes_closed |= self.to_runner.empty_into(&self.bytes);
                rings.up.give_back(core, read)?;
                clock.moved = true;
            }
        }
        if self.bytes_closed {
            // Nobody listens: gone, or the agent would wait for room.
            self.to_runner.clear();
        }
        Ok(())
    }

    fn carry_log(&mut self, core: &mut Core<'_>, clock: &mut Clock) -> Result<(), Trouble> {
        let rings = &mut self.channels.rings;
        let Some(mut log) = rings.log else {
            return Ok(());
        };
        if !self.log_piece.is_empty() {
            self.log_closed |= self.log_piece.empty_into(&self.log);
        }
        if self.log_piece.is_empty() {
            let read = rings.read(log, core, self.log_piece.room())?;
            if read > 0 {
                self.log_piece.filled(read);
                self.log_closed |= self.log_piece.empty_into(&self.log);
                log.give_back(core, read)?;
                rings.log = Some(log);
                clock.moved = true;
            }
        }
        if self.log_closed {
            self.log_piece.clear();
        }
        Ok(())
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

/// What a look at the core has shown.
enum Watched {
    Runs,
    Stopped,
}

/// When what was done last.
struct Clock {
    active: Instant,
    /// Something was carried in this turn.
    moved: bool,
    /// This turn began with a write, without a look.
    wrote: bool,
    watched: Instant,
    said: Instant,
}

impl Clock {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            active: now,
            moved: false,
            wrote: false,
            watched: now,
            said: now,
        }
    }

    fn watch(
        &mut self,
        core: &mut Core<'_>,
        now: Instant,
        runner: &Runner,
    ) -> Result<Watched, Trouble> {
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
