//! Starting, restarting and stopping a board: the seam between the engine and what drives boards.
//!
//! Must not: speak the protocol; what goes over the link is the engine's business.

mod attached;
mod error;
mod firmware;
mod lan;
mod lock;
mod looping;
mod native;
mod power;
mod probed;
mod process;
pub(crate) mod qemu;
mod remedy;
mod rundir;
mod serial;

use core::fmt;
use core::future::Future;
use core::pin::pin;
use core::time::Duration;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use hil_kit::rig::{Channel, SocketFactory};
use tokio::time::{Instant, timeout};

pub(crate) use attached::Attached;
pub use error::BoardError;
pub(crate) use firmware::xtask;
pub use firmware::{Image, prepare};
pub use process::Ended;
pub(crate) use process::spawn_lasting;
pub use remedy::{Loss, Remedy};

use self::error::at;
use self::lan::Lan;
use self::lock::BoardLock;
use self::probed::Probed;
use self::process::Process;
use self::qemu::{Monitor, VirtualProbe};
use self::rundir::RunDir;
use self::serial::Port;
use crate::event::CrashReport;
use crate::inventory::{Board, BoardKind, Link};
use crate::lan::LanKind;
use crate::link::LinkKind;
use crate::link::rtt::RttGone;
use crate::target_log::TargetLog;

/// Time a board gets to end by itself before it is killed.
const STOP_PATIENCE: Duration = Duration::from_millis(500);

/// Name of the file with what the target logs, in the board's directory of the evidence.
const TARGET_LOG: &str = "target.log";

/// Directories that killed runners have left; the next start of a board removes them.
///
/// # Errors
/// There is no directory for sockets.
pub fn leftovers() -> Result<Vec<PathBuf>, BoardError> {
    let found = rundir::abandoned(&rundir::base()?);
    rundir::remove_base_if_empty();
    Ok(found)
}

/// How a board is to be started.
#[derive(Clone, Debug, Default)]
pub struct StartOptions {
    /// Instead of the board's default link.
    pub link: Option<LinkKind>,
    /// Join a board that takes frames to the host's kernel without the runner in between, instead of its lan: for
    /// benchmarks, and only for a board that is a process with a stack of its own.
    pub joined: bool,
    /// Instead of the board's lan.
    pub lan: Option<crate::lan::Lan>,
    /// Where its logs and captures go; made if it is not there.
    pub evidence: PathBuf,
    /// The image from [`prepare`]; without it [`start`] prepares one, which may take as long as a build.
    pub image: Option<Image>,
}

/// A board that runs, with its lock. Dropping it kills and removes everything that belongs to it.
pub struct RunningBoard {
    board: Board,
    image: Image,
    link: Link,
    lan: Lan,
    evidence: PathBuf,
    machine: Option<Machine>,
    monitor: Arc<Monitor>,
    channel: Option<Box<dyn Channel>>,
    started_in: Duration,
    // After the machine: what that has said last is taken when this is dropped.
    log: Arc<TargetLog>,
    // In this order: the directory is removed before the locks are freed.
    run_dir: RunDir,
    _locks: (Option<BoardLock>, BoardLock),
}

/// Starts a board: takes its lock, runs it, opens its link. Nothing has been said over the link yet.
///
/// # Errors
/// Trouble of the rig; nothing is left behind then.
pub async fn start(board: &Board, options: &StartOptions) -> Result<RunningBoard, BoardError> {
    let link = choose_link(board, options.link)?;
    let wanted = options.lan.as_ref().unwrap_or(&board.lan);
    check_lan(board, wanted.kind())?;
    let image = match &options.image {
        Some(image) => image.clone(),
        None => prepare(board).await?,
    };
    let lock = BoardLock::take(board)?;
    let device_lock = BoardLock::take_device(&board.name, &link)?;
    std::fs::create_dir_all(&options.evidence).map_err(at(&options.evidence))?;
    let log_file = options.evidence.join(TARGET_LOG);
    let log = TargetLog::create(&log_file, &image.elf, &board.workspace).map_err(at(&log_file))?;
    let run_dir = RunDir::create()?;
    let monitor = Arc::default();
    let lan = if options.joined {
        Lan::joined(board).await?
    } else {
        Lan::make(board, wanted, &options.evidence, &monitor).await?
    };
    let mut running = RunningBoard {
        board: board.clone(),
        image,
        link,
        lan,
        evidence: options.evidence.clone(),
        machine: None,
        monitor,
        channel: None,
        started_in: Duration::ZERO,
        log: Arc::new(log),
        run_dir,
        _locks: (device_lock, lock),
    };
    running.channel = Some(running.boot().await?);
    Ok(running)
}

impl RunningBoard {
    /// Its name in boards.toml.
    #[must_use]
    pub fn board_name(&self) -> &str {
        &self.board.name
    }

    /// Its entry in boards.toml.
    #[must_use]
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// The kind of link in use.
    #[must_use]
    pub fn link_kind(&self) -> LinkKind {
        self.link.kind()
    }

    /// The bytes to its agent.
    ///
    /// # Panics
    /// When it is taken twice without a restart: a bug of the caller.
    #[must_use]
    pub fn take_channel(&mut self) -> Box<dyn Channel> {
        self.channel
            .take()
            .expect("the channel of a started board is taken once")
    }

    /// What carries its frames. Stays valid over restarts.
    #[must_use]
    pub fn lan(&self) -> Arc<dyn SocketFactory> {
        Arc::clone(&self.lan.sockets)
    }

    /// Why the lan is no wire, if that was left open.
    #[must_use]
    pub fn why_no_wire(&self) -> Option<&str> {
        self.lan.worse.as_deref()
    }

    /// What its target logs; it is taken over restarts.
    #[must_use]
    pub fn target_log(&self) -> Arc<TargetLog> {
        Arc::clone(&self.log)
    }

    /// The build id that its agent must announce, if the image has one.
    #[must_use]
    pub fn expected_build_id(&self) -> Option<&[u8]> {
        self.image.build_id.as_deref()
    }

    /// From running the board to its open link, of the last start.
    #[must_use]
    pub fn started_in(&self) -> Duration {
        self.started_in
    }

    /// The process that is the board or emulates it.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        match &self.machine {
            Some(Machine::Process(process)) => Some(process.id()),
            Some(Machine::Probe { emulator, .. }) => {
                emulator.as_ref().map(|emulator| emulator.process.id())
            }
            Some(Machine::Port(_)) | None => None,
        }
    }

    /// A fresh board after one that was lost: what is left of the old one is killed.
    ///
    /// # Errors
    /// As [`start`]; may be tried again.
    pub async fn restart(&mut self) -> Result<Box<dyn Channel>, BoardError> {
        self.channel = None;
        self.machine = None;
        if let Some(wire) = &self.lan.wire {
            wire.unplug();
        }
        if let Link::Port(port) = &self.link {
            // An adapter that was reset with its board comes back by itself.
            serial::appears(&port.port).await;
        }
        self.boot().await
    }

    /// What may get it back after this loss, in this order.
    #[must_use]
    pub fn remedies(&self, loss: Loss) -> Vec<Remedy> {
        let mut remedies = match &self.machine {
            // A process is started anew in no more time than an agent takes to be greeted, and forgets more.
            Some(Machine::Process(_)) | None => vec![Remedy::StartAgain],
            // Nobody can reset it from here. Who crashed has reset itself.
            Some(Machine::Port(port)) if port.ended().is_none() => {
                vec![Remedy::Resync, Remedy::StartAgain]
            }
            Some(Machine::Port(_)) => vec![Remedy::StartAgain],
            Some(Machine::Probe { emulator, .. }) => {
                let mut remedies = match loss {
                    Loss::OutOfStep => vec![Remedy::Resync, Remedy::Reset, Remedy::Reflash],
                    Loss::Stuck | Loss::Crashed | Loss::Gone => {
                        vec![Remedy::Reset, Remedy::Reflash]
                    }
                };
                if let Some(emulator) = emulator {
                    if emulator.process.ended().is_some() {
                        remedies.clear();
                    }
                    remedies.push(Remedy::StartAgain);
                }
                remedies
            }
        };
        if self.board.power.is_some() {
            remedies.push(Remedy::Power);
        }
        remedies
    }

    /// Takes one of these steps, but for [`Remedy::Resync`], which is not the board's business.
    ///
    /// # Errors
    /// As [`start`]; another step may follow.
    pub async fn remedy(&mut self, remedy: Remedy) -> Result<Box<dyn Channel>, BoardError> {
        self.channel = None;
        match (remedy, &mut self.machine) {
            (Remedy::Reset, Some(Machine::Probe { probed, .. })) => probed.reset().await,
            (Remedy::Reflash, Some(Machine::Probe { probed, .. })) => probed.reflash().await,
            (Remedy::Power, _) => {
                self.machine = None;
                power::cycle(&self.board).await?;
                self.restart().await
            }
            _ => self.restart().await,
        }
    }

    /// How it ended, if it has ended by itself.
    #[must_use]
    pub fn died(&self) -> Option<Gone> {
        let ended = match &self.machine {
            Some(Machine::Process(process)) => process.ended(),
            Some(Machine::Port(port)) => port.ended(),
            Some(Machine::Probe { emulator, .. }) => emulator.as_ref()?.process.ended(),
            None => None,
        };
        ended.map(Gone::from)
    }

    /// Resolves within milliseconds after the board's process ends, its port vanishes, or its probe sees the core crash
    /// or is itself gone, to how. Belongs to the board as it runs now: ask again after a restart.
    pub fn gone(&self) -> impl Future<Output = Gone> + Send + 'static + use<> {
        let (process, port, probe) = match &self.machine {
            Some(Machine::Process(process)) => (Some(process.gone()), None, None),
            Some(Machine::Port(port)) => (None, Some(port.gone()), None),
            Some(Machine::Probe { probed, emulator }) => (
                emulator.as_ref().map(|emulator| emulator.process.gone()),
                None,
                probed.gone(),
            ),
            None => (None, None, None),
        };
        let elf = self.emulated().then(|| self.image.elf.clone());
        async move {
            match (process, port, probe) {
                (Some(process), _, Some(probe)) => either(explained(process, elf), probe).await,
                (Some(process), _, None) => explained(process, elf).await,
                (None, Some(port), _) => port.await.into(),
                (None, None, Some(probe)) => probe.await.into(),
                (None, None, None) => Gone {
                    how: "it is not running".into(),
                    crashed: false,
                    report: None,
                },
            }
        }
    }

    /// Whether its core computes without a pause, as far as its process shows. Takes half a second, or more under load.
    /// A probe shows more: [`Self::where_is_it`].
    pub fn is_looping(&self) -> impl Future<Output = bool> + Send + 'static + use<> {
        let process = match &self.machine {
            Some(Machine::Process(process)) => Some(process.id()),
            Some(Machine::Probe { .. } | Machine::Port(_)) | None => None,
        };
        async move {
            match process {
                Some(process) => looping::is_looping(process).await,
                None => false,
            }
        }
    }

    /// Where its core is, if a probe can look or the core is emulated. It may be stopped afterwards, until it is reset.
    pub async fn where_is_it(&mut self) -> Option<CrashReport> {
        let emulated = self.emulated();
        match &mut self.machine {
            Some(Machine::Probe { probed, .. }) => probed.where_is_it().await,
            Some(Machine::Process(_)) if emulated => {
                qemu::look::inside(&self.monitor, &self.image.elf).await
            }
            Some(Machine::Process(_) | Machine::Port(_)) | None => None,
        }
    }

    const fn emulated(&self) -> bool {
        matches!(self.board.kind, BoardKind::Qemu { .. })
    }

    /// How its image got there at the last start, where the runner has to do with it: `flashed in 0.6 s`, `already there`.
    #[must_use]
    pub fn image_note(&self) -> Option<String> {
        match &self.machine {
            Some(Machine::Probe { probed, .. }) => probed.image(),
            Some(Machine::Process(_) | Machine::Port(_)) | None => None,
        }
    }

    /// Ends the board in order; kills what does not end.
    pub async fn stop(mut self) {
        self.channel = None;
        let process = match self.machine.take() {
            Some(Machine::Process(process)) => process,
            Some(Machine::Probe { probed, emulator }) => {
                probed.close().await;
                match emulator {
                    Some(emulator) => emulator.process,
                    None => return,
                }
            }
            Some(Machine::Port(_)) | None => return,
        };
        let _ = timeout(STOP_PATIENCE, qemu::quit(&self.monitor)).await;
        process.finish(STOP_PATIENCE).await;
    }

    /// What it wrote: a label and the file, of those that are there.
    #[must_use]
    pub fn evidence_files(&self) -> Vec<(&'static str, PathBuf)> {
        let files = match self.board.kind {
            BoardKind::Native { .. } => vec![("target log", self.evidence.join(TARGET_LOG))],
            BoardKind::Qemu { .. } => qemu::evidence_files(&self.evidence),
            BoardKind::Probe | BoardKind::Serial => {
                vec![("target log", self.evidence.join(TARGET_LOG))]
            }
        };
        files
            .into_iter()
            .filter(|(_, path)| path.is_file())
            .collect()
    }

    /// How it is attached, in one line.
    #[must_use]
    pub fn describe(&self) -> String {
        format!(
            "{} ({}), link {}{}, lan {}{}",
            self.board.name,
            self.board.kind.name(),
            self.link.kind(),
            self.image_note()
                .map(|note| format!(" (image {note})"))
                .unwrap_or_default(),
            self.lan.sockets.name(),
            self.lan.reason
        )
    }

    async fn boot(&mut self) -> Result<Box<dyn Channel>, BoardError> {
        let began = Instant::now();
        let name = &self.board.name;
        let (machine, channel): (Machine, Box<dyn Channel>) = match (&self.board.kind, &self.link) {
            (BoardKind::Native { stack }, _) => {
                let mut agent = Command::new(&self.image.elf);
                agent.args(&self.board.arguments);
                let attached = self.lan.attach(name, *stack, agent).await?;
                let (process, stream) =
                    native::start(name, &self.image, attached, self.run_dir.path(), &self.log)
                        .await?;
                (Machine::Process(process), Box::new(stream))
            }
            (BoardKind::Qemu { machine }, Link::Serial { .. }) => {
                let back_end = self.lan.back_end(name, &self.monitor)?;
                let (process, serial) = qemu::start(
                    name,
                    machine,
                    &self.image,
                    back_end,
                    &self.evidence,
                    &self.log,
                    &self.monitor,
                )
                .await?;
                (Machine::Process(process), Box::new(serial))
            }
            (BoardKind::Serial, Link::Port(port)) => {
                self.lan.attach_thing(name)?;
                if let Some(log) = &port.log {
                    serial::hear(name, log, port.baud, &self.log)?;
                }
                let (port, stream) = Port::open(name, port)?;
                (Machine::Port(port), Box::new(stream))
            }
            (BoardKind::Qemu { machine }, Link::Rtt { .. }) => {
                let back_end = self.lan.back_end(name, &self.monitor)?;
                let (process, probe) = qemu::start_probed(
                    name,
                    machine,
                    back_end,
                    &self.evidence,
                    &self.monitor,
                    self.run_dir.path(),
                )
                .await?;
                let (elf, log) = (self.image.elf.clone(), Arc::clone(&self.log));
                let opened = Probed::open(name, probe.attachment(), elf, log).await;
                let (probed, channel) = match opened {
                    Ok(opened) => opened,
                    Err(error) => return Err(its_end(name, &process, error).await),
                };
                let emulator = Emulator {
                    process,
                    _probe: probe,
                };
                let machine = Machine::Probe {
                    probed: Box::new(probed),
                    emulator: Some(emulator),
                };
                (machine, channel)
            }
            (BoardKind::Probe, Link::Rtt { attachment }) => {
                self.lan.attach_thing(name)?;
                let (elf, log) = (self.image.elf.clone(), Arc::clone(&self.log));
                let (probed, channel) = Probed::open(name, attachment.clone(), elf, log).await?;
                let machine = Machine::Probe {
                    probed: Box::new(probed),
                    emulator: None,
                };
                (machine, channel)
            }
            (kind, link) => {
                // The inventory gives no board a link that its kind does not have.
                return Err(BoardError::NoLink {
                    board: name.clone(),
                    link: link.kind(),
                    known: kind
                        .links()
                        .iter()
                        .map(|link| link.name())
                        .collect::<Vec<_>>()
                        .join(", "),
                });
            }
        };
        self.machine = Some(machine);
        self.started_in = began.elapsed();
        Ok(channel)
    }
}

/// What a board is while it runs.
enum Machine {
    /// A process that is the board or emulates it.
    Process(Process),
    /// A thing behind a serial port.
    Port(Port),
    /// Something behind a debug probe.
    Probe {
        probed: Box<Probed>,
        /// What is behind it, where that is a process of the runner's own.
        emulator: Option<Emulator>,
    },
}

/// An emulated board with a debug probe in front of it.
struct Emulator {
    process: Process,
    _probe: VirtualProbe,
}

/// How long the end of an emulator may become known after that of the link through its probe.
const ITS_END: Duration = Duration::from_millis(200);

/// The end of a process, with what an emulator of the image `elf` has said about a crash of its core.
async fn explained(process: impl Future<Output = Ended> + Send, elf: Option<PathBuf>) -> Gone {
    let ended = process.await;
    let report = elf
        .filter(|_| ended.crashed)
        .and_then(|elf| qemu::look::last_words(&ended.how, &elf));
    Gone {
        report: report.map(Box::new),
        ..ended.into()
    }
}

/// The end of the emulator or that of the link through its probe: where both have ended, the emulator knows why.
async fn either(
    process: impl Future<Output = Gone> + Send,
    probe: impl Future<Output = RttGone> + Send,
) -> Gone {
    let mut process = pin!(process);
    tokio::select! {
        biased;
        gone = &mut process => gone,
        gone = probe => {
            if gone.crashed {
                return gone.into();
            }
            match timeout(ITS_END, process).await {
                Ok(better) => better,
                Err(_) => gone.into(),
            }
        }
    }
}

/// Why a board did not open: the end of its emulator, if that has ended.
async fn its_end(board: &str, process: &Process, error: BoardError) -> BoardError {
    match timeout(ITS_END, process.gone()).await {
        Ok(ended) => BoardError::Gone {
            board: board.into(),
            ended,
        },
        Err(_) => error,
    }
}

/// How a board went away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// The core of the IUT did it: a fault, panic or lockup that a probe, the emulator or the system saw.
    pub crashed: bool,
    /// In words.
    pub how: String,
    /// The fault in detail, where somebody could look.
    pub report: Option<Box<CrashReport>>,
}

impl From<Ended> for Gone {
    fn from(Ended { how, crashed }: Ended) -> Self {
        Self {
            crashed,
            how,
            report: None,
        }
    }
}

impl From<RttGone> for Gone {
    fn from(gone: RttGone) -> Self {
        Self {
            crashed: gone.crashed,
            how: gone.how,
            report: gone.report,
        }
    }
}

impl fmt::Debug for RunningBoard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningBoard")
            .field("describe", &self.describe())
            .finish_non_exhaustive()
    }
}

fn choose_link(board: &Board, wanted: Option<LinkKind>) -> Result<Link, BoardError> {
    board
        .link(wanted)
        .cloned()
        .ok_or_else(|| BoardError::NoLink {
            board: board.name.clone(),
            link: wanted.unwrap_or(board.default_link),
            known: board
                .links
                .iter()
                .map(|link| link.kind().name())
                .collect::<Vec<_>>()
                .join(", "),
        })
}

/// `auto, user`.
pub(crate) fn in_words(lans: &[LanKind]) -> String {
    lans.iter()
        .map(|lan| lan.name())
        .collect::<Vec<_>>()
        .join(", ")
}

fn check_lan(board: &Board, wanted: LanKind) -> Result<(), BoardError> {
    if board.kind.lans().contains(&wanted) {
        return Ok(());
    }
    Err(BoardError::NoLan {
        board: board.name.clone(),
        lan: wanted,
        known: in_words(board.kind.lans()),
    })
}
