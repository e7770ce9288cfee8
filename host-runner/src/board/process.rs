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

/// What is shown of the log of a process that ended.
const LAST_WORDS: usize = 600;

/// A running child.
#[derive(Debug)]
pub(super) struct Process {
    child: Arc<Mutex<Child>>,
    pidfd: Arc<AsyncFd<OwnedFd>>,
    ended: watch::Receiver<Option<String>>,
}

impl Process {
    /// Spawns `command`; `log` is the file its last words are taken from.
    pub(super) async fn spawn(name: &str, mut command: Command, log: PathBuf) -> io::Result<Self> {
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
        let child = spawn_on_lasting_thread(command).await?;
        let pid = Pid::from_child(&child);
        let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::NONBLOCK)?;
        // SAFETY: the descriptor is owned by the registration and closed after it.
        let pidfd = unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE)? };
        let pidfd = Arc::new(pidfd);
        let child = Arc::new(Mutex::new(child));
        let (tell, ended) = watch::channel(None);
        tokio::spawn(report_end(
            name.to_owned(),
            Arc::clone(&child),
            Arc::clone(&pidfd),
            log,
            tell,
        ));
        Ok(Self {
            child,
            pidfd,
            ended,
        })
    }

    /// How it ended, in words, if it has.
    pub(super) fn ended(&self) -> Option<String> {
        self.ended.borrow().clone()
    }

    /// Resolves when it has ended, to how.
    pub(super) fn gone(&self) -> impl Future<Output = String> + Send + 'static + use<> {
        let mut ended = self.ended.clone();
        async move {
            match ended.wait_for(Option::is_some).await {
                Ok(how) => how.clone().unwrap_or_default(),
                Err(_) => "it was stopped".into(),
            }
        }
    }

    /// Waits for its end; kills it when that takes longer than `patience`.
    pub(super) async fn finish(self, patience: Duration) {
        let _ = tokio::time::timeout(patience, self.gone()).await;
        // Dropping kills and reaps what is left.
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

async fn report_end(
    name: String,
    child: Arc<Mutex<Child>>,
    pidfd: Arc<AsyncFd<OwnedFd>>,
    log: PathBuf,
    tell: watch::Sender<Option<String>>,
) {
    let _ = pidfd.readable().await;
    let status = child.lock().unwrap_or_else(PoisonError::into_inner).wait();
    let mut how = match status {
        Ok(status) => format!("{name} {}", in_words(status)),
        Err(error) => format!("{name} ended, nobody knows how: {error}"),
    };
    let said = std::fs::read(log).unwrap_or_default();
    let said = String::from_utf8_lossy(&said).into_owned();
    let last = tail(&said, LAST_WORDS);
    if !last.is_empty() {
        how.push_str("; its last words:\n");
        how.push_str(last);
    }
    let _ = tell.send(Some(how));
}

fn in_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with status {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => "ended".into(),
    }
}

type Job = (Command, oneshot::Sender<io::Result<Child>>);

async fn spawn_on_lasting_thread(command: Command) -> io::Result<Child> {
    static JOBS: OnceLock<mpsc::Sender<Job>> = OnceLock::new();
    let jobs = JOBS.get_or_init(|| {
        let (jobs, todo) = mpsc::channel::<Job>();
        // Without this thread every spawn reports the broken channel below.
        let _ = std::thread::Builder::new()
            .name("board-spawner".into())
            .spawn(move || {
                for (mut command, reply) in todo {
                    if let Err(Ok(mut unwanted)) = reply.send(command.spawn()) {
                        let _ = unwanted.kill();
                        let _ = unwanted.wait();
                    }
                }
            });
        jobs
    });
    let (reply, answer) = oneshot::channel();
    let broken = || io::Error::other("the thread that spawns boards is not there");
    jobs.send((command, reply)).map_err(|_| broken())?;
    answer.await.map_err(|_| broken())?
}
