//! How a board behind a probe is to be opened, what is said while that takes long, and what a look at one shows.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// How [`super::Rtt::open`] goes about it.
#[derive(Clone)]
pub struct Options {
    /// How long the image may take from its reset until its RTT is there.
    pub boot: Duration,
    /// Is told how far writing the image has come. Must not block.
    pub on_progress: Option<Arc<dyn Fn(Progress) + Send + Sync>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            boot: Duration::from_secs(5),
            on_progress: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("boot", &self.boot)
            .finish_non_exhaustive()
    }
}

/// How far writing an image has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// Bytes of it that are done.
    pub done: u64,
    /// Bytes that there are to do, where known.
    pub total: Option<u64>,
}

/// What is done to memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Sectors are read that only part of will change.
    Fill,
    /// Sectors are erased.
    Erase,
    /// Pages are written.
    Program,
    /// What was written is read back.
    Verify,
}

/// What a look at a chip has shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Examined {
    /// Its name.
    pub chip: String,
    /// What its core does: `running`, `sleeping`, `halted` and the like.
    pub core: String,
    /// Whether it has the image, and its RTT with it; unknown if no image was at hand.
    pub runs_image: Option<bool>,
}
