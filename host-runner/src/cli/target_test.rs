//! `hil target-test`: from arguments to images, a run of their tests and an exit code.

use core::time::Duration;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;

use chrono::{SecondsFormat, Utc};
use serde::Serialize;

use super::args::{TargetTest as Arguments, Via as Wanted};
use super::run::{conduct, reporters, unwritable};
use super::{Failure, Shell, locate, print};
use crate::board::BoardError;
use crate::event::{Exit, RunStarted, SCHEMA};
use crate::inventory::{Board, BoardKind, Inventory};
use crate::link::LinkKind;
use crate::report::Paint;
use crate::target_test::{Framework, Image, Picked, Plan, Via, images, run, select};

/// A test as `--list --json -` shows it.
#[derive(Debug, Serialize)]
struct Line<'a> {
    id: &'a str,
    image: &'a str,
    framework: &'static str,
    ignored: bool,
    should_panic: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_s: Option<u64>,
    source: &'a str,
}

/// Runs the command.
pub(super) fn target_test(
    arguments: &Arguments,
    shell: &Shell,
    argv: &[OsString],
) -> Result<Exit, Failure> {
    let inventory = locate::inventory(arguments.inventory.file.as_deref(), shell)?;
    let names: Vec<String> = arguments.board.iter().cloned().collect();
    let board = match locate::boards(&inventory, &names)?.first() {
        Some(board) => (*board).clone(),
        None => {
            return Err(Failure::error(
                Exit::BadConfiguration,
                "there is no board to run tests on",
            ));
        }
    };
    let via = via(&board, arguments.via)?;
    let images = images(arguments, &board)?;
    let picked = select(images, &arguments.patterns)
        .map_err(|error| Failure::error(Exit::NothingSelected, error))?;
    if arguments.list {
        return list(arguments, &picked, shell);
    }

    let now = Utc::now();
    let root = locate::runs(&inventory.path);
    let id = format!(
        "target-test-{}-{}",
        now.format("%Y%m%d-%H%M%S"),
        std::process::id()
    );
    let dir = arguments.out.clone().unwrap_or_else(|| root.join(&id));
    let reporters = reporters(
        arguments.json.as_deref(),
        arguments.junit.as_deref(),
        arguments.verbose,
        shell,
        &dir,
        arguments.out.is_none().then_some(root.as_path()),
    )?;
    let evidence = dir.join(&board.name);
    std::fs::create_dir_all(&evidence).map_err(|error| unwritable(&evidence, &error))?;
    let started = RunStarted {
        schema: SCHEMA,
        run: id,
        dir: dir.display().to_string(),
        boards: vec![board.name.clone()],
        cases: picked.iter().map(|picked| picked.tests.len() as u64).sum(),
        repeat: 1,
        seed: 0,
        impair: None,
        argv: argv
            .iter()
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect(),
        version: env!("CARGO_PKG_VERSION").into(),
        started: now.to_rfc3339_opts(SecondsFormat::Secs, true),
    };
    let plan = Plan {
        via,
        picked,
        ignored_too: arguments.include_ignored,
        patience: Duration::from_secs(arguments.timeout.into()),
        evidence,
        evidence_name: board.name.clone(),
        again: again(arguments, &board, &inventory),
        board,
    };
    conduct(reporters, async |emitter, stop| {
        run(started, plan, emitter, stop).await
    })
}

/// The way that is meant, if the board has it.
fn via(board: &Board, wanted: Option<Wanted>) -> Result<Via, Failure> {
    let emulated = matches!(board.kind, BoardKind::Qemu { .. });
    // The emulated one brings its probe along.
    let probed = emulated || board.link(Some(LinkKind::Rtt)).is_some();
    match wanted {
        None | Some(Wanted::Emulator) if emulated => Ok(Via::Emulator),
        None | Some(Wanted::Probe) if probed => Ok(Via::Probe),
        wanted => Err(Failure::error(
            Exit::BadConfiguration,
            format!(
                "board {} (kind {}) cannot run tests{}: that takes {}",
                board.name,
                board.kind.name(),
                match wanted {
                    None => "",
                    Some(Wanted::Emulator) => " via an emulator",
                    Some(Wanted::Probe) => " via a probe",
                },
                match wanted {
                    None => "kind = \"qemu\", or a debug probe (link.rtt)",
                    Some(Wanted::Emulator) => "kind = \"qemu\"",
                    Some(Wanted::Probe) => "a debug probe (link.rtt)",
                }
            ),
        )),
    }
}

/// The images that are meant, built.
fn images(arguments: &Arguments, board: &Board) -> Result<Vec<Image>, Failure> {
    if let Some(elf) = &arguments.elf {
        let name = elf.file_stem().map_or_else(
            || "image".into(),
            |name| name.to_string_lossy().into_owned(),
        );
        let image = images::read(&name, elf, &board.workspace)
            .map_err(|error| Failure::error(Exit::BadConfiguration, error))?;
        return Ok(vec![image]);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::error(
                Exit::RigTrouble,
                format!("cannot start the runtime: {error}"),
            )
        })?;
    runtime
        .block_on(images::prepare(&arguments.images, &board.workspace))
        .map_err(|error| {
            let exit = match &error {
                BoardError::Build { output, .. } if output.contains("there is no image") => {
                    Exit::BadConfiguration
                }
                _ => Exit::RigTrouble,
            };
            Failure::error(exit, error)
        })
}

fn list(arguments: &Arguments, picked: &[Picked], shell: &Shell) -> Result<Exit, Failure> {
    match arguments.json.as_deref() {
        None => print(&table(picked, shell.paint()))?,
        Some(path) if path == Path::new("-") => print(&lines(picked)?)?,
        Some(path) => {
            std::fs::write(path, lines(picked)?).map_err(|error| unwritable(path, &error))?;
        }
    }
    Ok(Exit::Conforms)
}

fn lines(picked: &[Picked]) -> Result<String, Failure> {
    let mut out = String::new();
    for Picked { image, tests } in picked {
        for test in tests {
            let line = serde_json::to_string(&Line {
                id: &test.id,
                image: &image.name,
                framework: framework(image),
                ignored: test.ignored,
                should_panic: test.should_panic,
                timeout_s: test.timeout.map(|timeout| timeout.as_secs()),
                source: &test.source,
            })
            .map_err(|error| Failure::error(Exit::RigTrouble, format!("{}: {error}", test.id)))?;
            out.push_str(&line);
            out.push('\n');
        }
    }
    Ok(out)
}

const fn framework(image: &Image) -> &'static str {
    match image.framework {
        Framework::EachAlone => "embedded-test",
        Framework::AllAtOnce => "defmt-test",
    }
}

fn table(picked: &[Picked], paint: Paint) -> String {
    let mut out = String::new();
    let mut count = 0;
    for Picked { image, tests } in picked {
        let head = format!("({}, {})", tests.len(), framework(image));
        let _ = writeln!(out, "{} {}", paint.bold(&image.name), paint.dim(&head));
        for test in tests {
            let mut notes = Vec::new();
            if test.ignored {
                notes.push("ignored".to_owned());
            }
            if test.should_panic {
                notes.push("should panic".to_owned());
            }
            if let Some(timeout) = test.timeout {
                notes.push(format!("within {} s", timeout.as_secs()));
            }
            let notes = paint.dim(&notes.join(", "));
            let _ = writeln!(out, "{}", format!("  {}  {notes}", test.id).trim_end());
        }
        out.push('\n');
        count += tests.len();
    }
    let images = picked.len();
    let _ = writeln!(
        out,
        "{count} test{} in {images} image{}",
        if count == 1 { "" } else { "s" },
        if images == 1 { "" } else { "s" }
    );
    out
}

/// Arguments that select the same board, image and way again.
fn again(arguments: &Arguments, board: &Board, inventory: &Inventory) -> String {
    let mut again = String::new();
    if arguments.inventory.file.is_some() {
        again.push_str(&format!("--boards {} ", inventory.path.display()));
    }
    again.push_str(&format!("--board {}", board.name));
    match arguments.via {
        Some(Wanted::Probe) => again.push_str(" --via probe"),
        Some(Wanted::Emulator) => again.push_str(" --via emulator"),
        None => {}
    }
    for image in &arguments.images {
        again.push_str(&format!(" --image {image}"));
    }
    if let Some(elf) = &arguments.elf {
        again.push_str(&format!(" --elf {}", elf.display()));
    }
    if arguments.include_ignored {
        again.push_str(" --include-ignored");
    }
    again
}
