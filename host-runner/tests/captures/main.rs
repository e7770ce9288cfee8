//! Recordings are read by tshark, and `ci/captures` finds what is wrong in them. Without tshark these tests pass with
//! a loud line.

use core::time::Duration;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::SystemTime;

use etherparse::PacketBuilder;
use hil::lan::wire::relay::pcapng;
use hil_kit::wire::{End, Fate, Frame, Origin};

/// A TCP segment, with its checksum changed by `error`.
fn segment(error: u16) -> Vec<u8> {
    let mut frame = Vec::new();
    PacketBuilder::ethernet2([2; 6], [4; 6])
        .ipv4([192, 0, 2, 15], [192, 0, 2, 1], 64)
        .tcp(49152, 7, 1, 1000)
        .write(&mut frame, b"data")
        .expect("written");
    let checksum = 14 + 20 + 16;
    let was = u16::from_be_bytes([frame[checksum], frame[checksum + 1]]);
    frame[checksum..checksum + 2].copy_from_slice(&was.wrapping_add(error).to_be_bytes());
    frame
}

fn recording(path: &Path, frames: &[(Origin, Vec<u8>)]) {
    let frames: Vec<Frame> = frames
        .iter()
        .enumerate()
        .map(|(number, (origin, bytes))| Frame {
            at: Duration::from_millis(number as u64),
            origin: *origin,
            bytes: bytes.as_slice().into(),
            fate: Fate::Changed(Arc::from(&b"other"[..])),
        })
        .collect();
    pcapng::write_case(path, "tcp/recv/some-case", SystemTime::now(), &frames, true)
        .expect("written");
}

/// Runs the check; `None` if it cannot be run here.
fn check(path: &Path) -> Option<Output> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ci/captures");
    let output = Command::new(script).arg(path).output().expect("it runs");
    if output.status.code() == Some(2) {
        eprintln!("SKIPPED: {}", String::from_utf8_lossy(&output.stderr));
        return None;
    }
    Some(output)
}

#[test]
fn right_frames_of_boards_pass_whatever_others_send() {
    let dir = tempfile::tempdir().expect("a directory");
    let board = Origin::Sent(End::Board);
    let frames = [
        (board, segment(0)),
        (Origin::Injected(End::Board), segment(1)),
        (Origin::Sent(End::Host), segment(1)),
    ];
    recording(&dir.path().join("one.pcapng"), &frames);
    let Some(output) = check(dir.path()) else {
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text, "captures: 1 files, 1 frames of boards, 0 wrong\n");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn wrong_frames_of_boards_fail() {
    let dir = tempfile::tempdir().expect("a directory");
    let board = Origin::Sent(End::Board);
    // A wrong checksum, a header cut short, and a file cut short.
    recording(&dir.path().join("one.pcapng"), &[(board, segment(1))]);
    recording(
        &dir.path().join("two.pcapng"),
        &[(board, segment(0)[..20].into())],
    );
    let three = dir.path().join("three.pcapng");
    recording(&three, &[(board, segment(0))]);
    let bytes = std::fs::read(&three).expect("read");
    std::fs::write(&three, &bytes[..bytes.len() - 5]).expect("written");
    let Some(output) = check(dir.path()) else {
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.ends_with("captures: 3 files, 2 frames of boards, 3 wrong\n"),
        "{text}"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn nothing_to_judge_is_no_success() {
    let dir = tempfile::tempdir().expect("a directory");
    recording(
        &dir.path().join("one.pcapng"),
        &[(Origin::Sent(End::Host), segment(0))],
    );
    let Some(output) = check(dir.path()) else {
        return;
    };
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}
