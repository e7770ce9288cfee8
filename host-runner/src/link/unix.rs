//! Link `unix`: the socket of an agent that is a process of this machine.

use core::time::Duration;
use std::path::Path;

use tokio::net::UnixStream;
use tokio::time::{Instant, sleep_until};

/// First and longest pause between attempts: the moment at which another process listens is no event.
const FIRST_PAUSE: Duration = Duration::from_micros(200);
const LONGEST_PAUSE: Duration = Duration::from_millis(5);

/// Connects as soon as somebody listens at `path`; `None` when nobody does until `deadline`.
pub async fn connect(path: &Path, deadline: Instant) -> Option<UnixStream> {
    let mut pause = FIRST_PAUSE;
    loop {
        if let Ok(stream) = UnixStream::connect(path).await {
            return Some(stream);
        }
        let next = Instant::now() + pause;
        if next >= deadline {
            return None;
        }
        sleep_until(next).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
