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

use self::chip::{Chip, Kind};
use self::cpu::Core;
use self::error::Trouble;
use self::events::Events;
use self::gdb::Gdb;
use self::memory::Memory;
use self::qtest::Qtest;
use self::ram::SharedRam;
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
    ram: SharedRam,
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

/// Makes both ends.
pub(super) fn connect(machine: &str) -> io::Result<(Ours, Theirs)> {
    let chip = Chip::of_machine(machine)
        .ok_or_else(|| io::Error::other("there is no probe for this machine"))?;
    let ram = SharedRam::new(chip.region(Kind::Shared).size as usize)?;
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

/// A probe that is served. It ends with the emulator behind it, or when it is dropped.
#[derive(Debug)]
pub(crate) struct VirtualProbe {
    attachment: Attachment,
    uart: PathBuf,
    // Closing it tells the thread to end.
    _stop: UnixStream,
}

impl VirtualProbe {
    /// Takes over the machine, which has not run yet, lets it run, and opens a port. Blocks; every wait has a bound.
    pub(super) fn open(
        ours: Ours,
        listener: Option<TcpListener>,
        run_dir: &Path,
        uart: PathBuf,
    ) -> Result<Self, String> {
        let description = run_dir.join(DESCRIPTION);
        let chip = ours.chip;
        std::fs::write(&description, description::of(&chip))
            .map_err(|error| format!("{}: {error}", description.display()))?;
        let mut core = take_over(ours).map_err(|trouble| trouble.to_string())?;
        let network = |error: io::Error| format!("the probe's port: {error}");
        let listener = match listener {
            Some(listener) => listener,
            None => bind().map_err(network)?,
        };
        let address = listener.local_addr().map_err(network)?;
        let (stop, told) = UnixStream::pair().map_err(network)?;
        let told = OwnedFd::from(told);
        std::thread::Builder::new()
            .name("debug-probe".into())
            .spawn(move || {
                // Whoever has the emulator sees by itself that that is gone.
                let _ = server::serve(&listener, &mut core, &told);
            })
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

    /// The pseudo-terminal behind the board's UART0.
    pub(crate) fn uart(&self) -> &Path {
        &self.uart
    }
}

/// A port of this machine that nobody outside can reach.
pub(super) fn bind() -> io::Result<TcpListener> {
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

fn take_over(ours: Ours) -> Result<Core, Trouble> {
    let door = Qtest::new(ours.door)?;
    let memory = Memory::new(ours.chip, door, ours.ram);
    let events = Events::new(ours.events)?;
    let gdb = Gdb::new(ours.gdb)?;
    Core::take_over(gdb, events, memory)
}

#[cfg(test)]
mod tests;
