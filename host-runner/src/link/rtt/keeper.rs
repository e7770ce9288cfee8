//! Keeps an eye on the child: passes requests on, hears what it says, and ends it when it falls silent.
//!
//! probe-rs waits for its probe without a limit, so every step of a request has its deadline here, and between
//! requests the child has to show that it lives. Must not: block.

use core::time::Duration;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::ProbeError;
use super::handle::Process;
use super::message::{self, Answer, Request, Step, Wish, Word};
use super::options::Options;
use crate::event::CrashReport;

/// How long the child may be silent while it carries bytes; it says something four times a second.
const SILENCE: Duration = Duration::from_millis(1500);
/// How long explaining a crash may take.
const EXPLAINING: Duration = Duration::from_secs(10);
/// How long the child's end may take once its socket is closed.
const ENDING: Duration = Duration::from_secs(1);

/// How a link through a probe ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RttGone {
    /// In words.
    pub how: String,
    /// The core did it: it has stopped at the end of a crash.
    pub crashed: bool,
    /// The crash in detail.
    pub report: Option<Box<CrashReport>>,
}

/// A request on its way to the child.
pub(super) struct Call {
    pub(super) wish: Wish,
    pub(super) ends: Vec<OwnedFd>,
    pub(super) answer: oneshot::Sender<Result<Answer, ProbeError>>,
}

/// A request that the child deals with.
struct Pending {
    id: u32,
    since: Instant,
    step: Step,
    answer: oneshot::Sender<Result<Answer, ProbeError>>,
}

/// The keeper's own state.
pub(super) struct Keeper {
    pub(super) control: Arc<OwnedFd>,
    pub(super) process: Arc<Process>,
    pub(super) options: Options,
    pub(super) gone: watch::Sender<Option<RttGone>>,
}

impl Keeper {
    /// Until the child or the handle is gone.
    pub(super) async fn run(
        self,
        mut calls: mpsc::UnboundedReceiver<Call>,
        mut words: mpsc::UnboundedReceiver<Word>,
    ) {
        let mut pending: Option<Pending> = None;
        let mut count = 0;
        let mut deadline = Instant::now() + SILENCE;
        let end = loop {
            tokio::select! {
                biased;
                word = words.recv() => {
                    let Some(word) = word else {
                        break self.process.how_it_ended(ENDING).await;
                    };
                    match self.hear(word, &mut pending) {
                        Heard::Until(time) => deadline = time,
                        Heard::Nothing => {}
                        Heard::End(how) => break how,
                    }
                }
                call = calls.recv() => {
                    let Some(call) = call else { break "it was closed".into() };
                    count += 1;
                    let request = Request { id: count, wish: call.wish };
                    let ends: Vec<_> = call.ends.iter().map(AsFd::as_fd).collect();
                    // What is not sent gets no answer before its deadline.
                    let _ = message::send(&*self.control, &request, &ends);
                    let step = first_step(&request.wish);
                    deadline = Instant::now() + self.patience(step);
                    pending = Some(Pending { id: count, since: Instant::now(), step, answer: call.answer });
                }
                () = sleep_until(deadline) => {
                    let (doing, since) = match &pending {
                        Some(pending) => (pending.step.doing(), pending.since),
                        None => ("it carried bytes", deadline - SILENCE),
                    };
                    let error = ProbeError::Stalled {
                        doing: doing.into(),
                        waited_ms: u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX),
                    };
                    let how = error.to_string();
                    if let Some(pending) = pending.take() {
                        let _ = pending.answer.send(Err(error));
                    }
                    break how;
                }
            }
        };
        self.process.kill();
        if let Some(pending) = pending.take() {
            let _ = pending.answer.send(Err(ProbeError::Failed {
                doing: pending.step.doing().into(),
                problem: end.clone(),
            }));
        }
        self.tell(end, false, None);
        // Whoever asks for something now is told so.
        calls.close();
    }

    fn hear(&self, word: Word, pending: &mut Option<Pending>) -> Heard {
        let now = Instant::now();
        match word {
            Word::Alive if pending.is_some() => Heard::Nothing,
            Word::Alive => Heard::Until(now + SILENCE),
            Word::Doing(step) => {
                if let Some(pending) = pending {
                    (pending.step, pending.since) = (step, now);
                }
                Heard::Until(now + self.patience(step))
            }
            Word::Progress(progress) => {
                if let Some(tell) = &self.options.on_progress {
                    tell(progress);
                }
                Heard::Until(now + self.patience(Step::Flash))
            }
            Word::Answer { id, answer } => {
                if pending.as_ref().is_none_or(|pending| pending.id != id) {
                    // Nobody waits for it any more.
                    return Heard::Nothing;
                }
                if matches!(answer, Ok(Answer::Running { .. })) {
                    self.gone.send_replace(None);
                }
                if let Some(pending) = pending.take() {
                    let _ = pending.answer.send(answer);
                }
                Heard::Until(now + SILENCE)
            }
            Word::Stopped => Heard::Until(now + EXPLAINING),
            Word::Crashed { how, report } => {
                self.tell(how, true, Some(report));
                Heard::Until(now + SILENCE)
            }
            Word::Lost(how) => Heard::End(how),
        }
    }

    /// The first end that is told is the right one; what follows is its consequence.
    fn tell(&self, how: String, crashed: bool, report: Option<Box<CrashReport>>) {
        self.gone.send_if_modified(|gone| {
            let first = gone.is_none();
            if first {
                *gone = Some(RttGone {
                    how,
                    crashed,
                    report,
                });
            }
            first
        });
    }

    /// How long a step may take. Slow probes are slow at each of its parts; a dead one at any.
    fn patience(&self, step: Step) -> Duration {
        match step {
            Step::Open | Step::Attach => Duration::from_secs(10),
            Step::Compare | Step::Reset => Duration::from_secs(5),
            // Between two signs of progress: erasing a large chip as a whole is the longest.
            Step::Flash => Duration::from_secs(40),
            Step::Boot => self.options.boot + Duration::from_secs(2),
            Step::Look => EXPLAINING,
        }
    }
}

/// What a word of the child means.
enum Heard {
    /// Nothing.
    Nothing,
    /// It has until then to say the next one.
    Until(Instant),
    /// It is over.
    End(String),
}

const fn first_step(wish: &Wish) -> Step {
    match wish {
        Wish::Open(_) | Wish::Examine(_) => Step::Open,
        Wish::Reset | Wish::Close => Step::Reset,
        Wish::Reflash => Step::Flash,
        Wish::WhereIsIt => Step::Look,
    }
}
