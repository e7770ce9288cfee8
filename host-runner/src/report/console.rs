//! For people: a line per finished case, progress on a terminal, and the account at the end.
//!
//! Progress bars only on a terminal; elsewhere every line stands for itself and nothing is redrawn.

use core::time::Duration;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::summary::Summary;
use super::{Paint, Reporter, block, duration};
use crate::event::{
    BoardStarted, CaseFinished, DeviationProblem, Event, Exit, LogLine, Record, RunFinished,
    RunStarted, Verdict,
};

/// Full blocks shown at the end; the rest is one line each.
const BLOCKS: usize = 12;

/// How often the progress on a terminal is drawn while nothing happens.
const TICK: Duration = Duration::from_millis(500);

/// Most characters of a reason behind the name of its case, and the fewest on a narrow terminal.
const REASON: usize = 140;
const REASON_LEAST: usize = 30;

/// Where the lines go.
pub enum Output {
    /// A terminal: with progress bars, as long as the run goes on; then plain lines to the same terminal.
    Live(MultiProgress, Box<dyn Write + Send>),
    /// Anything else.
    Plain(Box<dyn Write + Send>),
}

impl Output {
    /// Standard output.
    #[must_use]
    pub fn stdout() -> Self {
        if io::stdout().is_terminal() {
            Self::Live(
                MultiProgress::with_draw_target(ProgressDrawTarget::stdout()),
                Box::new(io::stdout()),
            )
        } else {
            Self::Plain(Box::new(io::stdout()))
        }
    }

    /// Standard error, when standard output belongs to somebody else.
    #[must_use]
    pub fn stderr() -> Self {
        if io::stderr().is_terminal() {
            Self::Live(
                MultiProgress::with_draw_target(ProgressDrawTarget::stderr()),
                Box::new(io::stderr()),
            )
        } else {
            Self::Plain(Box::new(io::stderr()))
        }
    }

    /// Without bars from now on: what is printed above bars that are gone would be lost.
    fn settle(self) -> io::Result<Self> {
        match self {
            Self::Live(bars, out) => {
                bars.clear()?;
                Ok(Self::Plain(out))
            }
            Self::Plain(out) => Ok(Self::Plain(out)),
        }
    }

    /// Columns, on a terminal.
    fn width(&self) -> Option<usize> {
        match self {
            Self::Live(..) => rustix::termios::tcgetwinsize(io::stdout())
                .or_else(|_| rustix::termios::tcgetwinsize(io::stderr()))
                .ok()
                .map(|size| usize::from(size.ws_col))
                .filter(|columns| *columns > 0),
            Self::Plain(_) => None,
        }
    }

    fn print(&mut self, text: &str) -> io::Result<()> {
        match self {
            Self::Live(bars, _) => bars.println(text),
            Self::Plain(out) => {
                out.write_all(text.as_bytes())?;
                out.write_all(b"\n")?;
                out.flush()
            }
        }
    }
}

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What a person needs.
    Usual,
    /// Steps of every case and the target's log, too.
    Verbose,
}

/// The reporter.
pub struct Console {
    out: Output,
    paint: Paint,
    detail: Detail,
    boards: BTreeMap<String, BoardView>,
    run: Option<RunStarted>,
    attention: Vec<CaseFinished>,
    remarks: Vec<CaseFinished>,
    problems: Vec<DeviationProblem>,
}

#[derive(Default)]
struct BoardView {
    summary: Summary,
    bar: Option<ProgressBar>,
    time_ms: f64,
    /// Cases that somebody has to look at.
    bad: u64,
    /// Cases that could not run, by reason.
    not_run: BTreeMap<String, u64>,
    /// Why it did not come up, if that was told already.
    failed: Option<String>,
}

impl Console {
    /// Writes to `out`.
    #[must_use]
    pub const fn new(out: Output, paint: Paint, detail: Detail) -> Self {
        Self {
            out,
            paint,
            detail,
            boards: BTreeMap::new(),
            run: None,
            attention: Vec::new(),
            remarks: Vec::new(),
            problems: Vec::new(),
        }
    }

    fn run_started(&mut self, run: &RunStarted) -> io::Result<()> {
        let times = if run.repeat > 1 {
            format!(" × {}", run.repeat)
        } else {
            String::new()
        };
        let impaired = match &run.impair {
            Some(what) => format!(", impaired: {what}"),
            None => String::new(),
        };
        let cases = if run.cases == 1 { "case" } else { "cases" };
        let line = format!(
            "run {}: {} {cases}{times} on {}, seed {}{impaired}",
            run.run,
            run.cases,
            run.boards.join(", "),
            run.seed
        );
        for board in &run.boards {
            let view = self.boards.entry(board.clone()).or_default();
            if let Output::Live(bars, _) = &self.out {
                let total = run.cases * u64::from(run.repeat.max(1));
                view.bar = Some(bars.add(new_bar(board, total)));
            }
        }
        self.run = Some(run.clone());
        self.out.print(&self.paint.bold(&line))
    }

    fn board_started(&mut self, board: &BoardStarted) -> io::Result<()> {
        let line = format!(
            "{} is up in {}: port {}, link {}, lan {}{}, build {}{}",
            board.board,
            duration(board.start_to_ready_ms),
            board.identity.port,
            board.link,
            board.lan,
            board
                .lan_reason
                .as_ref()
                .map_or_else(String::new, |why| format!(" ({why})")),
            board
                .identity
                .build_id
                .get(..12)
                .unwrap_or(&board.identity.build_id),
            board
                .image
                .as_ref()
                .map_or_else(String::new, |how| format!(" ({how})")),
        );
        self.out.print(&self.paint.dim(&line))?;
        self.target_log(&board.log)
    }

    fn case_finished(&mut self, case: &CaseFinished) -> io::Result<()> {
        let several = self.run.as_ref().is_some_and(|run| run.boards.len() > 1);
        let view = self.boards.entry(case.board.clone()).or_default();
        view.summary.add(case);
        view.time_ms += case.elapsed_ms;
        view.bad += u64::from(case.verdict.needs_attention());
        if let Some(bar) = &view.bar {
            bar.inc(1);
        }
        if case.attempts == 0 && case.verdict.is_trouble() {
            // Told once, by whatever kept it from running.
            *view
                .not_run
                .entry(case.reason.clone().unwrap_or_default())
                .or_default() += 1;
            return Ok(());
        }
        let line = self.line(case, several);
        self.out.print(&line)?;
        if self.detail == Detail::Verbose {
            self.details(case)?;
        }
        if case.verdict.needs_attention() {
            self.attention.push(case.clone());
        } else if case.verdict != Verdict::Pass {
            self.remarks.push(CaseFinished {
                steps: Vec::new(),
                transcript: Vec::new(),
                log: Vec::new(),
                ..case.clone()
            });
        }
        Ok(())
    }

    fn line(&self, case: &CaseFinished, several: bool) -> String {
        let word = case.verdict_word();
        let pad = " ".repeat(11_usize.saturating_sub(word.chars().count()));
        let word = self.paint.verdict(case.verdict, &word);
        let board = if several {
            format!("{}: ", case.board)
        } else {
            String::new()
        };
        let time = if case.attempts > 0 {
            duration(case.elapsed_ms)
        } else {
            String::new()
        };
        let mut line = format!("{pad}{word} {time:>9}  {board}{}", case.case);
        let reason = match case.verdict {
            Verdict::Pass => None,
            Verdict::Noted => Some(traits(case)),
            _ => case.reason.clone(),
        };
        if let Some(first) = reason.as_deref().and_then(|reason| reason.lines().next()) {
            let room = self.out.width().map_or(REASON, |width| {
                let taken = 11 + 1 + 9 + 2 + board.chars().count() + case.case.chars().count() + 2;
                // One column less: some terminals wrap when the last one is written.
                width.saturating_sub(taken + 2).clamp(REASON_LEAST, REASON)
            });
            line.push_str(&self.paint.dim(&format!("  {}", cut(first, room))));
        }
        line
    }

    fn details(&mut self, case: &CaseFinished) -> io::Result<()> {
        for step in &case.steps {
            let text = format!("{:>21}    {}", duration(step.at_ms), step.text);
            self.out.print(&self.paint.dim(&text))?;
        }
        self.target_log(&case.log)
    }

    /// Lines of the target with its own time, if everything is to be shown.
    fn target_log(&mut self, lines: &[LogLine]) -> io::Result<()> {
        if self.detail != Detail::Verbose {
            return Ok(());
        }
        for line in lines {
            let text = log_line(line, self.paint);
            self.out.print(&text)?;
        }
        Ok(())
    }

    fn run_finished(&mut self, finished: &RunFinished) -> io::Result<()> {
        for view in self.boards.values_mut() {
            if let Some(bar) = view.bar.take() {
                bar.finish_and_clear();
            }
        }
        let live = core::mem::replace(&mut self.out, Output::Plain(Box::new(io::sink())));
        self.out = live.settle()?;
        self.attention_blocks()?;
        self.remarks()?;
        self.account()?;
        for problem in core::mem::take(&mut self.problems) {
            let text = format!(
                "{}: {} deviation: {}",
                problem.at, problem.problem, problem.text
            );
            self.out.print(&self.paint.warn(&text))?;
        }
        let dir = self.run.as_ref().map_or("", |run| run.dir.as_str());
        let exit = Exit::from_code(finished.exit);
        let title = exit.map_or("unknown", Exit::title);
        let line = format!("exit {}: {title}", finished.exit);
        let line = if exit == Some(Exit::Conforms) {
            self.paint.good(&line)
        } else {
            self.paint.bad(&line)
        };
        self.out.print(&format!(
            "\n{line}, after {}; evidence in {dir}",
            duration(finished.elapsed_ms as f64)
        ))
    }

    fn attention_blocks(&mut self) -> io::Result<()> {
        let cases = core::mem::take(&mut self.attention);
        let dir = self
            .run
            .as_ref()
            .map(|run| run.dir.clone())
            .unwrap_or_default();
        let verbose = self.detail == Detail::Verbose;
        let shown = if verbose {
            cases.len()
        } else {
            cases.len().min(BLOCKS)
        };
        for case in &cases[..shown] {
            self.out.print("")?;
            let text = block::render(case, &dir, self.paint, verbose);
            self.out.print(text.trim_end_matches('\n'))?;
        }
        if shown < cases.len() {
            let more = format!(
                "… and {} more that need a look, listed above; `cargo hil report -v` shows all of them",
                cases.len() - shown
            );
            self.out.print(&format!("\n{}", self.paint.warn(&more)))?;
        }
        Ok(())
    }

    /// What is not wrong, but not plain either, by verdict and reason.
    fn remarks(&mut self) -> io::Result<()> {
        let mut groups: BTreeMap<(Verdict, String), Vec<String>> = BTreeMap::new();
        for case in core::mem::take(&mut self.remarks) {
            let why = if case.verdict == Verdict::Noted {
                traits(&case)
            } else {
                case.reason.unwrap_or_default()
            };
            let names = groups.entry((case.verdict, why)).or_default();
            if !names.contains(&case.case) {
                names.push(case.case);
            }
        }
        if !groups.is_empty() {
            self.out.print("")?;
        }
        for ((verdict, why), names) in groups {
            let (list, more) = names.split_at(names.len().min(4));
            let more = if more.is_empty() {
                String::new()
            } else {
                format!(", and {} more", more.len())
            };
            let word = self.paint.verdict(verdict, verdict.name());
            self.out
                .print(&format!("{word}  {}{more}", list.join(", ")))?;
            self.out.print(&self.paint.dim(&format!(
                "         {}",
                cut(why.lines().next().unwrap_or_default(), 140)
            )))?;
        }
        Ok(())
    }

    fn account(&mut self) -> io::Result<()> {
        for (board, view) in core::mem::take(&mut self.boards) {
            self.out.print("")?;
            for (reason, count) in &view.not_run {
                // A compiler says much; once is enough.
                let reason = match reason.split_once('\n') {
                    Some((first, _)) if view.failed.as_ref() == Some(reason) => {
                        format!("{} (more above)", first.trim_end_matches(':'))
                    }
                    _ => reason.clone(),
                };
                let cases = if *count == 1 { "case" } else { "cases" };
                let line = format!("{board}: {count} {cases} could not run: {reason}");
                self.out.print(&self.paint.bad(&line))?;
            }
            if view.summary.total() == 0 {
                continue;
            }
            self.out
                .print(view.summary.table(self.paint).trim_end_matches('\n'))?;
            let words = view.summary.in_words(self.paint);
            let line = format!(
                "{}: {} in {}",
                self.paint.bold(&board),
                words,
                duration(view.time_ms)
            );
            self.out.print(&line)?;
        }
        Ok(())
    }
}

impl Reporter for Console {
    fn name(&self) -> &str {
        "the terminal"
    }

    fn record(&mut self, record: &Record) -> io::Result<()> {
        match &record.event {
            Event::RunStarted(run) => self.run_started(run),
            Event::BoardPreparing(preparing) => {
                // On a terminal the bar shows it; elsewhere a line explains the pause of a first build.
                if let Some(bar) = self
                    .boards
                    .get(&preparing.board)
                    .and_then(|view| view.bar.as_ref())
                {
                    bar.set_message("building the image");
                    return Ok(());
                }
                let line = format!(
                    "{}: building the image, if it is not there yet",
                    preparing.board
                );
                self.out.print(&self.paint.dim(&line))
            }
            Event::BoardStarted(board) => self.board_started(board),
            Event::BoardFailed(failed) => {
                let view = self.boards.entry(failed.board.clone()).or_default();
                view.failed = Some(failed.reason.clone());
                if let Some(bar) = &view.bar {
                    bar.abandon_with_message("did not come up");
                }
                let line = format!("{} did not come up: {}", failed.board, failed.reason);
                self.out.print(&self.paint.bad(&line))
            }
            Event::CaseStarted(case) => {
                if let Some(view) = self.boards.get(&case.board)
                    && let Some(bar) = &view.bar
                {
                    bar.set_message(match view.bad {
                        0 => case.case.clone(),
                        bad => {
                            let bad = self.paint.bad(&format!("{bad} bad"));
                            format!("{bad}  {}", case.case)
                        }
                    });
                }
                Ok(())
            }
            Event::CaseFinished(case) => self.case_finished(case),
            Event::BoardLost(lost) => {
                let line = format!("{} is lost: {}", lost.board, lost.reason);
                self.out.print(&self.paint.bad(&line))
            }
            Event::BoardRecovery(step) => {
                let line = match &step.reason {
                    Some(reason) => format!("{}: {} did not help: {reason}", step.board, step.step),
                    None => format!(
                        "{}: {} took {}",
                        step.board,
                        step.step,
                        duration(step.elapsed_ms)
                    ),
                };
                self.out.print(&self.paint.dim(&line))
            }
            Event::BoardRestarted(back) => {
                let line = format!(
                    "{} is back in {} (restart {})",
                    back.board,
                    duration(back.start_to_ready_ms),
                    back.restarts
                );
                self.out.print(&self.paint.dim(&line))?;
                self.target_log(&back.log)
            }
            Event::DeviationProblem(problem) => {
                self.problems.push(problem.clone());
                Ok(())
            }
            Event::RunFinished(finished) => self.run_finished(finished),
        }
    }
}

fn new_bar(board: &str, total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total).with_prefix(board.to_owned());
    // The template is a constant, so the fall-back is never seen.
    if let Ok(style) =
        ProgressStyle::with_template("{prefix} [{bar:16}] {pos}/{len} {elapsed} {wide_msg}")
    {
        bar.set_style(style.progress_chars("=> "));
    }
    // The time goes on while a case takes long.
    bar.enable_steady_tick(TICK);
    bar
}

fn traits(case: &CaseFinished) -> String {
    case.traits
        .iter()
        .map(|t| format!("{} = {}", t.name, t.value))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Time, level, text and place, in line with the steps of a case.
fn log_line(line: &LogLine, paint: Paint) -> String {
    let time = line
        .at_us
        .map_or_else(String::new, |at| format!("{:.3} ms", at as f64 / 1e3));
    let level = match line.level.as_deref() {
        Some(level) => format!("{} ", paint.level(level, &format!("{level:<5}"))),
        None => String::new(),
    };
    let place = match &line.at {
        Some(at) => format!("  ({at})"),
        None => String::new(),
    };
    let text = line.text.replace('\n', &format!("\n{:>23}| ", ""));
    format!(
        "{}{level}{}",
        paint.dim(&format!("{time:>21}  | ")),
        paint.dim(&format!("{text}{place}"))
    )
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.into(),
    }
}
