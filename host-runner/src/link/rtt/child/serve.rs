//! Does what the runner asks for, one request after the other, and carries bytes in between.

use core::time::Duration;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;

use probe_rs::Session;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::image::Image;
use super::pump::{Ended, Link};
use super::start::{CORE, NoRtt, failed, start};
use super::{Runner, examine, flash, in_words, look, open};
use crate::event::CrashReport;
use crate::link::rtt::message::{Answer, Opening, Request, Step, Wish, Word};
use crate::link::rtt::{ProbeError, explain};

/// Between signs of life while the core is stopped.
const ALIVE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 250_000_000,
};

/// Serves the runner until it goes.
pub(super) fn serve(runner: &Runner) -> ExitCode {
    // Nobody sees what is written to standard error.
    std::panic::set_hook(Box::new(|_| {}));
    let Err(panic) = catch_unwind(AssertUnwindSafe(|| attend(runner))) else {
        return ExitCode::SUCCESS;
    };
    let said = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    runner.say(&Word::Lost(format!(
        "its driver panicked: {}",
        said.unwrap_or("it says nothing")
    )));
    ExitCode::FAILURE
}

/// Until the runner has closed its socket or wants no more.
fn attend(runner: &Runner) {
    let Some((request, ends)) = runner.listen() else {
        return;
    };
    let opening = match request.wish {
        Wish::Open(opening) => opening,
        Wish::Examine(examination) => {
            // Said when the chip is left alone again.
            let examined = examine::examine(&examination, runner).map(Answer::Examined);
            answer(runner, request.id, examined);
            return;
        }
        Wish::Reset | Wish::Reflash | Wish::WhereIsIt | Wish::Close => return,
    };
    let mut board = match Board::open(*opening, ends, runner) {
        Ok(board) => board,
        Err(error) => {
            answer(runner, request.id, Err(error));
            return;
        }
    };
    answer(runner, request.id, Ok(board.running()));
    loop {
        if !board.carry(runner) {
            return;
        }
        let Some((Request { id, wish }, ends)) = runner.listen() else {
            return;
        };
        let done = match wish {
            Wish::Open(_) | Wish::Examine(_) => Err(ProbeError::Child {
                problem: "it is open".into(),
            }),
            Wish::Reset => board.restart(false, ends, runner),
            Wish::Reflash => board.restart(true, ends, runner),
            Wish::WhereIsIt => board.look(runner),
            Wish::Close => {
                // Clears the breakpoints and lets the core run.
                board.leave();
                answer(runner, id, Ok(Answer::Done));
                return;
            }
        };
        answer(runner, id, done);
    }
}

fn answer(runner: &Runner, id: u32, answer: Result<Answer, ProbeError>) {
    runner.say(&Word::Answer { id, answer });
}

/// A chip with its image.
struct Board {
    session: Session,
    image: Image,
    elf: PathBuf,
    boot: Duration,
    flashed: bool,
    /// While the image runs and is listened to.
    link: Option<Link>,
}

impl Board {
    fn open(opening: Opening, ends: Vec<OwnedFd>, runner: &Runner) -> Result<Self, ProbeError> {
        let Opening {
            attachment,
            elf,
            boot,
        } = opening;
        let image = Image::read(&elf)?;
        runner.doing(Step::Open);
        let probe = open::probe(&attachment)?;
        runner.doing(Step::Attach);
        let session = open::attach(probe, &attachment)?;
        let mut board = Self {
            session,
            image,
            elf,
            boot,
            flashed: false,
            link: None,
        };
        runner.doing(Step::Compare);
        let there = flash::is_there(&mut board.session, &board.image);
        board.restart(!there, ends, runner)?;
        Ok(board)
    }

    const fn running(&self) -> Answer {
        Answer::Running {
            flashed: self.flashed,
        }
    }

    /// Starts the image, and carries its bytes to new ends.
    fn restart(
        &mut self,
        write: bool,
        ends: Vec<OwnedFd>,
        runner: &Runner,
    ) -> Result<Answer, ProbeError> {
        // Whoever holds the old ends sees that they are over.
        self.link = None;
        let Ok([bytes, log]) = <[OwnedFd; 2]>::try_from(ends) else {
            return Err(ProbeError::Child {
                problem: "it was given no sockets".into(),
            });
        };
        if write {
            flash::write(&mut self.session, &self.elf, &self.image, runner)?;
        }
        self.flashed = write;
        match start(&mut self.session, &self.image, self.boot, runner) {
            Ok(channels) => {
                self.link = Some(Link::new(channels, bytes, log));
                Ok(self.running())
            }
            Err(NoRtt::Trouble(error)) => Err(error),
            Err(NoRtt::Stopped) => {
                runner.doing(Step::Look);
                let report = self.explain();
                Err(ProbeError::CrashedAtStart {
                    how: report.to_string(),
                    report: Box::new(report),
                })
            }
        }
    }

    /// Carries bytes until the runner wants something; whether there is still a board.
    fn carry(&mut self, runner: &Runner) -> bool {
        if let Some(mut link) = self.link.take() {
            let ended = match self.session.core(CORE) {
                Ok(mut core) => {
                    let ended = link.pump(&mut core, &self.image, runner);
                    if matches!(ended, Ended::Stopped) {
                        runner.say(&Word::Stopped);
                        link.drain(&mut core);
                    }
                    ended
                }
                Err(error) => Ended::Lost(in_words(&error)),
            };
            match ended {
                Ended::Asked => {
                    self.link = Some(link);
                    return true;
                }
                Ended::Stopped => {
                    let report = self.explain();
                    runner.say(&Word::Crashed {
                        how: report.to_string(),
                        report: Box::new(report),
                    });
                }
                Ended::Lost(how) => {
                    runner.say(&Word::Lost(how));
                    return false;
                }
            }
        }
        self.watch(runner)
    }

    /// Waits for the runner while the core is stopped; whether there is still a board.
    fn watch(&mut self, runner: &Runner) -> bool {
        loop {
            let mut control = [PollFd::new(&runner.0, PollFlags::IN)];
            let _ = poll(&mut control, Some(&ALIVE));
            if !control[0].revents().is_empty() {
                return true;
            }
            match self.session.core(CORE).and_then(|mut core| core.status()) {
                Ok(_) => runner.say(&Word::Alive),
                Err(error) => {
                    runner.say(&Word::Lost(in_words(&error)));
                    return false;
                }
            }
        }
    }

    fn look(&mut self, runner: &Runner) -> Result<Answer, ProbeError> {
        runner.doing(Step::Look);
        let waits = self
            .session
            .core(CORE)
            .and_then(|mut core| look::waits(&mut core, &self.image))
            .map_err(failed(Step::Look))?;
        if waits {
            return Ok(Answer::Where(None));
        }
        // It stays where it is until it is reset.
        if let Some(mut link) = self.link.take()
            && let Ok(mut core) = self.session.core(CORE)
        {
            link.drain(&mut core);
        }
        Ok(Answer::Where(Some(Box::new(self.explain()))))
    }

    fn explain(&mut self) -> CrashReport {
        let Self { session, elf, .. } = self;
        // Reads whatever a crash has left; the rest is worth more than a panic in it.
        let explained = catch_unwind(AssertUnwindSafe(|| explain::explain(session, elf)));
        let mut report = explained.unwrap_or_else(|_| CrashReport {
            kind: "crash".into(),
            ..CrashReport::default()
        });
        report.frames.truncate(MOST_FRAMES);
        report
    }

    /// Leaves the core running, without breakpoints.
    fn leave(self) {
        let mut session = self.session;
        if let Ok(mut core) = session.core(CORE)
            && core.core_halted().unwrap_or(false)
        {
            let _ = core.clear_all_hw_breakpoints();
            let _ = core.run();
        }
        // Dropping the session does as much for a core that runs, and takes its leave of the probe.
    }
}

/// Frames that are worth telling; with all of them the message stays far below its limit.
const MOST_FRAMES: usize = 100;
