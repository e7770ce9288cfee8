//! `hil bench`: measures boards one after another, each over one link after another, shows a table or JSON.

mod table;

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use chrono::Utc;

use super::args::Bench as Arguments;
use super::run::{check_link, unwritable};
use super::{Failure, Shell, locate, print, signals};
use crate::bench::{Benchmark, Options, measure};
use crate::board::StartOptions;
use crate::engine::Stop;
use crate::event::Exit;
use crate::inventory::Board;
use crate::link::LinkKind;
use crate::report::Paint;
use table::{Column, table};

/// Runs the command.
pub(super) fn bench(arguments: &Arguments, shell: &Shell) -> Result<Exit, Failure> {
    let inventory = locate::inventory(arguments.inventory.file.as_deref(), shell)?;
    let boards = locate::boards(&inventory, &arguments.boards)?;
    let links = links(&arguments.links);
    for board in &boards {
        for link in &links {
            check_link(board, *link)?;
        }
    }
    let id = format!(
        "bench-{}-{}",
        Utc::now().format("%Y%m%d-%H%M%S"),
        std::process::id()
    );
    let dir = arguments
        .out
        .clone()
        .unwrap_or_else(|| locate::runs(&inventory.path).join(id));
    let mut output = Output::new(arguments.json.as_deref(), shell)?;
    let options = Options {
        start: StartOptions {
            lan: arguments.lan.clone(),
            ..StartOptions::default()
        },
        samples: arguments.samples,
        seed: RandomState::new().hash_one(0) & 0xffff_ffff,
        dir: dir.clone(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::error(
                Exit::RigTrouble,
                format!("cannot start the runtime: {error}"),
            )
        })?;
    runtime.block_on(async {
        let stop = Stop::default();
        signals::listen(stop.clone()).map_err(|error| {
            Failure::error(
                Exit::RigTrouble,
                format!("cannot listen for signals: {error}"),
            )
        })?;
        let mut exit = Exit::Conforms;
        for board in boards {
            let mut columns = Vec::new();
            for link in &links {
                // Of several links the folders and lines say which one is meant.
                let told = link.filter(|_| links.len() > 1);
                Output::begin(board, told);
                let mut options = options.clone();
                options.start.link = *link;
                options.dir = folder(&dir, board, told);
                let mut benchmark = measure(board, &options, &stop)
                    .await
                    .map_err(|error| unwritable(&dir, &error))?;
                exit = worse(exit, benchmark.exit);
                if let Some(link) = told {
                    // Known of a board that did not start, too.
                    benchmark.figures.link = Some(link.name().into());
                }
                output.note(&benchmark, told)?;
                columns.push(Column {
                    figures: benchmark.figures,
                    dir: options.dir,
                });
                if stop.wanted() {
                    break;
                }
            }
            output.show(&columns)?;
            if stop.wanted() {
                break;
            }
        }
        Ok(exit)
    })
}

/// Every link that is measured, once; `None` is the default one of the board.
fn links(wanted: &[LinkKind]) -> Vec<Option<LinkKind>> {
    let mut links = Vec::new();
    for link in wanted {
        if !links.contains(&Some(*link)) {
            links.push(Some(*link));
        }
    }
    if links.is_empty() {
        links.push(None);
    }
    links
}

/// Where raw samples and evidence of a board go; those of one of its links, if there are several.
fn folder(dir: &Path, board: &Board, link: Option<LinkKind>) -> PathBuf {
    let mut folder = dir.join(&board.name);
    folder.extend(link.map(LinkKind::name));
    folder
}

/// The one that wins.
fn worse(one: Exit, other: Exit) -> Exit {
    Exit::PRECEDENCE
        .into_iter()
        .find(|exit| [one, other].contains(exit))
        .unwrap_or(one)
}

/// Where the figures go.
struct Output {
    paint: Paint,
    json: Option<File>,
    json_owns_stdout: bool,
}

impl Output {
    fn new(json: Option<&Path>, shell: &Shell) -> Result<Self, Failure> {
        let json_owns_stdout = json == Some(Path::new("-"));
        let file = match json {
            Some(path) if !json_owns_stdout => {
                Some(File::create(path).map_err(|error| unwritable(path, &error))?)
            }
            _ => None,
        };
        Ok(Self {
            paint: shell.paint(),
            json: file,
            json_owns_stdout,
        })
    }

    /// Says on standard error what takes so long.
    fn begin(board: &Board, link: Option<LinkKind>) {
        match link {
            Some(link) => eprintln!("measuring {} over {link} …", board.name),
            None => eprintln!("measuring {} …", board.name),
        }
    }

    /// Writes what programs read, and why something is missing there.
    fn note(&mut self, benchmark: &Benchmark, link: Option<LinkKind>) -> Result<(), Failure> {
        for problem in &benchmark.problems {
            match link {
                Some(link) => eprintln!("not measured over {link}: {problem}"),
                None => eprintln!("not measured: {problem}"),
            }
        }
        let failed =
            |error: &dyn core::fmt::Display| Failure::error(Exit::RigTrouble, error.to_string());
        let mut line = serde_json::to_string(&benchmark.figures).map_err(|error| failed(&error))?;
        line.push('\n');
        if self.json_owns_stdout {
            return print(&line);
        }
        if let Some(file) = &mut self.json {
            file.write_all(line.as_bytes())
                .map_err(|error| failed(&error))?;
        }
        Ok(())
    }

    /// Shows what people read: a board that was measured.
    fn show(&self, columns: &[Column]) -> Result<(), Failure> {
        if self.json_owns_stdout {
            return Ok(());
        }
        print(&table(columns, self.paint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_measured_once() {
        use LinkKind as L;
        assert_eq!(links(&[]), [None]);
        assert_eq!(links(&[L::Rtt]), [Some(L::Rtt)]);
        assert_eq!(
            links(&[L::Serial, L::Rtt, L::Serial]),
            [Some(L::Serial), Some(L::Rtt)]
        );
    }

    #[test]
    fn the_worse_exit_wins() {
        assert_eq!(worse(Exit::Conforms, Exit::Violated), Exit::Violated);
        assert_eq!(worse(Exit::Interrupted, Exit::Violated), Exit::Interrupted);
        assert_eq!(worse(Exit::Conforms, Exit::Conforms), Exit::Conforms);
    }
}
