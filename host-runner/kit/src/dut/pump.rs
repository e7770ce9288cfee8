//! The task behind [`super::Dut`]: owns the channel, repeats what is not answered, hands answers out, and
//! tells silence, a reboot and a lost link apart.
//!
//! Must not: block on the writing side, or a full link in one direction would stop the other.

use core::sync::atomic::{AtomicU16, Ordering};
use core::time::Duration;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use nsapi_protocol::{Event, FromAgent, Op, Reject, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};

use super::greeting::Greeting;
use super::wire::{self, Decoder};
use super::{Response, Returned, Tap};
use crate::rig::Channel;
use crate::{Trouble, text};

/// First repetition of a request.
const REPEAT_FIRST: Duration = Duration::from_millis(150);
/// Longest time between repetitions.
const REPEAT_MOST: Duration = Duration::from_millis(1000);
/// Repetition while somebody waits to know that the agent has taken the request.
const REPEAT_URGENT: Duration = Duration::from_millis(50);
/// Nothing heard for this long although requests are repeated: time to ask whether anybody is there.
const QUIET: Duration = Duration::from_millis(3000);
/// How long an answer to that question may take.
const LAST_WORD: Duration = Duration::from_millis(1500);
/// Frames that may wait for the writer; a repetition that finds no room is left out.
const WRITER_QUEUE: usize = 64;

/// Why a request got no answer.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    Silent(u64),
    Hang(u64),
    NotTaken(u64),
    Fate(Fate),
}

/// What ends a session.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    Rebooted(bool),
    LinkLost(String),
}

impl Failure {
    pub(crate) fn trouble(self, request: String) -> Trouble {
        match self {
            Self::Silent(waited_ms) => Trouble::Silent { request, waited_ms },
            Self::Hang(waited_ms) => Trouble::Hang { request, waited_ms },
            Self::NotTaken(waited_ms) => Trouble::Rejected {
                request,
                reason: format!(
                    "the agent answers a ping, but has not taken this within {waited_ms} ms"
                ),
            },
            Self::Fate(Fate::Rebooted(crashed)) => Trouble::Rebooted { crashed },
            Self::Fate(Fate::LinkLost(why)) => Trouble::LinkLost(why),
        }
    }
}

/// What the pump is asked to do.
pub(crate) enum Command {
    Submit(Submit),
    Greet(Greeting),
}

/// One request.
pub(crate) struct Submit {
    pub(crate) id: u16,
    pub(crate) frame: Vec<u8>,
    pub(crate) text: String,
    pub(crate) since: Instant,
    pub(crate) deadline: Instant,
    pub(crate) answer: oneshot::Sender<Result<Response, Failure>>,
    pub(crate) taken: Option<oneshot::Sender<()>>,
}

struct Pending {
    submit: Submit,
    repeat_at: Instant,
    repeat_after: Duration,
    sent: u32,
    working: bool,
    /// The deadline has passed and the agent was asked for a sign of life; until when.
    last_word: Option<Instant>,
}

impl Pending {
    /// When something has to be done about it.
    fn wake_at(&self) -> Instant {
        self.repeat_at
            .min(self.last_word.unwrap_or(self.submit.deadline))
    }
}

pub(crate) struct Pump {
    out: mpsc::Sender<Vec<u8>>,
    ids: Arc<AtomicU16>,
    tap: Option<Arc<dyn Tap>>,
    pending: HashMap<u16, Pending>,
    greeting: Option<Greeting>,
    boot: Option<u32>,
    /// Bytes that came while nobody was being greeted.
    ungreeted: u64,
    fate: Option<Fate>,
    heard: Instant,
}

impl Pump {
    /// Starts the tasks that own `channel`. They end when every `Dut` is gone, or with the link.
    pub(crate) fn spawn(
        channel: Box<dyn Channel>,
        inbox: mpsc::UnboundedReceiver<Command>,
        ids: Arc<AtomicU16>,
        tap: Option<Arc<dyn Tap>>,
    ) {
        let (read, write) = tokio::io::split(channel);
        let (out, frames) = mpsc::channel(WRITER_QUEUE);
        let pump = Self {
            out,
            ids,
            tap,
            pending: HashMap::new(),
            greeting: None,
            boot: None,
            ungreeted: 0,
            fate: None,
            heard: Instant::now(),
        };
        let (broken, writer_broke) = oneshot::channel();
        tokio::spawn(write_all(write, frames, broken));
        tokio::spawn(pump.run(read, inbox, writer_broke));
    }

    async fn run(
        mut self,
        mut read: ReadHalf<Box<dyn Channel>>,
        mut inbox: mpsc::UnboundedReceiver<Command>,
        mut writer_broke: oneshot::Receiver<String>,
    ) {
        let mut decoder = Decoder::default();
        let mut chunk = [0; 4096];
        let mut open = true;
        let mut writing = true;
        loop {
            let wake = self.next_wake();
            tokio::select! {
                command = inbox.recv() => match command {
                    Some(Command::Submit(submit)) => self.submit(submit),
                    Some(Command::Greet(greeting)) => self.begin_greeting(greeting),
                    None => return,
                },
                got = read.read(&mut chunk), if open => match got {
                    Ok(0) => { open = false; self.end(Fate::LinkLost("the other end closed it".into())); }
                    Err(error) => { open = false; self.end(Fate::LinkLost(error.to_string())); }
                    Ok(n) => self.take_bytes(&mut decoder, &chunk[..n]),
                },
                broke = &mut writer_broke, if writing => {
                    writing = false;
                    if let Ok(why) = broke { self.end(Fate::LinkLost(why)); }
                }
                () = tokio::time::sleep_until(wake.into()) => {}
            }
            self.run_timers();
        }
    }

    fn next_wake(&self) -> Instant {
        let far = Instant::now() + Duration::from_secs(3600);
        let requests = self.pending.values().map(Pending::wake_at);
        requests
            .chain(self.greeting.as_ref().map(Greeting::wake_at))
            .min()
            .unwrap_or(far)
    }

    fn note(&self, toward_agent: bool, line: impl FnOnce() -> String) {
        if let Some(tap) = &self.tap {
            tap.message(toward_agent, Instant::now(), &line());
        }
    }

    fn submit(&mut self, submit: Submit) {
        if let Some(fate) = &self.fate {
            let _ = submit.answer.send(Err(Failure::Fate(fate.clone())));
            return;
        }
        if self.pending.is_empty() {
            // Silence counts from the first request on that nobody answers.
            self.heard = Instant::now();
        }
        let repeat_after = if submit.taken.is_some() {
            REPEAT_URGENT
        } else {
            REPEAT_FIRST
        };
        let mut pending = Pending {
            repeat_at: Instant::now() + repeat_after,
            repeat_after,
            sent: 0,
            working: false,
            last_word: None,
            submit,
        };
        self.transmit(&mut pending);
        if pending.submit.taken.is_some() {
            // The second copy is answered with "working" if the first one is in flight.
            self.transmit(&mut pending);
        }
        self.pending.insert(pending.submit.id, pending);
    }

    fn transmit(&self, pending: &mut Pending) {
        let again = if pending.sent > 0 { " (again)" } else { "" };
        self.note(true, || {
            format!("→ #{} {}{again}", pending.submit.id, pending.submit.text)
        });
        let _ = self.out.try_send(pending.submit.frame.clone());
        pending.sent += 1;
    }

    fn begin_greeting(&mut self, mut greeting: Greeting) {
        if self.boot.is_none() {
            // What came before the first greeting is what there is to say about the other end.
            greeting.bytes = self.ungreeted;
        }
        if let Some(fate @ Fate::LinkLost(_)) = self.fate.clone() {
            greeting.lost(&fate);
            return;
        }
        self.fail_all(&Failure::Fate(Fate::Rebooted(false)));
        self.fate = None;
        self.boot = None;
        self.greeting = Some(greeting);
    }

    fn take_bytes(&mut self, decoder: &mut Decoder, bytes: &[u8]) {
        match &mut self.greeting {
            Some(greeting) => greeting.bytes += bytes.len() as u64,
            None => self.ungreeted += bytes.len() as u64,
        }
        decoder.each(bytes, |message| {
            self.heard = Instant::now();
            match message {
                FromAgent::Reply(reply) => {
                    let elapsed = Duration::from_micros(reply.elapsed_us.into());
                    let response = Response {
                        returned: reply.answer.into(),
                        elapsed,
                    };
                    self.take_reply(reply.id, response);
                }
                FromAgent::Event(event) => self.take_event(&event),
            }
        });
    }

    fn take_reply(&mut self, id: u16, response: Response) {
        self.note(false, || {
            format!(
                "← #{id} {} {}",
                text::returned(&response.returned),
                text::duration(response.elapsed)
            )
        });
        if let Some(mut greeting) = self.greeting.take() {
            let Returned::Hello(identity) = response.returned else {
                self.greeting = Some(greeting);
                return;
            };
            if identity.nonce == greeting.nonce {
                self.boot = Some(identity.boot);
                greeting.answered(*identity);
            } else {
                greeting.foreign(identity.nonce);
                self.greeting = Some(greeting);
            }
            return;
        }
        // Not pending: a repeated reply, or one of an earlier session.
        if let Some(pending) = self.pending.remove(&id) {
            if matches!(response.returned, Returned::Rejected(Reject::NoSession)) {
                let _ = pending
                    .submit
                    .answer
                    .send(Err(Failure::Fate(Fate::Rebooted(false))));
                self.end(Fate::Rebooted(false));
            } else {
                let _ = pending.submit.answer.send(Ok(response));
            }
        }
    }

    fn take_event(&mut self, event: &Event<'_>) {
        self.note(false, || format!("← {}", text::event(event)));
        match *event {
            Event::Working { id } => {
                if let Some(pending) = self.pending.get_mut(&id) {
                    pending.working = true;
                    pending.repeat_after = REPEAT_MOST;
                    pending.repeat_at = Instant::now() + REPEAT_MOST;
                    if let Some(taken) = pending.submit.taken.take() {
                        let _ = taken.send(());
                    }
                }
            }
            Event::Boot { boot, crashed } => match &mut self.greeting {
                Some(greeting) => greeting.hurry(),
                None if self.boot.is_some_and(|known| known != boot) => {
                    self.end(Fate::Rebooted(crashed))
                }
                None => {}
            },
            Event::Log(line) => {
                if let Some(tap) = &self.tap {
                    tap.logged(line);
                }
            }
            Event::Status(_) => {}
        }
    }

    fn end(&mut self, fate: Fate) {
        if let Some(greeting) = self.greeting.take() {
            greeting.lost(&fate);
        }
        self.fail_all(&Failure::Fate(fate.clone()));
        if !matches!(self.fate, Some(Fate::LinkLost(_))) {
            self.fate = Some(fate);
        }
    }

    fn fail_all(&mut self, failure: &Failure) {
        for (_, pending) in self.pending.drain() {
            let _ = pending.submit.answer.send(Err(failure.clone()));
        }
    }

    fn run_timers(&mut self) {
        let now = Instant::now();
        if let Some(mut greeting) = self.greeting.take() {
            if greeting.is_over(now) {
                greeting.give_up();
            } else {
                if let Some(frame) = greeting.due(now, &self.ids) {
                    self.note(true, || format!("→ hello, nonce {:#x}", greeting.nonce));
                    let _ = self.out.try_send(frame);
                }
                self.greeting = Some(greeting);
            }
        }
        // Nobody waits any more: the case was given up.
        self.pending
            .retain(|_, pending| !pending.submit.answer.is_closed());
        let due: Vec<u16> = self
            .pending
            .values()
            .filter(|p| p.wake_at() <= now)
            .map(|p| p.submit.id)
            .collect();
        for id in due {
            let Some(mut pending) = self.pending.remove(&id) else {
                continue;
            };
            if pending.last_word.is_some_and(|until| until <= now) {
                self.conclude(pending, now);
                continue;
            }
            let quiet = pending.sent >= 4 && now.duration_since(self.heard) >= QUIET;
            if pending.last_word.is_none() && (quiet || pending.submit.deadline <= now) {
                pending.last_word = Some(now + LAST_WORD);
            }
            if pending.last_word.is_some() {
                pending.repeat_after = REPEAT_FIRST;
                self.ask_for_a_sign();
            } else {
                pending.repeat_after = (pending.repeat_after * 2).min(REPEAT_MOST);
            }
            pending.repeat_at = now + pending.repeat_after;
            self.transmit(&mut pending);
            self.pending.insert(id, pending);
        }
    }

    /// A ping nobody waits for: its answer moves `heard`.
    fn ask_for_a_sign(&self) {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        if let Some(frame) = wire::encode(&Request { id, op: Op::Ping }, usize::MAX) {
            self.note(true, || format!("→ #{id} ping"));
            let _ = self.out.try_send(frame);
        }
    }

    fn conclude(&mut self, mut pending: Pending, now: Instant) {
        // Asked again and again since then; a living agent has answered at least once.
        let asked = pending.last_word.map_or(now, |until| until - LAST_WORD);
        let alive = self.heard >= asked;
        if alive && pending.submit.deadline > now {
            // It was only quiet for a while.
            pending.last_word = None;
            pending.repeat_at = now + REPEAT_FIRST;
            pending.sent = 1;
            self.pending.insert(pending.submit.id, pending);
            return;
        }
        let waited = u64::try_from(pending.submit.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let failure = match (alive, pending.working) {
            (true, true) => Failure::Hang(waited),
            (true, false) => Failure::NotTaken(waited),
            (false, _) => Failure::Silent(waited),
        };
        let _ = pending.submit.answer.send(Err(failure));
    }
}

/// Writes frames one after another; says why when it no longer can.
async fn write_all(
    mut write: WriteHalf<Box<dyn Channel>>,
    mut frames: mpsc::Receiver<Vec<u8>>,
    broken: oneshot::Sender<String>,
) {
    while let Some(frame) = frames.recv().await {
        let result = async {
            write.write_all(&frame).await?;
            write.flush().await
        };
        if let Err(error) = result.await {
            let _ = broken.send(error.to_string());
            return;
        }
    }
}
