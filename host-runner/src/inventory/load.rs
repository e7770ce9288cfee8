//! From the text of a boards.toml to an [`Inventory`], collecting everything that is wrong with it.
//!
//! The tables are walked by hand instead of being deserialised, because one message per file would send its
//! author round the loop once per slip.

use core::ops::Range;
use core::str::FromStr;
use core::time::Duration;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::diagnostic::{InventoryError, Problem, similar};
use super::links::links;
use super::reader::{Field, Problems, Table};
use super::{Board, BoardKind, Firmware, Inventory, Stack};
use crate::lan::{Lan, LanKind, Nic};

/// The kinds of boards.
const KINDS: [&str; 4] = ["native", "qemu", "probe", "serial"];

pub(super) fn load(path: &Path) -> Result<Inventory, InventoryError> {
    let text = std::fs::read_to_string(path).map_err(|source| InventoryError::Unreadable {
        path: path.into(),
        source,
    })?;
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    let place = Place {
        workspace: workspace_of(&directory),
        directory,
        file: path.into(),
    };
    let mut problems = Problems::default();
    let inventory = match DeTable::parse(&text) {
        Ok(root) => walk(root.get_ref(), &place, &mut problems),
        Err(error) => {
            problems.push(Problem {
                message: format!("not TOML: {}", error.message()),
                span: error.span().unwrap_or(0..0),
                label: "here".into(),
                help: "mend the syntax; the format is described at https://toml.io".into(),
            });
            None
        }
    };
    match (inventory, problems.into_sorted()) {
        (Some(inventory), problems) if problems.is_empty() => Ok(inventory),
        (_, problems) => Err(InventoryError::Wrong {
            path: path.into(),
            text,
            problems,
        }),
    }
}

/// Where the file stands, and the workspace its firmware crates belong to.
struct Place {
    file: PathBuf,
    directory: PathBuf,
    workspace: PathBuf,
}

/// The nearest directory upwards that has firmware crates; else the workspace this runner was built from.
fn workspace_of(directory: &Path) -> PathBuf {
    let absolute = std::path::absolute(directory).unwrap_or_else(|_| directory.into());
    absolute
        .ancestors()
        .find(|ancestor| {
            ancestor.join("target-fw/boards").is_dir() && ancestor.join("Cargo.toml").is_file()
        })
        .map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join(".."),
            Path::to_path_buf,
        )
}

fn walk(root: &DeTable<'_>, place: &Place, problems: &mut Problems) -> Option<Inventory> {
    let mut root = Table::new(root, "at the top level", 0..0, problems);
    let default = root.text("default");
    let boards_field = root.table("board");
    root.finish(&["default", "board"]);

    let Some(boards_field) = boards_field else {
        if problems.is_empty() {
            problems.push(Problem {
                message: "names no board".into(),
                span: 0..0,
                label: "here".into(),
                help: "add a table [board.NAME] with kind, firmware and port".into(),
            });
        }
        return None;
    };
    let mut names = Vec::new();
    let mut boards = Vec::new();
    for (key, value) in boards_field.value {
        let name = key.get_ref().to_string();
        names.push(name.clone());
        match value.get_ref().as_table() {
            Some(table) => boards.extend(board(&name, key.span(), table, place, problems)),
            None => problems.wrong_type(&name, value, "a table"),
        }
    }
    if let Some(default) = &default
        && !names.contains(&default.value)
    {
        let meant = similar(&default.value, names.iter().map(String::as_str));
        problems.push(Problem {
            message: format!("the default board \"{}\" does not exist", default.value),
            span: default.span.clone(),
            label: "no [board] of this name".into(),
            help: choice(meant, &names),
        });
    }
    Some(Inventory {
        path: place.file.clone(),
        default: default.map(|field| field.value),
        boards,
    })
}

fn board(
    name: &str,
    header: Range<usize>,
    table: &DeTable<'_>,
    place: &Place,
    problems: &mut Problems,
) -> Option<Board> {
    let mut table = Table::new(table, format!("in [board.{name}]"), header, problems);
    let kind_word = table.required_text(
        "kind",
        "\"native\" (a process of this machine), \"qemu\", \"probe\" (behind a debug probe) or \"serial\"",
    );
    let kind = kind_word.and_then(|word| kind(&word, &mut table));
    let firmware = firmware(&mut table, place);
    let port = table.required_text(
        "port",
        "the nsapi implementation it runs, for example \"smoltcp\"",
    );
    let deviations = deviations(&mut table, place);
    let features = features(&mut table, firmware.as_ref());
    let power = table.text("power").map(|command| command.value);
    let (links, default_link) = links(&mut table, kind.as_ref(), &place.directory);
    let lan = lan(&mut table, kind.as_ref());
    let arguments = match kind {
        Some(BoardKind::Native { .. }) => table.texts("arguments"),
        _ => None,
    };
    let rtt_allowance = table.number("rtt_allowance_ms", 0.0..=60_000.0);
    let deadline_scale = table.number("deadline_scale", 0.1..=1000.0);
    let mut known = vec![
        "kind",
        "firmware",
        "features",
        "port",
        "deviations",
        "link",
        "default_link",
        "lan",
        "rtt_allowance_ms",
        "deadline_scale",
        "power",
    ];
    if matches!(kind, Some(BoardKind::Qemu { .. }) | None) {
        known.push("machine");
    }
    if matches!(kind, Some(BoardKind::Native { .. }) | None) {
        known.extend(["stack", "arguments"]);
    }
    table.finish(&known);
    Some(Board {
        name: name.into(),
        kind: kind?,
        firmware: firmware?,
        features,
        port: port?.value,
        deviations,
        links,
        default_link: default_link?,
        lan: lan?,
        arguments: arguments.unwrap_or_default(),
        rtt_allowance: Duration::from_secs_f64(rtt_allowance.unwrap_or(5.0) / 1000.0),
        deadline_scale: deadline_scale.unwrap_or(1.0),
        power,
        workspace: place.workspace.clone(),
        file: place.file.clone(),
    })
}

fn kind(word: &Field<String>, table: &mut Table<'_, '_>) -> Option<BoardKind> {
    match word.value.as_str() {
        "native" => Some(BoardKind::Native {
            stack: stack(table)?,
        }),
        "qemu" => {
            let machine = table.required_text(
                "machine",
                "QEMU's name of the machine, for example \"mps2-an385\"",
            )?;
            Some(BoardKind::Qemu {
                machine: machine.value,
            })
        }
        "probe" => Some(BoardKind::Probe),
        "serial" => Some(BoardKind::Serial),
        other => {
            let meant = similar(other, KINDS);
            table.problem(
                word,
                format!("unknown kind of board \"{other}\""),
                "unknown kind",
                choice(meant, &KINDS.map(String::from)),
            );
            None
        }
    }
}

/// Whose stack a process of this machine uses; the kernel's unless it says otherwise.
fn stack(table: &mut Table<'_, '_>) -> Option<Stack> {
    let Some(word) = table.text("stack") else {
        return Some(Stack::Kernel);
    };
    let found = Stack::ALL
        .into_iter()
        .find(|stack| stack.name() == word.value);
    if found.is_none() {
        let known = Stack::ALL.map(|stack| stack.name().to_owned());
        let meant = similar(&word.value, Stack::ALL.map(Stack::name));
        table.problem(
            &word,
            format!("unknown stack \"{}\"", word.value),
            "unknown stack",
            choice(meant, &known),
        );
    }
    found
}

fn firmware(table: &mut Table<'_, '_>, place: &Place) -> Option<Firmware> {
    let wanted = "the name of a crate under target-fw/boards, or { elf = \"path\" }";
    if let Some(mut inner) = table.inner_table("firmware") {
        let elf = inner.required_text("elf", "the path of the image, relative to this file");
        inner.finish(&["elf"]);
        return Some(Firmware::Elf(place.directory.join(elf?.value)));
    }
    let name = table.required_text_or("firmware", wanted)?;
    let folder = place.workspace.join("target-fw/boards");
    if folder.join(&name.value).join("Cargo.toml").is_file() && !name.value.is_empty() {
        return Some(Firmware::Crate(name.value));
    }
    let mut crates: Vec<String> = std::fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    crates.sort();
    let meant = similar(&name.value, crates.iter().map(String::as_str));
    table.problem(
        &name,
        format!(
            "there is no firmware crate \"{}\" under target-fw/boards",
            name.value
        ),
        "no such crate",
        format!(
            "{}; or name a finished image: firmware = {{ elf = \"path\" }}",
            choice(meant, &crates)
        ),
    );
    None
}

/// Cargo features; only an image that is built can have some.
fn features(table: &mut Table<'_, '_>, firmware: Option<&Firmware>) -> Vec<String> {
    let features = table.texts("features").unwrap_or_default();
    if matches!(firmware, Some(Firmware::Elf(_)))
        && let Some(key) = table.keys().into_iter().find(|key| key.value == "features")
    {
        table.problem(
            &key,
            "a finished image cannot be given features".into(),
            "firmware is an ELF file",
            "leave features out, or name a crate under target-fw/boards as firmware".into(),
        );
    }
    features
}

fn deviations(table: &mut Table<'_, '_>, place: &Place) -> Option<PathBuf> {
    let name = table.text("deviations")?;
    let path = place.directory.join(&name.value);
    if !path.is_file() {
        table.problem(
            &name,
            format!("the deviations file \"{}\" does not exist", name.value),
            "no such file",
            "give its path relative to this boards.toml, or leave the key out to use suites/deviations/<port>.toml".into(),
        );
    }
    Some(path)
}

fn lan(table: &mut Table<'_, '_>, kind: Option<&BoardKind>) -> Option<Lan> {
    let fits = kind.map_or(&LanKind::ALL[..], BoardKind::lans);
    let known: Vec<String> = fits.iter().map(|lan| lan.name().to_string()).collect();
    let (lan, word) = if let Some(mut inner) = table.inner_table("lan") {
        let name = inner.required_text("nic", "the name of an interface, for example \"eth1\"");
        let exclusive = inner.flag("exclusive").unwrap_or(false);
        inner.finish(&["nic", "exclusive"]);
        let name = name?;
        let nic = Nic {
            name: name.value.clone(),
            exclusive,
        };
        (Lan::Nic(nic), name)
    } else {
        let Some(word) = table.text("lan") else {
            // The best that works where there is a choice.
            return Some(if fits.contains(&LanKind::Auto) {
                Lan::Auto
            } else {
                Lan::None
            });
        };
        match Lan::from_str(&word.value) {
            Ok(lan) if lan.kind() != LanKind::Nic => (lan, word),
            _ => {
                let meant = similar(&word.value, known.iter().map(String::as_str));
                table.problem(
                    &word,
                    format!("unknown lan \"{}\"", word.value),
                    "unknown lan",
                    choice(meant, &known),
                );
                return None;
            }
        }
    };
    if fits.contains(&lan.kind()) || kind.is_none() {
        return Some(lan);
    }
    table.problem(
        &word,
        format!("a board of this kind has no lan \"{}\"", lan.kind()),
        "does not fit the kind",
        choice(None, &known),
    );
    None
}

/// `did you mean "a"? known: a, b`.
pub(super) fn choice(meant: Option<&str>, known: &[String]) -> String {
    let meant = meant
        .map(|meant| format!("did you mean \"{meant}\"? "))
        .unwrap_or_default();
    format!("{meant}known: {}", known.join(", "))
}
