//! The relay's thread: reads frames from both ends, has their fate decided, sends what has to be sent.
//!
//! ```text
//!   read ──► lock { put; let go what is due; take the queues } ──► send ──► write down ──► poll ──┐
//!    ▲                                                                                           │
//!    └───────────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Must not: hold the lock over a system call.

use core::time::Duration;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use hil_kit::wire::{End, MIN_FRAME, Origin};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SendFlags, send};

use super::batch::{Batch, Beside, lost, tell_what_is_beside};
use super::recorder::Recorder;
use super::state::State;
use super::{Shared, size};

/// How long to wait when the system has no memory for a frame: it does not say when it has some again.
const NO_BUFFERS: Duration = Duration::from_millis(1);
/// An Ethernet frame with a tag; longer ones from the host are segments that hardware was to cut.
const LONGEST: usize = 14 + 4 + 1500;

const HOST_GONE: &str = "the host's end of the cable is gone";
const TOO_LONG: &str = "a frame was dropped: too long for its end";
const TOO_SHORT: &str = "a frame was dropped: shorter than its header";
const REFUSED: &str = "a frame was dropped: its end refuses it";

/// One end as the thread sees it.
struct Port {
    end: End,
    socket: Option<OwnedFd>,
    /// A kernel speaks here, over an interface that is none of hardware.
    of_kernel: bool,
    sending: VecDeque<Arc<[u8]>>,
    /// The socket takes no more right now.
    full: bool,
    /// There is something to be read.
    ready: bool,
    /// Frames that the socket had no room for.
    lost: u32,
}

/// What went wrong outside of the lock.
struct Trouble {
    what: &'static str,
    /// It is the rig's, and makes what the case saw worthless.
    spoils: bool,
}

impl Trouble {
    const fn plain(what: &'static str) -> Self {
        let spoils = false;
        Self { what, spoils }
    }

    const fn spoils(what: &'static str) -> Self {
        let spoils = true;
        Self { what, spoils }
    }

    fn tell(self, state: &mut State) {
        if self.spoils {
            state.spoil(self.what);
        } else {
            state.trouble(self.what);
        }
    }
}

/// Relays until told to stop.
pub(super) fn run(shared: &Shared, host: OwnedFd, mut recorder: Recorder) {
    tell_what_is_beside(host.as_fd());
    let mut ports = [
        Port::new(End::Board, None),
        Port::new(End::Host, Some(host)),
    ];
    let mut batch = Batch::new();
    let mut read: Vec<(Origin, Arc<[u8]>, Beside)> = Vec::new();
    loop {
        let mut troubles: Vec<Trouble> = Vec::new();
        for port in &mut ports {
            port.read(&mut batch, &mut read, &mut troubles);
        }

        let now = Instant::now();
        let (tape, due) = {
            let mut state = shared.lock();
            if state.stop {
                let _ = recorder.write(state.take_tape());
                break;
            }
            if let Some(board) = state.take_exchange() {
                // Frames that were read from the old one a moment ago were sent before it went.
                ports[0] = Port::new(End::Board, board);
            }
            if ports[0].socket.is_none() {
                state.board_is_gone();
            }
            for (origin, bytes, beside) in read.drain(..) {
                complain(&mut state, origin, &bytes, beside);
                state.put(origin, bytes, now);
            }
            for trouble in troubles.drain(..) {
                trouble.tell(&mut state);
            }
            for port in &mut ports {
                match core::mem::take(&mut port.lost) {
                    0 => {}
                    lost => state.lost(lost),
                }
            }
            state.let_go(now);
            for port in &mut ports {
                state.left(port.end, port.sending.iter().map(|it| size(it)).sum());
                state.take_queue(port.end, &mut port.sending);
            }
            (state.take_tape(), state.next_due())
        };

        let mut retry = false;
        for port in &mut ports {
            retry |= port.send(&mut troubles);
        }
        if recorder.write(tape).is_err() {
            troubles.push(Trouble::plain("the recording cannot be written; it ends"));
        }
        for trouble in troubles {
            trouble.tell(&mut shared.lock());
        }
        wait(shared, &mut ports, due, retry);
    }
    let _ = recorder.flush();
}

/// Frames that show a mistake in the rig.
fn complain(state: &mut State, origin: Origin, bytes: &[u8], beside: Beside) {
    if beside.unfinished_checksum {
        state.spoil("a frame of the host has an unfinished checksum: an offload is on");
    }
    if origin == Origin::Sent(End::Host) && bytes.len() > LONGEST {
        state.spoil("a frame of the host is longer than the MTU: an offload is on");
    }
}

/// Waits until there is something to do.
fn wait(shared: &Shared, ports: &mut [Port; 2], due: Option<Instant>, retry: bool) {
    let now = Instant::now();
    let until_due = due.map(|due| due.saturating_duration_since(now));
    let patience = match (until_due, retry) {
        (Some(due), true) => Some(due.min(NO_BUFFERS)),
        (Some(due), false) => Some(due),
        (None, true) => Some(NO_BUFFERS),
        (None, false) => None,
    };
    let patience = patience.and_then(|it| Timespec::try_from(it).ok());
    let mut which = [false; 2];
    {
        let mut polled = Vec::with_capacity(3);
        polled.push(PollFd::new(&shared.wake, PollFlags::IN));
        for (port, which) in ports.iter().zip(&mut which) {
            if let Some(socket) = &port.socket {
                let flags = match port.full {
                    true => PollFlags::IN | PollFlags::OUT,
                    false => PollFlags::IN,
                };
                polled.push(PollFd::new(socket, flags));
                *which = true;
            }
        }
        if poll(&mut polled, patience.as_ref()).is_err() {
            // Interrupted: what is ready will be seen next time.
            return;
        }
        let mut events = polled.iter().map(PollFd::revents);
        if events.next().is_some_and(|it| !it.is_empty()) {
            shared.woken();
        }
        let events: Vec<PollFlags> = events.collect();
        let mut events = events.into_iter();
        for (port, which) in ports.iter_mut().zip(which) {
            let events = match which {
                true => events.next().unwrap_or(PollFlags::empty()),
                false => continue,
            };
            port.full &= !events.contains(PollFlags::OUT);
            port.ready = events
                .intersects(PollFlags::IN | PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL);
        }
    }
}

/// A frame as a controller would put it on the cable: filled up with zeros to the least length. A virtual interface
/// leaves that out, and there is no other controller at this end.
fn filled_up(bytes: Arc<[u8]>) -> Arc<[u8]> {
    if bytes.is_empty() || bytes.len() >= MIN_FRAME {
        return bytes;
    }
    let mut whole = [0; MIN_FRAME];
    whole[..bytes.len()].copy_from_slice(&bytes);
    Arc::from(whole)
}

impl Port {
    fn new(end: End, socket: Option<OwnedFd>) -> Self {
        let of_kernel = socket.as_ref().is_some_and(|socket| {
            rustix::net::sockopt::socket_domain(socket) == Ok(AddressFamily::PACKET)
        });
        Self {
            end,
            socket,
            of_kernel,
            sending: VecDeque::new(),
            full: false,
            ready: false,
            lost: 0,
        }
    }

    fn read(
        &mut self,
        batch: &mut Batch,
        into: &mut Vec<(Origin, Arc<[u8]>, Beside)>,
        troubles: &mut Vec<Trouble>,
    ) {
        if !core::mem::take(&mut self.ready) {
            return;
        }
        let Some(socket) = &self.socket else {
            return;
        };
        let before = into.len();
        let origin = Origin::Sent(self.end);
        let of_kernel = self.of_kernel;
        let read = batch.read(socket.as_fd(), |bytes, beside| {
            let bytes = if of_kernel { filled_up(bytes) } else { bytes };
            into.push((origin, bytes, beside));
        });
        match read {
            // Said to be ready, and nothing there: the other side has closed it.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.close_if_dead(troubles),
            Err(error) => self.failed(&error, troubles),
            // A closed socket reads as endless nothing.
            Ok(_) if into[before..].iter().all(|(_, bytes, _)| bytes.is_empty()) => {
                into.truncate(before);
                troubles.push(Trouble::plain("an empty frame was ignored"));
                self.close_if_dead(troubles);
            }
            // Only a queue that was long may have been too long.
            Ok(count) if self.of_kernel && Batch::is_full(count) => {
                self.lost += lost(socket.as_fd())
            }
            Ok(_) => {}
        }
    }

    /// Does with the socket what an error of it demands.
    fn failed(&mut self, error: &io::Error, troubles: &mut Vec<Trouble>) {
        let errno = Errno::from_io_error(error);
        match errno {
            // The interface is down, or the other side is gone for the moment: reading has taken note of it.
            Some(Errno::NETDOWN | Errno::CONNREFUSED | Errno::CONNRESET | Errno::INTR) => {
                if errno == Some(Errno::NETDOWN) {
                    troubles.push(Trouble::spoils(match self.end {
                        End::Board => "the interface that the board is behind went down",
                        End::Host => "the host's end of the cable went down",
                    }));
                }
                self.close_if_dead(troubles);
            }
            _ => self.close(troubles),
        }
    }

    /// Closes a socket that would be reported as ready for ever.
    fn close_if_dead(&mut self, troubles: &mut Vec<Trouble>) {
        let Some(socket) = &self.socket else {
            return;
        };
        let mut polled = [PollFd::new(socket, PollFlags::IN)];
        let at_once = Timespec::default();
        let dead = PollFlags::HUP | PollFlags::NVAL;
        if poll(&mut polled, Some(&at_once)).is_ok() && polled[0].revents().intersects(dead) {
            self.close(troubles);
        }
    }

    fn close(&mut self, troubles: &mut Vec<Trouble>) {
        self.socket = None;
        self.sending.clear();
        troubles.push(match self.end {
            End::Board => Trouble::plain("the board's socket was closed by the board"),
            End::Host => Trouble::spoils(HOST_GONE),
        });
    }

    /// Sends what can be sent. `true` if it should be tried again soon.
    fn send(&mut self, troubles: &mut Vec<Trouble>) -> bool {
        let Some(socket) = &self.socket else {
            if self.end == End::Host && !self.sending.is_empty() {
                troubles.push(Trouble::spoils(HOST_GONE));
            }
            self.sending.clear();
            return false;
        };
        while !self.full {
            let Some(bytes) = self.sending.front() else {
                break;
            };
            match send_one(socket.as_fd(), bytes) {
                Ok(()) => {}
                Err(Errno::AGAIN) => {
                    self.full = true;
                    break;
                }
                Err(Errno::NOBUFS | Errno::NOMEM) => return true,
                Err(Errno::INTR) => continue,
                Err(Errno::MSGSIZE) => troubles.push(Trouble::plain(TOO_LONG)),
                Err(Errno::INVAL) => troubles.push(Trouble::plain(TOO_SHORT)),
                // A board that ended refuses as well; an interface does not, unless it is gone or down.
                Err(_) if self.of_kernel => troubles.push(Trouble::spoils(REFUSED)),
                Err(_) => troubles.push(Trouble::plain(REFUSED)),
            }
            self.sending.pop_front();
        }
        false
    }
}

fn send_one(socket: BorrowedFd<'_>, bytes: &[u8]) -> Result<(), Errno> {
    send(socket, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL).map(drop)
}
