//! A board behind a probe: the runner's handle on the child that drives it.

use core::future::Future;
use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use hil_kit::rig::Channel;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::keeper::{Call, Keeper, RttGone};
use super::message::{self, Answer, Examination, Opening, Wish, Word};
use super::{Attachment, Examined, Options, ProbeError, child};
use crate::board::spawn_lasting;
use crate::event::CrashReport;
use crate::helper;
use crate::link::LinkError;

/// How long the child may take to leave the chip in order.
const CLOSE_PATIENCE: Duration = Duration::from_millis(500);

/// A board that runs, reached through a debug probe. Dropping it ends the process that drives the probe at once.
#[derive(Debug)]
pub struct Rtt {
    calls: mpsc::UnboundedSender<Call>,
    process: Arc<Process>,
    gone: watch::Receiver<Option<RttGone>>,
    channel: Option<UnixStream>,
    log: Option<UnixStream>,
    flashed: bool,
}

impl Rtt {
    /// Opens the probe, attaches to the chip, writes the image unless it is there already, starts it and finds its
    /// RTT. Wants a runtime. Dropping the future leaves nothing behind.
    ///
    /// # Errors
    /// [`LinkError::Probe`] with what is wrong and what to do about it.
    pub async fn open(
        attachment: &Attachment,
        elf: &Path,
        options: Options,
    ) -> Result<Self, LinkError> {
        let boot = options.boot;
        let mut rtt = Self::spawn(options).map_err(|error| ProbeError::Child {
            problem: error.to_string(),
        })?;
        let opening = Opening {
            attachment: attachment.clone(),
            elf: elf.into(),
            boot,
        };
        rtt.run(Wish::Open(Box::new(opening))).await?;
        Ok(rtt)
    }

    /// Opens the probe, attaches to the chip and looks whether the image is there and its RTT works; then lets go of
    /// both. Writes nothing. Wants a runtime. Dropping the future leaves nothing behind.
    ///
    /// # Errors
    /// What is wrong, as [`open`](Self::open) would say it.
    pub async fn examine(
        attachment: &Attachment,
        elf: Option<&Path>,
    ) -> Result<Examined, ProbeError> {
        let child = Self::spawn(Options::default()).map_err(|error| ProbeError::Child {
            problem: error.to_string(),
        })?;
        let examination = Examination {
            attachment: attachment.clone(),
            elf: elf.map(Path::to_path_buf),
        };
        match child
            .call(Wish::Examine(Box::new(examination)), Vec::new())
            .await?
        {
            Answer::Examined(examined) => Ok(examined),
            _ => Err(ProbeError::Child {
                problem: "it answered something else".into(),
            }),
        }
    }

    fn spawn(options: Options) -> io::Result<Self> {
        let (control, theirs) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        let control = Arc::new(control);
        let mut command = helper::command("hil-probe", child::ARGUMENT);
        command.stdin(Stdio::from(theirs));
        let process = Arc::new(Process(Mutex::new(spawn_lasting(command)?)));
        let (hears, words) = mpsc::unbounded_channel();
        let listener = Arc::clone(&control);
        std::thread::Builder::new()
            .name("probe-listener".into())
            // Ends with the child, whose end of the socket is closed then.
            .spawn(move || listen(&listener, &hears))?;
        let (calls, called) = mpsc::unbounded_channel();
        let (tell, gone) = watch::channel(None);
        let keeper = Keeper {
            control,
            process: Arc::clone(&process),
            options,
            gone: tell,
        };
        tokio::spawn(keeper.run(called, words));
        Ok(Self {
            calls,
            process,
            gone,
            channel: None,
            log: None,
            flashed: false,
        })
    }

    /// Whether the image had to be written the last time it was started.
    #[must_use]
    pub const fn flashed(&self) -> bool {
        self.flashed
    }

    /// Number of the process that drives the probe.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.process.lock().id()
    }

    /// The bytes of the link, once for each start of the image.
    pub fn take_channel(&mut self) -> Option<Box<dyn Channel>> {
        let channel: Box<dyn Channel> = Box::new(self.channel.take()?);
        Some(channel)
    }

    /// The bytes of the log (RTT up channel 0) as the target writes them, once for each start of the image. It ends
    /// when the image is started again. What nobody reads, the target leaves out.
    pub fn take_log(&mut self) -> Option<UnixStream> {
        self.log.take()
    }

    /// Resolves when nothing is carried any more: the probe, the chip or the child are gone, or the core has stopped
    /// at the end of a crash. A crashed board can be [`reset`](Self::reset); after that, ask again.
    pub fn gone(&self) -> impl Future<Output = RttGone> + Send + 'static + use<> {
        let mut gone = self.gone.clone();
        async move {
            let gone = gone
                .wait_for(Option::is_some)
                .await
                .ok()
                .and_then(|gone| gone.clone());
            gone.unwrap_or_else(|| RttGone {
                how: "it was closed".into(),
                crashed: false,
                report: None,
            })
        }
    }

    /// Resets the core and starts the image again: the link, and a new log ([`take_log`](Self::take_log)).
    /// The old ones end.
    ///
    /// # Errors
    /// As for [`open`](Self::open); another try may help unless the child is gone.
    pub async fn reset(&mut self) -> Result<Box<dyn Channel>, LinkError> {
        self.restart(Wish::Reset).await
    }

    /// Like [`reset`](Self::reset), but writes the image first.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub async fn reflash(&mut self) -> Result<Box<dyn Channel>, LinkError> {
        self.restart(Wish::Reflash).await
    }

    /// Where the core of a silent board is; `None` if it waits for something to happen, or nobody knows. After
    /// `Some` the core is halted, until it is reset.
    pub async fn where_is_it(&mut self) -> Option<CrashReport> {
        match self.call(Wish::WhereIsIt, Vec::new()).await {
            Ok(Answer::Where(report)) => report.map(|report| *report),
            _ => None,
        }
    }

    /// Leaves the board running without the probe; for no longer than half a second.
    pub async fn close(self) {
        // Dropping ends what has not ended.
        let _ = timeout(CLOSE_PATIENCE, self.call(Wish::Close, Vec::new())).await;
    }

    async fn restart(&mut self, wish: Wish) -> Result<Box<dyn Channel>, LinkError> {
        self.run(wish).await?;
        self.take_channel().ok_or_else(|| {
            LinkError::from(ProbeError::Child {
                problem: "it carries nothing".into(),
            })
        })
    }

    async fn run(&mut self, wish: Wish) -> Result<(), ProbeError> {
        (self.channel, self.log) = (None, None);
        let trouble = |error: io::Error| ProbeError::Child {
            problem: error.to_string(),
        };
        let (channel, channel_end) = pair().map_err(trouble)?;
        let (log, log_end) = pair().map_err(trouble)?;
        match self.call(wish, vec![channel_end, log_end]).await? {
            Answer::Running { flashed } => {
                (self.channel, self.log) = (Some(channel), Some(log));
                self.flashed = flashed;
                Ok(())
            }
            _ => Err(ProbeError::Child {
                problem: "it answered something else".into(),
            }),
        }
    }

    async fn call(&self, wish: Wish, ends: Vec<OwnedFd>) -> Result<Answer, ProbeError> {
        let (answer, answered) = oneshot::channel();
        let ended = || ProbeError::Child {
            problem: match &*self.gone.borrow() {
                Some(gone) => gone.how.clone(),
                None => "it has ended".into(),
            },
        };
        self.calls
            .send(Call { wish, ends, answer })
            .map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }
}

impl Drop for Rtt {
    fn drop(&mut self) {
        self.process.kill();
    }
}

/// A pair of byte streams: the runner's end, and the child's.
fn pair() -> io::Result<(UnixStream, OwnedFd)> {
    let (ours, theirs) = StdUnixStream::pair()?;
    ours.set_nonblocking(true)?;
    Ok((UnixStream::from_std(ours)?, theirs.into()))
}

/// Hands on what the child says, until it ends.
fn listen(control: &OwnedFd, hears: &mpsc::UnboundedSender<Word>) {
    loop {
        match message::receive(control.as_fd()) {
            Ok(Some((word, _))) => {
                if hears.send(word).is_err() {
                    return;
                }
            }
            // What it says and is not understood is left out; its deadline passes.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {}
            Ok(None) | Err(_) => return,
        }
    }
}

/// The child.
#[derive(Debug)]
pub(super) struct Process(Mutex<Child>);

impl Process {
    fn lock(&self) -> std::sync::MutexGuard<'_, Child> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it at once, and for good.
    pub(super) fn kill(&self) {
        let mut child = self.lock();
        // Both fail only if it has ended.
        let _ = child.kill();
        let _ = child.wait();
    }

    /// How it ended, once its socket is closed.
    pub(super) async fn how_it_ended(&self, patience: Duration) -> String {
        // Only the last moments of a process lie between the two; they are no event for anybody else than its parent.
        let status = timeout(patience, async {
            loop {
                if let Ok(Some(status)) = self.lock().try_wait() {
                    break status;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        match status.await {
            Ok(status) => format!("the process that drives the probe has ended ({status})"),
            Err(_) => "the process that drives the probe has closed its socket".into(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
