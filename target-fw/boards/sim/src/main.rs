//! Board `sim`: a process of this machine with the reference port. Its frames go over a descriptor that the runner
//! hands it, or over an interface of this machine; no emulator, so it starts in milliseconds and runs under
//! debuggers, sanitizers and coverage.
//!
//! Must not: differ from the firmware in anything but memory, clock and network card.

mod card;
mod inherited;
mod interface;
mod options;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::ExitCode;

use native_board::{Arguments, Work, now_us};
use nsapi::{AtStackLevel, Clock, EventTable, Sockets};
use nsapi_smoltcp::{Config, SmoltcpStack, StackResources};
use static_cell::ConstStaticCell;

use crate::card::Card;

/// As many as the firmware has: TCP sockets of the stack (four of them in reserve), UDP sockets, and all with
/// the one for DHCP.
const TCP: usize = 10;
const UDP: usize = 4;
const ALL: usize = TCP + UDP + 1;
/// Socket objects: twice as many as can be open, so that it is the stack that runs out.
const OBJECTS: usize = 24;
/// Bytes of a TCP socket's buffers: the largest window there is without scaling, so that a stream is limited by
/// the stack and not by its memory.
const TCP_BUFFER: usize = 65_535;

type Resources = StackResources<TCP, UDP, ALL, TCP_BUFFER, TCP_BUFFER>;
/// The port of this board and the socket layer over it.
type Stack = SmoltcpStack<Card>;
type Layer = Sockets<Stack, Monotonic, OBJECTS>;

static RESOURCES: ConstStaticCell<Resources> = ConstStaticCell::new(StackResources::new());
static EVENTS: EventTable<OBJECTS> = EventTable::new();

fn main() -> ExitCode {
    let mut arguments = native_board::arguments(env!("CARGO_PKG_NAME"), options::all());
    let mut card = match options::card(&mut arguments) {
        Ok(card) => card,
        Err(problem) => {
            eprintln!("{}: {problem}", env!("CARGO_PKG_NAME"));
            return ExitCode::FAILURE;
        }
    };
    if arguments.take_flag(options::PULLED) {
        card.set_plug(false);
    }
    if arguments.are_of_a_restart() {
        card.lose_frames();
    }
    serve(arguments, card)
}

fn serve(mut arguments: Arguments, card: Card) -> ExitCode {
    let mac = options::mac(&mut arguments);
    let fixed = options::fixed(&mut arguments);
    let resources = RESOURCES.take();
    let stack = SmoltcpStack::new(card, resources, mac, now_us(), seed(), Config::default());
    if let Some(fixed) = fixed
        && let Err(error) = fixed.apply(&stack)
    {
        eprintln!(
            "{}: these addresses do not fit: {error}",
            env!("CARGO_PKG_NAME")
        );
        return ExitCode::FAILURE;
    }
    // They live as long as the process.
    let layer: &'static Layer = Box::leak(Box::new(Sockets::new(stack, Monotonic, &EVENTS)));
    let stack = layer.stack();
    let iut = Box::leak(Box::new(AtStackLevel::new(layer, stack, stack.statement())));
    let wake = match stack.with_device(|card| card.wake().try_clone_to_owned()) {
        Ok(wake) => wake,
        Err(error) => {
            eprintln!("{}: no descriptor is left: {error}", env!("CARGO_PKG_NAME"));
            return ExitCode::FAILURE;
        }
    };
    let work = StackWork { stack, wake };
    native_board::run_with(arguments, iut, &work)
}

/// A number that differs from start to start, for ports and sequence numbers.
fn seed() -> u64 {
    let mut bytes = [0; 8];
    let wanted = rustix::rand::GetRandomFlags::empty();
    match rustix::rand::getrandom(&mut bytes, wanted) {
        Ok(8) => u64::from_ne_bytes(bytes),
        // Never seen; the process number is better than nothing.
        _ => u64::from(std::process::id()) << 20,
    }
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
struct StackWork {
    stack: &'static Stack,
    wake: OwnedFd,
}

impl Work for StackWork {
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.wake.as_fd())
    }

    fn work(&self) -> Option<u64> {
        let next = self.stack.poll(now_us());
        match self.stack.with_device(Card::take_plug) {
            Some(plugged) => {
                self.stack.set_link(plugged);
                Some(now_us())
            }
            None => next,
        }
    }

    fn restarts(&self) -> bool {
        // The cable is still open under the number it was given, or its interface is opened again.
        true
    }

    fn keeps(&self) -> Option<(&'static str, bool)> {
        let plugged = self.stack.with_device(|card| card.is_plugged());
        Some((options::PULLED, !plugged))
    }
}
