//! Board: a process of this machine with the host kernel's sockets: on loopback, or in a namespace
//! that the runner starts it in.
#![forbid(unsafe_code)]

use std::net::Ipv4Addr;
use std::os::fd::BorrowedFd;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Arg, value_parser};
use native_board::{Work, now_us, run_with};
use nsapi::{AtStackLevel, Clock, EventTable, Sockets};
use nsapi_posix::{Interface, Posix, statement};

/// Socket objects: some more than the port has sockets, so that accept never lacks one.
const OBJECTS: usize = 24;

static EVENTS: EventTable<OBJECTS> = EventTable::new();

fn main() -> ExitCode {
    let own = Arg::new("own")
        .long("own")
        .value_name("ADDRESS")
        .help("Own address [default: 127.0.0.1]")
        .value_parser(value_parser!(Ipv4Addr));
    let mut arguments = native_board::arguments(env!("CARGO_PKG_NAME"), [own]);
    let own = arguments.take("own").unwrap_or(Ipv4Addr::LOCALHOST);
    let posix = match Posix::new(own) {
        Ok(posix) => posix,
        Err(error) => {
            eprintln!("{}: no epoll descriptor: {error}", env!("CARGO_PKG_NAME"));
            return ExitCode::FAILURE;
        }
    };
    // They live as long as the process.
    let sockets: &'static Sockets<_, _, OBJECTS> =
        Box::leak(Box::new(Sockets::new(posix, Monotonic, &EVENTS)));
    let interface = Box::leak(Box::new(Interface::new(own)));
    let iut = Box::leak(Box::new(AtStackLevel::new(sockets, interface, statement())));
    run_with(arguments, iut, &PosixWork(sockets.stack()))
}

/// The board's clock.
struct Monotonic;

impl Clock for Monotonic {
    fn now_us(&self) -> u64 {
        now_us()
    }

    fn idle(&self, _: Option<u64>) {
        // Nobody blocks here: the agent polls.
        std::thread::yield_now();
    }
}

/// The stack's part of the loop.
struct PosixWork(&'static Posix);

impl Work for PosixWork {
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.0.fd())
    }

    fn work(&self) -> Option<u64> {
        let next = self.0.work()?;
        let left = next.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Some(now_us());
        }
        // Rounded up, so that it is over when the loop looks again.
        let left_us = u64::try_from(left.as_micros()).unwrap_or(u64::MAX);
        Some(now_us().saturating_add(left_us).saturating_add(1))
    }
}
