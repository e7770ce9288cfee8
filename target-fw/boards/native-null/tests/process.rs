//! The board as a process: how it starts, tells who it is, idles and ends.

use std::fs;
use std::io::{ErrorKind, Read};
use std::process::{Command, Stdio};
use std::time::Duration;

use nsapi_protocol::{Answer, Op, PROTOCOL};

#[path = "../../native/testing.rs"]
mod testing;

use testing::{Board, ask};

fn board(more: &[&str]) -> Board {
    testing::board(env!("CARGO_BIN_EXE_native-null"), more)
}

#[test]
fn it_tells_who_it_is() {
    let mut board = board(&["--name", "a-name"]);
    ask(
        &mut board.stream,
        Op::Hello {
            protocol: PROTOCOL,
            nonce: 5,
        },
        |answer| {
            let Answer::Hello(hello) = answer else {
                panic!("{answer:?}")
            };
            assert_eq!(
                (hello.nonce, hello.board, hello.port),
                (5, "a-name", "null")
            );
            assert_eq!(hello.build_id.len(), 20, "a SHA-1");
        },
    );
}

#[test]
fn two_starts_have_different_boot_numbers() {
    let boot = || {
        let hello = Op::Hello {
            protocol: PROTOCOL,
            nonce: 5,
        };
        ask(&mut board(&[]).stream, hello, |answer| match answer {
            Answer::Hello(hello) => hello.boot,
            other => panic!("{other:?}"),
        })
    };
    assert_ne!(boot(), boot());
}

#[test]
fn it_ends_when_the_runner_goes() {
    let mut board = board(&[]);
    board.stream.shutdown(std::net::Shutdown::Both).unwrap();
    assert!(board.process.wait().unwrap().success());
}

#[test]
fn it_sleeps_while_there_is_nothing_to_do() {
    let mut board = board(&[]);
    ask(
        &mut board.stream,
        Op::Hello {
            protocol: PROTOCOL,
            nonce: 5,
        },
        |_| (),
    );
    let ran_ns = || -> Option<u64> {
        let path = format!("/proc/{}/schedstat", board.process.id());
        fs::read_to_string(path)
            .ok()?
            .split_ascii_whitespace()
            .next()?
            .parse()
            .ok()
    };
    let before = ran_ns();
    // Nothing comes, and that takes half a second.
    board
        .stream
        .set_read_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    let error = (&board.stream).read(&mut [0]).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        "{error}"
    );
    if let (Some(before), Some(after)) = (before, ran_ns()) {
        assert!(
            after - before < 50_000_000,
            "{} ns on the processor",
            after - before
        );
    }
}

#[test]
fn bad_arguments_are_explained() {
    for (arguments, part) in [
        (&[][..], "--link"),
        (&["--link", "tcp:1234"], "unix:PATH"),
        (
            &["--link", "unix:/nowhere/at/all"],
            "cannot listen on /nowhere/at/all",
        ),
    ] {
        let mut process = Command::new(env!("CARGO_BIN_EXE_native-null"));
        let output = process
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(!output.status.success());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(part), "{said}");
    }
}

#[cfg(feature = "crash-commands")]
#[test]
fn it_breaks_as_asked_or_says_that_it_cannot() {
    use nsapi_protocol::frame::{MAX_FRAME, encode};
    use nsapi_protocol::{CrashKind, Reject, Request};

    let greeted = || {
        let mut board = board(&[]);
        let hello = Op::Hello {
            protocol: PROTOCOL,
            nonce: 5,
        };
        let claimed = ask(&mut board.stream, hello, |answer| match answer {
            Answer::Hello(hello) => hello.capabilities >> 16 & 1 == 1,
            other => panic!("{other:?}"),
        });
        assert!(claimed);
        board
    };
    let how = CrashKind::BusFault;
    ask(&mut greeted().stream, Op::Crash { how }, |answer| {
        assert_eq!(answer, Answer::Rejected(Reject::Unclaimed));
    });
    for how in [
        CrashKind::Panic,
        CrashKind::StackOverflow,
        CrashKind::Lockup,
    ] {
        let mut board = greeted();
        let op = Op::Crash { how };
        let mut frame = [0; MAX_FRAME];
        let frame = encode(
            &Request {
                id: u16::MAX / 2,
                op,
            },
            &mut frame,
        )
        .unwrap();
        std::io::Write::write_all(&mut board.stream, frame).unwrap();
        assert!(!board.process.wait().unwrap().success(), "{how:?}");
    }
}
