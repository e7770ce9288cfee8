//! The link's transcript: every message both ways, to a file, and the end of it for the case that runs.
//!
//! Must not: understand the messages.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use hil_kit::dut::Tap;

/// Lines kept for the case that runs.
const KEPT: usize = 400;

/// Writes down what passes.
pub(super) struct LinkLog {
    state: Mutex<State>,
}

struct State {
    file: BufWriter<File>,
    /// What times in the file count from.
    began: Instant,
    /// What times in the excerpt count from.
    case_began: Instant,
    recent: VecDeque<(Instant, String)>,
}

impl LinkLog {
    /// A new file.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let now = Instant::now();
        let file = BufWriter::new(File::create(path)?);
        Ok(Self {
            state: Mutex::new(State {
                file,
                began: now,
                case_began: now,
                recent: VecDeque::new(),
            }),
        })
    }

    /// A line that is not a message.
    pub(super) fn mark(&self, text: &str) {
        self.state().line(Instant::now(), &format!("== {text}"));
    }

    /// A case begins; [`Self::since_begin`] goes back to here.
    pub(super) fn begin(&self, case: &str) {
        let mut state = self.state();
        let now = Instant::now();
        state.line(now, &format!("== {case}"));
        state.case_began = now;
        state.recent.clear();
        // So that the file is complete up to here, whatever happens to the runner during the case.
        let _ = state.file.flush();
    }

    /// What passed since the case began; only the end of it if it was much.
    pub(super) fn since_begin(&self) -> Vec<String> {
        let mut state = self.state();
        let _ = state.file.flush();
        let began = state.case_began;
        state
            .recent
            .iter()
            .map(|(at, text)| format!("{:>10.3} ms  {text}", since(began, *at)))
            .collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tap for LinkLog {
    fn message(&self, _toward_agent: bool, at: Instant, text: &str) {
        let mut state = self.state();
        state.line(at, text);
        if state.recent.len() == KEPT {
            state.recent.pop_front();
        }
        state.recent.push_back((at, text.to_owned()));
    }
}

impl State {
    fn line(&mut self, at: Instant, text: &str) {
        // A full disk costs the transcript, not the verdicts.
        let _ = writeln!(self.file, "{:>12.3} ms  {text}", since(self.began, at));
    }
}

fn since(began: Instant, at: Instant) -> f64 {
    at.saturating_duration_since(began).as_secs_f64() * 1e3
}
