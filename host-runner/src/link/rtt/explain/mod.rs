//! Why a halted core stands where it stands: registers, fault status in words, and the way there by function, file
//! and line.
//!
//! Runs in the process that has the probe, with the core halted: by a breakpoint at the fault handler or the panic
//! handler, or because its agent was silent. Whatever cannot be read is left out; an explanation is given always.
//!
//! Must not: let the core go on, but for the moment that takes it out of the handler of an interrupt; or write to it.

mod context;
mod panic_info;
mod unwind;

use core::time::Duration;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::SystemTime;

use probe_rs::{Core, MemoryInterface as _, Session};
use probe_rs_debug::DebugInfo;

use crate::event::{CrashReport, Frame, Trace};
use crate::symbols::Symbols;
use context::Context;

/// Most functions of a way; what is further out explains nothing any more.
const MOST_FRAMES: usize = 40;

/// A core that is found in the handler of an interrupt is looked at again, so often and so much later: what hangs is
/// what was interrupted, unless it is the handler every time.
const LOOKS: u32 = 10;
const APART: Duration = Duration::from_millis(3);

/// How long the core may take to stop again.
const HALT: Duration = Duration::from_millis(100);

/// Of how many functions one has to be the panic's for a stopped core to have panicked: its handler may call others.
const NEAR: usize = 6;

/// Explains why the core is where it is. `elf` is the image that it runs.
///
/// The image's debug information stays with this thread for the next time.
#[must_use]
pub fn explain(session: &mut Session, elf: &Path) -> CrashReport {
    let image = match image(elf) {
        Ok(image) => image,
        Err(problem) => return cannot_look(problem),
    };
    match session.core(0) {
        Ok(mut core) => examine(&mut core, &image),
        Err(error) => cannot_look(format!("the core cannot be looked at: {error}")),
    }
}

/// An image and what it knows about itself.
struct Image {
    elf: PathBuf,
    written: Option<SystemTime>,
    symbols: Symbols,
    /// Absent where it has none.
    debug: Option<DebugInfo>,
}

thread_local! {
    static IMAGE: RefCell<Option<Rc<Image>>> = const { RefCell::new(None) };
}

/// The image, read anew only if the file has changed.
fn image(elf: &Path) -> Result<Rc<Image>, String> {
    let written = elf.metadata().and_then(|file| file.modified()).ok();
    IMAGE.with_borrow_mut(|slot| {
        if let Some(image) = slot
            && image.elf == elf
            && image.written == written
        {
            return Ok(Rc::clone(image));
        }
        let image = Rc::new(Image {
            elf: elf.into(),
            written,
            symbols: Symbols::load(elf).map_err(|error| error.to_string())?,
            debug: DebugInfo::from_file(elf).ok(),
        });
        *slot = Some(Rc::clone(&image));
        Ok(image)
    })
}

fn cannot_look(problem: String) -> CrashReport {
    CrashReport {
        kind: "stopped core".into(),
        fault: vec![problem],
        ..CrashReport::default()
    }
}

fn examine(core: &mut Core<'_>, image: &Image) -> CrashReport {
    let mut context = Context::read(core, &image.symbols);
    for _ in 1..LOOKS {
        let unhandled = image
            .symbols
            .frames_at(context.pc)
            .iter()
            .any(Frame::is_fault_entry);
        if !context.is_interrupt() || unhandled || core.run().is_err() {
            break;
        }
        std::thread::sleep(APART);
        if core.halt(HALT).is_err() {
            break;
        }
        context = Context::read(core, &image.symbols);
    }
    let here = image.symbols.frames_at(context.pc);
    let at_panic = here.iter().any(Frame::is_panic_entry);
    let (frames, trace) = way(core, image, &context);
    let panicked = at_panic || frames.iter().take(NEAR).any(Frame::is_panic_entry);
    let kind = context.kind(panicked, &here, &image.symbols);
    let message = if at_panic {
        panic_info::message(context.r0, &image.symbols, |address, bytes| {
            core.read(address.into(), bytes).is_ok()
        })
    } else {
        None
    };
    CrashReport {
        kind,
        message,
        fault: context.fault_in_words(),
        registers: context.registers(),
        frames,
        trace,
    }
}

/// How the core got where it is, as well as it can be found out.
fn way(core: &mut Core<'_>, image: &Image, context: &Context) -> (Vec<Frame>, Trace) {
    let symbols = &image.symbols;
    let unwound = image
        .debug
        .as_ref()
        .filter(|_| !context.is_cut_off())
        .map(|debug| unwind::addresses(core, context.before(), debug, symbols))
        .unwrap_or_default();
    // The handler of a fault alone does not say whose fault it is.
    let enough = if context.is_handling() { 2 } else { 1 };
    if unwound.len() >= enough {
        let frames = unwound
            .iter()
            .flat_map(|address| symbols.frames_at(*address))
            .take(MOST_FRAMES)
            .collect();
        return (frames, Trace::Unwound);
    }
    let stack = context.stack(core, symbols);
    let here = context.place.filter(|pc| symbols.is_code(*pc));
    let frames = symbols.scanned(here, context.lr, &stack);
    if frames.is_empty() {
        return (symbols.frames_at(context.pc), Trace::None);
    }
    (frames, Trace::StackScan)
}
