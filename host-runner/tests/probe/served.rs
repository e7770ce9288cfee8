//! A board that `hil probe serve` serves, and clients of it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use probe_rs::config::Registry;
use probe_rs::flashing::DownloadOptions;
use probe_rs::probe::list::Lister;
use probe_rs::probe::{DebugProbeSelector, Probe, WireProtocol};
use probe_rs::{Permissions, Session};
use rustix::process::{Pid, Signal};
use tempfile::TempDir;

/// Both machines.
pub(crate) const MACHINES: [&str; 2] = ["mps2-an385", "mps2-an386"];

/// The longest that a test may take: the library waits for a probe for ever.
const WATCHDOG: Duration = Duration::from_secs(120);

/// The longest that the runner takes to end.
const END: Duration = Duration::from_secs(10);

/// A served board.
pub(crate) struct Served {
    runner: Arc<Mutex<Child>>,
    pub(crate) selector: String,
    pub(crate) chip: String,
    pub(crate) description: String,
    lines: Receiver<String>,
    _directory: TempDir,
    _done: Sender<()>,
}

/// Whether there is an emulator; says loudly if not.
pub(crate) fn have_qemu() -> bool {
    let found = Command::new("qemu-system-arm")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok();
    if !found {
        eprintln!("SKIPPED: qemu-system-arm is not installed; run ci/setup");
    }
    found
}

/// A directory with a boards.toml.
pub(crate) fn boards() -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let mut text = String::new();
    for machine in MACHINES {
        text.push_str(&format!(
            "[board.{machine}]\nkind = \"qemu\"\nmachine = \"{machine}\"\nfirmware = {{ elf = \"none.elf\" }}\nport = \"smoltcp\"\n"
        ));
    }
    text.push_str(
        "[board.process]\nkind = \"native\"\nfirmware = { elf = \"none.elf\" }\nport = \"posix\"\n",
    );
    std::fs::write(directory.path().join("boards.toml"), text).expect("a file");
    directory
}

/// `hil probe serve` with these arguments.
pub(crate) fn command(directory: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hil"));
    command
        .args(["probe", "serve"])
        .args(arguments)
        .current_dir(directory.path())
        .stdin(Stdio::null());
    command
}

impl Served {
    /// Serves this machine.
    pub(crate) fn start(machine: &str) -> Self {
        let directory = boards();
        let mut runner = command(&directory, &["--board", machine])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the runner");
        let (tell, lines) = channel();
        let outputs: [Box<dyn std::io::Read + Send>; 2] = [
            Box::new(runner.stdout.take().expect("piped")),
            Box::new(runner.stderr.take().expect("piped")),
        ];
        for output in outputs {
            let tell = tell.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    // Nobody may want to know any more.
                    let _ = tell.send(line);
                }
            });
        }
        let runner = Arc::new(Mutex::new(runner));
        let (done, bark) = channel::<()>();
        let watched = Arc::clone(&runner);
        std::thread::spawn(move || {
            if bark.recv_timeout(WATCHDOG) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                eprintln!("the watchdog ends the runner");
                let _ = watched.lock().expect("unpoisoned").kill();
            }
        });
        let mut served = Self {
            runner,
            selector: String::new(),
            chip: String::new(),
            description: String::new(),
            lines,
            _directory: directory,
            _done: done,
        };
        loop {
            let line = served.line();
            if line.contains("Ctrl-C ends it") {
                break;
            }
            let mut words = line.split_whitespace();
            let value = |words: &mut std::str::SplitWhitespace<'_>| {
                words.next().unwrap_or_default().to_owned()
            };
            match words.next() {
                Some("probe") => served.selector = value(&mut words),
                Some("chip") => served.chip = value(&mut words),
                Some("description") => served.description = value(&mut words),
                _ => {}
            }
        }
        assert_eq!(served.chip, machine);
        served
    }

    /// The next line that the runner prints, to either output.
    pub(crate) fn line(&self) -> String {
        self.lines
            .recv_timeout(END)
            .expect("the runner says something")
    }

    /// Address and port of the probe.
    pub(crate) fn address(&self) -> &str {
        self.selector
            .strip_prefix("1d50:6018:")
            .expect("vendor and product")
    }

    /// Opens the probe.
    pub(crate) fn probe(&self) -> Probe {
        let selector: DebugProbeSelector = self.selector.parse().expect("a selector");
        let lister = Lister::new();
        let mut probe = lister.open(selector).expect("a probe");
        probe.select_protocol(WireProtocol::Swd).expect("SWD");
        probe
    }

    /// Knows the chip.
    pub(crate) fn registry(&self) -> Registry {
        let text = std::fs::read_to_string(&self.description).expect("a description");
        let mut registry = Registry::new();
        registry
            .add_target_family_from_yaml(&text)
            .expect("a description");
        registry
    }

    /// Attaches.
    pub(crate) fn attach(&self) -> Session {
        self.probe()
            .attach_with_registry(self.chip.as_str(), Permissions::default(), &self.registry())
            .expect("a session")
    }

    /// Writes a program into the flash, erased, programmed and verified by the core.
    pub(crate) fn flash(&self, session: &mut Session, program: &[u8]) {
        let mut loader = session.target().flash_loader();
        loader.add_data(0, program).expect("it fits");
        let mut options = DownloadOptions::default();
        options.verify = true;
        loader.commit(session, options).expect("flashed");
    }

    /// The emulator's process.
    pub(crate) fn emulator(&self) -> Pid {
        let runner = self.runner.lock().expect("unpoisoned").id();
        let threads = std::fs::read_dir(format!("/proc/{runner}/task")).expect("threads");
        let children: Vec<i32> = threads
            .flatten()
            .filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok())
            .flat_map(|list| {
                list.split_whitespace()
                    .filter_map(|word| word.parse().ok())
                    .collect::<Vec<i32>>()
            })
            .collect();
        assert_eq!(children.len(), 1, "the emulator is the only child");
        Pid::from_raw(children[0]).expect("a process")
    }

    /// Tells the runner to end.
    pub(crate) fn signal(&self, signal: Signal) {
        let runner = Pid::from_child(&self.runner.lock().expect("unpoisoned"));
        rustix::process::kill_process(runner, signal).expect("it runs");
    }

    /// How the runner ends.
    pub(crate) fn end(&self) -> Option<i32> {
        let began = Instant::now();
        while began.elapsed() < END {
            let ended = self.runner.lock().expect("unpoisoned").try_wait();
            if let Some(status) = ended.expect("a child") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the runner does not end");
    }

    /// Where the runner keeps what it removes at the end.
    pub(crate) fn directory(&self) -> std::path::PathBuf {
        let description = std::path::Path::new(&self.description);
        description.parent().expect("a directory").to_owned()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let mut runner = self.runner.lock().expect("unpoisoned");
        // In order, so that it removes what it has made; it may have ended.
        let process = Pid::from_child(&runner);
        if matches!(runner.try_wait(), Ok(None)) {
            let _ = rustix::process::kill_process(process, Signal::TERM);
        }
        let began = Instant::now();
        while matches!(runner.try_wait(), Ok(None)) {
            if began.elapsed() > END {
                let _ = runner.kill();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
