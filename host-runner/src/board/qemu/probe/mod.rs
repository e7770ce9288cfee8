//! A debug probe in front of the emulated board: a program that speaks the network protocol of Black Magic probes, so
//! that stock clients open it like any other (`1d50:6018:127.0.0.1:PORT`).
//!
//! Memory is read and written while the core runs; run control goes through QEMU's stub for debuggers. One thread
//! does all of it. Nothing outside this directory knows that the probe is a program.
//! Must not: know what the firmware is, or what the client wants with it.

mod algorithm;
mod base64;
mod chip;
mod cpu;
mod dap;
mod debug;
mod description;
mod error;
mod events;
mod gdb;
mod memory;
mod qtest;
mod ram;
mod registers;
mod remote;
mod server;
mod swd;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::sync::mpsc as requests;

use self::chip::{Chip, Kind};
use self::cpu::Core;
use self::error::Trouble;
use self::events::Events;
use self::gdb::Gdb;
use self::memory::Memory;
use self::qtest::Qtest;
use self::ram::SharedRam;
use self::server::Clients;
use crate::link::rtt::{Attachment, DebugProtocol};

/// Vendor and product of the probes whose protocol it is.
const MODEL: &str = "1d50:6018";

/// Name of the file that describes the chip.
const DESCRIPTION: &str = "chip.yaml";

/// Whether a machine of QEMU's can have a probe; else the names of those that can.
pub(super) fn check_machine(machine: &str) -> Result<(), String> {
    match Chip::of_machine(machine) {
        Some(_) => Ok(()),
        None => Err(format!(
            "the machine {machine} has no emulated debug probe; those that have: {}",
            Chip::names()
        )),
    }
}

/// The probe's ends of what connects it with an emulator that is to be started.
#[derive(Debug)]
pub(super) struct Ours {
    chip: Chip,
    gdb: UnixStream,
    door: UnixStream,
    events: UnixStream,
    ram: Arc<SharedRam>,
}

/// The emulator's ends.
#[derive(Debug)]
pub(super) struct Theirs {
    /// For the stub for debuggers.
    pub(super) gdb: OwnedFd,
    /// For the side door.
    pub(super) door: OwnedFd,
    /// For a monitor.
    pub(super) events: OwnedFd,
    /// The memory to be used.
    pub(super) ram: OwnedFd,
    /// Its size in bytes.
    pub(super) ram_size: usize,
}

/// Makes both ends, for a machine that [`check_machine`] knows.
pub(super) fn connect(machine: &str) -> io::Result<(Ours, Theirs)> {
    let chip = Chip::of_machine(machine)
        .ok_or_else(|| io::Error::other("there is no probe for this machine"))?;
    let ram = SharedRam::new(chip.region(Kind::Shared).size as usize)?;
    ends(chip, Arc::new(ram))
}

fn ends(chip: Chip, ram: Arc<SharedRam>) -> io::Result<(Ours, Theirs)> {
    let (gdb, their_gdb) = UnixStream::pair()?;
    let (door, their_door) = UnixStream::pair()?;
    let (events, their_events) = UnixStream::pair()?;
    let theirs = Theirs {
        gdb: their_gdb.into(),
        door: their_door.into(),
        events: their_events.into(),
        ram: ram.descriptor()?,
        ram_size: ram.len(),
    };
    let ours = Ours {
        chip,
        gdb,
        door,
        events,
        ram,
    };
    Ok((ours, theirs))
}

/// How long the probe waits for another machine, when one is promised.
const REPLACEMENT_PATIENCE: Duration = Duration::from_secs(10);

/// The wish for another machine in place of one that has ended.
#[derive(Debug)]
pub(super) struct Replacement {
    chip: Chip,
    ram: Arc<SharedRam>,
    // If it is dropped without a machine, the probe ends.
    machine: mpsc::Sender<Ours>,
}

impl Replacement {
    /// Both ends for a machine that goes on with the memory of the one that has ended.
    pub(super) fn connect(&self) -> io::Result<(Ours, Theirs)> {
        ends(self.chip, Arc::clone(&self.ram))
    }

    /// Hands over the machine, which has not run yet.
    pub(super) fn hand_over(self, ours: Ours) {
        // The probe may have been told to end meanwhile.
        let _ = self.machine.send(ours);
    }
}

/// A probe that is served. It ends with the emulator behind it, or when it is dropped.
#[derive(Debug)]
pub(crate) struct VirtualProbe {
    attachment: Attachment,
    uart: PathBuf,
    // Closing it tells the thread to end.
    _stop: UnixStream,
}

impl VirtualProbe {
    /// Takes over the machine, which has not run yet, lets it run, and opens a port. When the machine ends, it asks
    /// `replacements` for another one if they are given. Blocks; every wait has a bound.
    pub(super) fn open(
        ours: Ours,
        replacements: Option<requests::Sender<Replacement>>,
        run_dir: &Path,
        uart: PathBuf,
    ) -> Result<Self, String> {
        let description = run_dir.join(DESCRIPTION);
        let chip = ours.chip;
        std::fs::write(&description, description::of(&chip))
            .map_err(|error| format!("{}: {error}", description.display()))?;
        let core = take_over(ours, None).map_err(|trouble| trouble.to_string())?;
        let network = |error: io::Error| format!("the probe's port: {error}");
        let listener = bind().map_err(network)?;
        let address = listener.local_addr().map_err(network)?;
        let (stop, told) = UnixStream::pair().map_err(network)?;
        let told = OwnedFd::from(told);
        std::thread::Builder::new()
            .name("debug-probe".into())
            .spawn(move || serve(&listener, core, &told, replacements.as_ref()))
            .map_err(network)?;
        Ok(Self {
            attachment: attachment(address, &chip, description),
            uart,
            _stop: stop,
        })
    }

    /// How clients name it and the chip behind it.
    pub(crate) fn attachment(&self) -> Attachment {
        self.attachment.clone()
    }

    /// The board is another one now, with another terminal.
    pub(super) fn moved_to(&mut self, uart: PathBuf) {
        self.uart = uart;
    }

    /// The pseudo-terminal behind the board's UART0.
    pub(crate) fn uart(&self) -> &Path {
        &self.uart
    }
}

/// A port of this machine that nobody outside can reach.
fn bind() -> io::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    // A client that leaves between the announcement and the call would hold up the others.
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn attachment(address: SocketAddr, chip: &Chip, description: PathBuf) -> Attachment {
    Attachment {
        probe: Some(format!("{MODEL}:{address}")),
        chip: Some(chip.name.to_owned()),
        chip_description: Some(description),
        speed_khz: None,
        protocol: Some(DebugProtocol::Swd),
        connect_under_reset: false,
    }
}

/// Serves one machine, and those that replace it.
fn serve(
    listener: &TcpListener,
    mut core: Core,
    stop: &OwnedFd,
    replacements: Option<&requests::Sender<Replacement>>,
) {
    let mut clients = Clients::default();
    // Whoever has the emulator sees by itself that and how it has ended.
    while server::serve(&mut clients, listener, &mut core, stop).is_some() {
        let Some(other) = replacements.and_then(|wishes| replacement(&core, wishes)) else {
            break;
        };
        core = other;
    }
}

fn replacement(core: &Core, wishes: &requests::Sender<Replacement>) -> Option<Core> {
    let (machine, coming) = mpsc::channel();
    let wish = Replacement {
        chip: *core.chip(),
        ram: core.shared_ram(),
        machine,
    };
    wishes.blocking_send(wish).ok()?;
    let ours = coming.recv_timeout(REPLACEMENT_PATIENCE).ok()?;
    take_over(ours, Some(core)).ok()
}

/// Takes over a machine; in place of another one, whose core has locked up, if there was one.
fn take_over(ours: Ours, before: Option<&Core>) -> Result<Core, Trouble> {
    let door = Qtest::new(ours.door)?;
    let memory = Memory::new(ours.chip, door, ours.ram);
    let events = Events::new(ours.events)?;
    let gdb = Gdb::new(ours.gdb)?;
    match before {
        None => Core::take_over(gdb, events, memory),
        Some(before) => before.replace(gdb, events, memory),
    }
}

#[cfg(test)]
mod tests;
