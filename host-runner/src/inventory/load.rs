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
use super::reader::{Field, Problems, Table};
use super::{Board, BoardKind, Firmware, Inventory, Link, Stack};
use crate::lan::{Lan, LanKind, Nic};
use crate::link::LinkKind;

/// Kinds and other words that the format knows and this version cannot drive.
const LATER_KINDS: [&str; 2] = ["probe", "serial"];
const LATER_LINKS: [&str; 1] = ["rtt"];

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
    let kind_word =
        table.required_text("kind", "\"native\" (a process of this machine) or \"qemu\"");
    let kind = kind_word.and_then(|word| kind(&word, &mut table));
    let firmware = firmware(&mut table, place);
    let port = table.required_text(
        "port",
        "the nsapi implementation it runs, for example \"smoltcp\"",
    );
    let deviations = deviations(&mut table, place);
    let (links, default_link) = links(&mut table, kind.as_ref());
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
        "port",
        "deviations",
        "link",
        "default_link",
        "lan",
        "rtt_allowance_ms",
        "deadline_scale",
    ];
    if !matches!(kind, Some(BoardKind::Native { .. })) {
        known.push("machine");
    }
    if !matches!(kind, Some(BoardKind::Qemu { .. })) {
        known.extend(["stack", "arguments"]);
    }
    table.finish(&known);
    Some(Board {
        name: name.into(),
        kind: kind?,
        firmware: firmware?,
        port: port?.value,
        deviations,
        links,
        default_link: default_link?,
        lan: lan?,
        arguments: arguments.unwrap_or_default(),
        rtt_allowance: Duration::from_secs_f64(rtt_allowance.unwrap_or(5.0) / 1000.0),
        deadline_scale: deadline_scale.unwrap_or(1.0),
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
        later if LATER_KINDS.contains(&later) => {
            // Still name the key, so that it is not reported as unknown on top.
            let _ = table.text("machine");
            table.problem(
                word,
                format!("this version cannot drive boards of kind \"{later}\" yet"),
                "known, but not yet driven",
                "it drives \"native\" and \"qemu\"".into(),
            );
            None
        }
        other => {
            let known = ["native", "qemu"].map(String::from);
            let meant = similar(other, ["native", "qemu", "probe", "serial"]);
            table.problem(
                word,
                format!("unknown kind of board \"{other}\""),
                "unknown kind",
                choice(meant, &known),
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

fn links(table: &mut Table<'_, '_>, kind: Option<&BoardKind>) -> (Vec<Link>, Option<LinkKind>) {
    let usual = match kind {
        Some(BoardKind::Qemu { .. }) => Link::Serial { uart: 0 },
        Some(BoardKind::Native { .. }) | None => Link::Unix,
    };
    let mut links = Vec::new();
    // Asked only of a kind that is known: the links of an unknown one cannot be judged.
    if let Some(mut inner) = table.inner_table("link") {
        if kind.is_some() {
            read_links(&mut inner, usual.kind(), &mut links);
        }
    } else {
        // Says so if the key is there and no table.
        let _ = table.table("link");
    }
    if links.is_empty() {
        links.push(usual);
    }
    let have: Vec<String> = links
        .iter()
        .map(|link| link.kind().name().to_string())
        .collect();
    let Some(word) = table.text("default_link") else {
        return (links.clone(), links.first().map(Link::kind));
    };
    let wanted = LinkKind::from_str(&word.value).ok();
    let default = links
        .iter()
        .map(Link::kind)
        .find(|link| Some(*link) == wanted);
    if default.is_none() && kind.is_some() {
        let (message, label) = match (wanted, LATER_LINKS.contains(&word.value.as_str())) {
            (Some(link), _) => (
                format!("the default link \"{link}\" is none of this board's links"),
                "not listed under link",
            ),
            (None, true) => (
                format!("this version cannot drive the link \"{}\" yet", word.value),
                "known, but not yet driven",
            ),
            (None, false) => (format!("unknown link \"{}\"", word.value), "unknown link"),
        };
        let meant = similar(&word.value, have.iter().map(String::as_str));
        table.problem(&word, message, label, choice(meant, &have));
    }
    (links, default)
}

fn read_links(table: &mut Table<'_, '_>, fits: LinkKind, links: &mut Vec<Link>) {
    for key in table.keys() {
        let Ok(kind) = LinkKind::from_str(&key.value) else {
            if LATER_LINKS.contains(&key.value.as_str()) {
                table.problem(
                    &key,
                    format!("this version cannot drive the link \"{}\" yet", key.value),
                    "known, but not yet driven",
                    format!("a board of this kind has link.{fits}"),
                );
            } else {
                let meant = similar(&key.value, [fits.name()]);
                table.problem(
                    &key,
                    format!("unknown link \"{}\"", key.value),
                    "unknown link",
                    choice(meant, &[fits.name().into()]),
                );
            }
            continue;
        };
        if kind != fits {
            table.problem(
                &key,
                format!("a board of this kind has no link \"{kind}\""),
                "does not fit the kind",
                format!("use link.{fits}"),
            );
            continue;
        }
        let Some(mut inner) = table.inner_table(kind.name()) else {
            let _ = table.table(kind.name());
            continue;
        };
        match kind {
            LinkKind::Unix => {
                inner.finish(&[]);
                links.push(Link::Unix);
            }
            LinkKind::Serial => {
                let uart = inner.number("uart", 0.0..=0.0);
                inner.finish(&["uart"]);
                links.push(Link::Serial {
                    uart: uart.map_or(0, |uart| uart as u8),
                });
            }
        }
    }
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
            return Some(Lan::Auto);
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
fn choice(meant: Option<&str>, known: &[String]) -> String {
    let meant = meant
        .map(|meant| format!("did you mean \"{meant}\"? "))
        .unwrap_or_default();
    format!("{meant}known: {}", known.join(", "))
}
