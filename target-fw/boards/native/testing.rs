//! A board as a process, for the tests of the boards: starts it, and asks it one thing after the other.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use nsapi_protocol::frame::{Deframer, MAX_FRAME, encode};
use nsapi_protocol::{Answer, FromAgent, Op, Request};

const PATIENCE: Duration = Duration::from_secs(10);

/// A running board; killed if the test ends before it does.
pub(crate) struct Board {
    pub(crate) process: Child,
    pub(crate) stream: UnixStream,
    _folder: tempfile::TempDir,
}

impl Drop for Board {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts the board at `program` with `more` arguments, and connects to it.
pub(crate) fn board(program: &str, more: &[&str]) -> Board {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("link");
    let process = Command::new(program)
        .arg("--link")
        .arg(format!("unix:{}", path.display()))
        .args(more)
        .spawn()
        .unwrap();
    let deadline = Instant::now() + PATIENCE;
    let stream = loop {
        match UnixStream::connect(&path) {
            Ok(stream) => break stream,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        std::thread::yield_now();
    };
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    Board {
        process,
        stream,
        _folder: folder,
    }
}

/// Sends a request and reads until its answer comes; hands that to `look`.
pub(crate) fn ask<T>(stream: &mut UnixStream, op: Op<'_>, look: impl FnOnce(Answer<'_>) -> T) -> T {
    static IDS: AtomicU16 = AtomicU16::new(1);
    let id = IDS.fetch_add(1, Ordering::Relaxed);
    stream
        .write_all(encode(&Request { id, op }, &mut [0; MAX_FRAME]).unwrap())
        .unwrap();
    let mut deframer = Deframer::<MAX_FRAME>::new();
    let mut byte = [0];
    loop {
        stream.read_exact(&mut byte).unwrap();
        if let Some(Ok(FromAgent::Reply(reply))) = deframer.next(&mut &byte[..])
            && reply.id == id
        {
            return look(reply.answer);
        }
    }
}
