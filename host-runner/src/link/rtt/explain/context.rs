//! The state of a halted core: registers now and, inside of an exception, those it had before; fault registers.
//!
//! Must not: know of images, except where the stack ends.

use probe_rs::{Core, MemoryInterface as _, RegisterId};

use crate::event::{CrashReport, Frame};
use crate::fault::FaultRegisters;
use crate::symbols::Symbols;

/// Registers of the system control block (Armv7-M Architecture Reference Manual, B3.2.2 and C1.6.2).
const CFSR: u64 = 0xe000_ed28;
const HFSR: u64 = 0xe000_ed2c;
const MMFAR: u64 = 0xe000_ed34;
const BFAR: u64 = 0xe000_ed38;
const DHCSR: u64 = 0xe000_edf0;
/// The core has locked up.
const S_LOCKUP: u32 = 1 << 19;

/// Numbers of the core registers (DCRSR).
const SP: usize = 13;
const LR: usize = 14;
const PC: usize = 15;
const XPSR: usize = 16;
const NAMES: [&str; 17] = [
    "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "sp", "lr",
    "pc", "xpsr",
];

/// Numbers of exceptions (IPSR).
const HARD_FAULT: u32 = 3;
const USAGE_FAULT: u32 = 6;
const SECURE_FAULT: u32 = 7;

/// The end of the stack as cortex-m-rt calls it, and as others do.
const STACK_TOP: [&str; 4] = ["_stack_start", "__StackTop", "_estack", "__stack_top"];
/// How much of a stack is looked at, in words.
const STACK_WORDS: usize = 4096;
/// How far below its memory a stack may have run.
const BELOW: u32 = 64 * 1024;

/// The state.
pub(super) struct Context {
    /// The core as it stands.
    now: [Option<u32>; 17],
    /// As it was when the exception came that it handles, where its registers were saved.
    before: Option<[Option<u32>; 17]>,
    fault: FaultRegisters,
    locked_up: bool,
    /// Where it stands.
    pub(super) pc: u32,
    /// What it returns to.
    pub(super) lr: Option<u32>,
    /// First argument of the function at whose entry it stands.
    pub(super) r0: u32,
    /// The instruction it was at before the exception, or is at.
    pub(super) place: Option<u32>,
}

impl Context {
    pub(super) fn read(core: &mut Core<'_>, symbols: &Symbols) -> Self {
        let mut now = [None; 17];
        for (number, value) in (0..).zip(&mut now) {
            *value = core.read_core_reg(RegisterId(number)).ok();
        }
        let mut word = |address| core.read_word_32(address).ok();
        let fault = FaultRegisters {
            cfsr: word(CFSR).unwrap_or_default(),
            hfsr: word(HFSR).unwrap_or_default(),
            mmfar: word(MMFAR),
            bfar: word(BFAR),
        };
        let locked_up = word(DHCSR).is_some_and(|dhcsr| dhcsr & S_LOCKUP != 0);
        let before = saved(core, &now, symbols);
        let pc = now[PC].unwrap_or_default();
        let shown = before.as_ref().unwrap_or(&now);
        Self {
            fault,
            locked_up,
            pc,
            lr: shown[LR],
            r0: now[0].unwrap_or_default(),
            place: shown[PC],
            before,
            now,
        }
    }

    /// Whether the core is in the handler of an exception.
    pub(super) fn is_handling(&self) -> bool {
        self.exception() != 0
    }

    /// Whether the way to where the core was is lost: it stands at the entry of a handler, but there was no room to save
    /// its registers.
    pub(super) fn is_cut_off(&self) -> bool {
        self.before.is_none() && self.now[LR].is_some_and(is_exc_return)
    }

    /// Whether that exception is no fault.
    pub(super) fn is_interrupt(&self) -> bool {
        self.exception() > SECURE_FAULT
    }

    /// Number of the exception that is being handled; 0 is none.
    fn exception(&self) -> u32 {
        self.now[XPSR].map_or(0, |xpsr| xpsr & 0x1ff)
    }

    /// The registers that an exception has saved, by their number.
    pub(super) fn before(&self) -> Option<&[Option<u32>]> {
        self.before.as_ref().map(<[_; 17]>::as_slice)
    }

    /// What to call it.
    pub(super) fn kind(&self, panicked: bool, here: &[Frame], symbols: &Symbols) -> String {
        let exception = self.exception();
        let asleep = symbols.waits_at(self.pc);
        let unhandled = here
            .iter()
            .any(|frame| frame.function.contains("DefaultHandler"));
        if self.locked_up {
            return "lockup".into();
        }
        if panicked {
            return "panic".into();
        }
        match exception {
            HARD_FAULT..=USAGE_FAULT => self.fault.kind().into(),
            SECURE_FAULT => "secure fault".into(),
            number if unhandled => format!("unhandled exception {number}"),
            _ if asleep => CrashReport::ASLEEP.into(),
            _ => CrashReport::HANG.into(),
        }
    }

    /// The fault registers in words: of a fault. What an old one has left there does not explain a hang.
    pub(super) fn fault_in_words(&self) -> Vec<String> {
        if self.locked_up || (HARD_FAULT..=SECURE_FAULT).contains(&self.exception()) {
            self.fault.in_words()
        } else {
            Vec::new()
        }
    }

    /// The registers by name: those from before the exception, where it is known what they were.
    pub(super) fn registers(&self) -> Vec<(String, u32)> {
        let shown = self.before.as_ref().unwrap_or(&self.now);
        NAMES
            .iter()
            .zip(shown)
            .filter_map(|(name, value)| Some(((*name).to_owned(), (*value)?)))
            .collect()
    }

    /// The words of the stack, from its pointer to its end.
    pub(super) fn stack(&self, core: &mut Core<'_>, symbols: &Symbols) -> Vec<u32> {
        let Some(sp) = self.now[SP] else {
            return Vec::new();
        };
        let Some((start, end)) = memory_at(core, sp & !3) else {
            return Vec::new();
        };
        let top = STACK_TOP
            .iter()
            .find_map(|name| symbols.address_of(name))
            .filter(|top| *top > start && *top <= end)
            .unwrap_or(end);
        let count = usize::try_from((top - start) / 4)
            .unwrap_or(0)
            .min(STACK_WORDS);
        let mut words = vec![0; count];
        match core.read_32(start.into(), &mut words) {
            Ok(()) => words,
            Err(_) => Vec::new(),
        }
    }
}

/// Where to begin reading a stack, and where the memory ends: from `sp` on, or, if that has run out of its memory, from
/// the memory above it on.
fn memory_at(core: &Core<'_>, sp: u32) -> Option<(u32, u32)> {
    core.memory_regions()
        .filter(|region| region.is_ram())
        .filter_map(|region| {
            let range = region.address_range();
            let end = u32::try_from(range.end).unwrap_or(u32::MAX - 3);
            Some((u32::try_from(range.start).ok()?, end))
        })
        .find_map(|(start, end)| {
            if (start..end).contains(&sp) {
                Some((sp, end))
            } else {
                (sp < start && start - sp <= BELOW).then_some((start, end))
            }
        })
}

/// EXC_RETURN (B1.5.8): all ones above, in Armv8-M from bit 7 on.
const fn is_exc_return(lr: u32) -> bool {
    lr >= 0xffff_ff00
}

/// The registers that the core saved when the exception came, if it stands at the entry of its handler: only there the
/// stack pointer still points to them.
fn saved(
    core: &mut Core<'_>,
    now: &[Option<u32>; 17],
    symbols: &Symbols,
) -> Option<[Option<u32>; 17]> {
    let returning = now[LR].filter(|lr| is_exc_return(*lr))?;
    let frame = now[SP]?;
    let mut words = [0; 8];
    core.read_32(frame.into(), &mut words).ok()?;
    let [r0, r1, r2, r3, r12, lr, pc, xpsr] = words;
    // Thumb code, or the frame was not saved.
    if !symbols.is_code(pc) || xpsr & 1 << 24 == 0 {
        return None;
    }
    let floating = if returning & 1 << 4 == 0 { 0x48 } else { 0 };
    let aligned = if xpsr & 1 << 9 != 0 { 4 } else { 0 };
    let mut before = *now;
    before[..4].copy_from_slice(&[r0, r1, r2, r3].map(Some));
    before[12] = Some(r12);
    before[SP] = frame.checked_add(0x20 + floating + aligned);
    before[LR] = Some(lr);
    before[PC] = Some(pc);
    before[XPSR] = Some(xpsr);
    Some(before)
}
