//! The probe on the network: one client at a time, its requests one after another.
//!
//! Must not: wait for anything without a bound.

use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::cpu::Core;
use super::dap::{Dap, MEMORY_PORT};
use super::error::Trouble;
use super::remote::{Answer, Framer, Request};
use super::swd::Wire;

/// What the probe calls itself.
const NAME: &str = "emulated probe";

/// Version of the protocol: with 64-bit addresses, and a request for accelerators.
const VERSION: u64 = 4;

/// Accelerators: ADIv5.
const ACCELERATORS: u64 = 1;

/// The clock it claims, in kHz.
const SPEED_KHZ: u64 = 4000;

/// How long a client may not take its answers.
const WRITE_PATIENCE: Duration = Duration::from_secs(2);

/// How long a second client waits for the first to go: one that ends and one that begins may overlap.
const SUCCESSION: Duration = Duration::from_millis(500);

/// A client and what it has done to the probe.
#[derive(Debug)]
struct Client {
    stream: TcpStream,
    framer: Framer,
    wire: Wire,
    dap: Dap,
}

/// Whoever is connected. Outlives the machine, if that is replaced.
#[derive(Debug, Default)]
pub(super) struct Clients {
    client: Option<Client>,
    // Who, and until when.
    waiting: Option<(TcpStream, Instant)>,
}

/// Serves until told to stop (`stop` is readable or closed), or until the machine is gone: then says why.
pub(super) fn serve(
    clients: &mut Clients,
    listener: &TcpListener,
    core: &mut Core,
    stop: &OwnedFd,
) -> Option<Trouble> {
    let mut served = Served { core, clients };
    loop {
        match served.turn(listener, stop) {
            Ok(true) => {}
            Ok(false) => return None,
            Err(trouble) => return Some(trouble),
        }
    }
}

struct Served<'s> {
    core: &'s mut Core,
    clients: &'s mut Clients,
}

impl Served<'_> {
    /// Waits for something and deals with it. False when it is over.
    fn turn(&mut self, listener: &TcpListener, stop: &OwnedFd) -> Result<bool, Trouble> {
        let ready = self.wait(listener, stop)?;
        if ready.stop {
            return Ok(false);
        }
        if ready.core {
            match self.core.poll() {
                Err(trouble) if trouble.is_end() => return Err(trouble),
                _ => {}
            }
        }
        if ready.client {
            self.serve_client()?;
        }
        if ready.listener
            && let Ok((stream, _)) = listener.accept()
        {
            // A third one is refused.
            if self.clients.waiting.is_none() {
                self.clients.waiting = Some((stream, Instant::now() + SUCCESSION));
            }
        }
        if let Some((stream, until)) = self.clients.waiting.take() {
            if self.clients.client.is_none() {
                self.clients.client = Client::new(stream).ok();
            } else if Instant::now() < until {
                self.clients.waiting = Some((stream, until));
            }
        }
        Ok(true)
    }

    fn wait(&self, listener: &TcpListener, stop: &OwnedFd) -> Result<Ready, Trouble> {
        let mut waits = vec![
            PollFd::new(stop, PollFlags::IN),
            PollFd::new(listener, PollFlags::IN),
        ];
        let streams = self.core.streams();
        waits.extend(
            streams
                .iter()
                .map(|stream| PollFd::new(*stream, PollFlags::IN)),
        );
        if let Some(client) = &self.clients.client {
            waits.push(PollFd::from_borrowed_fd(
                client.stream.as_fd(),
                PollFlags::IN,
            ));
        }
        let timeout = self.clients.waiting.as_ref().map(|(_, until)| {
            let left = until.saturating_duration_since(Instant::now());
            Timespec {
                tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            }
        });
        match poll(&mut waits, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Trouble::Gone(error.into())),
        }
        let is = |index: usize| {
            waits
                .get(index)
                .is_some_and(|wait| !wait.revents().is_empty())
        };
        Ok(Ready {
            stop: is(0),
            listener: is(1),
            core: is(2) || is(3) || is(4),
            client: is(5),
        })
    }

    /// Answers what the client has sent; it may have gone.
    fn serve_client(&mut self) -> Result<(), Trouble> {
        let Some(client) = &mut self.clients.client else {
            return Ok(());
        };
        let mut buffer = [0; 4096];
        let requests = match client.stream.read(&mut buffer) {
            Ok(0) => return self.lose_client(),
            Ok(read) => client.framer.push(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(_) => return self.lose_client(),
        };
        for request in requests {
            let answered = client.answer(self.core, request);
            let (answer, end) = match answered {
                Ok(answer) => (answer, None),
                Err(trouble) if trouble.is_end() => (Answer::Failed, Some(trouble)),
                Err(_) => (Answer::Failed, None),
            };
            if client.stream.write_all(&answer.to_bytes()).is_err() {
                self.lose_client()?;
                return end.map_or(Ok(()), Err);
            }
            if let Some(end) = end {
                return Err(end);
            }
        }
        Ok(())
    }

    fn lose_client(&mut self) -> Result<(), Trouble> {
        self.clients.client = None;
        match self.core.let_go() {
            Err(trouble) if trouble.is_end() => Err(trouble),
            _ => Ok(()),
        }
    }
}

/// What can be read.
struct Ready {
    stop: bool,
    listener: bool,
    core: bool,
    client: bool,
}

impl Client {
    fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(false)?;
        stream.set_write_timeout(Some(WRITE_PATIENCE))?;
        // It is read only when there is something; this is a second line of defence.
        stream.set_read_timeout(Some(WRITE_PATIENCE))?;
        Ok(Self {
            stream,
            framer: Framer::default(),
            wire: Wire::default(),
            dap: Dap::default(),
        })
    }

    fn answer(&mut self, core: &mut Core, request: Request) -> Result<Answer, Trouble> {
        Ok(match request {
            Request::Handshake => Answer::Text(NAME.to_owned()),
            Request::Version => Answer::Number(VERSION),
            Request::Accelerators => Answer::Number(ACCELERATORS),
            Request::Speed => Answer::Number(SPEED_KHZ),
            Request::Voltage | Request::SetSpeed | Request::Nothing => Answer::Done,
            Request::ResetLine { assert } => {
                core.hold_in_reset(assert)?;
                Answer::Done
            }
            Request::SwdOut { bits, count } => {
                self.wire.take(bits, count, &mut self.dap);
                Answer::Done
            }
            Request::SwdIn { count } => Answer::Number(self.wire.give(count).into()),
            Request::DpRead { register } => Answer::Register(self.dap.read_dp(register)),
            Request::DpWrite { register, value } => {
                self.dap.write_dp(register, value);
                Answer::Done
            }
            Request::ApRead { port, register } => {
                Answer::Register(self.dap.read_ap(port, register))
            }
            Request::ApWrite {
                port,
                register,
                value,
            } => {
                self.dap.write_ap(port, register, value);
                Answer::Done
            }
            Request::MemoryRead {
                port,
                address,
                length,
            } => {
                let address = there(port, address)?;
                let mut data = vec![0; length];
                core.read(address, &mut data)?;
                Answer::Bytes(data)
            }
            Request::MemoryWrite {
                port,
                align,
                address,
                data,
            } => {
                core.write(there(port, address)?, &data, 1 << align)?;
                Answer::Done
            }
            Request::Unsupported => Answer::Unsupported,
            Request::Malformed => Answer::BadParameter,
        })
    }
}

/// Memory hangs on one access port, and has addresses of 32 bits.
fn there(port: u8, address: u64) -> Result<u32, Trouble> {
    if port != MEMORY_PORT {
        return Err(Trouble::Fault);
    }
    u32::try_from(address).map_err(|_| Trouble::Fault)
}
