//! Keeps what one board says: the lines of the case that runs, and all of them in `target.log`.
//!
//! The source is always read, whether a case runs or not: a target whose log is not taken would stop. Must not: hold
//! more than a bounded number of lines.

use core::time::Duration;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::decoder::Lazily;
use super::evidence::Evidence;
use super::remark;
use super::source::{Found, Source};
use crate::event::LogLine;

/// Lines kept of one case.
const KEPT: usize = 400;

/// Text kept of one start, for the last words of its process, in bytes.
const SAID: usize = 4096;

/// Most that is read at once before somebody else gets a turn, in pieces.
const PIECES: usize = 64;

/// How long the end of a source may be awaited that has no reason to stay open.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The log of one board, over all its starts. Dropping it takes what is there and stops reading.
#[derive(Debug)]
pub struct TargetLog {
    shared: Arc<Shared>,
    reader: Mutex<Option<AbortHandle>>,
}

/// The log of one start.
#[derive(Debug)]
pub struct Attached {
    shared: Arc<Shared>,
    start: u64,
    ended: watch::Receiver<bool>,
}

#[derive(Debug)]
struct Shared(Mutex<State>);

#[derive(Debug)]
struct State {
    evidence: Evidence,
    decoder: Lazily,
    source: Option<Arc<Source>>,
    /// Told when the source has ended.
    end: Option<watch::Sender<bool>>,
    /// Counts the starts.
    start: u64,
    /// What this start has said, the end of it.
    said: String,
    lines: VecDeque<LogLine>,
    /// Lines of this case that were not kept.
    dropped: u64,
    piece: Vec<u8>,
}

impl TargetLog {
    /// Of a board with this image; the lines are added to the file `path`. The files of messages are shown relative
    /// to `workspace`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn create(path: &Path, elf: &Path, workspace: &Path) -> io::Result<Self> {
        let state = State {
            evidence: Evidence::open(path)?,
            decoder: Lazily::new(elf, workspace),
            source: None,
            end: None,
            start: 0,
            said: String::new(),
            lines: VecDeque::new(),
            dropped: 0,
            piece: Vec::new(),
        };
        Ok(Self {
            shared: Arc::new(Shared(Mutex::new(state))),
            reader: Mutex::default(),
        })
    }

    /// The board starts, and `descriptor` is where its log comes from now: a pipe, a socket or a terminal. What an
    /// earlier start has left is taken first; it is read no more.
    ///
    /// # Errors
    /// The descriptor cannot be waited for.
    pub fn attach(&self, descriptor: impl Into<OwnedFd>) -> io::Result<Attached> {
        let source = Arc::new(Source::new(descriptor.into())?);
        let (tell, ended) = watch::channel(false);
        let start = {
            let mut state = self.shared.lock();
            state.finish();
            state.start += 1;
            state.said.clear();
            state.begin("start");
            state.source = Some(Arc::clone(&source));
            state.end = Some(tell);
            state.start
        };
        let shared = Arc::clone(&self.shared);
        let task = tokio::spawn(async move {
            let read = || {
                let mut state = shared.lock();
                if state.start == start {
                    state.take_some()
                } else {
                    Found::End
                }
            };
            while source.when_readable(read).await != Found::End {
                // Others run on this thread, too, if the target does not stop talking.
                tokio::task::yield_now().await;
            }
        });
        self.replace(Some(task.abort_handle()));
        Ok(Attached {
            shared: Arc::clone(&self.shared),
            start,
            ended,
        })
    }

    /// A case begins: [`Self::since_begin`] goes back to here.
    pub fn begin(&self, case: &str) {
        let mut state = self.shared.lock();
        state.take_all();
        state.begin(case);
    }

    /// What the target has written since the case, or before any case the board, began: whatever has arrived by
    /// now. Of much only the end, after a line that says how much is left out.
    #[must_use]
    pub fn since_begin(&self) -> Vec<LogLine> {
        let mut state = self.shared.lock();
        state.take_all();
        let left_out = (state.dropped > 0).then(|| left_out(state.dropped));
        left_out
            .into_iter()
            .chain(state.lines.iter().cloned())
            .collect()
    }

    /// A line that came some other way.
    pub fn add(&self, line: LogLine) {
        self.shared.lock().keep(vec![line]);
    }

    fn replace(&self, next: Option<AbortHandle>) {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = core::mem::replace(&mut *reader, next) {
            before.abort();
        }
    }
}

impl Drop for TargetLog {
    fn drop(&mut self) {
        self.shared.lock().finish();
        self.replace(None);
    }
}

impl Attached {
    /// What this start has said in the end, once it can say nothing more: for a process that has ended.
    pub async fn last_words(mut self) -> String {
        // A child of the process may keep its standard error open; then what is there has to do.
        let _ = tokio::time::timeout(LAST_WORDS, self.ended.wait_for(|ended| *ended)).await;
        let mut state = self.shared.lock();
        if state.start != self.start {
            return String::new();
        }
        state.take_all();
        state.said.clone()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn begin(&mut self, what: &str) {
        self.evidence.heading(what);
        self.lines.clear();
        self.dropped = 0;
    }

    /// Reads a piece, if there is one.
    fn take_some(&mut self) -> Found {
        let Some(source) = self.source.clone() else {
            return Found::End;
        };
        let mut piece = core::mem::take(&mut self.piece);
        let found = source.read(&mut piece);
        let mut lines = Vec::new();
        match found {
            Found::Bytes(count) => self.decoder.feed(&piece[..count], &mut lines),
            Found::Nothing => {}
            Found::End => {
                self.source = None;
                self.decoder.end(&mut lines);
            }
        }
        self.piece = piece;
        self.keep(lines);
        if found == Found::End
            && let Some(end) = self.end.take()
        {
            end.send_replace(true);
        }
        found
    }

    /// Reads all that is there; not more than a target can have written meanwhile, should it never stop.
    fn take_all(&mut self) {
        for _ in 0..PIECES {
            if !matches!(self.take_some(), Found::Bytes(_)) {
                break;
            }
        }
    }

    /// Nothing of this start will be read any more.
    fn finish(&mut self) {
        self.take_all();
        if self.source.take().is_some() {
            let mut lines = Vec::new();
            self.decoder.end(&mut lines);
            self.keep(lines);
        }
        self.end = None;
    }

    fn keep(&mut self, lines: Vec<LogLine>) {
        self.evidence.write(&lines);
        for line in lines {
            let _ = writeln!(self.said, "{line}");
            if self.lines.len() == KEPT {
                self.lines.pop_front();
                self.dropped += 1;
            }
            self.lines.push_back(line);
        }
        if self.said.len() > SAID {
            let mut from = self.said.len() - SAID;
            while !self.said.is_char_boundary(from) {
                from += 1;
            }
            self.said.drain(..from);
        }
    }
}

fn left_out(count: u64) -> LogLine {
    remark(format!("{count} earlier lines are in target.log only"))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::net::UnixStream;

    use super::*;

    struct Bench {
        directory: tempfile::TempDir,
        log: TargetLog,
    }

    impl Bench {
        fn new() -> Self {
            let directory = tempfile::tempdir().expect("a directory");
            let path = directory.path().join("target.log");
            let log = TargetLog::create(&path, Path::new("none"), Path::new("/")).expect("a file");
            Self { directory, log }
        }

        fn file(&self) -> String {
            std::fs::read_to_string(self.directory.path().join("target.log")).expect("it is there")
        }

        fn attach(&self) -> (UnixStream, Attached) {
            let (ours, theirs) = UnixStream::pair().expect("sockets");
            (theirs, self.log.attach(ours).expect("it can be read"))
        }

        fn texts(&self) -> Vec<String> {
            self.log
                .since_begin()
                .into_iter()
                .map(|line| line.text)
                .collect()
        }
    }

    #[tokio::test]
    async fn gives_every_line_to_its_case_without_waiting() {
        let bench = Bench::new();
        let (mut target, _attached) = bench.attach();
        // No task runs between these lines: nothing is awaited.
        target.write_all(b"[     1.000 ms] boots\n").expect("room");
        bench.log.begin("a/b");
        target.write_all(b"one\ntw").expect("room");
        assert_eq!(bench.texts(), ["one"]);
        target.write_all(b"o\n").expect("room");
        assert_eq!(bench.texts(), ["one", "two"]);
        bench.log.begin("silent");
        assert!(bench.texts().is_empty());
        bench.log.begin("c/d");
        bench.log.add(LogLine {
            text: "over the link".into(),
            ..LogLine::default()
        });
        assert_eq!(
            bench.file(),
            "== start\n[     1.000 ms] boots\n== a/b\none\ntwo\n== c/d\nover the link\n"
        );
    }

    #[tokio::test]
    async fn keeps_the_end_of_much_and_says_so() {
        let bench = Bench::new();
        let (mut target, attached) = bench.attach();
        bench.log.begin("much");
        let writer = tokio::task::spawn_blocking(move || {
            for number in 0..20_000 {
                writeln!(target, "line {number}").expect("it is read");
            }
        });
        writer.await.expect("it does not panic");
        // The writer has closed its end: everything has arrived once that is seen.
        assert!(attached.last_words().await.ends_with("line 19999\n"));
        let texts = bench.texts();
        assert_eq!(texts.len(), KEPT + 1);
        assert_eq!(texts[0], "(19600 earlier lines are in target.log only)");
        assert_eq!(texts[1], "line 19600");
        assert_eq!(bench.file().lines().count(), 20_001);
    }

    #[tokio::test]
    async fn a_new_start_begins_anew_and_takes_the_rest_of_the_old_one() {
        let bench = Bench::new();
        let (mut target, old) = bench.attach();
        target.write_all(b"half").expect("room");
        let (mut target, new) = bench.attach();
        target.write_all(b"second\n").expect("room");
        assert_eq!(bench.texts(), ["second"]);
        assert_eq!(old.last_words().await, "");
        drop(target);
        assert_eq!(new.last_words().await, "second\n");
        assert_eq!(bench.file(), "== start\nhalf\n== start\nsecond\n");
    }

    #[tokio::test]
    async fn what_is_there_is_written_when_it_is_dropped() {
        let bench = Bench::new();
        let (mut target, _attached) = bench.attach();
        target.write_all(b"last").expect("room");
        let Bench { directory, log } = bench;
        drop(log);
        let file = std::fs::read_to_string(directory.path().join("target.log"));
        assert_eq!(file.expect("it is there"), "== start\nlast\n");
    }
}
