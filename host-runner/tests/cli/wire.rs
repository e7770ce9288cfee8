//! The wire as a user meets it: boards on it, without it, killed on it, and behind an interface.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;

use crate::bench::{Bench, Finished, Live, SIM, have_qemu, have_wire};

/// A few cases that go both ways.
const SOME: [&str; 3] = ["tcp/echo/*", "udp/echo/*", "server/accept/*"];

/// A user without rights, in every Unix.
const NOBODY: u32 = 65534;

fn sim() -> Bench {
    let bench = Bench::empty();
    bench.boards(SIM);
    bench
}

fn run_some(bench: &Bench, more: &[&str]) -> Finished {
    let mut arguments = vec!["run", "--json", "-"];
    arguments.extend(more);
    arguments.extend(SOME);
    bench.hil(&arguments)
}

fn assert_conforms(finished: &Finished, board: &str) {
    let verdicts = finished.verdicts(board);
    assert!(
        verdicts.len() > 3 && verdicts.iter().all(|verdict| verdict == "pass"),
        "{board}: {verdicts:?} {}",
        finished.stderr
    );
}

fn started<'e>(events: &'e [Value], board: &str) -> &'e Value {
    let of_board = |event: &&Value| event["event"] == "board-started" && event["board"] == board;
    events.iter().find(of_board).expect("it started")
}

#[test]
fn a_process_and_a_kernel_are_boards_on_the_wire() {
    if !have_wire() {
        return;
    }
    let bench = sim();
    let finished = run_some(&bench, &[]);
    assert_eq!(finished.exit, Some(0), "{}", finished.stderr);
    assert_conforms(&finished, "sim");
    assert_eq!(started(&finished.events(), "sim")["lan"], "wire");
    let recorded = bench.path().join("target/hil/latest/sim/wire.pcapng");
    assert!(fs::metadata(recorded).is_ok_and(|file| file.len() > 1000));
    bench.assert_nothing_left();

    let bench = Bench::real("native-posix", "kind = \"native\"", "posix");
    let finished = run_some(&bench, &["--lan", "wire"]);
    assert_eq!(finished.exit, Some(0), "{}", finished.stderr);
    assert_conforms(&finished, "native-posix");
    bench.assert_nothing_left();
}

/// Both have the same addresses: they would be in each other's way on one cable.
#[test]
fn boards_side_by_side_do_not_share_a_cable() {
    if !have_wire() {
        return;
    }
    let bench = sim();
    let second = SIM
        .replace("default = \"sim\"\n", "")
        .replace("[board.sim]", "[board.other]");
    bench.boards(&format!("{SIM}{second}"));
    let finished = run_some(&bench, &["--board", "sim", "--board", "other"]);
    assert_eq!(finished.exit, Some(0), "{}", finished.stderr);
    for board in ["sim", "other"] {
        assert_conforms(&finished, board);
    }
    bench.assert_nothing_left();
}

/// The kernel takes the namespace with its interfaces away as soon as nobody is in it.
#[test]
fn a_killed_runner_leaves_no_namespace() {
    if !have_wire() {
        return;
    }
    for (bench, keepers) in [
        (sim(), 1),
        (
            Bench::real("native-posix", "kind = \"native\"\nlan = \"wire\"", "posix"),
            2,
        ),
    ] {
        let long = ["run", "--repeat", "10000", "--json", "-", "--suite", "udp"];
        let mut live = Live::of(bench.start(&long));
        live.until(|event| event["event"] == "case-finished");
        live.until(|event| event["event"] == "case-started");
        let (board, kept) = (live.board(), live.keepers());
        assert_eq!(kept.len(), keepers);
        live.signal(Signal::KILL);
        let (exit, _) = live.end();
        assert_eq!(exit, None);
        board.assert_ends();
        for keeper in &kept {
            keeper.assert_ends();
        }
        let next = run_some(&bench, &[]);
        assert_eq!(next.exit, Some(0), "{}", next.stderr);
        bench.assert_nothing_left();
    }
}

#[test]
fn without_a_wire_boards_do_with_less_or_say_what_to_do() {
    let bench = sim();
    let mut command = bench.command(&["run", "--json", "-", "tcp/echo/*"]);
    command.env("HIL_NO_WIRE", "1");
    let finished = bench.up_to_its_end(command);
    assert_eq!(finished.exit, Some(97));
    let verdicts = finished.verdicts("sim");
    assert!(
        !verdicts.is_empty() && verdicts.iter().all(|verdict| verdict == "infra(lan)"),
        "{verdicts:?}"
    );
    assert!(
        finished.stderr.contains("unset HIL_NO_WIRE"),
        "{}",
        finished.stderr
    );
    bench.assert_nothing_left();

    let mut command = bench.command(&["doctor"]);
    command.env("HIL_NO_WIRE", "1");
    let doctor = bench.up_to_its_end(command);
    assert_eq!(doctor.exit, Some(97));
    assert!(
        doctor.stdout.contains("cannot run: sim"),
        "{}",
        doctor.stdout
    );
}

#[test]
fn without_a_wire_the_emulated_board_falls_back() {
    if !have_qemu() {
        return;
    }
    let bench = Bench::emulated();
    let arguments = ["run", "--json", "-", "tcp/echo/*", "packet/arp/*"];
    let mut command = bench.command(&arguments);
    command.env("HIL_NO_WIRE", "1");
    let finished = bench.up_to_its_end(command);
    assert_eq!(finished.exit, Some(0), "{}", finished.stderr);
    assert_eq!(
        started(&finished.events(), "qemu-mps2-an385")["lan"],
        "user"
    );
    let reasons: Vec<String> = finished
        .events()
        .iter()
        .filter(|event| event["verdict"] == "skipped")
        .map(|event| event["reason"].to_string())
        .collect();
    assert!(
        reasons.len() > 2 && reasons.iter().all(|reason| reason.contains("cable")),
        "{reasons:?}"
    );
    // And nothing of that where it must be there.
    let mut command = bench.command(&arguments);
    command.env("HIL_NO_WIRE", "1").env("HIL_REQUIRE_WIRE", "1");
    let finished = bench.up_to_its_end(command);
    assert_eq!(finished.exit, Some(97));
    bench.assert_nothing_left();
}

fn is_root() -> bool {
    rustix::process::getuid().is_root()
}

/// The image of sim, built as `hil` builds it.
fn image() -> std::path::PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let built = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["xtask", "firmware", "sim"])
        .current_dir(&workspace)
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&built.stdout).into_owned();
    let last = said.lines().rev().find(|line| !line.trim().is_empty());
    workspace.join(last.expect("a path").trim())
}

/// Nothing of it needs root, or a device node.
#[test]
fn an_ordinary_user_can_use_the_wire() {
    if !is_root() {
        // The other tests of this file are run by one.
        return;
    }
    let bench = Bench::empty();
    let here = bench.path();
    for (from, name) in [
        (Path::new(env!("CARGO_BIN_EXE_hil")), "hil"),
        (&image(), "sim"),
    ] {
        fs::copy(from, here.join(name)).expect("a copy");
    }
    bench.boards(&SIM.replace("firmware = \"sim\"", "firmware = { elf = \"sim\" }"));
    for path in [here.to_path_buf(), here.join("run")] {
        fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("ours");
        chown(&path, Some(NOBODY), Some(NOBODY)).expect("ours");
    }
    let as_nobody = |arguments: &[&str]| {
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(here.join("hil"))
            .args(arguments)
            .current_dir(here)
            .env("XDG_RUNTIME_DIR", here.join("run"))
            .env("HOME", here)
            .env("NO_COLOR", "1");
        command.output()
    };
    let doctor = match as_nobody(&["doctor"]) {
        Ok(doctor) => String::from_utf8_lossy(&doctor.stdout).into_owned(),
        Err(error) => {
            eprintln!("NOT TESTED: the wire as an ordinary user: setpriv: {error}");
            return;
        }
    };
    if !doctor.contains("\u{2713} wire") {
        eprintln!("NOT TESTED: the wire is refused to ordinary users on this machine:\n{doctor}");
        return;
    }
    let run = as_nobody(&["run", "--json", "-", "tcp/echo/*"]).expect("it runs");
    let said = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(0), "{said}");
    bench.assert_nothing_left();
}

/// Runs `hil` in a network namespace that has two ends of a cable, `hilA` and `hilB`.
fn between_two_nics(bench: &Bench, address: &str, arguments: &[&str]) -> Option<Finished> {
    // A veth pair leaves checksums to a hardware that is not there, unless it is told not to.
    let this = std::env::current_exe().expect("a program");
    let script = format!(
        "ip link set lo up && ip link add hilA type veth peer name hilB && {address} \
         {} --quiet --ignored --exact wire::switch_off_the_offloads >/dev/null && \
         ip link set hilA up && ip link set hilB up && exec \"$@\"",
        this.display()
    );
    let mut command = bench.command(&[]);
    let hil = command.get_program().to_owned();
    let mut inside = Command::new("unshare");
    inside.arg(if is_root() { "-n" } else { "-rn" });
    inside
        .args(["sh", "-c", &script, "sh"])
        .arg(hil)
        .args(arguments);
    inside.current_dir(bench.path());
    for (name, value) in command.get_envs() {
        inside.env(name, value.unwrap_or_default());
    }
    command = inside;
    command
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let usable = ["unshare", "ip"].iter().all(|tool| {
        let found = Command::new(tool).arg("-V").output().is_ok();
        if !found {
            eprintln!("NOT TESTED: boards behind an interface: there is no {tool}");
        }
        found
    });
    usable.then(|| bench.up_to_its_end(command))
}

/// No test: what [`between_two_nics`] runs inside.
#[test]
#[ignore = "changes the interface hilA"]
fn switch_off_the_offloads() {
    hil::lan::wire::no_offloads("hilA").expect("an interface that is ours");
}

const FIXED: &str = "arguments = [\"--net\", \"if:hilB\", \"--ipv4\", \"192.0.2.15/24,192.0.2.1\"]";

fn behind_a_nic(lan: &str, arguments: &str) -> Bench {
    let bench = Bench::empty();
    let lan = format!("lan = {lan}\n{arguments}");
    bench.boards(&SIM.replace("lan = \"wire\"", &lan));
    bench
}

#[test]
fn a_board_behind_an_interface_with_others_on_it() {
    if !have_wire() {
        return;
    }
    let bench = behind_a_nic("{ nic = \"hilA\" }", FIXED);
    let own = "ip address add 192.0.2.1/24 dev hilA &&";
    let mut arguments = vec!["run", "--json", "-"];
    arguments.extend(SOME);
    let Some(finished) = between_two_nics(&bench, own, &arguments) else {
        return;
    };
    assert_eq!(finished.exit, Some(0), "{}", finished.stderr);
    assert_conforms(&finished, "sim");
    assert_eq!(started(&finished.events(), "sim")["lan"], "nic");
    bench.assert_nothing_left();
}

#[test]
fn a_board_that_has_an_interface_for_itself() {
    if !have_wire() {
        return;
    }
    let bench = behind_a_nic(
        "{ nic = \"hilA\", exclusive = true }",
        "arguments = [\"--net\", \"if:hilB\"]",
    );
    let mut arguments = vec!["run", "--json", "-"];
    arguments.extend(SOME);
    let Some(finished) = between_two_nics(&bench, "", &arguments) else {
        return;
    };
    assert_eq!(finished.exit, Some(0), "{}", finished.stderr);
    assert_conforms(&finished, "sim");
    bench.assert_nothing_left();
}

/// The board is on another network: nothing passes, and that is not the stack's fault.
#[test]
fn a_wrong_cable_is_no_verdict() {
    if !have_wire() {
        return;
    }
    let bench = behind_a_nic("{ nic = \"hilA\" }", FIXED);
    let own = "ip address add 198.51.100.1/24 dev hilA &&";
    let Some(finished) = between_two_nics(&bench, own, &["run", "--json", "-", "tcp/echo/*"])
    else {
        return;
    };
    assert_eq!(finished.exit, Some(97), "{}", finished.stderr);
    let verdicts = finished.verdicts("sim");
    assert!(
        !verdicts.is_empty() && verdicts.iter().all(|verdict| verdict == "infra(lan)"),
        "{verdicts:?}"
    );
    assert!(finished.stderr.contains("firewall"), "{}", finished.stderr);
    bench.assert_nothing_left();
}
