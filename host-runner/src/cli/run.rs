//! `hil run`: from arguments to a plan, a run and an exit code.

use std::ffi::OsString;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::Path;
use std::thread;

use chrono::{Datelike, Local, SecondsFormat, Utc};
use toml::value::Date;

use super::args::Run as Arguments;
use super::{Failure, Shell, cases, locate, say, signals};
use crate::board::{StartOptions, in_words as lans_in_words};
use crate::engine::{BoardPlan, Emitter, LiveStarter, Run, Stop, run as run_engine};
use crate::event::{Exit, RunStarted, SCHEMA};
use crate::inventory::{Board, BoardKind, Inventory};
use crate::lan::{Lan, LanKind};
use crate::link::LinkKind;
use crate::plan::select;
use crate::report::{Console, Detail, JUnit, JsonLines, Output, Reporter, drive, journal};

/// Runs the command.
pub(super) fn run(
    arguments: &Arguments,
    shell: &Shell,
    argv: &[OsString],
) -> Result<Exit, Failure> {
    let inventory = locate::inventory(arguments.inventory.file.as_deref(), shell)?;
    let boards = locate::boards(&inventory, &arguments.boards)?;
    for board in &boards {
        check_link(board, arguments.link)?;
        check_lan(board, arguments.lan.as_ref())?;
    }
    let all = cases();
    let selection = arguments.selection.within(arguments.profile.into());
    let selected = select(all.iter().copied(), &selection)
        .map_err(|error| Failure::error(Exit::NothingSelected, error))?;

    let now = Utc::now();
    let root = locate::runs(&inventory.path);
    let id = format!("{}-{}", now.format("%Y%m%d-%H%M%S"), std::process::id());
    let dir = arguments.out.clone().unwrap_or_else(|| root.join(&id));
    let deviations = boards
        .iter()
        .map(|board| locate::deviations(board, shell))
        .collect::<Result<Vec<_>, _>>()?;
    let reporters = reporters(
        arguments.json.as_deref(),
        arguments.junit.as_deref(),
        arguments.verbose,
        shell,
        &dir,
        arguments.out.is_none().then_some(root.as_path()),
    )?;

    let seed = arguments
        .seed
        .unwrap_or_else(|| RandomState::new().hash_one(0) & 0xffff_ffff);
    let started = RunStarted {
        schema: SCHEMA,
        run: id,
        dir: dir.display().to_string(),
        boards: boards.iter().map(|board| board.name.clone()).collect(),
        cases: selected.len() as u64,
        repeat: arguments.repeat,
        seed,
        impair: arguments.impair.map(|it| it.to_string()),
        argv: argv
            .iter()
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect(),
        version: env!("CARGO_PKG_VERSION").into(),
        started: now.to_rfc3339_opts(SecondsFormat::Secs, true),
    };
    let run = Run {
        cases: selected,
        all_ids: all.iter().map(|case| case.id()).collect(),
        retries: arguments.retries,
        repeat: arguments.repeat,
        seed,
        impair: arguments.impair,
        today: today(),
    };
    let mut plans = Vec::new();
    for (board, deviations) in boards.into_iter().zip(deviations) {
        let options = StartOptions {
            link: arguments.link,
            lan: arguments.lan.clone(),
            ..StartOptions::default()
        };
        let starter = LiveStarter::new(board.clone(), options, dir.clone())
            .map_err(|error| unwritable(&dir, &error))?;
        plans.push(BoardPlan {
            starter: Box::new(starter),
            deviations,
            deadline_scale: board.deadline_scale,
            again: again(board, &inventory, arguments),
        });
    }
    execute(started, run, plans, reporters)
}

/// Runs the plan.
fn execute(
    started: RunStarted,
    run: Run,
    plans: Vec<BoardPlan>,
    reporters: Vec<Box<dyn Reporter>>,
) -> Result<Exit, Failure> {
    conduct(reporters, async |emitter, stop| {
        run_engine(started, run, plans, emitter, stop).await
    })
}

/// Has something run that tells its events; reporters get them on a thread of their own, so that they never delay it.
pub(super) fn conduct(
    reporters: Vec<Box<dyn Reporter>>,
    what: impl AsyncFnOnce(&Emitter, &Stop) -> Exit,
) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::error(
                Exit::RigTrouble,
                format!("cannot start the runtime: {error}"),
            )
        })?;
    let (emitter, events) = Emitter::new();
    let reporting = thread::Builder::new()
        .name("reporters".into())
        .spawn(move || drive(events, reporters))
        .map_err(|error| {
            Failure::error(
                Exit::RigTrouble,
                format!("cannot start the reporters: {error}"),
            )
        })?;
    let exit = runtime.block_on(async {
        let stop = Stop::default();
        signals::listen(stop.clone()).map_err(|error| {
            Failure::error(
                Exit::RigTrouble,
                format!("cannot listen for signals: {error}"),
            )
        })?;
        Ok::<_, Failure>(what(&emitter, &stop).await)
    })?;
    // The stream of events ends with its last sender.
    drop(emitter);
    let failures = reporting.join().unwrap_or_default();
    // A reader that has left (`hil run | head`) has seen what it wanted to.
    let missing: Vec<_> = failures
        .iter()
        .filter(|(_, error)| error.kind() != io::ErrorKind::BrokenPipe)
        .collect();
    for (name, error) in &missing {
        say(&format!("error: cannot write {name}: {error}\n"));
    }
    // What was found stands, but a report that CI waits for is missing.
    Ok(if !missing.is_empty() && exit == Exit::Conforms {
        Exit::RigTrouble
    } else {
        exit
    })
}

/// The reporters of a run: its journal, and what was asked for besides. `latest_in` is where the run becomes the latest.
pub(super) fn reporters(
    json: Option<&Path>,
    junit: Option<&Path>,
    verbose: bool,
    shell: &Shell,
    dir: &Path,
    latest_in: Option<&Path>,
) -> Result<Vec<Box<dyn Reporter>>, Failure> {
    let journal = journal::create(dir, latest_in).map_err(|error| unwritable(dir, &error))?;
    // The journal comes first: it is complete whatever becomes of the others.
    let mut reporters: Vec<Box<dyn Reporter>> = vec![Box::new(journal)];
    reporters.extend(outputs(json, junit, verbose, shell)?);
    Ok(reporters)
}

/// The reporters that `run` and `report` share.
pub(super) fn outputs(
    json: Option<&Path>,
    junit: Option<&Path>,
    verbose: bool,
    shell: &Shell,
) -> Result<Vec<Box<dyn Reporter>>, Failure> {
    let mut reporters: Vec<Box<dyn Reporter>> = Vec::new();
    let detail = if verbose {
        Detail::Verbose
    } else {
        Detail::Usual
    };
    let json_owns_stdout = json == Some(Path::new("-"));
    match json {
        Some(_) if json_owns_stdout => {
            reporters.push(Box::new(JsonLines::new("standard output", io::stdout())))
        }
        Some(path) => {
            let file = File::create(path).map_err(|error| unwritable(path, &error))?;
            reporters.push(Box::new(JsonLines::new(path.display().to_string(), file)));
        }
        None => {}
    }
    if let Some(path) = junit {
        File::create(path).map_err(|error| unwritable(path, &error))?;
        reporters.push(Box::new(JUnit::new(path.into())));
    }
    reporters.push(Box::new(if json_owns_stdout {
        Console::new(Output::stderr(), shell.paint_errors(), detail)
    } else {
        Console::new(Output::stdout(), shell.paint(), detail)
    }));
    Ok(reporters)
}

/// A file or directory that cannot be written.
pub(super) fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::error(
        Exit::BadConfiguration,
        format!("cannot write {}: {error}", path.display()),
    )
}

/// Refuses a link the board does not have.
pub(super) fn check_link(board: &Board, link: Option<LinkKind>) -> Result<(), Failure> {
    if board.link(link).is_some() {
        return Ok(());
    }
    let known: Vec<&str> = board.links.iter().map(|link| link.kind().name()).collect();
    let wanted = link.unwrap_or(board.default_link);
    Err(Failure::error(
        Exit::BadConfiguration,
        format!(
            "board {} has no link \"{wanted}\"; it has: {}",
            board.name,
            known.join(", ")
        ),
    ))
}

pub(super) fn check_lan(board: &Board, lan: Option<&Lan>) -> Result<(), Failure> {
    let fitting = board.kind.lans();
    match lan {
        Some(wanted) if !fitting.contains(&wanted.kind()) => Err(Failure::error(
            Exit::BadConfiguration,
            format!(
                "board {} cannot use the lan \"{wanted}\"; it can use: {}",
                board.name,
                lans_in_words(fitting)
            ),
        )),
        // Who takes frames of an interface is not told which one by the runner.
        _ if lan.unwrap_or(&board.lan).kind() == LanKind::Nic
            && matches!(board.kind, BoardKind::Native { .. })
            && board.arguments.is_empty() =>
        {
            Err(Failure::error(
                Exit::BadConfiguration,
                format!(
                    "board {0} does not know which interface is its own on the lan \"{1}\": tell its process in \
                     boards.toml, below [board.{0}], as in arguments = [\"--net\", \"if:eth2\"]",
                    board.name,
                    lan.unwrap_or(&board.lan)
                ),
            ))
        }
        _ => Ok(()),
    }
}

/// Arguments that select the same board, link and lan again.
fn again(board: &Board, inventory: &Inventory, arguments: &Arguments) -> String {
    let mut again = String::new();
    if arguments.inventory.file.is_some() {
        again.push_str(&format!("--boards {} ", inventory.path.display()));
    }
    again.push_str(&format!("--board {}", board.name));
    if let Some(link) = arguments.link {
        again.push_str(&format!(" --link {link}"));
    }
    if let Some(lan) = &arguments.lan {
        again.push_str(&format!(" --lan {lan}"));
    }
    if let Some(impair) = arguments.impair {
        again.push_str(&format!(" --impair {impair}"));
    }
    again
}

/// Today where the user is, which is what a date in a file means.
fn today() -> Date {
    let now = Local::now().date_naive();
    let narrow = |number: u32| u8::try_from(number).unwrap_or(u8::MAX);
    Date {
        year: u16::try_from(now.year()).unwrap_or(u16::MAX),
        month: narrow(now.month()),
        day: narrow(now.day()),
    }
}
