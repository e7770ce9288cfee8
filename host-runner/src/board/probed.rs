//! A board behind a debug probe: opened, flashed if it has to be, reset, looked into.
//!
//! Must not: know whether the probe is a thing on the desk or a program.

use core::future::Future;
use core::time::Duration;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use hil_kit::rig::Channel;
use tokio::time::timeout;

use super::BoardError;
use crate::event::CrashReport;
use crate::link::LinkError;
use crate::link::rtt::{Attachment, Options, ProbeError, Progress, Rtt, RttGone};
use crate::target_log::TargetLog;

/// How long opening a probe again may take that was open before: a probe that does not answer will not later.
const REOPEN: Duration = Duration::from_secs(5);

/// A board that runs behind a probe.
#[derive(Debug)]
pub(super) struct Probed {
    board: String,
    attachment: Attachment,
    elf: PathBuf,
    rtt: Option<Rtt>,
    writing: Arc<Mutex<Writing>>,
    log: Arc<TargetLog>,
}

/// When an image was written.
#[derive(Debug, Default)]
struct Writing {
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Probed {
    /// Opens the probe, writes the image unless the board has it already, and starts it. What the target logs
    /// through the probe goes to `log`.
    pub(super) async fn open(
        board: &str,
        attachment: Attachment,
        elf: PathBuf,
        log: Arc<TargetLog>,
    ) -> Result<(Self, Box<dyn Channel>), BoardError> {
        let mut probed = Self {
            board: board.into(),
            attachment,
            elf,
            rtt: None,
            writing: Arc::default(),
            log,
        };
        let channel = probed.reopen().await?;
        Ok((probed, channel))
    }

    /// Whether the image had to be written at the last start, in words: `flashed in 0.6 s` or `already there`.
    pub(super) fn image(&self) -> Option<String> {
        let rtt = self.rtt.as_ref()?;
        if !rtt.flashed() {
            return Some("already there".into());
        }
        let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        Some(match (writing.first, writing.last) {
            (Some(first), Some(last)) => format!(
                "flashed in {:.1} s",
                last.saturating_duration_since(first).as_secs_f64()
            ),
            _ => "flashed".into(),
        })
    }

    /// Resets the core and starts the image again. Opens the probe anew if that is gone.
    pub(super) async fn reset(&mut self) -> Result<Box<dyn Channel>, BoardError> {
        let Some(rtt) = &mut self.rtt else {
            return self.reopen_soon().await;
        };
        let error = match rtt.reset().await {
            Ok(channel) => return self.hear(channel),
            Err(error) => error,
        };
        if is_gone(rtt).await {
            return self.reopen_soon().await;
        }
        Err(self.trouble(error))
    }

    /// Writes the image even if it seems to be there, and starts it.
    pub(super) async fn reflash(&mut self) -> Result<Box<dyn Channel>, BoardError> {
        let gone = match &self.rtt {
            Some(rtt) => is_gone(rtt).await,
            None => true,
        };
        if gone {
            // Opening starts what is there, which may fail in the same way as before: writing is what is to help.
            let opened = self.reopen_soon().await;
            if self.rtt.is_none() {
                return opened;
            }
        }
        self.forget_writing();
        let Some(rtt) = &mut self.rtt else {
            return self.reopen_soon().await;
        };
        match rtt.reflash().await {
            Ok(channel) => self.hear(channel),
            Err(error) => Err(self.trouble(error)),
        }
    }

    /// How it went away, if it has.
    pub(super) fn gone(&self) -> Option<impl Future<Output = RttGone> + Send + 'static + use<>> {
        self.rtt.as_ref().map(Rtt::gone)
    }

    /// Where the core of a silent board is, which may stop it.
    pub(super) async fn where_is_it(&mut self) -> Option<CrashReport> {
        match &mut self.rtt {
            Some(rtt) => rtt.where_is_it().await,
            None => None,
        }
    }

    /// Leaves the board running without the probe.
    pub(super) async fn close(self) {
        if let Some(rtt) = self.rtt {
            rtt.close().await;
        }
    }

    async fn reopen_soon(&mut self) -> Result<Box<dyn Channel>, BoardError> {
        match timeout(REOPEN, self.reopen()).await {
            Ok(opened) => opened,
            Err(_) => Err(self.trouble(LinkError::Probe(ProbeError::Stalled {
                doing: "it was opened again".into(),
                waited_ms: u64::try_from(REOPEN.as_millis()).unwrap_or(u64::MAX),
            }))),
        }
    }

    async fn reopen(&mut self) -> Result<Box<dyn Channel>, BoardError> {
        // One process at a time drives a probe.
        self.rtt = None;
        self.forget_writing();
        let writing = Arc::clone(&self.writing);
        let options = Options {
            on_progress: Some(Arc::new(move |_: Progress| {
                let mut writing = writing.lock().unwrap_or_else(PoisonError::into_inner);
                let now = Instant::now();
                writing.first.get_or_insert(now);
                writing.last = Some(now);
            })),
            ..Options::default()
        };
        let opened = Rtt::open(&self.attachment, &self.elf, options).await;
        let mut rtt = opened.map_err(|error| self.trouble(error))?;
        let channel = rtt.take_channel().ok_or_else(|| {
            self.trouble(LinkError::Probe(ProbeError::Child {
                problem: "it carries nothing".into(),
            }))
        })?;
        self.rtt = Some(rtt);
        self.hear(channel)
    }

    /// Listens to the log that belongs to a link which has just been opened.
    fn hear(&mut self, channel: Box<dyn Channel>) -> Result<Box<dyn Channel>, BoardError> {
        if let Some(log) = self.rtt.as_mut().and_then(Rtt::take_log) {
            let attached = log.into_std().and_then(|log| self.log.attach(log));
            attached.map_err(|source| BoardError::File {
                path: "the log of the probe".into(),
                source,
            })?;
        }
        Ok(channel)
    }

    fn forget_writing(&self) {
        *self.writing.lock().unwrap_or_else(PoisonError::into_inner) = Writing::default();
    }

    fn trouble(&self, source: LinkError) -> BoardError {
        BoardError::Link {
            board: self.board.clone(),
            source,
        }
    }
}

/// Whether nothing reaches the board any more. A core that has crashed is still reached.
async fn is_gone(rtt: &Rtt) -> bool {
    let gone = timeout(Duration::ZERO, rtt.gone()).await;
    gone.is_ok_and(|gone| !gone.crashed)
}
