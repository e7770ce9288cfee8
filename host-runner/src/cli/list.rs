//! `hil list`: what there is, for people by suite, for machines an object per line.

use std::fmt::Write;

use hil_kit::Case;
use serde::Serialize;

use super::args::List as Arguments;
use super::{Failure, Shell, cases, print};
use crate::event::Exit;
use crate::plan::select;
use crate::report::Paint;

/// A case as `hil list --json` shows it (design §8).
#[derive(Debug, Serialize)]
struct Line {
    /// Without axis.
    id: String,
    axes: Vec<String>,
    suite: &'static str,
    title: &'static str,
    level: &'static str,
    cites: &'static [&'static str],
    needs: Vec<String>,
    profile: &'static str,
    tags: &'static [&'static str],
    origin: &'static str,
}

impl From<&Case> for Line {
    fn from(case: &Case) -> Self {
        Self {
            id: case.id(),
            axes: Vec::new(),
            suite: case.suite(),
            title: case.title,
            level: case.level.name(),
            cites: case.cites,
            needs: case.needs.iter().map(|need| need.name()).collect(),
            profile: case.profile.name(),
            tags: case.tags,
            origin: "written",
        }
    }
}

/// Runs the command.
pub(super) fn list(arguments: &Arguments, shell: &Shell) -> Result<Exit, Failure> {
    let all = cases();
    let selection = arguments.selection.within(arguments.profile.into());
    let selected =
        select(all, &selection).map_err(|error| Failure::error(Exit::NothingSelected, error))?;
    let text = if arguments.json {
        lines(&selected)?
    } else {
        table(&selected, shell.paint())
    };
    print(&text)?;
    Ok(Exit::Conforms)
}

fn lines(cases: &[&Case]) -> Result<String, Failure> {
    let mut out = String::new();
    for case in cases {
        let line = serde_json::to_string(&Line::from(*case))
            .map_err(|error| Failure::error(Exit::RigTrouble, format!("{}: {error}", case.id())))?;
        out.push_str(&line);
        out.push('\n');
    }
    Ok(out)
}

fn table(cases: &[&Case], paint: Paint) -> String {
    let mut out = String::new();
    let width = cases.iter().map(|case| case.id().len()).max().unwrap_or(0);
    let mut suite = "";
    for case in cases {
        if case.suite() != suite {
            let count = cases
                .iter()
                .filter(|other| other.suite() == case.suite())
                .count();
            let gap = if suite.is_empty() { "" } else { "\n" };
            suite = case.suite();
            let _ = writeln!(
                out,
                "{gap}{} {}",
                paint.bold(suite),
                paint.dim(&format!("({count})"))
            );
        }
        let mut notes = vec![case.level.name().to_owned(), case.profile.name().to_owned()];
        notes.extend(case.needs.iter().map(|need| need.name()));
        notes.extend(case.tags.iter().map(|tag| format!("#{tag}")));
        let _ = writeln!(
            out,
            "  {:<width$}  {}",
            case.id(),
            paint.dim(&notes.join(" "))
        );
        let _ = writeln!(out, "      {}", case.title);
    }
    let suites = cases
        .iter()
        .map(|case| case.suite())
        .collect::<std::collections::BTreeSet<_>>()
        .len();
    let number =
        |count: usize, word| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let _ = writeln!(
        out,
        "\n{} in {}",
        number(cases.len(), "case"),
        number(suites, "suite")
    );
    out
}
