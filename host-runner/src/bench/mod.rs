//! Benchmarks: how fast link, engine and port are, and how large the image is (`hil bench`).
//!
//! What is measured are `cases` of its own, run by the engine as any other case: the overhead of a case is
//! the time from the beginning of one to the beginning of the next. Must not: judge, or claim a figure that
//! was not measured; what is missing is `None`, with the reason in [`Benchmark::problems`], or because somebody
//! interrupted it.

mod cases;
mod figures;
mod phase;
mod sizes;
mod stats;
mod timed;

use std::io;
use std::path::PathBuf;

pub use figures::{BothWays, Figures, Overhead};
pub use sizes::Sizes;
pub use stats::Percentiles;

use crate::board::StartOptions;
use crate::engine::Stop;
use crate::event::{Exit, Verdict};
use crate::inventory::{Board, BoardKind, Stack};
use phase::Phase;
use stats::Samples;

/// What to measure, and on what.
#[derive(Clone, Debug)]
pub struct Options {
    /// Link and lan.
    pub start: StartOptions,
    /// How often each of the two fixed cases runs.
    pub samples: u32,
    /// Directory of evidence and raw samples, of nothing but this board over this link.
    pub dir: PathBuf,
    /// Seed of all patterns.
    pub seed: u64,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Benchmark {
    /// The figures.
    pub figures: Figures,
    /// Why some are missing.
    pub problems: Vec<String>,
    /// How `hil` ends.
    pub exit: Exit,
}

/// Measures one board.
///
/// # Errors
/// The directory cannot be written.
pub async fn measure(board: &Board, options: &Options, stop: &Stop) -> io::Result<Benchmark> {
    let mut samples = Samples::create(&options.dir.join("samples.csv"))?;
    let mut figures = Figures {
        board: board.name.clone(),
        emulated: matches!(board.kind, BoardKind::Qemu { .. }),
        ..Figures::default()
    };
    let stack = match board.kind {
        BoardKind::Native { stack } => Some(stack),
        BoardKind::Qemu { .. } | BoardKind::Probe | BoardKind::Serial => None,
    };
    let mut problems = Vec::new();
    let mut verdicts = Vec::new();

    let overhead = Phase {
        name: "overhead",
        cases: &cases::OVERHEAD,
        repeat: options.samples,
    };
    let done = overhead.run(board, options, stop).await?;
    if !stop.wanted() {
        figures.take_overhead(&done, &mut samples)?;
    }
    let up = done.started.is_some();
    verdicts.extend(done.verdicts);
    problems.extend(done.problems);

    if up && !stop.wanted() {
        let rates = Phase {
            name: "rates",
            cases: &cases::RATES,
            repeat: 1,
        };
        let done = rates.run(board, options, stop).await?;
        if !stop.wanted() {
            figures.take_rates(&done, &mut samples)?;
        }
        verdicts.extend(done.verdicts);
        problems.extend(done.problems);
        if !matches!(board.kind, BoardKind::Native { .. }) {
            match sizes::of(done.elf.as_deref()) {
                Ok(sizes) => figures.take_sizes(sizes),
                Err(problem) => problems.push(format!("sizes: {problem}")),
            }
        }
    }
    if up && figures.lan.as_deref() == Some("wire") && stack == Some(Stack::Own) {
        let mut phases = Vec::new();
        let both: [(_, &'static [_], _); 2] = [
            ("wire", &cases::WIRE, false),
            ("joined", &cases::JOINED, true),
        ];
        for (name, cases, joined) in both {
            if stop.wanted() {
                break;
            }
            let phase = Phase {
                name,
                cases,
                repeat: 1,
            };
            let start = StartOptions {
                joined,
                ..options.start.clone()
            };
            let options = Options {
                start,
                ..options.clone()
            };
            let done = phase.run(board, &options, stop).await?;
            verdicts.extend(done.verdicts.iter().copied());
            problems.extend(done.problems.iter().cloned());
            phases.push(done);
        }
        if let [cable, joined] = &phases[..] {
            figures.take_wire(cable, joined, &mut samples)?;
        }
    }
    samples.finish()?;
    problems.dedup();
    Ok(Benchmark {
        figures,
        problems,
        exit: exit(&verdicts, stop.wanted()),
    })
}

/// A benchmark that is noted is as good as one that passed; else as for a run.
fn exit(verdicts: &[Verdict], interrupted: bool) -> Exit {
    let any = |wanted: fn(Verdict) -> bool| verdicts.iter().any(|verdict| wanted(*verdict));
    if interrupted {
        Exit::Interrupted
    } else if any(Verdict::violates) {
        Exit::Violated
    } else if any(Verdict::is_trouble) {
        Exit::RigTrouble
    } else if any(Verdict::judged) {
        Exit::Conforms
    } else {
        Exit::NothingSelected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exits_as_a_run_does() {
        use Verdict as V;
        assert_eq!(exit(&[V::Pass, V::Noted], false), Exit::Conforms);
        assert_eq!(exit(&[V::Noted], false), Exit::Conforms);
        assert_eq!(exit(&[V::Pass, V::Infra], false), Exit::RigTrouble);
        assert_eq!(exit(&[V::Pass, V::Infra, V::Fail], false), Exit::Violated);
        assert_eq!(exit(&[V::Unsupported], false), Exit::NothingSelected);
        assert_eq!(exit(&[], false), Exit::NothingSelected);
        assert_eq!(exit(&[V::Pass], true), Exit::Interrupted);
    }
}
