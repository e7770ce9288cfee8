//! What these tests share: a directory with boards, and `hil` started in it under a deadline.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal};
use rustix::time::Timespec;
use serde_json::Value;
use tempfile::TempDir;

/// Far beyond what anything here takes, the first build of an image included.
const DEADLINE: Duration = Duration::from_secs(300);

/// A directory with a boards.toml, and with everything `hil` leaves while it runs.
pub(crate) struct Bench {
    dir: TempDir,
}

/// What a finished `hil` left.
pub(crate) struct Finished {
    pub(crate) exit: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Bench {
    /// Boards whose agents misbehave as their names say.
    pub(crate) fn of(modes: &[&str]) -> Self {
        let bench = Self::empty();
        let mut text = String::new();
        for mode in modes {
            bench.link(env!("CARGO_BIN_EXE_bad-agent"), mode);
            text += &format!(
                "[board.{mode}]\nkind = \"native\"\nfirmware = {{ elf = \"{mode}\" }}\nport = \"bad\"\nlan = \"loopback\"\ndeadline_scale = 0.2\n"
            );
        }
        bench.boards(&text);
        bench
    }

    /// One board with firmware of this workspace, built when a run needs it.
    pub(crate) fn real(board: &str, kind: &str, port: &str) -> Self {
        let bench = Self::empty();
        bench.boards(&format!(
            "default = \"{board}\"\n[board.{board}]\n{kind}\nfirmware = \"{board}\"\nport = \"{port}\"\n"
        ));
        bench
    }

    /// The emulated board.
    pub(crate) fn emulated() -> Self {
        let kind = "kind = \"qemu\"\nmachine = \"mps2-an385\"";
        Self::real("qemu-mps2-an385", kind, "smoltcp")
    }

    /// A directory with a short path, because sockets are below it.
    pub(crate) fn empty() -> Self {
        let dir = tempfile::tempdir_in("/tmp").expect("a directory");
        fs::create_dir(dir.path().join("run")).expect("a directory");
        Self { dir }
    }

    pub(crate) fn boards(&self, text: &str) {
        fs::write(self.path().join("boards.toml"), text).expect("a file");
    }

    pub(crate) fn link(&self, to: &str, name: &str) {
        std::os::unix::fs::symlink(to, self.path().join(name)).expect("a link");
    }

    /// Locks and directories of sockets that are there now.
    pub(crate) fn runtime_files(&self) -> Vec<OsString> {
        fs::read_dir(self.path().join("run/hil"))
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.file_name())
            .collect()
    }

    /// Neither process nor lock nor socket nor directory of a run is left.
    pub(crate) fn assert_nothing_left(&self) {
        assert_eq!(self.left_over(), Vec::<String>::new());
        assert_eq!(self.runtime_files(), Vec::<OsString>::new());
        assert!(!self.path().join("run/hil").exists());
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// `hil` with these arguments, up to its end.
    pub(crate) fn hil(&self, arguments: &[&str]) -> Finished {
        self.up_to_its_end(self.command(arguments))
    }

    /// This command, up to its end.
    pub(crate) fn up_to_its_end(&self, mut command: Command) -> Finished {
        let mut hil = command.spawn().expect("hil starts");
        // Both at once: a full pipe of one would keep hil from writing to the other.
        let stdout = all_of(hil.stdout.take().expect("a pipe"));
        let stderr = all_of(hil.stderr.take().expect("a pipe"));
        let texts = (stdout.recv_timeout(DEADLINE), stderr.recv_timeout(DEADLINE));
        let (Ok(stdout), Ok(stderr)) = texts else {
            let _ = hil.kill();
            let _ = hil.wait();
            panic!("hil did not end within {DEADLINE:?}");
        };
        Finished {
            exit: hil.wait().expect("it has ended").code(),
            stdout,
            stderr,
        }
    }

    /// `hil` with these arguments, running.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().expect("hil starts")
    }

    /// `hil` with these arguments, not yet started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hil"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env("NO_COLOR", "1")
            .env("XDG_RUNTIME_DIR", self.path().join("run"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Processes that were started from this directory and still live.
    pub(crate) fn left_over(&self) -> Vec<String> {
        let here = self.path().display().to_string();
        fs::read_dir("/proc")
            .expect("/proc")
            .flatten()
            .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
            .map(|words| String::from_utf8_lossy(&words).replace('\0', " "))
            .filter(|line| line.contains(&here))
            .collect()
    }
}

/// Reads a stream to its end, while others go on.
fn all_of(mut stream: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (done, wait) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let _ = done.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    wait
}

impl Finished {
    /// Standard output as events.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| {
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))
            })
            .collect()
    }

    /// Verdict with cause of every finished case, in order, on one board.
    pub(crate) fn verdicts(&self, board: &str) -> Vec<String> {
        verdicts(&self.events(), board)
    }
}

/// Verdict with cause of every finished case on one board.
pub(crate) fn verdicts(events: &[Value], board: &str) -> Vec<String> {
    events
        .iter()
        .filter(|event| event["event"] == "case-finished" && event["board"] == board)
        .map(|event| {
            let verdict = event["verdict"].as_str().expect("a word");
            match event["cause"].as_str() {
                Some(cause) => format!("{verdict}({cause})"),
                None => verdict.to_owned(),
            }
        })
        .collect()
}

/// The process of a board.
pub(crate) struct Board(OwnedFd);

impl Board {
    /// The process of this number.
    pub(crate) fn of(number: i32) -> Self {
        let pid = Pid::from_raw(number).expect("a number");
        Self(rustix::process::pidfd_open(pid, PidfdFlags::empty()).expect("it lives"))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        rustix::process::pidfd_send_signal(&self.0, signal).expect("it lives");
    }

    /// Waits for its end.
    pub(crate) fn assert_ends(&self) {
        let mut events = [PollFd::new(&self.0, PollFlags::IN)];
        let limit = Timespec {
            tv_sec: 20,
            tv_nsec: 0,
        };
        assert_eq!(poll(&mut events, Some(&limit)), Ok(1), "the board lives on");
    }
}

/// Number of the parent, the second word after the name in parentheses.
fn parent_of(process: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split_whitespace().nth(1).map(String::from)
}

/// Whether there is an emulator; loud, because a machine without it proves less.
pub(crate) fn have_qemu() -> bool {
    let found = Command::new("qemu-system-arm")
        .arg("--version")
        .output()
        .is_ok();
    if !found {
        assert!(
            std::env::var_os("CI").is_none(),
            "qemu-system-arm is missing; CI must have it (ci/setup)"
        );
        eprintln!("NOT TESTED: qemu-system-arm is missing (ci/setup installs it)");
    }
    found
}

/// Whether this machine lets the wire be made; loud, because one without it proves less.
pub(crate) fn have_wire() -> bool {
    let bench = Bench::empty();
    bench.boards(SIM);
    let doctor = bench.hil(&["doctor", "--board", "sim"]);
    let found = doctor.stdout.contains("\u{2713} wire");
    if !found {
        let required = std::env::var_os("HIL_REQUIRE_WIRE").is_some();
        assert!(!required, "there must be a wire:\n{}", doctor.stdout);
        eprintln!(
            "NOT TESTED: the wire is refused on this machine (hil doctor says what would unlock it)"
        );
    }
    found
}

/// The board sim.
pub(crate) const SIM: &str = "default = \"sim\"\n[board.sim]\nkind = \"native\"\nstack = \"own\"\nfirmware = \"sim\"\nport = \"smoltcp\"\nlan = \"wire\"\n";

/// Events of a running `hil --json -`, as they come.
pub(crate) struct Live {
    events: mpsc::Receiver<Value>,
    hil: Child,
    seen: Vec<Value>,
}

impl Live {
    pub(crate) fn of(mut hil: Child) -> Self {
        let stdout: ChildStdout = hil.stdout.take().expect("a pipe");
        // Nobody looks at it, but somebody must empty it.
        drop(all_of(hil.stderr.take().expect("a pipe")));
        let (send, events) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let Ok(event) = serde_json::from_str(&line) else {
                    return;
                };
                if send.send(event).is_err() {
                    return;
                }
            }
        });
        Self {
            events,
            hil,
            seen: Vec::new(),
        }
    }

    /// Reads on until an event fits.
    pub(crate) fn until(&mut self, fits: impl Fn(&Value) -> bool) {
        loop {
            let Ok(event) = self.events.recv_timeout(DEADLINE) else {
                let _ = self.hil.kill();
                panic!("the event never came; seen: {:?}", self.seen);
            };
            self.seen.push(event);
            if self.seen.last().is_some_and(&fits) {
                return;
            }
        }
    }

    /// Sends a signal, as Ctrl-C would.
    pub(crate) fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.hil), signal).expect("it lives");
    }

    /// The board's process: the only child of `hil` while cases run that is no keeper.
    pub(crate) fn board(&self) -> Board {
        let mut boards = self.children().into_iter().filter(|(_, keeps)| !keeps);
        let (child, _) = boards.next().expect("hil runs a board");
        assert_eq!(boards.next(), None, "hil runs one board");
        Board::of(child)
    }

    /// The emulator, whatever else `hil` runs beside it.
    pub(crate) fn emulator(&self) -> Board {
        let mut emulators = self.children().into_iter().filter(|(number, _)| {
            let words = fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
            words.starts_with(b"qemu-system-arm")
        });
        let (child, _) = emulators.next().expect("hil runs an emulator");
        Board::of(child)
    }

    /// The processes that keep namespaces.
    pub(crate) fn keepers(&self) -> Vec<Board> {
        let all = self.children().into_iter();
        all.filter(|(_, keeps)| *keeps)
            .map(|(number, _)| Board::of(number))
            .collect()
    }

    /// Number of every child of `hil`, and whether it keeps a namespace.
    fn children(&self) -> Vec<(i32, bool)> {
        let hil = self.hil.id().to_string();
        fs::read_dir("/proc")
            .expect("/proc")
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
            .filter(|number| parent_of(*number).as_deref() == Some(&hil))
            .map(|number| {
                let words = fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
                (number, words.starts_with(b"hil-namespace"))
            })
            .collect()
    }

    /// Sends a signal to `hil` and everybody else in its group.
    pub(crate) fn signal_group(&self, signal: Signal) {
        rustix::process::kill_process_group(Pid::from_child(&self.hil), signal).expect("it lives");
    }

    /// Reads to the end; the exit code and every event.
    pub(crate) fn end(mut self) -> (Option<i32>, Vec<Value>) {
        while let Ok(event) = self.events.recv_timeout(DEADLINE) {
            self.seen.push(event);
        }
        let status = self.hil.wait().expect("it ends with its output");
        (status.code(), core::mem::take(&mut self.seen))
    }
}
