//! All frames of a case from when it first looks at the wire, in order, with a way to wait for more.
//!
//! Readers keep their own place in it, so that what came before somebody asked for it is not missed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{mpsc, watch};

use super::Frame;

/// The log.
#[derive(Debug, Default)]
pub(super) struct Log {
    frames: Mutex<Vec<Frame>>,
    count: watch::Sender<usize>,
}

impl Log {
    fn frames(&self) -> MutexGuard<'_, Vec<Frame>> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Frames so far: the place behind the last.
    pub(super) fn end(&self) -> usize {
        self.frames().len()
    }

    /// Takes frames until the cable ends.
    pub(super) async fn take(self: Arc<Self>, mut tap: mpsc::UnboundedReceiver<Frame>) {
        let mut batch = Vec::new();
        while tap.recv_many(&mut batch, 256).await > 0 {
            let count = {
                let mut frames = self.frames();
                frames.append(&mut batch);
                frames.len()
            };
            self.count.send_replace(count);
        }
    }

    /// Frames from place `from` on that are there already.
    pub(super) fn since(&self, from: usize) -> Vec<Frame> {
        self.frames().get(from..).unwrap_or_default().to_vec()
    }

    /// The first frame from place `from` on for which `wanted` says something, with its place; waits for it until
    /// `deadline`.
    pub(super) async fn find<T>(
        &self,
        from: usize,
        deadline: Instant,
        mut wanted: impl FnMut(&Frame) -> Option<T>,
    ) -> Option<(usize, T)> {
        let mut watch = self.count.subscribe();
        let mut at = from;
        loop {
            watch.borrow_and_update();
            for frame in self.since(at) {
                if let Some(found) = wanted(&frame) {
                    return Some((at, found));
                }
                at += 1;
            }
            if !matches!(
                tokio::time::timeout_at(deadline.into(), watch.changed()).await,
                Ok(Ok(()))
            ) {
                // What came at the last moment counts.
                let late = self.since(at);
                let found = late
                    .iter()
                    .enumerate()
                    .find_map(|(n, frame)| wanted(frame).map(|found| (at + n, found)));
                return found;
            }
        }
    }
}
