//! The emulated core as a debugger sees it: halt, run, step, registers, breakpoints, vector catch, reset.
//!
//! QEMU has no debug unit, and knows breakpoint instructions only as faults. So the unit is kept here, and the stub
//! for debuggers is told to stop where a real core would.

mod special;

use core::time::Duration;
use std::collections::BTreeSet;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use super::chip::{Chip, Kind};
use super::debug::{self, DebugUnit, Wish, cause, control, status};
use super::error::Trouble;
use super::events::Events;
use super::gdb::{Gdb, Stop};
use super::memory::{Memory, width};
use super::qtest::Width;
use super::ram::SharedRam;
use super::registers::{self, Place};

/// How long a step may take, for one attempt after another: it waits for an interrupt, or the emulator has not had a
/// processor to run on.
const STEP_PATIENCE: [Duration; 3] = [
    Duration::from_millis(5),
    Duration::from_millis(50),
    Duration::from_millis(500),
];

/// `BKPT 0xAB`, the call of semihosting.
const SEMIHOSTING: [u8; 2] = 0xbeab_u16.to_le_bytes();

/// How much code is looked through at once for calls of semihosting.
const SCAN: usize = 64 << 10;

/// `WFI`
const WAIT: u16 = 0xbf30;

/// Interrupt control and state: sets, tells and clears that PendSV is pending.
const ICSR: u32 = 0xe000_ed04;
const PEND: u32 = 1 << 28;
const UNPEND: u32 = 1 << 27;

/// The exception HardFault: its number, and the place of its vector.
const HARD_FAULT: u32 = 3;

/// A program for an empty board: it sleeps. Without one, the emulator would end itself when the core starts.
const SLEEPER: [u32; 19] = {
    let mut words = [0x45; 19];
    // The stack, then the vectors of the 15 exceptions.
    words[0] = 0x2000_1000;
    words[16] = 0;
    // wfi; b .-2
    words[17] = 0xe7fd_bf30;
    words[18] = 0;
    words
};

/// What the core does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running,
    Halted,
    /// It has nothing to execute: a real one would be locked up, the emulator would end.
    LockedUp,
}

/// A machine with its core.
#[derive(Debug)]
pub(super) struct Core {
    gdb: Gdb,
    events: Events,
    memory: Memory,
    unit: DebugUnit,
    state: State,
    held_in_reset: bool,
    /// It was stopped in the middle of waiting for an interrupt.
    asleep: bool,
    /// Breakpoints that the stub has.
    set: BTreeSet<u32>,
    /// Calls of semihosting in the code.
    calls: BTreeSet<u32>,
    /// The code may be another one than the one that was looked through.
    unread: bool,
    /// Breakpoint instruction that the function at work will return to.
    return_trap: Option<u32>,
}

impl Core {
    /// Takes over a machine that has not run yet, puts a program into its memory and starts it.
    pub(super) fn take_over(gdb: Gdb, events: Events, memory: Memory) -> Result<Self, Trouble> {
        let mut core = Self::at_first(gdb, events, memory, DebugUnit::default())?;
        core.resume()?;
        Ok(core)
    }

    /// Takes over a machine that replaces one whose core has locked up: so it seems until the next reset.
    pub(super) fn replace(
        &self,
        gdb: Gdb,
        events: Events,
        memory: Memory,
    ) -> Result<Self, Trouble> {
        let mut core = Self::at_first(gdb, events, memory, self.unit)?;
        core.state = State::LockedUp;
        Ok(core)
    }

    /// A machine at the start of the program of empty boards.
    fn at_first(
        gdb: Gdb,
        events: Events,
        memory: Memory,
        unit: DebugUnit,
    ) -> Result<Self, Trouble> {
        let mut core = Self {
            gdb,
            events,
            memory,
            unit,
            state: State::Halted,
            held_in_reset: false,
            asleep: false,
            set: BTreeSet::new(),
            calls: BTreeSet::new(),
            unread: true,
            return_trap: None,
        };
        let flash = core.memory.chip().region(Kind::Flash).start;
        let sleeper: Vec<u8> = SLEEPER.iter().flat_map(|word| word.to_le_bytes()).collect();
        core.memory.write(flash, &sleeper, false)?;
        core.events.reset()?;
        Ok(core)
    }

    /// Which chip it is of.
    pub(super) const fn chip(&self) -> &Chip {
        self.memory.chip()
    }

    /// The memory that outlives the emulator.
    pub(super) fn shared_ram(&self) -> Arc<SharedRam> {
        self.memory.shared()
    }

    /// For waiting on: whenever one of these can be read, [`Self::poll`] has something to do.
    pub(super) const fn streams(&self) -> [&UnixStream; 3] {
        [
            self.gdb.stream(),
            self.events.stream(),
            self.memory.door().stream(),
        ]
    }

    /// Notices what has happened without being asked for.
    pub(super) fn poll(&mut self) -> Result<(), Trouble> {
        if self.events.drain()? {
            self.unit.sticky |= status::RESET;
            if self.unit.catches_reset() {
                self.reset()?;
            }
        }
        match self.gdb.has_stopped()? {
            Some(stop) if self.state == State::Running => self.stopped(stop),
            _ => Ok(()),
        }
    }

    /// Reads memory or registers, as wide as address and length allow.
    pub(super) fn read(&mut self, address: u32, data: &mut [u8]) -> Result<(), Trouble> {
        let (region, _) = self.memory.region(address, data.len())?;
        if region.kind != Kind::Registers {
            return self.memory.read(address, data);
        }
        let mut at = address;
        let mut rest = data;
        while !rest.is_empty() {
            let width = widest(at, rest.len());
            let (now, later) = rest.split_at_mut(width as usize);
            let value = self.read_register(width, at)?;
            now.copy_from_slice(&value.to_le_bytes()[..width as usize]);
            at += width as u32;
            rest = later;
        }
        Ok(())
    }

    /// Writes memory or registers by accesses of at most `unit` bytes.
    pub(super) fn write(&mut self, address: u32, data: &[u8], unit: usize) -> Result<(), Trouble> {
        let (region, _) = self.memory.region(address, data.len())?;
        match region.kind {
            Kind::Registers => {}
            kind => {
                self.unread |= kind == Kind::Flash;
                let running = self.state == State::Running;
                return self.memory.write(address, data, running);
            }
        }
        let mut at = address;
        let mut rest = data;
        while !rest.is_empty() {
            let width = widest(at, rest.len().min(unit.max(1)));
            let (now, later) = rest.split_at(width as usize);
            let mut value = [0; 4];
            value[..now.len()].copy_from_slice(now);
            self.write_register(width, at, u32::from_le_bytes(value))?;
            at += width as u32;
            rest = later;
        }
        Ok(())
    }

    fn read_register(&mut self, width: Width, address: u32) -> Result<u32, Trouble> {
        if width == Width::Word {
            if address == debug::DHCSR {
                return self.status();
            }
            if let Some(value) = self.unit.read(address) {
                return Ok(value);
            }
        }
        self.memory.read_register(width, address)
    }

    fn write_register(&mut self, width: Width, address: u32, value: u32) -> Result<(), Trouble> {
        let wish = match width {
            Width::Word => self.unit.write(address, value),
            Width::Half | Width::Byte => Wish::NotMine,
        };
        match wish {
            Wish::Nothing => Ok(()),
            Wish::Breakpoints => self.breakpoints_changed(),
            Wish::Control(bits) => self.control(bits),
            Wish::Transfer { register, write } => self.transfer(register, write),
            Wish::Reset => self.reset(),
            Wish::NotMine => self.memory.write_register(width, address, value),
        }
    }

    /// DHCSR.
    fn status(&mut self) -> Result<u32, Trouble> {
        self.poll()?;
        let state = match self.state {
            State::Running => status::RETIRE,
            State::Halted => status::HALT,
            State::LockedUp => status::LOCKUP,
        };
        let value = self.unit.control | status::REGRDY | self.unit.sticky | state;
        self.unit.sticky = 0;
        Ok(value)
    }

    fn control(&mut self, bits: u32) -> Result<(), Trouble> {
        self.poll()?;
        self.unit.control = bits;
        if self.held_in_reset {
            return Ok(());
        }
        if bits & control::DEBUGEN == 0 {
            self.unit.control = 0;
            return self.resume();
        }
        if bits & control::HALT != 0 {
            return self.halt();
        }
        if bits & control::STEP != 0 {
            return self.step();
        }
        self.resume()
    }

    fn halt(&mut self) -> Result<(), Trouble> {
        match self.state {
            State::Running => {
                let stop = self.gdb.interrupt()?;
                self.stopped(stop)
            }
            State::LockedUp => {
                self.halted(cause::HALTED);
                Ok(())
            }
            State::Halted => Ok(()),
        }
    }

    fn resume(&mut self) -> Result<(), Trouble> {
        if self.state == State::Running || self.held_in_reset {
            return Ok(());
        }
        let counter = self.register(registers::PC)? as u32;
        if !self.memory.chip().is_executable(counter) {
            self.state = State::LockedUp;
            return Ok(());
        }
        if self.unit.is_enabled() {
            if is_breakpoint(self.memory.instruction(counter)?) {
                self.halted(cause::BKPT);
                return Ok(());
            }
            self.find_traps(counter)?;
        }
        self.set_breakpoints()?;
        self.unit.control &= !(control::HALT | control::STEP);
        self.unit.sticky |= status::RETIRE;
        self.state = State::Running;
        self.gdb.resume()
    }

    fn step(&mut self) -> Result<(), Trouble> {
        if self.state != State::Halted {
            return Ok(());
        }
        let counter = self.register(registers::PC)? as u32;
        if !self.memory.chip().is_executable(counter) {
            self.state = State::LockedUp;
            return Ok(());
        }
        if is_breakpoint(self.memory.instruction(counter)?) {
            self.halted(cause::BKPT);
            return Ok(());
        }
        self.step_awake()?;
        self.unit.sticky |= status::RETIRE;
        self.unit.control &= !control::STEP;
        self.halted(cause::HALTED);
        Ok(())
    }

    /// One instruction. Of a core that sleeps, or is about to, the debugger's stop has ended the sleep; but the
    /// emulated one would sleep on. It does not while an interrupt is pending, which is not taken during a step.
    fn step_awake(&mut self) -> Result<(), Trouble> {
        let counter = self.register(registers::PC)? as u32;
        let sleepy = self.asleep || self.memory.instruction(counter).ok() == Some(WAIT);
        let pending = sleepy && self.memory.word_of_register(ICSR)? & PEND != 0;
        if sleepy && !pending {
            self.memory.write_register(Width::Word, ICSR, PEND)?;
        }
        let stepped = self.step_from(counter);
        if sleepy && !pending {
            self.memory.write_register(Width::Word, ICSR, UNPEND)?;
        }
        self.asleep = false;
        stepped
    }

    /// Clients take a step that leads nowhere for a breakpoint instruction, and skip it: so it must have been done.
    fn step_from(&mut self, counter: u32) -> Result<(), Trouble> {
        for patience in STEP_PATIENCE {
            let stop = self.gdb.step(patience)?;
            if stop == Stop::Trap || self.register(registers::PC)? as u32 != counter {
                return Ok(());
            }
        }
        // It sleeps, and what it does is too urgent to be woken.
        Ok(())
    }

    fn halted(&mut self, cause: u32) {
        self.state = State::Halted;
        self.unit.control |= control::HALT;
        self.unit.cause |= cause;
    }

    /// The stub has stopped the core.
    fn stopped(&mut self, stop: Stop) -> Result<(), Trouble> {
        self.state = State::Halted;
        let counter = self.register(registers::PC)? as u32;
        self.asleep = false;
        let cause = match stop {
            Stop::Asked => {
                let last = self.memory.instruction(counter.wrapping_sub(2));
                self.asleep = last.ok() == Some(WAIT);
                cause::HALTED
            }
            Stop::Trap => {
                let exception = self.register(registers::XPSR)? as u32 & 0x1ff;
                let own = self.unit.breakpoints().any(|address| address == counter);
                let trap = self.memory.instruction(counter).is_ok_and(is_breakpoint);
                if own || trap {
                    cause::BKPT
                } else if exception == HARD_FAULT {
                    cause::VCATCH
                } else {
                    // The handler of HardFault is somebody else's too.
                    self.step_awake()?;
                    return self.resume();
                }
            }
        };
        self.halted(cause);
        self.return_trap = None;
        Ok(())
    }

    /// Resets the chip and lets it go, or catches it at its first instruction.
    pub(super) fn reset(&mut self) -> Result<(), Trouble> {
        if self.state == State::Running {
            self.gdb.interrupt()?;
        }
        self.state = State::Halted;
        self.events.reset()?;
        self.return_trap = None;
        self.asleep = false;
        self.unit.sticky |= status::RESET;
        if self.unit.catches_reset() {
            // A client that holds the chip in reset asks for this before it enables debugging.
            self.unit.control |= control::DEBUGEN;
            self.halted(cause::VCATCH);
            return Ok(());
        }
        self.unit.control &= !(control::HALT | control::STEP);
        self.resume()
    }

    /// Holds the chip in reset, or lets it go.
    pub(super) fn hold_in_reset(&mut self, hold: bool) -> Result<(), Trouble> {
        if hold == self.held_in_reset {
            return Ok(());
        }
        if hold && self.state == State::Running {
            self.gdb.interrupt()?;
            self.state = State::Halted;
        }
        self.held_in_reset = hold;
        if hold { Ok(()) } else { self.reset() }
    }

    /// The debugger is gone: the core runs on as if there had never been one.
    pub(super) fn let_go(&mut self) -> Result<(), Trouble> {
        self.unit.forget();
        self.return_trap = None;
        if self.held_in_reset {
            return self.hold_in_reset(false);
        }
        if self.state == State::Running {
            return self.breakpoints_changed();
        }
        self.resume()
    }

    fn transfer(&mut self, register: u8, write: bool) -> Result<(), Trouble> {
        if self.state != State::Halted {
            return Ok(());
        }
        let value = self.unit.data;
        match (write, special::is_special(register)) {
            (true, true) => self.write_special(register, value),
            (true, false) => registers::write(&mut self.gdb, register, value),
            (false, true) => {
                self.unit.data = self.read_special(register)?;
                Ok(())
            }
            (false, false) => {
                self.unit.data = registers::read(&mut self.gdb, register)?;
                Ok(())
            }
        }
    }

    fn register(&mut self, place: Place) -> Result<u64, Trouble> {
        self.gdb.register(place.number())
    }

    /// Finds the breakpoint instructions that the core may meet.
    fn find_traps(&mut self, counter: u32) -> Result<(), Trouble> {
        // A flash algorithm calls nothing else, and writes code.
        let in_flash = self
            .memory
            .chip()
            .region(Kind::Flash)
            .offset(counter)
            .is_some();
        if !in_flash {
            self.unread = true;
        } else if self.unread {
            self.calls = self.find_calls()?;
            self.unread = false;
        }
        let back = self.register(registers::LR)? as u32 & !1;
        let is_code = self.memory.chip().is_executable(back);
        self.return_trap =
            (is_code && is_breakpoint(self.memory.instruction(back)?)).then_some(back);
        Ok(())
    }

    /// Looks through the code, up to where nothing was programmed.
    fn find_calls(&mut self) -> Result<BTreeSet<u32>, Trouble> {
        let flash = self.memory.chip().region(Kind::Flash);
        let mut calls = BTreeSet::new();
        let mut piece = vec![0; SCAN];
        for offset in (0..flash.size).step_by(SCAN) {
            self.memory.read(flash.start + offset, &mut piece)?;
            if piece.iter().all(|byte| *byte == piece[0]) {
                break;
            }
            let found = piece
                .chunks_exact(2)
                .enumerate()
                .filter(|(_, half)| *half == SEMIHOSTING)
                .map(|(index, _)| flash.start + offset + 2 * index as u32);
            calls.extend(found);
        }
        Ok(calls)
    }

    /// A core that runs gets its new breakpoints by a stop that nobody sees.
    fn breakpoints_changed(&mut self) -> Result<(), Trouble> {
        if self.state != State::Running || self.wanted_breakpoints()? == self.set {
            return Ok(());
        }
        match self.gdb.interrupt()? {
            Stop::Trap => self.stopped(Stop::Trap),
            Stop::Asked => {
                self.set_breakpoints()?;
                self.gdb.resume()
            }
        }
    }

    fn wanted_breakpoints(&mut self) -> Result<BTreeSet<u32>, Trouble> {
        if !self.unit.is_enabled() {
            return Ok(BTreeSet::new());
        }
        let mut wanted: BTreeSet<u32> = self.unit.breakpoints().collect();
        wanted.extend(&self.calls);
        wanted.extend(self.return_trap);
        if self.unit.catches_hard_faults() {
            let vectors = self.memory.read_register(Width::Word, debug::VTOR)?;
            if let Ok(handler) = self.memory.word(vectors.wrapping_add(4 * HARD_FAULT)) {
                wanted.insert(handler & !1);
            }
        }
        Ok(wanted)
    }

    fn set_breakpoints(&mut self) -> Result<(), Trouble> {
        let wanted = self.wanted_breakpoints()?;
        for old in self.set.difference(&wanted) {
            self.gdb.clear_breakpoint(*old)?;
        }
        for new in wanted.difference(&self.set) {
            self.gdb.set_breakpoint(*new)?;
        }
        self.set = wanted;
        Ok(())
    }
}

/// The widest access that fits.
const fn widest(address: u32, length: usize) -> Width {
    match (width(address, 4), width(address, 2)) {
        (Some(word), _) if length >= 4 => word,
        (_, Some(half)) if length >= 2 => half,
        _ => Width::Byte,
    }
}

/// `BKPT`, with any number.
const fn is_breakpoint(instruction: u16) -> bool {
    instruction >> 8 == 0xbe
}
