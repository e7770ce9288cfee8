//! A real board behind the engine's [`Session`]: the board that runs, the greeted agent, the link's transcript.
//!
//! Must not: judge.

use core::time::Duration;
use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hil_kit::dut::{Expected, GreetError, Tap};
use hil_kit::rig::{BoxFuture, Channel, SocketFactory};
use hil_kit::{Case, CaseRig, Dut, Observation, run_case};

use super::beacon::Beacons;
use super::capture;
use super::coming_up::come_up;
use super::ears::Ears;
use super::link_log::LinkLog;
use super::preflight::passes;
use super::session::{Gone, Loss, Ready, Remedy, RunOne, Session, StartError, Starter};
use crate::board::{self, BoardError, Image, RunningBoard, StartOptions};
use crate::event::{CrashReport, Identity, LogLine};
use crate::inventory::{Board, Firmware};
use crate::lan::LanKind;
use crate::link::LinkError;
use crate::plan::{Claims, LanFacts};
use crate::target_log::TargetLog;

/// How long an agent may take to answer its greeting, on the reference.
const GREETING: Duration = Duration::from_secs(3);

/// How long an agent that is merely out of step may take to answer a greeting.
const RESYNC: Duration = Duration::from_secs(1);

/// How long an agent that came back after a fault may take to say what happened.
const BEACON: Duration = Duration::from_millis(1500);

/// Starts one board of boards.toml.
pub struct LiveStarter {
    board: Board,
    options: StartOptions,
    /// Directory of the run; evidence is named relative to it.
    run_dir: PathBuf,
    log: Arc<LinkLog>,
    image: Mutex<Option<Image>>,
    beacons: Arc<Beacons>,
    /// The board that runs; it stays here over restarts, and so does its lock.
    slot: Slot,
}

type Slot = Arc<Mutex<Option<RunningBoard>>>;

impl LiveStarter {
    /// Starts `board`; its evidence goes to a directory of its own in `run_dir`.
    ///
    /// # Errors
    /// That directory cannot be written.
    pub fn new(board: Board, options: StartOptions, run_dir: PathBuf) -> std::io::Result<Self> {
        let evidence = run_dir.join(&board.name);
        std::fs::create_dir_all(&evidence)?;
        Ok(Self {
            log: Arc::new(LinkLog::create(&evidence.join("link.log"))?),
            options: StartOptions {
                evidence,
                ..options
            },
            board,
            run_dir,
            image: Mutex::default(),
            beacons: Arc::default(),
            slot: Slot::default(),
        })
    }

    /// Starts the board for the first time.
    async fn session(&self) -> Result<Box<dyn Session>, StartError> {
        let options = StartOptions {
            image: lock(&self.image).clone(),
            ..self.options.clone()
        };
        let running = board::start(&self.board, &options)
            .await
            .map_err(board_error)?;
        let mut loan = Loan::of(&self.slot, Some(running));
        let channel = loan.board()?.take_channel();
        let greeted = self.greeted(loan, channel, true).await;
        if greeted.is_err() {
            // It is not wanted any more; its lock is freed with it.
            drop(lock(&self.slot).take());
        }
        greeted
    }

    /// Takes a step to get the board back.
    async fn recovered(&self, remedy: Remedy) -> Result<Box<dyn Session>, StartError> {
        let running = lock(&self.slot).take();
        let mut loan = Loan::of(&self.slot, running);
        loan.board()?.target_log().begin(remedy.name());
        let channel = loan.board()?.remedy(remedy).await.map_err(board_error)?;
        self.greeted(loan, channel, false).await
    }

    async fn greeted(
        &self,
        mut loan: Loan<'_>,
        channel: Box<dyn Channel>,
        first: bool,
    ) -> Result<Box<dyn Session>, StartError> {
        let running = loan.board()?;
        self.log.mark(&format!("{} started", running.describe()));
        let target_log = running.target_log();
        let tap: Arc<dyn Tap> = Arc::new(Ears {
            link: Arc::clone(&self.log),
            target: Arc::clone(&target_log),
        });
        let expected = Expected {
            tap: Some(Arc::clone(&tap)),
            ..self.expected(running)
        };
        let deadline = GREETING.mul_f64(self.board.deadline_scale.max(1.0));
        let (dut, identity) = tokio::select! {
            biased;
            greeted = Dut::greet(channel, expected, deadline) => greeted.map_err(greet_error)?,
            ended = running.gone() => {
                return Err(StartError { cause: "gone", reason: format!("the board went away while it was greeted: {}", ended.how), violation: None });
            }
        };
        // A board that has just been switched on and yet remembers a fault crashed on its way up; what works of
        // it now says nothing. After a restart the fault is the one that the restart was for.
        if let Some(beacon) = identity.beacon.as_ref().filter(|_| first) {
            return Err(StartError {
                cause: "crashed",
                reason: format!(
                    "the board crashed while it started: {}",
                    self.beacons.explain(beacon)
                ),
                violation: None,
            });
        }
        let scale = self.board.deadline_scale.max(1.0);
        come_up(&dut, &identity, scale).await;
        let lan = running.lan();
        if lan.name() == LanKind::Nic.name()
            && let Err(reason) = passes(&dut, lan.as_ref(), scale).await
        {
            return Err(StartError {
                cause: "lan",
                reason,
                violation: None,
            });
        }
        let ready = Ready {
            identity: in_words(&identity),
            claims: Claims {
                ip: identity.ip,
                capabilities: identity.claims,
            },
            link: running.link_kind().name().into(),
            image: running.image_note(),
            lan: LanFacts {
                name: lan.name().into(),
                reason: running.why_no_wire().map(str::to_owned),
                properties: lan.properties(),
            },
        };
        Ok(Box::new(LiveSession {
            slot: Arc::clone(&self.slot),
            dut,
            identity,
            ready,
            lan,
            scope: 0,
            case: String::new(),
            allowance: self.board.rtt_allowance,
            log: Arc::clone(&self.log),
            beacons: Arc::clone(&self.beacons),
            target_log,
            tap,
            run_dir: self.run_dir.clone(),
            evidence: self.options.evidence.clone(),
            link_log: self.options.evidence.join("link.log"),
        }))
    }
}

impl LiveStarter {
    /// Who is to answer.
    fn expected(&self, running: &RunningBoard) -> Expected {
        Expected {
            board: Some(announced_name(&self.board)),
            build_id: running.expected_build_id().map(<[u8]>::to_vec),
            nonce: fresh_nonce(),
            tap: None,
        }
    }
}

/// A running board on loan from its slot: it goes back there, whatever becomes of the loan.
struct Loan<'s> {
    slot: &'s Slot,
    running: Option<RunningBoard>,
}

impl<'s> Loan<'s> {
    const fn of(slot: &'s Slot, running: Option<RunningBoard>) -> Self {
        Self { slot, running }
    }

    fn board(&mut self) -> Result<&mut RunningBoard, StartError> {
        self.running.as_mut().ok_or_else(|| StartError {
            cause: "gone",
            reason: "the board was stopped".into(),
            violation: None,
        })
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            *lock(self.slot) = Some(running);
        }
    }
}

impl Starter for LiveStarter {
    fn board(&self) -> &str {
        &self.board.name
    }

    fn prepare(&self) -> BoxFuture<'_, Result<(), StartError>> {
        Box::pin(async {
            let image = board::prepare(&self.board).await.map_err(board_error)?;
            self.beacons.of(image.elf.clone());
            *lock(&self.image) = Some(image);
            Ok(())
        })
    }

    fn start(&self) -> BoxFuture<'_, Result<Box<dyn Session>, StartError>> {
        Box::pin(self.session())
    }

    fn remedies(&self, loss: Loss) -> Vec<Remedy> {
        match &*lock(&self.slot) {
            Some(running) => running.remedies(loss),
            None => Vec::new(),
        }
    }

    fn recover(&self, remedy: Remedy) -> BoxFuture<'_, Result<Box<dyn Session>, StartError>> {
        Box::pin(self.recovered(remedy))
    }
}

struct LiveSession {
    slot: Slot,
    dut: Dut,
    identity: Arc<hil_kit::Identity>,
    ready: Ready,
    lan: Arc<dyn SocketFactory>,
    scope: u16,
    /// Id of the case that ran last.
    case: String,
    allowance: Duration,
    log: Arc<LinkLog>,
    beacons: Arc<Beacons>,
    target_log: Arc<TargetLog>,
    /// Hears what goes over the link.
    tap: Arc<dyn Tap>,
    run_dir: PathBuf,
    /// The board's directory in it.
    evidence: PathBuf,
    link_log: PathBuf,
}

impl Session for LiveSession {
    fn ready(&self) -> &Ready {
        &self.ready
    }

    fn run<'a>(&'a mut self, case: &'static Case, one: RunOne) -> BoxFuture<'a, Observation> {
        // A scope of its own for every attempt; 0 is nobody's.
        self.scope = self.scope.checked_add(1).unwrap_or(1);
        self.log.begin(&case.id());
        self.target_log.begin(&case.id());
        let rig = CaseRig {
            dut: self.dut.clone(),
            identity: Arc::clone(&self.identity),
            lan: Arc::clone(&self.lan),
            scope: self.scope,
            seed: one.seed,
            deadline_scale: one.deadline_scale,
            allowance: self.allowance,
            impairment: one.impairment,
        };
        self.case = case.id();
        let log = Arc::clone(&self.log);
        Box::pin(async move {
            let observation = run_case(case, &rig).await;
            if let Some(cable) = rig.lan.cable() {
                for trouble in cable.troubles() {
                    log.mark(&format!("cable: {trouble}"));
                }
            }
            observation
        })
    }

    fn gone(&self) -> BoxFuture<'static, Gone> {
        let gone = lock(&self.slot).as_ref().map(RunningBoard::gone);
        Box::pin(async {
            match gone {
                Some(gone) => gone.await,
                None => Gone {
                    crashed: false,
                    how: "it was stopped".into(),
                    report: None,
                },
            }
        })
    }

    fn is_looping(&self) -> BoxFuture<'static, bool> {
        let looping = lock(&self.slot).as_ref().map(RunningBoard::is_looping);
        Box::pin(async {
            match looping {
                Some(looping) => looping.await,
                None => false,
            }
        })
    }

    fn beacon(&mut self) -> BoxFuture<'_, Option<CrashReport>> {
        Box::pin(async {
            let expected = Expected {
                nonce: fresh_nonce(),
                tap: Some(Arc::clone(&self.tap)),
                ..Expected::default()
            };
            let identity = self.dut.greet_again(expected, BEACON).await.ok()?;
            let beacon = identity.beacon.as_ref()?;
            Some(self.beacons.explain(beacon))
        })
    }

    fn where_is_it(&mut self) -> BoxFuture<'_, Option<CrashReport>> {
        Box::pin(async {
            let running = lock(&self.slot).take();
            let mut loan = Loan::of(&self.slot, running);
            loan.board().ok()?.where_is_it().await
        })
    }

    fn resync(&mut self) -> BoxFuture<'_, Result<(), StartError>> {
        Box::pin(async {
            self.log.mark("the agent is greeted again");
            self.target_log.begin(Remedy::Resync.name());
            let before = &self.identity;
            let expected = Expected {
                board: Some(before.board.clone()),
                build_id: Some(before.build_id.clone()),
                nonce: fresh_nonce(),
                tap: Some(Arc::clone(&self.tap)),
            };
            let greeted = self.dut.greet_again(expected, RESYNC).await;
            self.identity = greeted.map_err(greet_error)?;
            come_up(&self.dut, &self.identity, 1.0).await;
            Ok(())
        })
    }

    fn target_log(&mut self) -> Vec<LogLine> {
        self.target_log.since_begin()
    }

    fn transcript(&mut self) -> Vec<String> {
        self.log.since_begin()
    }

    fn evidence(&self) -> Vec<String> {
        let mut files = vec![self.link_log.clone()];
        if let Some(cable) = self.lan.cable() {
            files.extend(cable.recording());
            match capture::write(cable.as_ref(), &self.evidence, &self.case) {
                Ok(file) => files.extend(file),
                Err(error) => self
                    .log
                    .mark(&format!("the case's frames cannot be written: {error}")),
            }
        }
        files.extend(
            lock(&self.slot)
                .iter()
                .flat_map(RunningBoard::evidence_files)
                .map(|(_, path)| path),
        );
        let mut seen = BTreeSet::new();
        files.retain(|path| seen.insert(path.clone()));
        files
            .into_iter()
            .filter(|path| path.metadata().is_ok_and(|file| file.len() > 0))
            .map(|path| {
                path.strip_prefix(&self.run_dir)
                    .unwrap_or(&path)
                    .display()
                    .to_string()
            })
            .collect()
    }

    fn stop(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let Self { slot, dut, .. } = *self;
            // The client holds the link; an agent ends by itself once that is closed.
            drop(dut);
            let running = lock(&slot).take();
            if let Some(running) = running {
                running.stop().await;
            }
        })
    }
}

/// The name that the board's agent gives itself: that of its firmware, so that several boards may run the same one.
fn announced_name(board: &Board) -> String {
    match &board.firmware {
        Firmware::Crate(name) => name.clone(),
        Firmware::Elf(_) => board.name.clone(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A number nobody used before: the keys of a new hash state are random.
fn fresh_nonce() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

fn in_words(identity: &hil_kit::Identity) -> Identity {
    let claims = Claims {
        ip: identity.ip,
        capabilities: identity.claims,
    };
    let capabilities = nsapi::Capability::ALL
        .into_iter()
        .filter(|capability| identity.claims.has(*capability))
        .map(|capability| capability.name().to_owned());
    let options = (0..32)
        .filter(|number| identity.claims.has_option(*number))
        .map(|number| hil_kit::Need::Option(number).name());
    Identity {
        board: identity.board.clone(),
        port: identity.port.clone(),
        build_id: identity
            .build_id
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
        protocol: identity.protocol,
        classes: claims.classes().into_iter().map(str::to_owned).collect(),
        capabilities: capabilities.chain(options).collect(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn board_error(error: BoardError) -> StartError {
    let cause = match &error {
        BoardError::Locked { .. } | BoardError::DeviceLocked { .. } => "locked",
        BoardError::Link {
            source: LinkError::Probe(error),
            ..
        } if !error.reached_the_chip() => "probe",
        BoardError::NoLink { .. } | BoardError::Link { .. } => "link",
        BoardError::NoLan { .. } | BoardError::NoWire { .. } | BoardError::Plug { .. } => "lan",
        BoardError::Build { .. } | BoardError::Image { .. } => "image",
        BoardError::QemuMissing | BoardError::Spawn { .. } => "missing",
        BoardError::Gone { .. } => "gone",
        BoardError::Late { .. } => "late",
        BoardError::Qemu { .. } => "qemu",
        BoardError::Power { .. } => "power",
        BoardError::File { .. } => "file",
    };
    StartError {
        cause,
        reason: error.to_string(),
        violation: None,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn greet_error(error: GreetError) -> StartError {
    let (cause, violation) = match &error {
        GreetError::Silent { .. } => ("silent", None),
        GreetError::Garbage { .. } => ("garbage", None),
        GreetError::WrongNonce { .. } => ("wrong-nonce", None),
        GreetError::Protocol { .. } => ("protocol", None),
        GreetError::Board { .. } => ("wrong-board", None),
        GreetError::BuildId { .. } => ("wrong-image", None),
        GreetError::NoClass { .. } => ("no-class", Some("claims.no-class")),
        // What later protocols add is trouble of the rig as well.
        _ => ("greeting", None),
    };
    StartError {
        cause,
        reason: error.to_string(),
        violation,
    }
}
