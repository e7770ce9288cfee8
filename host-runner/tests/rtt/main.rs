//! Link `rtt` against a board that `hil probe serve` serves in another process: open, greet, skip what is there, reset,
//! and every way to lose it.
//!
//! Builds the firmware of `qemu-mps2-an385`, which takes a minute the first time.

#[path = "../probe/served.rs"]
#[expect(
    dead_code,
    reason = "shared with the tests of the probe, which use all of it"
)]
mod served;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hil::board::Image;
use hil::inventory::Inventory;
use hil::lan::wire::use_program;
use hil::link::LinkError;
use hil::link::rtt::{Attachment, Options, ProbeError, Rtt};
use hil_kit::dut::{Dut, Expected};
use hil_kit::rig::Channel;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use crate::served::{Served, have_qemu};

/// Far beyond what anything here takes, a build of the firmware apart.
const DEADLINE: Duration = Duration::from_secs(60);
/// For what takes milliseconds.
const SOON: Duration = Duration::from_secs(5);

const BOARD: &str = "qemu-mps2-an385";

fn workspace() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().expect("the workspace").to_owned()
}

/// Runs a test that must end by itself, on a served board, with the agent's image.
fn run<T: Future<Output = ()>>(test: impl FnOnce(Served, Image) -> T) {
    if !have_qemu() {
        return;
    }
    use_program(env!("CARGO_BIN_EXE_hil"));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let inventory = Inventory::load(&workspace().join("boards.toml")).expect("boards");
        let board = inventory.board(BOARD).expect("the board");
        let image = hil::board::prepare(board).await.expect("the image");
        let test = test(Served::start("mps2-an385"), image);
        timeout(DEADLINE, test).await.expect("ends by itself");
    });
}

fn attachment(served: &Served) -> Attachment {
    Attachment {
        probe: Some(served.selector.clone()),
        chip: Some(served.chip.clone()),
        chip_description: Some(served.description.clone().into()),
        ..Attachment::default()
    }
}

async fn open(served: &Served, image: &Image) -> Rtt {
    Rtt::open(&attachment(served), &image.elf, Options::default())
        .await
        .expect("it opens")
}

/// Greets the agent, which has to run this very image; its number of boots.
async fn greet(channel: Option<Box<dyn Channel>>, image: &Image, nonce: u64) -> (Dut, u32) {
    let expected = Expected {
        board: None,
        build_id: image.build_id.clone(),
        nonce,
        tap: None,
    };
    let channel = channel.expect("a link");
    let (dut, identity) = Dut::greet(channel, expected, SOON).await.expect("an agent");
    dut.ping(SOON).await.expect("it answers");
    (dut, identity.boot)
}

fn error_of(opened: Result<Rtt, LinkError>) -> ProbeError {
    match opened {
        Err(LinkError::Probe(error)) => error,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it opened"),
    }
}

fn lives(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = status.rsplit_once(')').map(|(_, rest)| rest.trim_start());
    state.is_some_and(|state| !state.starts_with(['Z', 'X']))
}

#[test]
fn flashes_once_and_greets_every_time() {
    run(async |served, image| {
        let written = Arc::new(AtomicU64::new(0));
        let heard = Arc::clone(&written);
        let options = Options {
            on_progress: Some(Arc::new(move |progress| {
                heard.fetch_max(progress.done, Ordering::Relaxed);
            })),
            ..Options::default()
        };
        let mut rtt = Rtt::open(&attachment(&served), &image.elf, options)
            .await
            .expect("it opens");
        assert!(rtt.flashed(), "the board begins empty");
        assert!(
            written.load(Ordering::Relaxed) > 100_000,
            "progress is told"
        );
        let (dut, _) = greet(rtt.take_channel(), &image, 1).await;
        // The agent logs that it has started.
        let mut log = rtt.take_log().expect("a log");
        let mut byte = [0];
        timeout(SOON, log.read_exact(&mut byte))
            .await
            .expect("in time")
            .expect("a log");
        drop(dut);
        rtt.close().await;

        let mut rtt = open(&served, &image).await;
        assert!(!rtt.flashed(), "it is there already");
        greet(rtt.take_channel(), &image, 2).await;
    });
}

#[test]
fn a_reset_gives_a_new_link_and_the_old_one_ends() {
    run(async |served, image| {
        let mut rtt = open(&served, &image).await;
        let mut old_log = rtt.take_log().expect("a log");
        let (_dut, boot) = greet(rtt.take_channel(), &image, 3).await;
        let began = Instant::now();
        let channel = rtt.reset().await.expect("reset");
        let took = began.elapsed();
        assert!(took < Duration::from_secs(1), "{took:?}");
        assert!(!rtt.flashed());
        let (_dut, next) = greet(Some(channel), &image, 4).await;
        assert_ne!(boot, next, "another boot");
        let mut rest = Vec::new();
        timeout(SOON, old_log.read_to_end(&mut rest))
            .await
            .expect("it ends")
            .expect("in order");

        let channel = rtt.reflash().await.expect("written again");
        assert!(rtt.flashed());
        greet(Some(channel), &image, 5).await;
    });
}

#[test]
fn an_agent_that_waits_is_nowhere_and_goes_on() {
    run(async |served, image| {
        let mut rtt = open(&served, &image).await;
        let (dut, _) = greet(rtt.take_channel(), &image, 6).await;
        assert_eq!(rtt.where_is_it().await, None);
        dut.ping(SOON).await.expect("it goes on");
    });
}

#[test]
fn the_end_of_the_emulator_is_noticed_at_once() {
    run(async |served, image| {
        let mut rtt = open(&served, &image).await;
        let (_dut, _) = greet(rtt.take_channel(), &image, 7).await;
        let gone = rtt.gone();
        let began = Instant::now();
        kill_process(served.emulator(), Signal::KILL).expect("it runs");
        let gone = timeout(Duration::from_secs(1), gone)
            .await
            .expect("noticed");
        assert!(!gone.crashed, "{gone:?}");
        eprintln!("noticed after {:?}: {}", began.elapsed(), gone.how);
        assert!(rtt.reset().await.is_err(), "there is nothing to reset");
    });
}

#[test]
fn a_probe_that_falls_silent_is_noticed() {
    run(async |served, image| {
        let mut rtt = open(&served, &image).await;
        let (_dut, _) = greet(rtt.take_channel(), &image, 8).await;
        let driver = rtt.process();
        let gone = rtt.gone();
        served.signal(Signal::STOP);
        let noticed = timeout(Duration::from_secs(2), gone).await;
        served.signal(Signal::CONT);
        let gone = noticed.expect("noticed");
        assert!(!gone.crashed, "{gone:?}");
        assert!(!lives(driver), "what waits for it for ever is ended");
    });
}

#[test]
fn nobody_stays_behind() {
    run(async |served, image| {
        let rtt = open(&served, &image).await;
        let driver = rtt.process();
        assert!(lives(driver));
        drop(rtt);
        assert!(!lives(driver), "dropped");

        let rtt = open(&served, &image).await;
        let driver = rtt.process();
        let began = Instant::now();
        rtt.close().await;
        assert!(began.elapsed() < Duration::from_secs(1), "in bounded time");
        assert!(!lives(driver), "closed");
    });
}

#[test]
fn a_killed_runner_takes_its_driver_along() {
    if !have_qemu() {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let mut runner = Command::new(env!("CARGO_BIN_EXE_hil"))
        .args([
            "run", "--link", "rtt", "--lan", "user", "--board", BOARD, "--out",
        ])
        .arg(directory.path().join("run"))
        .current_dir(workspace())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the runner");
    let began = Instant::now();
    let driver = loop {
        if let Some(driver) = driver_of(runner.id()) {
            break driver;
        }
        let over = runner.try_wait().expect("a child");
        assert!(over.is_none(), "it ended: {over:?}");
        assert!(
            began.elapsed() < Duration::from_secs(300),
            "it drives no probe"
        );
        std::thread::sleep(Duration::from_millis(2));
    };
    kill_process(Pid::from_child(&runner), Signal::KILL).expect("it runs");
    runner.wait().expect("a child");
    let killed = Instant::now();
    while lives(driver) {
        assert!(killed.elapsed() < Duration::from_secs(2), "it lives on");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The process of this runner that drives a probe.
fn driver_of(runner: u32) -> Option<u32> {
    let threads = std::fs::read_dir(format!("/proc/{runner}/task")).ok()?;
    threads
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|list| {
            let numbers = list.split_whitespace().filter_map(|word| word.parse().ok());
            numbers.collect::<Vec<u32>>()
        })
        .find(|child| {
            let line = std::fs::read(format!("/proc/{child}/cmdline")).unwrap_or_default();
            line.starts_with(b"hil-probe\0")
        })
}

#[test]
fn what_is_wrong_is_said() {
    run(async |served, image| {
        let wrong_chip = Attachment {
            chip: Some("mps2-an999".into()),
            ..attachment(&served)
        };
        let error = error_of(Rtt::open(&wrong_chip, &image.elf, Options::default()).await);
        assert!(matches!(error, ProbeError::UnknownChip { .. }), "{error}");

        let no_image = Path::new(env!("CARGO_BIN_EXE_hil"));
        let error = error_of(Rtt::open(&attachment(&served), no_image, Options::default()).await);
        assert!(matches!(error, ProbeError::Image { .. }), "{error}");

        let first = open(&served, &image).await;
        let error = error_of(Rtt::open(&attachment(&served), &image.elf, Options::default()).await);
        assert!(matches!(error, ProbeError::Busy { .. }), "{error}");
        first.close().await;

        served.signal(Signal::TERM);
        served.end();
        let error = error_of(Rtt::open(&attachment(&served), &image.elf, Options::default()).await);
        assert!(
            // Its description is gone with it, but the server is what is looked for first.
            matches!(error, ProbeError::NobodyListens { .. }),
            "{error}"
        );
    });
}
