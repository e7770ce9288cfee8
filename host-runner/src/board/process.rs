//! A child process that never outlives the runner and whose end is noticed at once.
//!
//! The kernel sends the parent-death signal when the *thread* that spawned the child ends, so all children
//! are spawned from one thread that lives as long as the runner. Their end is awaited on a pidfd.
//!
//! Must not: know what the process is for.
#![expect(
    unsafe_code,
    reason = "setting the parent-death signal between fork and exec; registering a pidfd"
)]

use core::future::Future;
use core::time::Duration;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};

use rustix::process::{Pid, PidfdFlags, Signal};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::{oneshot, watch};

use super::firmware::tail;
use crate::target_log::Attached;

/// What is shown of the log of a process that ended.
const LAST_WORDS: usize = 600;

/// How a board ended by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Exit status and last words.
    pub how: String,
    /// What ran on the board did it: a fault, a panic, a lockup.
    pub crashed: bool,
}

/// What tells a crash of what runs on the board from the end of what runs the board.
#[derive(Clone, Copy, Debug)]
pub(super) enum Blame {
    /// The process is the board: a fatal signal or the status of a panic.
    Process,
    /// The process runs the board, and says this when its core has crashed.
    Words(&'static str),
}

/// Where the last words of a process are found.
#[derive(Debug)]
pub(super) enum LastWords {
    /// At the end of a file that it writes.
    File(PathBuf),
    /// They are what its log says last.
    Log(Attached),
}

/// Status of a Rust program whose main thread has panicked.
const PANICKED: i32 = 101;

/// A running child.
#[derive(Debug)]
pub(super) struct Process {
    child: Arc<Mutex<Child>>,
    pidfd: Arc<AsyncFd<OwnedFd>>,
    ended: watch::Receiver<Option<Ended>>,
}

impl Process {
    /// Spawns `command`.
    pub(super) async fn spawn(
        name: &'static str,
        mut command: Command,
        last_words: impl Into<LastWords>,
        blame: Blame,
    ) -> io::Result<Self> {
        tie_to_runner(&mut command);
        let child = spawn_on_lasting_thread(command).await?;
        let pid = Pid::from_child(&child);
        let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::NONBLOCK)?;
        // SAFETY: the descriptor is owned by the registration and closed after it.
        let pidfd = unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE)? };
        let pidfd = Arc::new(pidfd);
        let child = Arc::new(Mutex::new(child));
        let (tell, ended) = watch::channel(None);
        let (watched, readable) = (Arc::clone(&child), Arc::clone(&pidfd));
        let last_words = last_words.into();
        tokio::spawn(async move {
            let _ = readable.readable().await;
            let status = watched
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .wait();
            let said = last_words.heard().await;
            let _ = tell.send(Some(describe(name, status, &said, blame)));
        });
        Ok(Self {
            child,
            pidfd,
            ended,
        })
    }

    /// Its number.
    pub(super) fn id(&self) -> u32 {
        self.child
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .id()
    }

    /// How it ended, in words, if it has.
    pub(super) fn ended(&self) -> Option<Ended> {
        self.ended.borrow().clone()
    }

    /// Resolves when it has ended, to how.
    pub(super) fn gone(&self) -> impl Future<Output = Ended> + Send + 'static + use<> {
        let mut ended = self.ended.clone();
        async move {
            let ended = ended
                .wait_for(Option::is_some)
                .await
                .ok()
                .and_then(|ended| ended.clone());
            ended.unwrap_or_else(|| Ended {
                how: "it was stopped".into(),
                crashed: false,
            })
        }
    }

    /// Waits for its end; kills it when that takes longer than `patience`.
    pub(super) async fn finish(self, patience: Duration) {
        let _ = tokio::time::timeout(patience, self.gone()).await;
        // Dropping kills and reaps what is left.
    }
}

impl LastWords {
    /// Of a process that has ended.
    async fn heard(self) -> String {
        match self {
            Self::File(path) => {
                let said = std::fs::read(path).unwrap_or_default();
                String::from_utf8_lossy(&said).into_owned()
            }
            Self::Log(log) => log.last_words().await,
        }
    }
}

impl From<PathBuf> for LastWords {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl From<Attached> for LastWords {
    fn from(log: Attached) -> Self {
        Self::Log(log)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        // Nothing can be done about a failure of either: the process has ended already then.
        let _ = rustix::process::pidfd_send_signal(self.pidfd.get_ref(), Signal::KILL);
        let _ = child.wait();
    }
}

/// Has the process end with the runner, and only with it: give the command to one of the spawning functions below.
pub(super) fn tie_to_runner(command: &mut Command) {
    // A group of its own: Ctrl-C on the terminal is for the runner, which stops the board in order.
    command.process_group(0);
    let runner = rustix::process::getpid();
    // SAFETY: between fork and exec only two system calls are made; neither allocates nor locks.
    unsafe {
        command.pre_exec(move || {
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
            // The runner may have died before the signal was armed.
            if rustix::process::getppid() != Some(runner) {
                return Err(io::Error::from(io::ErrorKind::BrokenPipe));
            }
            Ok(())
        });
    }
}

fn describe(name: &str, status: io::Result<ExitStatus>, said: &str, blame: Blame) -> Ended {
    let crashed = match (blame, &status) {
        (Blame::Words(words), _) => said.contains(words),
        (Blame::Process, Ok(status)) => {
            status.code() == Some(PANICKED) || status.signal().is_some_and(is_fault)
        }
        (Blame::Process, Err(_)) => false,
    };
    let mut how = match status {
        Ok(status) => format!("{name} {}", in_words(status)),
        Err(error) => format!("{name} ended, nobody knows how: {error}"),
    };
    let last = tail(said, LAST_WORDS);
    if !last.is_empty() {
        how.push_str("; its last words:\n");
        how.push_str(last);
    }
    Ended { how, crashed }
}

fn is_fault(signal: i32) -> bool {
    let faults = [
        Signal::ABORT,
        Signal::BUS,
        Signal::FPE,
        Signal::ILL,
        Signal::SEGV,
        Signal::SYS,
        Signal::TRAP,
    ];
    faults.map(Signal::as_raw).contains(&signal)
}

fn in_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with status {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => "ended".into(),
    }
}

/// What is to be spawned, and whom to tell. Whoever does not want the child any more gives it back.
type Job = (
    Command,
    Box<dyn FnOnce(io::Result<Child>) -> Option<Child> + Send>,
);

/// Spawns a command whose parent-death signal means the end of the runner. Blocks until it is spawned.
pub(crate) fn spawn_lasting(command: Command) -> io::Result<Child> {
    let (reply, answer) = mpsc::channel();
    submit(command, move |spawned| match reply.send(spawned) {
        Err(mpsc::SendError(Ok(unwanted))) => Some(unwanted),
        _ => None,
    })?;
    answer.recv().map_err(|_| no_thread())?
}

/// Likewise, without blocking.
pub(super) async fn spawn_on_lasting_thread(command: Command) -> io::Result<Child> {
    let (reply, answer) = oneshot::channel();
    submit(command, move |spawned| match reply.send(spawned) {
        Err(Ok(unwanted)) => Some(unwanted),
        _ => None,
    })?;
    answer.await.map_err(|_| no_thread())?
}

fn no_thread() -> io::Error {
    io::Error::other("the thread that spawns boards is not there")
}

fn submit(
    command: Command,
    tell: impl FnOnce(io::Result<Child>) -> Option<Child> + Send + 'static,
) -> io::Result<()> {
    static JOBS: OnceLock<mpsc::Sender<Job>> = OnceLock::new();
    let jobs = JOBS.get_or_init(|| {
        let (jobs, todo) = mpsc::channel::<Job>();
        // Without this thread every spawn reports the broken channel below.
        let _ = std::thread::Builder::new()
            .name("board-spawner".into())
            .spawn(move || {
                for (mut command, tell) in todo {
                    if let Some(mut unwanted) = tell(command.spawn()) {
                        let _ = unwanted.kill();
                        let _ = unwanted.wait();
                    }
                }
            });
        jobs
    });
    jobs.send((command, Box::new(tell)))
        .map_err(|_| no_thread())
}
