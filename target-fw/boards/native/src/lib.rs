//! A board that is a process of this machine: its arguments, its link, its loop, its identity. The boards
//! themselves only pick a port.
//!
//! A board listens on a Unix socket, takes one runner, and ends when the runner goes. One thread does
//! everything, and sleeps while there is nothing to do.
//!
//! Must not: know a port, or outlive the process that started it.
#![forbid(unsafe_code)]

mod args;
mod build_id;
mod clock;
#[cfg(feature = "crash-commands")]
mod crash;
mod jitter;
mod link;
mod parent;
mod restart;

use std::io;
use std::os::fd::BorrowedFd;
use std::process::ExitCode;

use nsapi::Iut;
use nsapi_agent::{Agent, Counters, Identity, Memory};

pub use args::{Arguments, OwnAddress, arguments};
pub use clock::now_us;

use link::{Listener, RunnerLink};

/// What the loop must know of a port besides its operations.
pub trait Work {
    /// Becomes readable when [`Self::work`] has something to do.
    fn fd(&self) -> Option<BorrowedFd<'_>>;

    /// Does what there is to do without waiting, callbacks included. Returns when it must be called again at
    /// the latest, in microseconds of [`now_us`]; that is now if a callback was called, since the agent has not
    /// seen what came of it.
    fn work(&self) -> Option<u64>;

    /// Whether the board can restart itself: the program begins anew, with the arguments it has. Not if
    /// something it was given is used up.
    fn restarts(&self) -> bool {
        false
    }

    /// A flag among the board's own options that tells the program which begins anew what it could not find
    /// out: its name, and whether it holds.
    fn keeps(&self) -> Option<(&'static str, bool)> {
        None
    }
}

/// A port that never has anything to do by itself.
#[derive(Debug)]
pub struct Idle;

impl Work for Idle {
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn work(&self) -> Option<u64> {
        None
    }

    fn restarts(&self) -> bool {
        true
    }
}

/// Which own address the command line asks for; explains and ends the process if the command line is wrong.
#[must_use]
pub fn own_address(package: &'static str) -> OwnAddress {
    arguments(package, []).address
}

/// Runs a board without options of its own until its runner goes. `package` is the crate of the board.
pub fn run<I: Iut + 'static>(package: &'static str, iut: &'static I, work: &dyn Work) -> ExitCode {
    run_with(arguments(package, []), iut, work)
}

/// Runs a board with `iut` until its runner goes.
pub fn run_with<I: Iut + 'static>(
    arguments: Arguments,
    iut: &'static I,
    work: &dyn Work,
) -> ExitCode {
    let package = arguments.package;
    match serve(arguments, iut, work) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{package}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve<I: Iut + 'static>(args: Arguments, iut: &'static I, work: &dyn Work) -> io::Result<()> {
    static COUNTERS: Counters = Counters::new();
    parent::die_with_it()?;
    // First of all, so that the runner can connect while the rest is made ready.
    let listener = match args.restarted {
        true => None,
        false => Some(Listener::bind(&args.link)?),
    };
    let identity = Identity {
        board: args.name.leak(),
        build_id: build_id::own().unwrap_or_default().leak(),
        boot: clock::boot_number(),
        beacon: None,
        jitter_us: jitter::take_us,
    };
    let mut memory = Box::<Memory>::default();
    let mut agent = Agent::new(iut, identity, &COUNTERS, &mut memory);
    if work.restarts() {
        agent.allow_restart();
    }
    #[cfg(feature = "crash-commands")]
    agent.allow_crash(crash::on_request);
    let mut link = match listener {
        Some(listener) => listener.accept()?,
        None => RunnerLink::at_standard_input()?,
    };
    while link.is_up() {
        link.read_into(&mut agent);
        let agent_at = agent.poll(&mut link);
        if agent.restart_is_due() {
            return Err(restart::begin_anew(link, work.keeps()));
        }
        // After the agent, whose calls may have set deadlines of the port.
        let work_at = work.work();
        let until_us = [work_at, agent_at].into_iter().flatten().min();
        link.wait(work.fd(), agent.has_output(), agent.room() > 0, until_us)?;
    }
    Ok(())
}
