//! The relay: one thread per board that carries frames between the board and the host's kernel, and does to them
//! what cases ask for.
//!
//! It implements [`Cable`] over two descriptors that carry one Ethernet frame per datagram. It never sees the
//! namespace, the emulator or the agent. Must not: judge, or know what frames mean beyond their flow.

mod batch;
mod flow;
mod impair;
mod later;
pub mod pcapng;
mod pump;
mod recorder;
mod ring;
mod rules;
mod state;
mod tape;
#[cfg(test)]
mod tests;

use core::sync::atomic::{AtomicBool, Ordering};
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Instant, SystemTime};

use hil_kit::rig::BoxFuture;
use hil_kit::wire::{
    Applied, Cable, End, Fate, Frame, Impairment, Origin, Pattern, Rule, RuleId, WirePlan,
};
use rustix::event::{EventfdFlags, eventfd};
use tokio::sync::mpsc;

use self::recorder::Recorder;
use self::state::State;

/// Tells the board's PHY whether there is a link.
pub type SetPhy = Arc<dyn Fn(bool) -> BoxFuture<'static, io::Result<()>> + Send + Sync>;
/// Makes the host's kernel forget its neighbours.
pub type FlushNeighbours = Box<dyn Fn() -> io::Result<()> + Send + Sync>;

/// Frames of the case that runs, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames that the board sent.
    pub board: u64,
    /// Bytes of those.
    pub board_bytes: u64,
    /// Frames that the host's kernel sent.
    pub host: u64,
    /// Bytes of those.
    pub host_bytes: u64,
    /// Frames that were injected.
    pub injected: u64,
    /// Frames of any of these that never arrived.
    pub dropped: u64,
}

impl Counts {
    const fn add(&mut self, origin: Origin, bytes: usize, fate: &Fate) {
        match origin {
            Origin::Sent(End::Board) => {
                self.board += 1;
                self.board_bytes += bytes as u64;
            }
            Origin::Sent(End::Host) => {
                self.host += 1;
                self.host_bytes += bytes as u64;
            }
            Origin::Injected(_) => self.injected += 1,
        }
        if matches!(fate, Fate::Dropped(_)) {
            self.dropped += 1;
        }
    }
}

/// The cable of one board. Dropping it ends its thread.
pub struct Relay {
    shared: Arc<Shared>,
    plan: WirePlan,
    /// Wall clock when the cable was made.
    epoch: SystemTime,
    capture: Option<PathBuf>,
    phy: Mutex<Option<SetPhy>>,
    /// The board's PHY was not told, or did not say that it heard.
    phy_unsure: AtomicBool,
    flush: Mutex<Option<FlushNeighbours>>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread and its callers have in common.
struct Shared {
    state: Mutex<State>,
    wake: OwnedFd,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the thread look at the state.
    fn wake(&self) {
        // Fails only if the counter is full: then the thread is awake anyway.
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
    }

    fn woken(&self) {
        let _ = rustix::io::read(&self.wake, &mut [0; 8]);
    }
}

impl Relay {
    /// Relays between `host` (the packet socket at the far end of a veth pair, or a datagram socket) and the board
    /// that is attached later. `capture` is a file that gets every frame.
    ///
    /// # Errors
    /// The file cannot be written, or the system is out of descriptors or threads.
    pub fn start(host: OwnedFd, capture: Option<PathBuf>, plan: WirePlan) -> io::Result<Arc<Self>> {
        let (began, epoch) = (Instant::now(), SystemTime::now());
        let recorder = match &capture {
            Some(path) => Recorder::create(path, epoch)?,
            None => Recorder::none(),
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(began, capture.is_some())),
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        });
        let thread = {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name("cable".into())
                .spawn(move || pump::run(&shared, host, recorder))?
        };
        Ok(Arc::new(Self {
            shared,
            plan,
            epoch,
            capture,
            phy: Mutex::default(),
            phy_unsure: AtomicBool::new(false),
            flush: Mutex::default(),
            thread: Some(thread),
        }))
    }

    /// Plugs a board in: a socket with one frame per datagram. It replaces the one that was there.
    pub fn attach_board(&self, board: OwnedFd) {
        self.shared.lock().exchange_board(Some(board));
        self.shared.wake();
    }

    /// Takes the board's socket away, before its process is replaced. Frames for it are dropped meanwhile.
    pub fn detach_board(&self) {
        self.shared.lock().exchange_board(None);
        self.shared.wake();
    }

    /// What [`Cable::set_link`] does to the board's PHY beside cutting the cable.
    pub fn on_set_link(&self, set: Option<SetPhy>) {
        *lock(&self.phy) = set;
    }

    /// What [`Cable::flush_neighbours`] does.
    pub fn on_flush_neighbours(&self, flush: Option<FlushNeighbours>) {
        *lock(&self.flush) = flush;
    }

    /// Frames of the case that runs, counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.lock().counts()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl core::fmt::Debug for Relay {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Relay")
            .field("plan", &self.plan)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

impl Cable for Relay {
    fn plan(&self) -> WirePlan {
        self.plan
    }

    fn inject(&self, to: End, frame: Vec<u8>) {
        self.shared
            .lock()
            .put(Origin::Injected(to), frame.into(), Instant::now());
        self.shared.wake();
    }

    fn tap(&self, pattern: Pattern) -> mpsc::UnboundedReceiver<Frame> {
        self.shared.lock().tap(pattern)
    }

    fn add_rule(&self, rule: Rule) -> RuleId {
        self.shared.lock().add_rule(rule)
    }

    fn remove_rule(&self, id: RuleId) {
        self.shared.lock().remove_rule(id);
        self.shared.wake();
    }

    fn release(&self, id: RuleId) {
        self.shared.lock().release(id);
        self.shared.wake();
    }

    fn applied(&self, id: RuleId) -> Applied {
        self.shared.lock().applied(id)
    }

    fn impair(&self, impairment: Option<Impairment>) {
        self.shared.lock().impair(impairment);
    }

    fn set_link(&self, up: bool) -> BoxFuture<'_, io::Result<()>> {
        let was_up = !self.shared.lock().set_cut(!up);
        let Some(phy) = lock(&self.phy).clone() else {
            return Box::pin(core::future::ready(Ok(())));
        };
        // Until it has heard; so it stays if that fails, or is given up before.
        let was_unsure = self.phy_unsure.swap(true, Ordering::Relaxed);
        Box::pin(async move {
            // Cases begin with a link that is up: that costs nothing where it is known to be.
            if was_unsure || was_up != up {
                phy(up).await?;
            }
            self.phy_unsure.store(false, Ordering::Relaxed);
            Ok(())
        })
    }

    fn begin_case(&self, case: &str) {
        self.shared.lock().begin_case(case);
        self.shared.wake();
    }

    fn frames(&self) -> (Vec<Frame>, bool) {
        self.shared.lock().frames()
    }

    fn began(&self) -> SystemTime {
        self.epoch
    }

    fn recording(&self) -> Option<PathBuf> {
        self.capture.clone()
    }

    fn spoiled(&self) -> Option<&'static str> {
        self.shared.lock().spoiled()
    }

    fn troubles(&self) -> Vec<String> {
        let troubles = self.shared.lock().take_troubles();
        troubles
            .into_iter()
            .map(|(what, count)| match count {
                1 => what.to_owned(),
                _ => format!("{what} ({count} times)"),
            })
            .collect()
    }

    fn flush_neighbours(&self) -> io::Result<()> {
        match &*lock(&self.flush) {
            Some(flush) => flush(),
            None => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "nobody knows how to make this host forget its neighbours",
            )),
        }
    }
}

/// What a frame takes in memory, nearly.
fn size(bytes: &[u8]) -> usize {
    bytes.len() + 64
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
