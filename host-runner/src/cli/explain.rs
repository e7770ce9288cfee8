//! `hil explain`: what a case demands, what a code means, what an exit code, a verdict or its cause says.

use std::fmt::Write;
use std::path::Path;

use hil_kit::Case;

use super::args::Explain as Arguments;
use super::{Failure, Shell, cases, codes, locate, print, words};
use crate::event::{Exit, Verdict};
use crate::plan::{CasePattern, similar};
use crate::report::Paint;
use crate::requirements::Requirements;

/// Runs the command.
pub(super) fn explain(arguments: &Arguments, shell: &Shell) -> Result<Exit, Failure> {
    let paint = shell.paint();
    let text = match arguments.what.as_slice() {
        [word] if word == "exit" => exits(paint),
        [word, number] if word == "exit" => exit(number, paint)?,
        [what] => codes::explain(what, paint)
            .or_else(|| verdict(what, paint))
            .or_else(|| words::explain(what, paint))
            .map_or_else(|| case(what, paint), Ok)?,
        _ => return Err(unknown(&arguments.what.join(" "))),
    };
    print(&text)?;
    Ok(Exit::Conforms)
}

fn exits(paint: Paint) -> String {
    let mut out = String::from("How `hil run` ends; the first that applies, from above:\n\n");
    for exit in Exit::PRECEDENCE {
        one_exit(&mut out, exit, paint);
    }
    out
}

fn exit(number: &str, paint: Paint) -> Result<String, Failure> {
    let exit = number
        .parse()
        .ok()
        .and_then(Exit::from_code)
        .ok_or_else(|| {
            let known: Vec<String> = Exit::PRECEDENCE
                .iter()
                .map(|exit| exit.code().to_string())
                .collect();
            Failure::error(
                Exit::NothingSelected,
                format!(
                    "hil never exits with \"{number}\"; it does with {}",
                    known.join(", ")
                ),
            )
        })?;
    let mut out = String::new();
    one_exit(&mut out, exit, paint);
    Ok(out)
}

fn one_exit(out: &mut String, exit: Exit, paint: Paint) {
    let _ = writeln!(out, "{:>4}  {}", exit.code(), paint.bold(exit.title()));
    let _ = writeln!(out, "      {}", exit.meaning());
}

fn verdict(word: &str, paint: Paint) -> Option<String> {
    let verdict = Verdict::ALL
        .into_iter()
        .find(|verdict| verdict.name() == word)?;
    let consequence = if verdict.violates() {
        "makes the run exit with 100"
    } else if verdict.is_trouble() {
        "makes the run exit with 97"
    } else if matches!(verdict, Verdict::Pass | Verdict::Lenient) {
        "counts towards conformance"
    } else {
        "neither harms nor counts towards conformance"
    };
    Some(format!(
        "{}: {}; {consequence}\n",
        paint.verdict(verdict, verdict.name()),
        verdict.meaning()
    ))
}

fn case(word: &str, paint: Paint) -> Result<String, Failure> {
    let all = cases();
    let exact: Vec<&Case> = all
        .iter()
        .copied()
        .filter(|case| case.id() == word)
        .collect();
    let found = if exact.is_empty() {
        let pattern = CasePattern::new(word).map_err(|_| unknown(word))?;
        all.iter()
            .copied()
            .filter(|case| pattern.fits(&case.id()))
            .collect()
    } else {
        exact
    };
    match found.as_slice() {
        [] => Err(unknown(word)),
        [case] => one_case(case, paint),
        several => {
            let mut out = format!(
                "{} cases match \"{word}\"; name one of them:\n",
                several.len()
            );
            for case in several {
                let _ = writeln!(out, "  {}", case.id());
            }
            Ok(out)
        }
    }
}

fn one_case(case: &Case, paint: Paint) -> Result<String, Failure> {
    let mut out = format!("{}\n  {}\n", paint.bold(&case.id()), case.title);
    for line in case.text.lines().map(str::trim_end) {
        let _ = writeln!(out, "  {line}");
    }
    out.push('\n');
    let needs: Vec<String> = case.needs.iter().map(|need| need.name()).collect();
    let mut field = |name: &str, value: &str| {
        let _ = writeln!(out, "  {} {value}", paint.dim(&format!("{name:<9}")));
    };
    field("level", case.level.name());
    let needs = if needs.is_empty() {
        "nothing of port and lan".into()
    } else {
        needs.join(", ")
    };
    field("needs", &needs);
    field("profile", case.profile.name());
    field(
        "deadline",
        &format!("{} ms on the reference", case.deadline_ms),
    );
    if !case.tags.is_empty() {
        field("tags", &case.tags.join(", "));
    }
    field("source", &format!("{}:{}", case.file, case.line));
    field("run", &format!("cargo hil run {}", case.id()));
    let requirements = requirements()?;
    for cite in case.cites {
        out.push('\n');
        match requirements.get(cite) {
            Some(requirement) => {
                let _ = writeln!(
                    out,
                    "  {} ({}; {})",
                    paint.bold(cite),
                    requirement.level,
                    requirement.source
                );
                let _ = writeln!(out, "    {}", requirement.text.trim());
            }
            None => {
                let _ = writeln!(
                    out,
                    "  {} {}",
                    paint.bold(cite),
                    paint.dim("(an entry of a catalogue)")
                );
            }
        }
    }
    Ok(out)
}

/// The texts of the requirements, where the sources are at hand; without them the ids have to do.
fn requirements() -> Result<Requirements, Failure> {
    let Ok(file) = locate::boards_file(None) else {
        return Ok(Requirements::default());
    };
    let dir = file
        .parent()
        .unwrap_or_else(|| Path::new(""))
        .join("suites/requirements");
    Requirements::load(&dir).map_err(|error| Failure::error(Exit::BadConfiguration, error))
}

fn unknown(word: &str) -> Failure {
    let mut known: Vec<String> = cases().iter().map(|case| case.id()).collect();
    known.extend(codes::names().chain(words::names()).map(str::to_owned));
    let similar = similar(word, known.iter().map(String::as_str));
    let hint = if similar.is_empty() {
        String::new()
    } else {
        format!("; similar: {}", similar.join(", "))
    };
    Failure::error(
        Exit::NothingSelected,
        format!(
            "\"{word}\" is no case, no code of the API, no verdict, cause or step and not `exit`{hint}"
        ),
    )
}
