//! `hil probe serve`: an emulated board with its debug probe, for other programs.

use std::fmt::Write;
use std::path::Path;

use super::args::{Probe as Arguments, ProbeCommand, ProbeServe};
use super::{Failure, Shell, locate, print, say, signals};
use crate::board::BoardError;
use crate::board::qemu::Served;
use crate::engine::{Stop, StopLevel};
use crate::event::Exit;
use crate::inventory::{Board, Firmware, Inventory};
use crate::link::rtt::Attachment;
use crate::report::Paint;

/// Runs the command.
pub(super) fn probe(arguments: &Arguments, shell: &Shell) -> Result<Exit, Failure> {
    match &arguments.command {
        ProbeCommand::Serve(arguments) => serve(arguments, shell),
    }
}

fn serve(arguments: &ProbeServe, shell: &Shell) -> Result<Exit, Failure> {
    let inventory = locate::inventory(arguments.inventory.file.as_deref(), shell)?;
    let names: Vec<String> = arguments.board.iter().cloned().collect();
    let board = locate::boards(&inventory, &names)?[0];
    if let Some(why) = Served::why_not(board) {
        let message = format!(
            "board {} cannot be served: {why}{}",
            board.name,
            others(&inventory)
        );
        return Err(Failure::error(Exit::BadConfiguration, message));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| trouble(format!("cannot start the runtime: {error}")))?;
    runtime.block_on(async {
        let stop = Stop::default();
        signals::listen(stop.clone())
            .map_err(|error| trouble(format!("cannot listen for signals: {error}")))?;
        let mut served = tokio::select! {
            () = stop.at_least(StopLevel::Stop) => return Ok(Exit::Interrupted),
            started = Served::start(board) => started.map_err(trouble)?,
        };
        print(&introduce(board, &served, shell.paint()))?;
        let ended = tokio::select! {
            () = stop.at_least(StopLevel::Stop) => None,
            ended = served.last(tell) => Some(ended),
        };
        match ended {
            None => {
                served.stop().await;
                Ok(Exit::Interrupted)
            }
            Some(ended) => Err(trouble(BoardError::Gone {
                board: board.name.clone(),
                ended: ended.map_err(trouble)?,
            })),
        }
    })
}

fn trouble(problem: impl core::fmt::Display) -> Failure {
    Failure::error(Exit::RigTrouble, problem)
}

/// `; of these boards these can: …`
fn others(inventory: &Inventory) -> String {
    let names: Vec<&str> = inventory
        .boards
        .iter()
        .filter(|board| Served::why_not(board).is_none())
        .map(|board| board.name.as_str())
        .collect();
    if names.is_empty() {
        format!("; {} has none", inventory.path.display())
    } else {
        format!("; those that can: {}", names.join(", "))
    }
}

/// The core has locked up, and there is another emulator.
fn tell(ended: &crate::board::Ended, uart: &Path) {
    say(&format!(
        "the core has locked up, and the emulator has ended with it: {}\n\
         There is a new one, with the same memory but an empty flash; to clients its core is locked up until the next \
         reset. Its UART0 is {}\n",
        ended.how,
        uart.display()
    ));
}

fn introduce(board: &Board, served: &Served, paint: Paint) -> String {
    let attachment = served.attachment();
    let (selector, chip, description) = names(&attachment);
    let rows = [
        ("probe", selector.to_owned()),
        ("chip", chip.to_owned()),
        ("description", description.clone()),
        ("UART0", served.uart().display().to_string()),
    ];
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        out,
        "{}, emulated, without an image, behind a debug probe:\n",
        paint.bold(&board.name)
    );
    for (label, value) in rows {
        let _ = writeln!(out, "  {label:<11}  {value}");
    }
    let firmware = match &board.firmware {
        Firmware::Crate(name) => format!("\"{name}\""),
        Firmware::Elf(path) => format!("{{ elf = \"{}\" }}", path.display()),
    };
    let _ = write!(
        out,
        "\nRun an image by the command line tool of probe-rs:\n\n\
         \x20 probe-rs run --protocol swd --chip-description-path {description} --chip {chip} --probe {selector} IMAGE\n\n\
         Use it as a board of boards.toml:\n\n\
         \x20 [board.{name}-probe]\n\
         \x20 kind = \"probe\"\n\
         \x20 firmware = {firmware}\n\
         \x20 port = \"{port}\"\n\
         \x20 link.rtt = {{ probe = \"{selector}\", chip = \"{chip}\", chip_description = \"{description}\" }}\n\n\
         {note}\n",
        name = board.name,
        port = board.port,
        note = paint.dim("Ctrl-C ends it."),
    );
    out
}

/// Selector, chip and file of the description.
fn names(attachment: &Attachment) -> (&str, &str, String) {
    let description = attachment.chip_description.as_ref();
    (
        attachment.probe.as_deref().unwrap_or_default(),
        attachment.chip.as_deref().unwrap_or_default(),
        description
            .map(|path| path.display().to_string())
            .unwrap_or_default(),
    )
}
