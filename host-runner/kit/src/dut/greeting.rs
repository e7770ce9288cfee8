//! The greeting: who is at the other end, and is it who it should be?
//!
//! The link may drop the first bytes while a board starts, and may hold bytes of an earlier life; so Hello is
//! repeated, and nothing but an answer with this greeting's nonce counts.

use core::fmt;
use core::sync::atomic::{AtomicU16, Ordering};
use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use nsapi::Capability;
use nsapi_protocol::{Op, PROTOCOL, Request};
use tokio::sync::{mpsc, oneshot};

use super::pump::{Command, Fate};
use super::{Identity, Tap, wire};

/// First repetition of Hello.
const REPEAT_FIRST: Duration = Duration::from_millis(20);
/// Longest time between repetitions.
const REPEAT_MOST: Duration = Duration::from_millis(100);

/// Whom the runner expects at the other end.
#[derive(Clone, Default)]
pub struct Expected {
    /// Name of the board; any if `None`.
    pub board: Option<String>,
    /// GNU build id of the image; any if `None`.
    pub build_id: Option<Vec<u8>>,
    /// A number that nobody used before.
    pub nonce: u64,
    /// Sees every message of this client.
    pub tap: Option<Arc<dyn Tap>>,
}

impl fmt::Debug for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expected")
            .field("board", &self.board)
            .field("build_id", &self.build_id)
            .field("nonce", &self.nonce)
            .finish_non_exhaustive()
    }
}

/// Why a greeting failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GreetError {
    /// Not one byte came.
    #[error("the agent is silent: not one byte within {waited_ms} ms of greeting it")]
    Silent {
        /// How long.
        waited_ms: u64,
    },
    /// Bytes came, but no answer.
    #[error("no agent answers: {bytes} bytes came within {waited_ms} ms, but no hello among them")]
    Garbage {
        /// How many bytes.
        bytes: u64,
        /// How long.
        waited_ms: u64,
    },
    /// A hello came, but an answer to somebody else.
    #[error("a stale or foreign agent answers: nonce {found:#x} instead of {expected:#x}")]
    WrongNonce {
        /// The runner's.
        expected: u64,
        /// The one that came.
        found: u64,
    },
    /// Another protocol.
    #[error("agent speaks protocol {agent}, runner speaks {runner}")]
    Protocol {
        /// The agent's.
        agent: u16,
        /// The runner's.
        runner: u16,
    },
    /// Another board.
    #[error("this is board {found}, not {expected}")]
    Board {
        /// Configured.
        expected: String,
        /// Announced.
        found: String,
    },
    /// Another image.
    #[error("the board runs image {found}, not {expected}: the build ids differ")]
    BuildId {
        /// Of the image file.
        expected: String,
        /// From the board's memory.
        found: String,
    },
    /// Neither IP sockets nor NIDD.
    #[error("the port {port} claims neither IP sockets nor NIDD: there is nothing to check")]
    NoClass {
        /// Name of the port.
        port: String,
    },
    /// The link went away.
    #[error("the link is gone: {0}")]
    LinkLost(String),
}

/// A greeting under way, inside the pump.
pub(crate) struct Greeting {
    pub(crate) nonce: u64,
    /// Bytes heard since it began.
    pub(crate) bytes: u64,
    foreign: Option<u64>,
    change_id: bool,
    began: Instant,
    until: Instant,
    next: Instant,
    repeat_after: Duration,
    answer: oneshot::Sender<Result<Identity, GreetError>>,
}

impl Greeting {
    /// The frame to send now, if it is time for one. Repetitions keep the id, so that a late copy cannot begin
    /// the session once more; only after the answer to somebody else's greeting, which an agent may have
    /// stored under this id, another one is taken.
    pub(crate) fn due(&mut self, now: Instant, ids: &AtomicU16) -> Option<Vec<u8>> {
        if now < self.next {
            return None;
        }
        self.next = now + self.repeat_after;
        self.repeat_after = (self.repeat_after * 2).min(REPEAT_MOST);
        if core::mem::take(&mut self.change_id) {
            ids.fetch_add(1, Ordering::Relaxed);
        }
        let id = ids.load(Ordering::Relaxed);
        // A zero first ends whatever half frame the agent may have in its hands.
        let mut frame = vec![0];
        let op = Op::Hello {
            protocol: PROTOCOL,
            nonce: self.nonce,
        };
        frame.extend(wire::encode(&Request { id, op }, usize::MAX)?);
        Some(frame)
    }

    pub(crate) fn wake_at(&self) -> Instant {
        self.next.min(self.until)
    }

    /// The board has just started: greet it at once.
    pub(crate) fn hurry(&mut self) {
        self.next = Instant::now();
        self.repeat_after = REPEAT_FIRST;
    }

    pub(crate) fn is_over(&self, now: Instant) -> bool {
        now >= self.until || self.answer.is_closed()
    }

    /// A hello came whose nonce is not ours.
    pub(crate) fn foreign(&mut self, nonce: u64) {
        self.foreign = Some(nonce);
        self.change_id = true;
    }

    pub(crate) fn answered(self, identity: Identity) {
        let _ = self.answer.send(Ok(identity));
    }

    pub(crate) fn lost(self, fate: &Fate) {
        let why = match fate {
            Fate::LinkLost(why) => why.clone(),
            Fate::Rebooted(_) => "the board rebooted".into(),
        };
        let _ = self.answer.send(Err(GreetError::LinkLost(why)));
    }

    pub(crate) fn give_up(self) {
        let waited_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let error = match (self.foreign, self.bytes) {
            (Some(found), _) => GreetError::WrongNonce {
                expected: self.nonce,
                found,
            },
            (None, 0) => GreetError::Silent { waited_ms },
            (None, bytes) => GreetError::Garbage { bytes, waited_ms },
        };
        let _ = self.answer.send(Err(error));
    }
}

/// Greets and checks who answered.
pub(crate) async fn greet(
    commands: &mpsc::UnboundedSender<Command>,
    ids: &AtomicU16,
    expected: &Expected,
    deadline: Duration,
) -> Result<Identity, GreetError> {
    let gone = || GreetError::LinkLost("its reader has ended".into());
    let now = Instant::now();
    let (answer, identity) = oneshot::channel();
    ids.store(expected.nonce as u16, Ordering::Relaxed);
    let greeting = Greeting {
        nonce: expected.nonce,
        bytes: 0,
        foreign: None,
        change_id: false,
        began: now,
        until: now + deadline,
        next: now,
        repeat_after: REPEAT_FIRST,
        answer,
    };
    commands
        .send(Command::Greet(greeting))
        .map_err(|_| gone())?;
    let identity = identity.await.map_err(|_| gone())??;
    // The id of the greeting is used up.
    ids.fetch_add(1, Ordering::Relaxed);
    check(expected, identity)
}

fn check(expected: &Expected, identity: Identity) -> Result<Identity, GreetError> {
    if identity.protocol != PROTOCOL {
        return Err(GreetError::Protocol {
            agent: identity.protocol,
            runner: PROTOCOL,
        });
    }
    if let Some(board) = &expected.board
        && *board != identity.board
    {
        return Err(GreetError::Board {
            expected: board.clone(),
            found: identity.board,
        });
    }
    if let Some(build_id) = &expected.build_id
        && *build_id != identity.build_id
    {
        return Err(GreetError::BuildId {
            expected: hex(build_id),
            found: hex(&identity.build_id),
        });
    }
    if !identity.ip && !identity.claims.has(Capability::Nidd) {
        return Err(GreetError::NoClass {
            port: identity.port,
        });
    }
    Ok(identity)
}

fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "without a build id".into();
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
