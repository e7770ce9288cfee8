//! Board: a process of this machine with the host kernel's sockets, on loopback or, in a namespace of its own, on
//! the interface that has the address it was given.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::BorrowedFd;
use std::process::ExitCode;
use std::time::Instant;

use native_board::{OwnAddress, Work, now_us, own_address, run};
use nsapi::{AtStackLevel, Capability, Clock, EventTable, Sockets};
use nsapi_posix::{Host, Interface, Posix, Resolver, statement};

/// Socket objects: some more than the port has sockets, so that accept never lacks one.
const OBJECTS: usize = 24;

static EVENTS: EventTable<OBJECTS> = EventTable::new();

fn main() -> ExitCode {
    let (host, posix) = match stack() {
        Ok(made) => made,
        Err(error) => {
            eprintln!("{}: {error}", env!("CARGO_PKG_NAME"));
            return ExitCode::FAILURE;
        }
    };
    let statement = statement(&host);
    // They live as long as the process.
    let sockets: &'static Sockets<_, _, OBJECTS> =
        Box::leak(Box::new(Sockets::new(posix, Monotonic, &EVENTS)));
    let interface = Box::leak(Box::new(Interface::new(host)));
    let dns = Box::leak(Box::new(Resolver::new(sockets.stack(), now_us)));
    let mut iut = AtStackLevel::new(sockets, interface, statement);
    if statement.capabilities.has(Capability::Dns) {
        iut = iut.with_dns(dns);
    }
    let iut = Box::leak(Box::new(iut));
    run(env!("CARGO_PKG_NAME"), iut, &PosixWork(sockets.stack()))
}

/// The interface that the command line asks for, and the stack over it.
fn stack() -> io::Result<(Host, Posix)> {
    let host = match own_address(env!("CARGO_PKG_NAME")) {
        OwnAddress::Loopback => Host::loopback(),
        OwnAddress::First => Host::find(None)?,
        OwnAddress::This(address) => Host::find(Some(address))?,
    };
    let posix = Posix::new(host.clone())?;
    Ok((host, posix))
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

    fn restarts(&self) -> bool {
        // All its sockets are the kernel's, which ends them with the program.
        true
    }
}
