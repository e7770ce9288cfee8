//! Where the emulated core is, as QEMU itself tells: in its last words, or when it is asked. For boards that no probe
//! looks into.
//!
//! Must not: leave the core running after a look; whoever looks restarts the board.

use core::fmt::Write as _;
use core::time::Duration;
use std::path::Path;

use super::{Monitor, Qmp};
use crate::event::{CrashReport, Trace};
use crate::fault::FaultRegisters;
use crate::symbols::Symbols;

/// How QEMU begins its last words.
const FATAL: &str = "qemu: fatal: ";

/// The end of the stack (link scripts of cortex-m-rt).
const STACK_TOP: &str = "_stack_start";
/// How much of a stack is looked at, in words.
const STACK_WORDS: u32 = 4096;

/// Fault registers of the core, four words from here on: CFSR, HFSR, and the two addresses behind DFSR.
const FAULT_STATUS: u32 = 0xe000_ed28;
/// Numbers of the exceptions that are faults (IPSR); those above are interrupts.
const FAULTS: core::ops::RangeInclusive<u32> = 3..=6;

/// A core that is found in the handler of an interrupt is looked at again, so often and so much later: what hangs is
/// what was interrupted, unless it is the handler every time.
const LOOKS: u32 = 10;
const APART: Duration = Duration::from_millis(3);

/// What QEMU said when it ended, explained; `None` if it did not say where its core was.
pub(in crate::board) fn last_words(said: &str, elf: &Path) -> Option<CrashReport> {
    let message = said.lines().find_map(|line| line.strip_prefix(FATAL))?;
    let registers = registers(said);
    if registers.is_empty() {
        return None;
    }
    let (kind, message) = match message.split_once(": ") {
        Some(("Lockup", why)) => ("lockup", why),
        _ => ("end of the emulator", message),
    };
    Some(CrashReport {
        kind: kind.into(),
        message: Some(message.into()),
        ..report(registers, &[], Symbols::load(elf).ok().as_ref())
    })
}

/// Stops the core and tells where it was.
pub(in crate::board) async fn inside(monitor: &Monitor, elf: &Path) -> Option<CrashReport> {
    let mut current = monitor.current().await;
    let qmp = current.qmp.as_mut()?;
    let mut registers = stopped(qmp).await?;
    for _ in 1..LOOKS {
        if exception(&registers) <= *FAULTS.end() {
            break;
        }
        qmp.human("cont").await.ok()?;
        tokio::time::sleep(APART).await;
        registers = stopped(qmp).await?;
    }
    let value = |name: &str| value(&registers, name);
    let symbols = Symbols::load(elf).ok();
    let top = symbols
        .as_ref()
        .and_then(|symbols| symbols.address_of(STACK_TOP));
    let stack = match (value("sp"), top) {
        (Some(sp), Some(top)) if sp < top => {
            words(qmp, sp, ((top - sp) / 4).min(STACK_WORDS)).await
        }
        _ => Vec::new(),
    };
    let fault = if FAULTS.contains(&exception(&registers)) {
        fault(&words(qmp, FAULT_STATUS, 5).await)
    } else {
        None
    };
    let asleep = symbols
        .as_ref()
        .zip(value("pc"))
        .is_some_and(|(symbols, pc)| symbols.waits_at(pc));
    let kind = match fault {
        Some(fault) => fault.kind(),
        None if asleep => CrashReport::ASLEEP,
        None => CrashReport::HANG,
    };
    Some(CrashReport {
        kind: kind.into(),
        fault: fault.map(|fault| fault.in_words()).unwrap_or_default(),
        ..report(registers, &stack, symbols.as_ref())
    })
}

/// Stops the core; its registers.
async fn stopped(qmp: &mut Qmp) -> Option<Vec<(String, u32)>> {
    qmp.human("stop").await.ok()?;
    let registers = registers(&qmp.human("info registers").await.ok()?);
    (!registers.is_empty()).then_some(registers)
}

fn value(registers: &[(String, u32)], name: &str) -> Option<u32> {
    registers
        .iter()
        .find_map(|(it, value)| (it == name).then_some(*value))
}

/// Number of the exception that is being handled; 0 is none.
fn exception(registers: &[(String, u32)]) -> u32 {
    value(registers, "xpsr").map_or(0, |xpsr| xpsr & 0x1ff)
}

fn report(registers: Vec<(String, u32)>, stack: &[u32], symbols: Option<&Symbols>) -> CrashReport {
    let value = |name: &str| value(&registers, name);
    let frames = symbols.map_or_else(Vec::new, |symbols| {
        let pc = value("pc").filter(|pc| symbols.is_code(*pc));
        symbols.scanned(pc, value("lr"), stack)
    });
    CrashReport {
        trace: if frames.is_empty() {
            Trace::None
        } else {
            Trace::StackScan
        },
        frames,
        registers,
        ..CrashReport::default()
    }
}

fn fault(words: &[u32]) -> Option<FaultRegisters> {
    let [cfsr, hfsr, _, mmfar, bfar] = *words else {
        return None;
    };
    Some(FaultRegisters {
        cfsr,
        hfsr,
        mmfar: Some(mmfar),
        bfar: Some(bfar),
    })
}

async fn words(qmp: &mut Qmp, address: u32, count: u32) -> Vec<u32> {
    let mut line = String::new();
    let _ = write!(line, "x/{count}xw {address:#x}");
    let said = qmp.human(&line).await.unwrap_or_default();
    dumped(&said)
}

/// `R00=30000000 R01=…` up to `XPSR=61000000`, by their usual names.
fn registers(dump: &str) -> Vec<(String, u32)> {
    dump.split_whitespace()
        .filter_map(|word| {
            let (name, value) = word.split_once('=')?;
            let value = u32::from_str_radix(value, 16).ok()?;
            let name = match name {
                "R13" => "sp".into(),
                "R14" => "lr".into(),
                "R15" => "pc".into(),
                "XPSR" => "xpsr".into(),
                _ => {
                    let number: u8 = name.strip_prefix('R')?.parse().ok()?;
                    (number < 13).then(|| format!("r{number}"))?
                }
            };
            Some((name, value))
        })
        .collect()
}

/// `21002390: 0x00000001 0x00000002 …`, line by line.
fn dumped(said: &str) -> Vec<u32> {
    said.lines()
        .filter_map(|line| line.split_once(": "))
        .flat_map(|(_, words)| words.split_whitespace())
        .map_while(|word| u32::from_str_radix(word.strip_prefix("0x")?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAST_WORDS: &str = "QEMU was killed by signal 6; its last words:
char device redirected to /dev/pts/1 (label uart0)
qemu: fatal: Lockup: can't escalate 3 to HardFault (current priority -1)

R00=30000000 R01=00024f1c R02=00024f1c R03=00024f1c
R04=00000005 R05=00000039 R06=21007498 R07=21002390
R08=00000039 R09=000246dd R10=00009bcf R11=21002cf8
R12=21002309 R13=21002390 R14=0000c213 R15=0000c2a8
XPSR=61000000 -ZC- T priv-thread
FPSCR: 00000000";

    #[test]
    fn a_lockup_says_why_and_leaves_its_registers() {
        let report = last_words(LAST_WORDS, Path::new("/no/such/image")).expect("it says enough");
        assert_eq!(
            report.to_string(),
            "lockup: can't escalate 3 to HardFault (current priority -1)"
        );
        assert_eq!(report.registers.len(), 17);
        for (name, value) in [("r0", 0x3000_0000), ("sp", 0x2100_2390), ("pc", 0xc2a8)] {
            assert!(
                report.registers.contains(&(name.to_owned(), value)),
                "{name}"
            );
        }
        assert!(report.frames.is_empty() && report.trace == Trace::None);
    }

    #[test]
    fn other_last_words_are_no_report() {
        for said in [
            "",
            "qemu: no such machine",
            "qemu: fatal: it says nothing more",
        ] {
            assert_eq!(
                last_words(said, Path::new("/no/such/image")),
                None,
                "{said}"
            );
        }
    }

    #[test]
    fn dumps_of_memory_are_words() {
        let said = "21002390: 0x00000001 0x0000c213\r\n21002398: 0xffffffff\r\n";
        assert_eq!(dumped(said), [1, 0xc213, u32::MAX]);
        assert!(dumped("Cannot access memory\n").is_empty());
        assert_eq!(
            fault(&[0x8200, 1 << 30, 0, 7, 0x3000_0000]).map(|fault| fault.kind()),
            Some("bus fault")
        );
        assert_eq!(fault(&[1, 2]), None);
    }
}
