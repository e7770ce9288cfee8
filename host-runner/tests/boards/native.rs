//! Native boards: start, loss, restart and end, and that nothing is left of them.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::bench::{Bench, lives, run};
use hil::board::{BoardError, Image, RunningBoard, start};
use hil::lan::Lan;
use hil::link::LinkKind;
use hil_kit::dut::{Dut, Expected, GreetError};

/// Time for a greeting that must fail.
const GREETING: Duration = Duration::from_millis(1500);

async fn greet(board: &mut RunningBoard) -> Result<Dut, GreetError> {
    let expected = Expected {
        board: Some(board.board_name().into()),
        build_id: board.expected_build_id().map(<[u8]>::to_vec),
        nonce: 0x1234_5678_9abc_def0,
        tap: None,
    };
    Dut::greet(board.take_channel(), expected, GREETING)
        .await
        .map(|(dut, _)| dut)
}

#[test]
fn starts_talks_and_stops() {
    run(async {
        let bench = Bench::bad("obedient");
        let mut board = start(&bench.board, &bench.options())
            .await
            .expect("it starts");
        let process = board.process_id().expect("it runs");
        let dut = greet(&mut board).await.expect("it answers");
        dut.ping(GREETING).await.expect("it answers again");
        assert!(board.died().is_none());
        assert!(board.started_in() < Duration::from_secs(5));
        assert_eq!(
            board.describe(),
            "obedient (native), link unix, lan loopback"
        );
        drop(dut);
        board.stop().await;
        assert!(!lives(process));
    });
}

#[test]
fn dropping_ends_it_at_once() {
    run(async {
        let bench = Bench::bad("silent");
        let board = start(&bench.board, &bench.options())
            .await
            .expect("it starts");
        let process = board.process_id().expect("it runs");
        assert!(lives(process));
        drop(board);
        assert!(!lives(process));
    });
}

#[test]
fn one_user_at_a_time() {
    run(async {
        let bench = Bench::bad("obedient");
        let board = start(&bench.board, &bench.options())
            .await
            .expect("it starts");
        let error = start(&bench.board, &bench.options())
            .await
            .expect_err("it is in use");
        assert_eq!(error.cause(), "lock");
        let text = error.to_string();
        assert!(
            text.contains(&format!("process {} has been using it", std::process::id())),
            "{text}"
        );
        board.stop().await;
        start(&bench.board, &bench.options())
            .await
            .expect("it is free again")
            .stop()
            .await;
        // Another boards.toml may use the name for another board.
        let (one, other) = (Bench::bad("obedient"), Bench::bad("obedient"));
        let both = (
            start(&one.board, &one.options()).await,
            start(&other.board, &other.options()).await,
        );
        assert!(both.0.is_ok() && both.1.is_ok());
    });
}

#[test]
fn notices_at_once_that_it_died_and_can_restart_it() {
    run(async {
        let bench = Bench::bad("dies");
        let mut board = start(&bench.board, &bench.options())
            .await
            .expect("it starts");
        let gone = board.gone();
        let dut = greet(&mut board).await.expect("it answers");
        let began = Instant::now();
        for _ in 0..5 {
            let _ = dut.ping(GREETING).await;
        }
        let ended = gone.await;
        assert!(began.elapsed() < Duration::from_secs(5));
        assert_eq!(
            ended.how,
            "the agent exited with status 3; its last words:\nbad-agent: dying as told"
        );
        assert!(!ended.crashed);
        assert_eq!(board.died(), Some(ended));

        let channel = board.restart().await.expect("it starts again");
        assert!(board.died().is_none());
        drop(channel);
        board.stop().await;
    });
}

#[test]
fn tells_a_crash_from_an_end() {
    run(async {
        let bench = Bench::bad("obedient");
        let board = start(&bench.board, &bench.options())
            .await
            .expect("it starts");
        let gone = board.gone();
        signal(board.process_id().expect("it runs"), "ABRT");
        let ended = gone.await;
        assert!(ended.crashed, "{ended:?}");

        let bench = Bench::bad("obedient");
        let board = start(&bench.board, &bench.options())
            .await
            .expect("it starts");
        let gone = board.gone();
        signal(board.process_id().expect("it runs"), "KILL");
        let ended = gone.await;
        assert!(!ended.crashed, "{ended:?}");
        assert_eq!(ended.how, "the agent was killed by signal 9");
    });
}

fn signal(process: u32, name: &str) {
    let status = Command::new("kill")
        .args(["-s", name, &process.to_string()])
        .status()
        .expect("kill runs");
    assert!(status.success());
}

#[test]
fn refuses_what_is_no_agent() {
    run(async {
        let bench = Bench::native("false", "/bin/false");
        let error = start(&bench.board, &bench.options())
            .await
            .expect_err("it ends at once");
        assert_eq!(
            error.to_string(),
            "board false is gone: the agent exited with status 1"
        );

        let bench = Bench::native("missing", "/no/such/file");
        let error = start(&bench.board, &bench.options())
            .await
            .expect_err("it is not there");
        assert!(matches!(error, BoardError::Image { .. }), "{error}");

        let bench = Bench::native("text", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        let error = start(&bench.board, &bench.options())
            .await
            .expect_err("it is no image");
        assert!(error.to_string().contains("not an ELF file"), "{error}");

        let image = Some(Image {
            elf: "/".into(),
            build_id: None,
        });
        let error = start(
            &bench.board,
            &hil::board::StartOptions {
                image,
                ..bench.options()
            },
        )
        .await;
        assert!(matches!(error, Err(BoardError::Spawn { .. })));
    });
}

#[test]
fn gives_up_on_an_agent_that_never_listens() {
    run(async {
        let bench = Bench::bad("deaf");
        let error = start(&bench.board, &bench.options())
            .await
            .expect_err("it never listens");
        assert!(matches!(error, BoardError::Late { .. }), "{error}");
    });
}

#[test]
fn refuses_links_and_lans_it_does_not_have() {
    run(async {
        let bench = Bench::bad("obedient");
        let mut options = bench.options();
        options.link = Some(LinkKind::Serial);
        let error = start(&bench.board, &options)
            .await
            .expect_err("no such link");
        assert_eq!(
            error.to_string(),
            "board obedient has no link \"serial\"; it has: unix"
        );
        options.link = None;
        options.lan = Some(Lan::User);
        let error = start(&bench.board, &options)
            .await
            .expect_err("no such lan");
        assert_eq!(
            error.to_string(),
            "board obedient cannot use the lan \"user\"; it can use: auto, loopback, wire"
        );
    });
}

#[test]
fn misdeeds_are_what_they_claim_to_be() {
    run(async {
        for (mode, right) in [
            (
                "silent",
                (|error| matches!(error, GreetError::Silent { .. })) as fn(&GreetError) -> bool,
            ),
            ("garbage", |error| {
                matches!(error, GreetError::Garbage { .. })
            }),
            ("wrong-nonce", |error| {
                matches!(error, GreetError::WrongNonce { .. })
            }),
            ("wrong-board", |error| {
                matches!(error, GreetError::Board { .. })
            }),
            ("wrong-protocol", |error| {
                matches!(error, GreetError::Protocol { .. })
            }),
        ] {
            let bench = Bench::bad(mode);
            let mut board = start(&bench.board, &bench.options())
                .await
                .expect("it starts");
            let error = greet(&mut board).await.expect_err(mode);
            assert!(right(&error), "{mode}: {error}");
        }
        for mode in ["reboots", "crashes", "freezes", "babbles"] {
            let bench = Bench::bad(mode);
            let mut board = start(&bench.board, &bench.options())
                .await
                .expect("it starts");
            let dut = greet(&mut board).await.expect(mode);
            let mut answers = Vec::new();
            for _ in 0..5 {
                answers.push(dut.ping(GREETING).await.is_ok());
            }
            assert_eq!(answers, [true, true, true, true, false], "{mode}");
        }
    });
}

#[test]
fn builds_report_what_the_compiler_said() {
    run(async {
        let bench = Bench::bad("obedient");
        // A workspace whose cargo knows no xtask.
        let mut board = bench.board.clone();
        board.firmware = hil::inventory::Firmware::Crate("nothing".into());
        board.workspace = bench.evidence();
        std::fs::create_dir_all(&board.workspace).expect("a directory");
        let error = hil::board::prepare(&board)
            .await
            .expect_err("it does not build");
        assert_eq!(error.cause(), "build");
        assert!(
            error.to_string().contains("cargo xtask firmware nothing"),
            "{error}"
        );
    });
}

/// Not a test of its own: the runner that [`nothing_outlives_a_killed_runner`] kills.
#[test]
#[ignore = "a part of another test"]
fn hold_a_board() {
    run(async {
        let bench = Bench::bad("silent");
        let board = start(&bench.board, &bench.options())
            .await
            .expect("it starts");
        println!("\nholding {}", board.process_id().expect("it runs"));
        if std::env::var_os("HIL_TEST_LET_GO").is_none() {
            core::future::pending::<()>().await;
        }
        board.stop().await;
    });
}

#[test]
fn nothing_outlives_a_killed_runner() {
    let runtime_dir = tempfile::tempdir().expect("a directory");
    std::fs::set_permissions(runtime_dir.path(), std::fs::Permissions::from_mode(0o700))
        .expect("ours");
    let runner = || {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command
            .args([
                "--exact",
                "native::hold_a_board",
                "--ignored",
                "--nocapture",
            ])
            .env("XDG_RUNTIME_DIR", runtime_dir.path())
            .stdout(Stdio::piped());
        command
    };
    let mut killed = runner().spawn().expect("it starts");
    let lines = BufReader::new(killed.stdout.take().expect("piped")).lines();
    let agent: u32 = lines
        .map_while(Result::ok)
        .find_map(|line| {
            line.strip_prefix("holding ")
                .map(|number| number.parse().expect("a number"))
        })
        .expect("it says whom it holds");
    assert!(lives(agent));
    let pid = rustix::process::Pid::from_raw(agent.cast_signed()).expect("a number");
    let watch =
        rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).expect("it lives");

    killed.kill().expect("it lives");
    killed.wait().expect("it is ours");

    let mut events = [rustix::event::PollFd::new(
        &watch,
        rustix::event::PollFlags::IN,
    )];
    let limit = rustix::time::Timespec {
        tv_sec: 5,
        tv_nsec: 0,
    };
    assert_eq!(
        rustix::event::poll(&mut events, Some(&limit)),
        Ok(1),
        "the agent outlived its runner"
    );

    // The next runner takes the lock and removes what the killed one left.
    let left = || std::fs::read_dir(runtime_dir.path().join("hil")).map_or(0, Iterator::count);
    assert_ne!(left(), 0);
    let status = runner()
        .env("HIL_TEST_LET_GO", "1")
        .stdout(Stdio::null())
        .status()
        .expect("it starts");
    assert!(status.success());
    let names: Vec<_> = std::fs::read_dir(runtime_dir.path().join("hil"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name())
        .filter(|name| !name.to_string_lossy().starts_with("lock-"))
        .collect();
    assert_eq!(names, Vec::<std::ffi::OsString>::new());
}
