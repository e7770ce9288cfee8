//! `hil boards`: the boards of boards.toml, or what is attached to this machine.

use std::fmt::Write;

use super::args::Boards as Arguments;
use super::{Failure, Shell, discover, locate, print};
use crate::event::Exit;
use crate::inventory::{Board, Firmware, Inventory};
use crate::report::Paint;

const HEAD: [&str; 6] = ["board", "kind", "port", "link", "lan", "firmware"];

/// Runs the command.
pub(super) fn boards(arguments: &Arguments, shell: &Shell) -> Result<Exit, Failure> {
    if arguments.discover {
        return discover::attached(arguments.json, shell.paint());
    }
    if let Some(part) = &arguments.chips {
        return discover::chips(part);
    }
    let inventory = locate::inventory(arguments.inventory.file.as_deref(), shell)?;
    print(&table(&inventory, shell.paint()))?;
    Ok(Exit::Conforms)
}

fn table(inventory: &Inventory, paint: Paint) -> String {
    let rows: Vec<[String; 6]> = inventory.boards.iter().map(row).collect();
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .chain([HEAD[column].len()])
            .max()
            .unwrap_or(0)
    };
    let mut out = String::new();
    let mut line = |mark: &str, cells: [&str; 6]| {
        let cells: Vec<String> = cells
            .iter()
            .enumerate()
            .map(|(column, cell)| format!("{cell:<0$}", width(column)))
            .collect();
        let _ = writeln!(out, "{mark} {}", cells.join("  ").trim_end());
    };
    line(" ", HEAD);
    for row in &rows {
        let default = inventory.default.as_deref() == Some(&row[0]);
        line(
            if default { "*" } else { " " },
            row.each_ref().map(String::as_str),
        );
    }
    let from = format!("from {}", inventory.path.display());
    let note = match inventory.default {
        Some(_) => format!("* default; {from}"),
        None => format!("no default; {from}"),
    };
    let _ = writeln!(out, "{}", paint.dim(&note));
    out
}

fn row(board: &Board) -> [String; 6] {
    let links: Vec<String> = board
        .links
        .iter()
        .map(|link| {
            let default = if board.links.len() > 1 && link.kind() == board.default_link {
                "*"
            } else {
                ""
            };
            format!("{}{default}", link.kind())
        })
        .collect();
    let firmware = match &board.firmware {
        Firmware::Crate(name) => name.clone(),
        Firmware::Elf(path) => path.display().to_string(),
    };
    [
        board.name.clone(),
        board.kind.name().into(),
        board.port.clone(),
        links.join(", "),
        board.lan.to_string(),
        firmware,
    ]
}
