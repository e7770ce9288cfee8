//! `hil bench`: measures boards one after another, shows a table or JSON.

use std::fmt::Write as _;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::Write as _;
use std::path::Path;

use chrono::Utc;

use super::args::Bench as Arguments;
use super::run::{check_link, unwritable};
use super::{Failure, Shell, locate, print, signals};
use crate::bench::{Benchmark, BothWays, Figures, Options, Percentiles, measure};
use crate::board::StartOptions;
use crate::engine::Stop;
use crate::event::Exit;
use crate::inventory::Board;
use crate::report::Paint;

/// Runs the command.
pub(super) fn bench(arguments: &Arguments, shell: &Shell) -> Result<Exit, Failure> {
    let inventory = locate::inventory(arguments.inventory.file.as_deref(), shell)?;
    let boards = locate::boards(&inventory, &arguments.boards)?;
    for board in &boards {
        check_link(board, arguments.link)?;
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
            link: arguments.link,
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
            output.begin(board);
            let benchmark = measure(board, &options, &stop)
                .await
                .map_err(|error| unwritable(&dir, &error))?;
            exit = worse(exit, benchmark.exit);
            output.show(&benchmark, &dir)?;
            if stop.wanted() {
                break;
            }
        }
        Ok(exit)
    })
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
    fn begin(&self, board: &Board) {
        eprintln!("measuring {} …", board.name);
    }

    fn show(&mut self, benchmark: &Benchmark, dir: &Path) -> Result<(), Failure> {
        for problem in &benchmark.problems {
            eprintln!("not measured: {problem}");
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
        print(&table(&benchmark.figures, dir, self.paint))
    }
}

fn table(figures: &Figures, dir: &Path, paint: Paint) -> String {
    let word = |word: &Option<String>| word.clone().unwrap_or_else(|| "unknown".into());
    let emulated = if figures.emulated {
        ", emulated: says little about silicon"
    } else {
        ""
    };
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{} (port {}, link {}, lan {}{emulated})",
        paint.bold(&figures.board),
        word(&figures.port),
        word(&figures.link),
        word(&figures.lan),
    );
    let mut row = |what: &str, value: Option<String>, meaning: &str| {
        let value = value.unwrap_or_else(|| "not measured".into());
        let _ = writeln!(out, "  {what:<20} {value:<30}  {}", paint.dim(meaning));
    };
    let spread =
        |it: Percentiles, unit: &str| format!("p50 {:.3}  p99 {:.3} {unit}", it.p50, it.p99);
    let both = |it: BothWays, unit: &str| {
        let (to, from) = (it.to_board?, it.from_board?);
        Some(format!("to {to:.1}  from {from:.1} {unit}"))
    };
    row(
        "link round trip",
        figures
            .link_rtt_us
            .map(|it| format!("p50 {:.0}  p99 {:.0} µs", it.p50, it.p99)),
        "a ping and its answer",
    );
    row(
        "link throughput",
        both(figures.link_throughput_kib_s, "KiB/s"),
        "data in requests to the board, in answers from it",
    );
    let overhead = figures.case_overhead_ms;
    row(
        "case overhead",
        overhead.map(|it| spread(it.both, "ms")),
        "from the beginning of a case to the next; both cases:",
    );
    row(
        "  open and close",
        overhead.map(|it| spread(it.open_close, "ms")),
        "a TCP socket",
    );
    row(
        "  echo of 64 bytes",
        overhead.map(|it| spread(it.echo_64, "ms")),
        "over a TCP connection of its own",
    );
    row(
        "start",
        figures
            .start_to_first_case_ms
            .map(|it| format!("{it:.0} ms")),
        "from running the board to its first case",
    );
    row(
        "TCP goodput",
        both(figures.tcp_goodput_mbit, "Mbit/s"),
        "a stream with every byte checked",
    );
    if let Some(added) = figures.wire_added_rtt_us {
        row(
            "cable",
            Some(format!("p50 {:+.0}  p99 {:+.0} µs", added.p50, added.p99)),
            "added to a round trip between kernel and stack",
        );
        row(
            "  without it",
            both(figures.tcp_goodput_joined_mbit, "Mbit/s"),
            "TCP goodput of the same stacks joined directly",
        );
    }
    if let (Some(text), Some(ram)) = (figures.text_bytes, figures.ram_bytes) {
        row(
            "image",
            Some(format!("text {text}  RAM {ram} bytes")),
            "code and constants; variables and stack",
        );
    }
    let _ = writeln!(
        out,
        "{}",
        paint.dim(&format!(
            "raw samples: {}",
            dir.join(&figures.board).join("samples.csv").display()
        ))
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_was_not_measured() {
        let figures = Figures {
            board: "b".into(),
            emulated: true,
            start_to_first_case_ms: Some(12.3),
            ..Figures::default()
        };
        let table = table(&figures, Path::new("runs"), Paint::new(false));
        assert!(table.starts_with("b (port unknown, link unknown, lan unknown, emulated"));
        assert!(table.contains("start                12 ms"), "{table}");
        assert_eq!(table.matches("not measured").count(), 6, "{table}");
        assert!(!table.contains("image"), "{table}");
        assert!(
            table.ends_with("raw samples: runs/b/samples.csv\n"),
            "{table}"
        );
    }

    #[test]
    fn the_worse_exit_wins() {
        assert_eq!(worse(Exit::Conforms, Exit::Violated), Exit::Violated);
        assert_eq!(worse(Exit::Interrupted, Exit::Violated), Exit::Interrupted);
        assert_eq!(worse(Exit::Conforms, Exit::Conforms), Exit::Conforms);
    }
}
