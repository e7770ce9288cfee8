//! What a board's beacon says, explained with the symbols of its image: the backtrace of a board that no probe can look
//! into.
//!
//! Must not: talk to the board.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use hil_kit::dut::Beacon;

use crate::event::{CrashReport, Frame, Trace};
use crate::fault::FaultRegisters;
use crate::symbols::Symbols;

/// Explains the beacons of one board.
#[derive(Debug, Default)]
pub(super) struct Beacons {
    image: Mutex<Option<Image>>,
}

#[derive(Debug)]
struct Image {
    elf: PathBuf,
    /// Read when they are first wanted; `Some(None)` if they cannot be.
    symbols: Option<Option<Symbols>>,
}

impl Beacons {
    /// The board runs this image from now on.
    pub(super) fn of(&self, elf: PathBuf) {
        let image = Image { elf, symbols: None };
        *self.image.lock().unwrap_or_else(PoisonError::into_inner) = Some(image);
    }

    /// The report of a fault that has left `beacon`.
    pub(super) fn explain(&self, beacon: &Beacon) -> CrashReport {
        let mut image = self.image.lock().unwrap_or_else(PoisonError::into_inner);
        let symbols = image.as_mut().and_then(|image| {
            image
                .symbols
                .get_or_insert_with(|| Symbols::load(&image.elf).ok())
                .as_ref()
        });
        report(beacon, symbols)
    }
}

fn report(beacon: &Beacon, symbols: Option<&Symbols>) -> CrashReport {
    let fault = FaultRegisters {
        cfsr: beacon.cfsr,
        ..FaultRegisters::default()
    };
    let frames = symbols.map(|symbols| frames(beacon, symbols));
    let frames = frames.unwrap_or_default();
    CrashReport {
        kind: kind(beacon, fault),
        message: message(beacon, !frames.is_empty()),
        fault: fault.in_words(),
        registers: [("pc", beacon.pc), ("lr", beacon.lr), ("cfsr", beacon.cfsr)]
            .into_iter()
            .filter(|(_, value)| *value != 0)
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        trace: if frames.is_empty() {
            Trace::None
        } else {
            Trace::Beacon
        },
        frames,
    }
}

fn frames(beacon: &Beacon, symbols: &Symbols) -> Vec<Frame> {
    let pc = Some(beacon.pc & !1).filter(|pc| *pc != 0 && symbols.is_code(*pc));
    // The mark of Thumb code is left out on the link.
    let returns: Vec<u32> = beacon.returns.iter().map(|address| address | 1).collect();
    let lr = Some(beacon.lr | 1).filter(|_| beacon.lr != 0);
    symbols.scanned(pc, lr, &returns)
}

/// The beacon's word as a report has it. What kind of fault it was the registers tell best.
fn kind(beacon: &Beacon, fault: FaultRegisters) -> String {
    if beacon.cfsr != 0 {
        return fault.kind().into();
    }
    match beacon.kind.as_str() {
        "mem-manage" => "memory fault".into(),
        other => other.replace('-', " "),
    }
}

/// What the beacon says, without what the report says better: the place of a panic, and a fault's program counter.
fn message(beacon: &Beacon, placed: bool) -> Option<String> {
    let said = beacon.message.trim();
    let told = match beacon.kind.as_str() {
        "panic" if placed => after_place(said).unwrap_or(said),
        "panic" => said,
        _ if said == format!("at {:#010x}", beacon.pc) && placed => "",
        // The kind says so.
        "mem-manage" => said.strip_prefix("stack overflow, ").unwrap_or(said),
        _ => said,
    };
    (!told.is_empty()).then(|| told.to_owned())
}

/// What stands behind `file:line: `.
fn after_place(said: &str) -> Option<&str> {
    let (place, message) = said.split_once(": ")?;
    let (file, line) = place.rsplit_once(':')?;
    (file.contains('.') && line.parse::<u32>().is_ok()).then_some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beacon(kind: &str, cfsr: u32, message: &str) -> Beacon {
        Beacon {
            kind: kind.into(),
            pc: 0x1234,
            lr: 0x5678,
            cfsr,
            message: message.into(),
            returns: Vec::new(),
        }
    }

    #[test]
    fn a_beacon_without_an_image_still_tells_what_it_knows() {
        let told = Beacons::default().explain(&beacon("bus-fault", 1 << 9, "at 0x00001234"));
        assert_eq!(told.kind, "bus fault");
        assert_eq!(told.fault, ["precise data access error"]);
        assert_eq!(told.message.as_deref(), Some("at 0x00001234"));
        assert_eq!(told.trace, Trace::None);
        assert_eq!(
            told.registers,
            [
                ("pc".to_owned(), 0x1234),
                ("lr".to_owned(), 0x5678),
                ("cfsr".to_owned(), 1 << 9)
            ]
        );
        assert_eq!(
            told.to_string(),
            "bus fault: at 0x00001234 (precise data access error)"
        );
    }

    #[test]
    fn an_image_that_cannot_be_read_is_as_good_as_none() {
        let beacons = Beacons::default();
        beacons.of("/no/such/image".into());
        let told = beacons.explain(&beacon("panic", 0, "src/a.rs:7: no: it is full"));
        assert_eq!(told.to_string(), "panic: src/a.rs:7: no: it is full");
    }

    #[test]
    fn the_place_of_a_panic_is_said_once() {
        for (said, placed, told) in [
            ("src/a.rs:7: no: it is full", true, "no: it is full"),
            (
                "src/a.rs:7: no: it is full",
                false,
                "src/a.rs:7: no: it is full",
            ),
            ("no: it is full", true, "no: it is full"),
        ] {
            let told = Some(told.to_owned());
            assert_eq!(message(&beacon("panic", 0, said), placed), told);
        }
        let fault = beacon("bus-fault", 0, "at 0x00001234");
        assert_eq!(message(&fault, true), None);
        let overflow = beacon("mem-manage", 0x92, "stack overflow, down to 0x20fffff0");
        assert_eq!(
            message(&overflow, true).as_deref(),
            Some("down to 0x20fffff0")
        );
        assert_eq!(
            kind(
                &overflow,
                FaultRegisters {
                    cfsr: 0x92,
                    ..FaultRegisters::default()
                }
            ),
            "stack overflow"
        );
    }
}
