//! Boards that the runner has not started: behind a debug probe (`hil probe serve` in front of an emulator), and behind
//! a serial port (the pseudo-terminal of an emulator started by hand).

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use serde_json::Value;

use crate::bench::{Bench, Finished, Live, have_qemu};

/// How long something started by hand may take to say where it is.
const INTRODUCTION: Duration = Duration::from_secs(60);

/// What boards.toml calls the board. Its firmware has another name.
const DESK: &str = "desk";

/// A process that ends with the test.
struct ByHand(Child);

impl ByHand {
    /// Starts it and reads the lines it says until one fits.
    fn start<T: Send + 'static>(
        mut command: Command,
        mut fits: impl FnMut(&str) -> Option<T> + Send + 'static,
    ) -> (Self, T) {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let stdout = child.stdout.take().expect("a pipe");
        let running = Self(child);
        let (send, found) = mpsc::channel();
        thread::spawn(move || {
            let mut said = BufReader::new(stdout);
            let mut line = String::new();
            while said.read_line(&mut line).is_ok_and(|read| read > 0) {
                if let Some(found) = fits(line.trim()) {
                    let _ = send.send(found);
                    break;
                }
                line.clear();
            }
            // Who speaks on must be heard.
            let _ = said.read_to_end(&mut Vec::new());
        });
        let found = found.recv_timeout(INTRODUCTION);
        (running, found.expect("it says where it is"))
    }

    fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.0), signal).expect("it lives");
    }

    /// As Ctrl-C would.
    fn end(mut self) {
        self.signal(Signal::INT);
        let _ = self.0.wait();
    }
}

impl Drop for ByHand {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The reference firmware.
fn image() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let built = Command::new(env!("CARGO"))
        .args(["xtask", "firmware", "--quiet", "qemu-mps2-an385"])
        .current_dir(&workspace)
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{said}");
    let path = String::from_utf8(built.stdout).expect("a path");
    workspace.join(path.trim())
}

/// A served board, and the directory with a boards.toml of kind `probe` that points at it.
fn served() -> (ByHand, Bench) {
    let bench = Bench::emulated();
    let mut table: Option<String> = None;
    let (serve, link) = ByHand::start(bench.command(&["probe", "serve"]), move |line| {
        if line.starts_with("[board.") {
            table = Some(String::new());
        }
        let link = line.starts_with("link.rtt = {");
        (table.is_some() && link).then(|| line.to_owned())
    });
    bench.boards(&format!(
        "default = \"{DESK}\"\n[board.{DESK}]\nkind = \"probe\"\nfirmware = \"qemu-mps2-an385\"\nport = \"smoltcp\"\n{link}\n"
    ));
    (serve, bench)
}

fn started(finished: &Finished) -> Value {
    let events = finished.events();
    let started = events
        .iter()
        .find(|event| event["event"] == "board-started");
    started.expect("the board starts").clone()
}

/// The cases that passed; all others must have been left out, with a reason.
fn passed(finished: &Finished) -> BTreeSet<String> {
    assert_eq!(finished.exit, Some(0), "{}", finished.stderr);
    let events = finished.events();
    let mut passed = BTreeSet::new();
    for event in events.iter().filter(|e| e["event"] == "case-finished") {
        let case = event["case"].as_str().expect("an id").to_owned();
        match event["verdict"].as_str().expect("a word") {
            "pass" => {
                passed.insert(case);
            }
            "noted" | "lenient" | "unsupported" => {}
            "skipped" => {
                let reason = event["reason"].as_str().unwrap_or_default();
                assert!(reason.contains("lan"), "{case}: {reason}");
            }
            other => panic!("{case}: {other}: {event}"),
        }
    }
    passed
}

#[test]
fn boards_of_kind_probe_and_serial_pass_the_cases_that_need_no_lan() {
    if !have_qemu() {
        return;
    }
    let elf = image();
    let (serve, bench) = served();
    let run = ["run", "--json", "-"];
    let first = bench.hil(&run);
    let second = bench.hil(&run);
    serve.end();
    let how = |finished: &Finished| {
        let image = &started(finished)["image"];
        image.as_str().unwrap_or_default().to_owned()
    };
    assert!(how(&first).starts_with("flashed in "), "{}", how(&first));
    assert_eq!(how(&second), "already there");
    assert_eq!(started(&first)["lan"], "none");
    let over_the_probe = passed(&first);
    assert!(over_the_probe.len() > 50, "{over_the_probe:?}");
    assert_eq!(passed(&second), over_the_probe);
    bench.assert_nothing_left();

    let mut emulator = Command::new("qemu-system-arm");
    emulator
        .args(["-machine", "mps2-an385", "-display", "none", "-nodefaults"])
        .args(["-chardev", "pty,id=link", "-serial", "chardev:link"])
        // It gets an address, and reaches nobody.
        .args(["-nic", "user,model=lan9118,restrict=on"])
        .arg("-kernel")
        .arg(&elf);
    let (by_hand, terminal) = ByHand::start(emulator, |line| {
        let path = line
            .split_whitespace()
            .find(|word| word.starts_with("/dev/pts/"));
        path.map(str::to_owned)
    });
    let bench = Bench::empty();
    bench.boards(&format!(
        "default = \"{DESK}\"\n[board.{DESK}]\nkind = \"serial\"\nfirmware = \"qemu-mps2-an385\"\nport = \"smoltcp\"\nlink.serial = {{ port = \"{terminal}\" }}\n"
    ));
    let over_the_port = bench.hil(&run);
    let again = bench.hil(&run);
    drop(by_hand);
    assert_eq!(passed(&over_the_port), over_the_probe);
    assert_eq!(passed(&again), over_the_probe);
    bench.assert_nothing_left();
}

#[test]
fn a_probe_that_stops_costs_seconds_and_leaves_nothing() {
    if !have_qemu() {
        return;
    }
    let (serve, bench) = served();
    let mut live = Live::of(bench.start(&["run", "--json", "-"]));
    live.until(|event| event["event"] == "case-finished" && event["verdict"] == "pass");
    live.until(|event| event["event"] == "case-started");
    let stopped = Instant::now();
    serve.signal(Signal::STOP);
    live.until(|event| event["event"] == "board-lost");
    let noticed = stopped.elapsed();
    let (exit, events) = live.end();
    let took = stopped.elapsed();
    serve.signal(Signal::CONT);
    serve.end();
    // The link itself shows that nobody answers any more, long before the deadline of any case.
    assert!(noticed < Duration::from_secs(5), "{noticed:?}");
    assert!(took < Duration::from_secs(40), "{took:?}");
    assert_eq!(exit, Some(97));
    let lost = events
        .iter()
        .filter(|event| event["verdict"] == "board-lost")
        .count();
    assert!(lost > 10, "{lost}");
    let steps: Vec<_> = events
        .iter()
        .filter(|event| event["event"] == "board-recovery")
        .map(|event| event["step"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(steps, ["reset"], "{events:?}");
    bench.assert_nothing_left();
}

#[test]
fn a_served_board_that_ends_is_noticed_within_a_second() {
    if !have_qemu() {
        return;
    }
    let (serve, bench) = served();
    let mut live = Live::of(bench.start(&["run", "--json", "-"]));
    live.until(|event| event["event"] == "case-finished" && event["verdict"] == "pass");
    live.until(|event| event["event"] == "case-started");
    let killed = Instant::now();
    serve.signal(Signal::KILL);
    live.until(|event| event["event"] == "board-lost");
    let noticed = killed.elapsed();
    let (exit, _) = live.end();
    let took = killed.elapsed();
    assert!(noticed < Duration::from_secs(1), "{noticed:?}");
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_eq!(exit, Some(97));
}
