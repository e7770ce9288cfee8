//! Boards of QEMU, with an image of nineteen instructions that echoes what comes in by UART0: start, link, lan,
//! loss and end.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::bench::{Bench, lives, run};
use hil::board::{BoardError, RunningBoard, start};
use hil_kit::rig::HostAddress;
use nsapi::Protocol;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A loopback round trip of the guest takes well under a millisecond when the machine is idle.
const PATIENCE: Duration = Duration::from_secs(10);

/// Says `!` on UART0, then echoes.
const ECHO: [u16; 18] = [
    0x4806, // ldr r0, =0x40004000  UART0
    0x2103, // movs r1, #3          transmitter and receiver on
    0x6081, // str r1, [r0, #8]
    0x2110, // movs r1, #16
    0x6101, // str r1, [r0, #16]    the smallest divisor
    0x2121, // movs r1, #'!'
    0x6001, // str r1, [r0]
    0x6841, // 1: ldr r1, [r0, #4]
    0x2202, // movs r2, #2          receiver full?
    0x4211, // tst r1, r2
    0xd0fb, // beq 1b
    0x6801, // ldr r1, [r0]
    0x6001, // str r1, [r0]
    0xe7f8, // b 1b
    0x4000, 0x4000, // the literal
    0, 0,
];

/// Where the echo has received a byte: what it does with it.
const RECEIVED: usize = 12;

/// No instruction; without handlers its fault is followed by another one, and the core locks up.
const UNDEFINED: u16 = 0xdeff;

/// An ELF file for a Cortex-M with `code` behind a stack pointer and a reset vector.
fn image(code: &[u16]) -> Vec<u8> {
    let mut memory = Vec::new();
    memory.extend(0x2000_1000_u32.to_le_bytes());
    memory.extend(0x41_u32.to_le_bytes());
    // No handlers.
    memory.resize(0x40, 0);
    memory.extend(code.iter().flat_map(|half| half.to_le_bytes()));
    let size = u32::try_from(memory.len()).expect("small");

    let mut elf = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    // Executable, Arm, version, entry, program headers at 52, no sections.
    elf.extend([2_u16, 40].iter().flat_map(|half| half.to_le_bytes()));
    elf.extend(
        [1_u32, 0x41, 52, 0, 0x0500_0000]
            .iter()
            .flat_map(|word| word.to_le_bytes()),
    );
    elf.extend(
        [52_u16, 32, 1, 40, 0, 0]
            .iter()
            .flat_map(|half| half.to_le_bytes()),
    );
    // One segment, loaded at 0.
    elf.extend(
        [1_u32, 84, 0, 0, size, size, 5, 4]
            .iter()
            .flat_map(|word| word.to_le_bytes()),
    );
    elf.extend(memory);
    elf
}

/// Loud, because a machine without QEMU proves nothing here.
fn have_qemu() -> bool {
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

async fn up(bench: &Bench) -> RunningBoard {
    start(&bench.board, &bench.options())
        .await
        .expect("it starts")
}

fn file(board: &RunningBoard, name: &str) -> Option<PathBuf> {
    board
        .evidence_files()
        .into_iter()
        .map(|(_, path)| path)
        .find(|path| path.ends_with(name))
}

#[test]
fn starts_echoes_and_stops() {
    if !have_qemu() {
        return;
    }
    run(async {
        let bench = Bench::emulated("echo", &image(&ECHO));
        let (board, _) = echoed(&bench).await;
        let process = board.process_id().expect("it runs");
        for name in ["target.log", "qemu.log", "lan.pcap"] {
            assert!(file(&board, name).is_some(), "{name}");
        }
        assert_eq!(board.describe(), "echo (qemu), link serial, lan user");
        board.stop().await;
        assert!(!lives(process));
    });
}

/// QEMU looks for a listener on its terminal once per second, unless the guest says something. A loaded machine
/// may be as slow as that now and then, so the best of a few starts has to be quicker.
#[test]
fn the_first_exchange_does_not_wait_for_qemu_to_look() {
    if !have_qemu() {
        return;
    }
    run(async {
        let mut best = Duration::MAX;
        for _ in 0..4 {
            let bench = Bench::emulated("echo", &image(&ECHO));
            let (board, took) = echoed(&bench).await;
            board.stop().await;
            best = best.min(took);
            if best < Duration::from_millis(500) {
                return;
            }
        }
        panic!("the terminal is noticed by polling only: {best:?}");
    });
}

/// A board that has echoed, and how long that took since it was up.
async fn echoed(bench: &Bench) -> (RunningBoard, Duration) {
    let mut board = up(bench).await;
    let mut channel = board.take_channel();
    let began = Instant::now();
    assert_eq!(
        channel.read_u8().await.ok(),
        Some(b'!'),
        "its first byte is not lost"
    );
    channel
        .write_all(b"hello")
        .await
        .expect("the link takes it");
    let mut answer = [0; 5];
    tokio::time::timeout(PATIENCE, channel.read_exact(&mut answer))
        .await
        .expect("in time")
        .expect("bytes");
    assert_eq!(&answer, b"hello");
    (board, began.elapsed())
}

#[test]
fn forwards_are_made_once_and_survive_a_restart() {
    if !have_qemu() {
        return;
    }
    run(async {
        let bench = Bench::emulated("echo", &image(&ECHO));
        let mut board = up(&bench).await;
        let lan = board.lan();
        let iut = "10.0.2.15:7".parse().expect("an address");
        let tcp = lan.reach(Protocol::Tcp, iut).await.expect("a forward");
        let udp = lan.reach(Protocol::Udp, iut).await.expect("a forward");
        assert!(tcp.ip().is_loopback() && udp.ip().is_loopback());
        assert_eq!(lan.reach(Protocol::Tcp, iut).await.expect("the same"), tcp);
        assert_eq!(lan.reach(Protocol::Udp, iut).await.expect("the same"), udp);
        tokio::net::TcpStream::connect(tcp)
            .await
            .expect("QEMU listens there");

        // More than are kept: the first must go, and come back when it is wanted.
        for port in 100..164 {
            lan.reach(Protocol::Tcp, ([10, 0, 2, 15], port).into())
                .await
                .expect("a forward");
        }
        assert!(
            tokio::net::TcpStream::connect(tcp).await.is_err(),
            "the oldest forward is removed"
        );
        let again = lan.reach(Protocol::Tcp, iut).await.expect("a forward");
        tokio::net::TcpStream::connect(again)
            .await
            .expect("QEMU listens there");

        drop(board.restart().await.expect("it starts again"));
        let fresh = lan
            .reach(Protocol::Tcp, iut)
            .await
            .expect("a forward in the new emulator");
        tokio::net::TcpStream::connect(fresh)
            .await
            .expect("QEMU listens there");
        assert!(file(&board, "lan-2.pcap").is_some());
        board.stop().await;
        let error = lan
            .reach(Protocol::Tcp, iut)
            .await
            .expect_err("there is no emulator");
        assert!(error.to_string().contains("not running"), "{error}");
    });
}

#[test]
fn the_lan_shows_hosts_as_the_guest_sees_them() {
    if !have_qemu() {
        return;
    }
    run(async {
        let bench = Bench::emulated("echo", &image(&ECHO));
        let board = up(&bench).await;
        let lan = board.lan();
        let listener = tokio::net::TcpListener::bind(lan.bind_address(HostAddress::First))
            .await
            .expect("loopback");
        let seen = lan.seen_by_iut(listener.local_addr().expect("an address"));
        assert_eq!(seen.ip().to_string(), "10.0.2.2");
        assert!(!lan.properties().shared_ports && !lan.properties().second_host_address);
        let ports = [(); 3].map(|()| lan.free_iut_port(Protocol::Tcp).expect("a number"));
        assert!(ports[0] != ports[1] && ports[1] != ports[2]);
    });
}

#[test]
fn a_killed_emulator_is_noticed_at_once() {
    if !have_qemu() {
        return;
    }
    run(async {
        let bench = Bench::emulated("echo", &image(&ECHO));
        let board = up(&bench).await;
        let gone = board.gone();
        let process = board.process_id().expect("it runs").to_string();
        let began = Instant::now();
        assert!(
            Command::new("kill")
                .args(["-s", "KILL", &process])
                .status()
                .expect("kill runs")
                .success()
        );
        let ended = gone.await;
        assert!(began.elapsed() < Duration::from_secs(2));
        assert!(
            ended.how.starts_with("QEMU was killed by signal 9"),
            "{ended:?}"
        );
        assert!(!ended.crashed);
    });
}

#[test]
fn a_locked_up_core_is_a_crash() {
    if !have_qemu() {
        return;
    }
    run(async {
        let mut code = ECHO;
        code[RECEIVED] = UNDEFINED;
        let bench = Bench::emulated("lockup", &image(&code));
        let mut board = up(&bench).await;
        let mut channel = board.take_channel();
        channel.write_all(b"x").await.expect("the link takes it");
        let ended = tokio::time::timeout(PATIENCE, board.gone())
            .await
            .expect("QEMU gives up");
        assert!(ended.crashed, "{ended:?}");
        assert!(ended.how.contains("Lockup"), "{ended:?}");
    });
}

#[test]
fn a_core_that_locks_up_at_once_is_a_crash_whoever_notices_first() {
    if !have_qemu() {
        return;
    }
    run(async {
        let bench = Bench::emulated("lockup", &image(&[UNDEFINED]));
        let ended = match start(&bench.board, &bench.options()).await {
            Ok(board) => tokio::time::timeout(PATIENCE, board.gone())
                .await
                .expect("QEMU gives up"),
            Err(BoardError::Gone { ended, .. }) => ended.into(),
            Err(error) => panic!("{error}"),
        };
        assert!(ended.crashed, "{ended:?}");
    });
}

#[test]
fn an_unknown_machine_is_said_in_qemus_words() {
    if !have_qemu() {
        return;
    }
    run(async {
        let mut bench = Bench::emulated("echo", &image(&ECHO));
        bench.board.kind = hil::inventory::BoardKind::Qemu {
            machine: "mps9".into(),
        };
        let error = start(&bench.board, &bench.options())
            .await
            .expect_err("there is no such machine");
        let text = error.to_string();
        assert!(text.contains("unsupported machine type"), "{text}");
    });
}
