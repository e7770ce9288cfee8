//! The process that drives the probe: this program again, started with [`ARGUMENT`]; one thread, in which probe-rs may
//! wait as long as it likes. When its standard input closes, it ends.
//!
//! Must not: outlive the runner; write anywhere but to its standard output, and there only answers.

use core::num::NonZeroU32;
use core::time::Duration;
use std::io::{self, BufRead as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use object::{Object as _, ObjectSection as _};
use probe_rs::flashing::{DownloadOptions, ElfLoader, ElfOptions, build_loader};
use probe_rs::semihosting::SemihostingCommand;
use probe_rs::{
    BreakpointCause, Core, CoreStatus, Error, HaltReason, MemoryInterface as _, RegisterRole,
    Session,
};
use rustix::process::{Signal, set_parent_process_death_signal};

use super::message::{Answer, End, Request};
use crate::link::rtt::{attach, in_words};

/// The first argument of a runner that is to drive a probe for tests.
pub(super) const ARGUMENT: &str = "--test-through-a-probe";

/// Until the core has stopped after it was told to.
const HALTING: Duration = Duration::from_millis(500);
/// How often it is said that an image still runs.
const SIGN_OF_LIFE: Duration = Duration::from_millis(250);
/// The handle of the target's standard output, and of everything else it opens.
const STDOUT: NonZeroU32 = NonZeroU32::MIN;
/// What is kept of an image's output.
const MOST_OUTPUT: usize = 1 << 20;
/// Where linkers put the build id.
const BUILD_ID: &str = ".note.gnu.build-id";
/// Why an image ended that ended as it wished: ADP_Stopped_ApplicationExit.
const APPLICATION_EXIT: u32 = 0x20026;

/// Drives a probe for tests if the arguments of this process say so. To be asked before there is any other thread.
#[must_use]
pub fn serve_if_asked() -> Option<ExitCode> {
    let asked = std::env::args_os().nth(1)? == ARGUMENT;
    asked.then(|| {
        // Besides the end of the input; a parent that is gone already has closed that.
        let _ = set_parent_process_death_signal(Some(Signal::KILL));
        match serve() {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        }
    })
}

/// Until there are no more requests.
fn serve() -> io::Result<()> {
    let mut session = None;
    for line in io::stdin().lock().lines() {
        let request: Request = serde_json::from_str(&line?)?;
        let answer = match (request, &mut session) {
            (Request::Attach { attachment }, session) => match attach(&attachment) {
                Ok(opened) => {
                    *session = Some(opened);
                    Answer::Done { written: false }
                }
                Err(error) => Answer::Failed(error.to_string()),
            },
            (Request::Write { elf }, Some(session)) => match write(session, &elf) {
                Ok(written) => Answer::Done { written },
                Err(problem) => Answer::Failed(problem),
            },
            (Request::Start { words, patience }, Some(session)) => {
                match start(session, &words, patience) {
                    Ok(answer) => answer,
                    Err(Trouble::Probe(error)) => Answer::Failed(in_words(&error)),
                    Err(Trouble::Runner(error)) => return Err(error),
                }
            }
            (_, None) => Answer::Failed("no probe is open".into()),
        };
        say(&answer)?;
    }
    Ok(())
}

/// To the runner.
fn say(answer: &Answer) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, answer)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Writes an image unless the chip has it, and says which it was.
fn write(session: &mut Session, elf: &Path) -> Result<bool, String> {
    let about = |problem: String| format!("image {}: {problem}", elf.display());
    let bytes = std::fs::read(elf).map_err(|error| about(error.to_string()))?;
    let file = object::File::parse(&*bytes).map_err(|error| about(error.to_string()))?;
    let id = file
        .section_by_name(BUILD_ID)
        .and_then(|section| Some((section.address(), section.data().ok()?)));
    if let Some((address, id)) = id
        && has(session, address, id)
    {
        return Ok(false);
    }
    let mut core = session.core(0).map_err(|error| in_words(&error))?;
    // What runs now must not run over what is being written.
    core.reset_and_halt(HALTING)
        .map_err(|error| in_words(&error))?;
    drop(core);
    let loader = build_loader(session, elf, ElfLoader(ElfOptions::default()), None)
        .map_err(|error| about(in_words(&error)))?;
    let mut options = DownloadOptions::default();
    options.verify = true;
    loader
        .commit(session, options)
        .map_err(|error| about(in_words(&error)))?;
    Ok(true)
}

/// Whether these bytes are at this address. What cannot be read is not there.
fn has(session: &mut Session, address: u64, bytes: &[u8]) -> bool {
    let mut found = vec![0; bytes.len()];
    let read = session
        .core(0)
        .and_then(|mut core| core.read(address, &mut found));
    read.is_ok() && found == bytes
}

/// Why a run has no end that could be told.
enum Trouble {
    /// The probe or the chip.
    Probe(Error),
    /// The runner does not listen any more.
    Runner(io::Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Probe(error)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Runner(error)
    }
}

/// Starts the image and answers its calls until it ends.
fn start(session: &mut Session, words: &str, patience: Duration) -> Result<Answer, Trouble> {
    let mut core = session.core(0)?;
    let began = Instant::now();
    core.reset_and_halt(HALTING)?;
    let mut calls = Calls {
        words,
        began,
        output: Vec::new(),
        size: 0,
    };
    core.run()?;
    let end = loop {
        let left = patience.saturating_sub(began.elapsed());
        let waited = core.wait_for_core_halted(left.min(SIGN_OF_LIFE));
        match core.status()? {
            CoreStatus::Halted(HaltReason::Breakpoint(BreakpointCause::Semihosting(command))) => {
                if let Some(end) = calls.answer(&mut core, command)? {
                    break end;
                }
                core.run()?;
            }
            CoreStatus::LockedUp => break End::LockedUp,
            CoreStatus::Halted(reason) => break End::Stopped(format!("{reason:?}")),
            CoreStatus::Running | CoreStatus::Sleeping | CoreStatus::Unknown => {
                if began.elapsed() >= patience {
                    core.halt(HALTING)?;
                    break End::Late(place(&mut core));
                }
                // Only its time may be over; a probe that fails has said so in the status.
                drop(waited);
                say(&Answer::Alive)?;
            }
        }
    };
    if !core.status()?.is_halted() {
        // As after every other end: whoever comes next resets it.
        core.halt(HALTING)?;
    }
    Ok(Answer::Ended {
        end,
        output: calls.output,
        took: began.elapsed(),
    })
}

/// Program counter and link register.
fn place(core: &mut Core<'_>) -> Option<(u32, u32)> {
    let mut read = |role: RegisterRole| {
        let register = core
            .registers()
            .core_registers()
            .find(|register| register.register_has_role(role))?
            .id();
        core.read_core_reg::<u32>(register).ok()
    };
    Some((
        read(RegisterRole::ProgramCounter)?,
        read(RegisterRole::ReturnAddress)?,
    ))
}

/// What the target wants by semihosting.
struct Calls<'a> {
    words: &'a str,
    began: Instant,
    output: Vec<(Duration, Vec<u8>)>,
    size: usize,
}

impl Calls<'_> {
    /// Answers a call; the end of the image if that is what it wants.
    fn answer(
        &mut self,
        core: &mut Core<'_>,
        command: SemihostingCommand,
    ) -> Result<Option<End>, Error> {
        match command {
            SemihostingCommand::ExitSuccess => return Ok(Some(End::Status(0))),
            SemihostingCommand::ExitError(details) => {
                // Without a status of its own it has only said that it is no success.
                let status = details
                    .subcode
                    .filter(|_| details.reason == APPLICATION_EXIT)
                    .or(details.exit_status)
                    .unwrap_or(1);
                return Ok(Some(End::Status(status.cast_signed())));
            }
            SemihostingCommand::GetCommandLine(request) => {
                request.write_command_line_to_target(core, self.words)?;
            }
            SemihostingCommand::Open(request) => request.respond_with_handle(core, STDOUT)?,
            SemihostingCommand::Close(request) => request.success(core)?,
            SemihostingCommand::Write(request) => {
                let bytes = request.read(core)?;
                self.keep(bytes);
                // How many bytes were not written.
                request.write_status(core, 0)?;
            }
            SemihostingCommand::WriteConsole(request) => {
                let text = request.read(core)?;
                self.keep(text.into_bytes());
            }
            SemihostingCommand::Errno(request) => request.write_errno(core, 0)?,
            SemihostingCommand::Time(request) => request.write_current_time(core)?,
            SemihostingCommand::Unknown(details) => details.write_status(core, -1)?,
            // Nothing of this is for tests; it is left without an answer, and its end is late.
            _ => {}
        }
        Ok(None)
    }

    fn keep(&mut self, bytes: Vec<u8>) {
        if self.size + bytes.len() <= MOST_OUTPUT {
            self.size += bytes.len();
            self.output.push((self.began.elapsed(), bytes));
        }
    }
}
