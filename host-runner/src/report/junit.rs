//! JUnit XML for CI: a suite per board and suite, written when the run has finished.
//!
//! `fail`, `xpass` and `flaky` are failures, trouble of the rig is an error, what did not apply is skipped.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::{Paint, Reporter, block};
use crate::event::{CaseFinished, Event, Record, RunFinished, RunStarted, Verdict};

/// The reporter.
pub struct JUnit {
    path: PathBuf,
    name: String,
    run: Option<RunStarted>,
    boards: BTreeMap<String, Vec<(String, String)>>,
    cases: BTreeMap<(String, String), Vec<CaseFinished>>,
}

impl JUnit {
    /// Writes to `path` in the end.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self {
            name: path.display().to_string(),
            path,
            run: None,
            boards: BTreeMap::new(),
            cases: BTreeMap::new(),
        }
    }

    fn write(&self, finished: &RunFinished) -> io::Result<()> {
        let mut file = std::fs::File::create(&self.path)?;
        file.write_all(self.render(finished)?.as_bytes())
    }

    /// The document.
    pub(crate) fn render(&self, finished: &RunFinished) -> io::Result<String> {
        let mut report = Report::new("hil");
        report.set_time(Duration::from_millis(finished.elapsed_ms));
        let dir = self.run.as_ref().map_or("", |run| run.dir.as_str());
        for ((board, suite), cases) in &self.cases {
            let mut out = TestSuite::new(format!("{board}/{suite}"));
            let run = self.run.iter().flat_map(|run| {
                [
                    ("run", run.run.clone()),
                    ("seed", run.seed.to_string()),
                    ("hil", run.version.clone()),
                ]
            });
            for (name, value) in run {
                out.add_property(Property::new(name, value));
            }
            for (name, value) in self.boards.get(board).into_iter().flatten() {
                out.add_property(Property::new(name.as_str(), value.as_str()));
            }
            let time: f64 = cases.iter().map(|case| case.elapsed_ms).sum();
            out.set_time(Duration::from_secs_f64(time / 1e3));
            for case in cases {
                out.add_test_case(test_case(case, dir));
            }
            report.add_test_suite(out);
        }
        report.to_string().map_err(io::Error::other)
    }
}

impl Reporter for JUnit {
    fn name(&self) -> &str {
        &self.name
    }

    fn record(&mut self, record: &Record) -> io::Result<()> {
        match &record.event {
            Event::RunStarted(run) => self.run = Some(run.clone()),
            Event::BoardStarted(board) => {
                let facts = [
                    ("board", &board.board),
                    ("port", &board.identity.port),
                    ("build_id", &board.identity.build_id),
                    ("link", &board.link),
                    ("lan", &board.lan),
                ];
                let facts = facts
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value.clone()))
                    .collect();
                self.boards.insert(board.board.clone(), facts);
            }
            Event::CaseFinished(case) => {
                self.cases
                    .entry((case.board.clone(), case.suite.clone()))
                    .or_default()
                    .push((**case).clone());
            }
            Event::RunFinished(finished) => self.write(finished)?,
            Event::BoardPreparing(_)
            | Event::BoardFailed(_)
            | Event::CaseStarted(_)
            | Event::BoardLost(_)
            | Event::BoardRecovery(_)
            | Event::BoardRestarted(_)
            | Event::DeviationProblem(_) => {}
        }
        Ok(())
    }
}

fn test_case(case: &CaseFinished, dir: &str) -> TestCase {
    let kind = match case.verdict {
        Verdict::Pass | Verdict::Lenient | Verdict::Noted | Verdict::Xfail => None,
        Verdict::Fail | Verdict::Xpass | Verdict::Flaky => Some(NonSuccessKind::Failure),
        Verdict::Infra | Verdict::BoardLost => Some(NonSuccessKind::Error),
        Verdict::Unsupported | Verdict::Skipped => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(format!(
                "{}: {}",
                case.verdict,
                case.reason.as_deref().unwrap_or_default()
            ));
            return named(case, status);
        }
    };
    let Some(kind) = kind else {
        return named(case, TestCaseStatus::success());
    };
    let mut status = TestCaseStatus::non_success(kind);
    status
        .set_type(case.verdict_word())
        .set_message(case.reason.clone().unwrap_or_default())
        .set_description(block::render(case, dir, Paint::new(false), true));
    named(case, status)
}

fn named(case: &CaseFinished, status: TestCaseStatus) -> TestCase {
    let round = if case.round > 0 {
        format!("#{}", case.round + 1)
    } else {
        String::new()
    };
    let mut out = TestCase::new(format!("{}{round}", case.case), status);
    out.set_classname(format!("{}/{}", case.board, case.suite));
    out.set_time(Duration::from_secs_f64(case.elapsed_ms / 1e3));
    let mut property = |name: &str, value: &str| {
        out.add_property(Property::new(name, value));
    };
    property("verdict", &case.verdict_word());
    property("title", &case.title);
    property("level", &case.level);
    if !case.cites.is_empty() {
        property("requirements", &case.cites.join(", "));
    }
    if let Some(crash) = &case.crash {
        property("crash", &crash.to_string());
    }
    if let (false, Some(reason)) = (case.verdict.needs_attention(), &case.reason) {
        property("reason", reason);
    }
    if !case.log.is_empty() {
        let log: Vec<String> = case.log.iter().map(ToString::to_string).collect();
        out.set_system_out(log.join("\n"));
    }
    out
}
