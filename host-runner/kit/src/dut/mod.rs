//! The typed client of the agent: requests in, answers out, over any [`Channel`] however bad.
//!
//! A request is repeated until it is answered (the agent executes it once); silence, a reboot and a lost link
//! are told apart. Must not: judge answers; know what kind of link it is.

mod greeting;
mod identity;
mod pump;
#[cfg(test)]
mod tests;
mod wire;

use core::fmt;
use core::sync::atomic::{AtomicU16, Ordering};
use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use nsapi::SocketAddress;
use nsapi_protocol::message::{Handle, Scope};
use nsapi_protocol::{Answer, BulkReport, Kind, Op, Reject, Request, ScopeReport};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

pub use greeting::{Expected, GreetError};
pub use identity::{Beacon, Identity, claims, provides};
use pump::{Command, Failure, Pump, Submit};

use crate::Trouble;
use crate::rig::Channel;
use crate::text;

/// Sees every message both ways, for the link transcript.
pub trait Tap: Send + Sync {
    /// One message, readable, and when it passed.
    fn message(&self, toward_agent: bool, at: Instant, text: &str);

    /// A line for the log that the agent has sent over the link; it was a message, too.
    fn logged(&self, _line: &str) {}
}

/// What came out of a request, owned.
#[derive(Clone, Debug)]
pub enum Returned {
    /// A code, size or count.
    Code(i32),
    /// Who the agent is.
    Hello(Box<Identity>),
    /// A size or error, and the bytes.
    Bytes {
        /// Size or error.
        code: i32,
        /// The bytes.
        data: Vec<u8>,
    },
    /// A size or error, the source and the bytes of a datagram.
    Datagram {
        /// Size or error.
        code: i32,
        /// Source as the API filled it in.
        from: Option<SocketAddress>,
        /// The bytes.
        data: Vec<u8>,
    },
    /// A code and an address.
    Peer {
        /// Code.
        code: i32,
        /// Address.
        peer: Option<SocketAddress>,
    },
    /// Ledger of a bulk operation.
    Bulk(BulkReport),
    /// What a scope left behind.
    Scope(ScopeReport),
    /// The request was refused.
    Rejected(Reject),
}

impl From<Answer<'_>> for Returned {
    fn from(answer: Answer<'_>) -> Self {
        match answer {
            Answer::Code(code) => Self::Code(code),
            Answer::Hello(hello) => Self::Hello(Box::new(hello.into())),
            Answer::Bytes { code, data } => Self::Bytes {
                code,
                data: data.into(),
            },
            Answer::Datagram { code, from, data } => Self::Datagram {
                code,
                from: from.map(Into::into),
                data: data.into(),
            },
            Answer::Peer { code, peer } => Self::Peer {
                code,
                peer: peer.map(Into::into),
            },
            Answer::Bulk(report) => Self::Bulk(report),
            Answer::Scope(report) => Self::Scope(report),
            Answer::Rejected(reason) => Self::Rejected(reason),
        }
    }
}

/// An answer and how long the call took on the target.
#[derive(Clone, Debug)]
pub struct Response {
    /// What came out.
    pub returned: Returned,
    /// From taking the request up to its answer, measured on the target.
    pub elapsed: Duration,
}

/// The client. Clones speak to the same agent; any number of calls may be in flight.
#[derive(Clone)]
pub struct Dut {
    inner: Arc<Inner>,
}

struct Inner {
    commands: mpsc::UnboundedSender<Command>,
    ids: Arc<AtomicU16>,
    handles: AtomicU16,
    session: Mutex<Session>,
}

/// What belongs to one greeting.
struct Session {
    identity: Arc<Identity>,
    /// Requests that may be outstanding, one kept back for ping and end of scope.
    credits: Arc<Semaphore>,
    names: HashMap<Handle, &'static str>,
    counters: Vec<bool>,
    /// A case has waited for the interface, which goes up when a session begins.
    interface_awaited: bool,
}

impl fmt::Debug for Dut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dut")
            .field("board", &self.identity().board)
            .finish_non_exhaustive()
    }
}

impl Session {
    fn new(identity: Identity) -> Self {
        let credits = usize::from(identity.credits).saturating_sub(1).max(1);
        Self {
            credits: Arc::new(Semaphore::new(credits)),
            names: HashMap::new(),
            counters: vec![false; identity.counters.into()],
            interface_awaited: false,
            identity: Arc::new(identity),
        }
    }
}

impl Dut {
    /// Greets the agent behind `channel` and begins a session. Whatever arrives before the answer with the
    /// right nonce is discarded; the greeting is repeated until then or until `deadline` has passed.
    pub async fn greet(
        channel: Box<dyn Channel>,
        expected: Expected,
        deadline: Duration,
    ) -> Result<(Self, Arc<Identity>), GreetError> {
        let ids = Arc::new(AtomicU16::new(0));
        let (commands, inbox) = mpsc::unbounded_channel();
        Pump::spawn(channel, inbox, Arc::clone(&ids), expected.tap.clone());
        let identity = greeting::greet(&commands, &ids, &expected, deadline).await?;
        let session = Mutex::new(Session::new(identity));
        let dut = Self {
            inner: Arc::new(Inner {
                commands,
                ids,
                handles: AtomicU16::new(0),
                session,
            }),
        };
        let identity = dut.identity();
        Ok((dut, identity))
    }

    /// Greets again over the same channel, after a reboot; all that went before is forgotten.
    pub async fn greet_again(
        &self,
        expected: Expected,
        deadline: Duration,
    ) -> Result<Arc<Identity>, GreetError> {
        let identity =
            greeting::greet(&self.inner.commands, &self.inner.ids, &expected, deadline).await?;
        *self.session() = Session::new(identity);
        Ok(self.identity())
    }

    /// Greets the agent that comes after a restart it was asked for: the same board and image, another boot.
    /// How long that took.
    pub(crate) async fn greet_after_restart(&self, limit: Duration) -> Result<Duration, Trouble> {
        let began = Instant::now();
        let before = self.identity();
        let expected = Expected {
            board: Some(before.board.clone()),
            build_id: Some(before.build_id.clone()),
            nonce: before.nonce.wrapping_add(1),
            tap: None,
        };
        // Only the new one answers: an agent that is about to restart takes no request.
        let after = self
            .greet_again(expected, limit)
            .await
            .map_err(|error| match error {
                GreetError::LinkLost(why) => Trouble::LinkLost(why),
                error => Trouble::Silent {
                    request: format!("a greeting after its restart ({error})"),
                    waited_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
                },
            })?;
        if after.beacon.is_some() {
            return Err(Trouble::Rebooted { crashed: true });
        }
        if after.boot == before.boot {
            return Err(Trouble::Rejected {
                request: "restart".into(),
                reason: "the board says that it is, but it has not been reset".into(),
            });
        }
        Ok(began.elapsed())
    }

    /// Who the agent is.
    #[must_use]
    pub fn identity(&self) -> Arc<Identity> {
        Arc::clone(&self.session().identity)
    }

    fn session(&self) -> std::sync::MutexGuard<'_, Session> {
        self.inner
            .session
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A handle nobody uses.
    pub(crate) fn new_handle(&self, kind: Kind) -> Handle {
        let handle = loop {
            let handle = self
                .inner
                .handles
                .fetch_add(1, Ordering::Relaxed)
                .wrapping_add(1);
            if handle != 0 {
                break handle;
            }
        };
        let name = match kind {
            Kind::Tcp => "tcp",
            Kind::Udp => "udp",
            Kind::TcpServer => "server",
        };
        self.session().names.insert(handle, name);
        handle
    }

    /// `tcp#3`.
    pub(crate) fn name(&self, handle: Handle) -> String {
        format!(
            "{}#{handle}",
            self.session()
                .names
                .get(&handle)
                .copied()
                .unwrap_or("socket")
        )
    }

    /// A request in words.
    pub(crate) fn describe(&self, op: &Op<'_>) -> String {
        text::op(op, |handle| self.name(handle))
    }

    /// `true` the first time in a session: nobody has waited for the interface yet.
    pub(crate) fn interface_is_new(&self) -> bool {
        !core::mem::replace(&mut self.session().interface_awaited, true)
    }

    /// Reserves an event counter; `None` when all are taken.
    pub(crate) fn take_counter(&self) -> Option<u8> {
        let mut session = self.session();
        let index = session.counters.iter().position(|taken| !taken)?;
        session.counters[index] = true;
        u8::try_from(index).ok()
    }

    pub(crate) fn give_back_counter(&self, counter: u8) {
        if let Some(taken) = self.session().counters.get_mut(usize::from(counter)) {
            *taken = false;
        }
    }

    /// Makes a request and waits for its answer, at most until `deadline`.
    ///
    /// A call still open then is [`Trouble::Hang`] if the agent answers otherwise, [`Trouble::Silent`] if not.
    pub async fn call(&self, op: Op<'_>, deadline: Instant) -> Result<Response, Trouble> {
        self.submit(op, deadline, None).await?.finish().await
    }

    /// Makes a request and returns as soon as the agent has it: in flight, or already answered.
    pub async fn start(&self, op: Op<'_>, deadline: Instant) -> Result<InFlight, Trouble> {
        let (taken, is_taken) = oneshot::channel();
        let mut call = self.submit(op, deadline, Some(taken)).await?;
        call.blocked = is_taken.await.is_ok();
        Ok(call)
    }

    async fn submit(
        &self,
        op: Op<'_>,
        deadline: Instant,
        taken: Option<oneshot::Sender<()>>,
    ) -> Result<InFlight, Trouble> {
        let text = self.describe(&op);
        // Ping and end of scope use the credit that is kept back: they must get through when all else waits.
        let credit = if matches!(op, Op::Ping | Op::EndScope { .. }) {
            None
        } else {
            let credits = Arc::clone(&self.session().credits);
            match tokio::time::timeout_at(deadline.into(), credits.acquire_owned()).await {
                Ok(permit) => permit.ok(),
                Err(_) => {
                    return Err(Trouble::Rejected {
                        request: text,
                        reason: "no credit was free for it up to its deadline".into(),
                    });
                }
            }
        };
        let id = self.inner.ids.fetch_add(1, Ordering::Relaxed);
        let limit = usize::from(self.identity().max_frame);
        let frame = wire::encode(&Request { id, op }, limit).ok_or_else(|| Trouble::Rejected {
            request: text.clone(),
            reason: format!("it does not fit into a frame of {limit} bytes"),
        })?;
        let (answer, response) = oneshot::channel();
        let submit = Submit {
            id,
            frame,
            text: text.clone(),
            since: Instant::now(),
            deadline,
            answer,
            taken,
        };
        let gone = || Trouble::LinkLost("its reader has ended".into());
        self.inner
            .commands
            .send(Command::Submit(submit))
            .map_err(|_| gone())?;
        Ok(InFlight {
            text,
            response,
            blocked: false,
            _credit: credit,
        })
    }

    /// Asks whether anybody is there; how long the answer took.
    pub async fn ping(&self, limit: Duration) -> Result<Duration, Trouble> {
        let began = Instant::now();
        self.call(Op::Ping, began + limit).await?;
        Ok(began.elapsed())
    }

    /// Ends a scope: everything in it is closed and given up.
    pub async fn end_scope(&self, scope: Scope, limit: Duration) -> Result<ScopeReport, Trouble> {
        match self
            .call(Op::EndScope { scope }, Instant::now() + limit)
            .await?
            .returned
        {
            Returned::Scope(report) => Ok(report),
            other => Err(Trouble::Rejected {
                request: format!("end scope {scope}"),
                reason: format!(
                    "the answer is not a scope report: {}",
                    text::returned(&other)
                ),
            }),
        }
    }
}

/// A request the agent has not answered yet, as far as is known.
#[derive(Debug)]
pub struct InFlight {
    text: String,
    response: oneshot::Receiver<Result<Response, Failure>>,
    blocked: bool,
    _credit: Option<OwnedSemaphorePermit>,
}

impl InFlight {
    /// Whether the agent said, when the call was started, that it is in flight.
    #[must_use]
    pub const fn was_blocked(&self) -> bool {
        self.blocked
    }

    /// The request in words.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Waits for the answer.
    pub async fn finish(self) -> Result<Response, Trouble> {
        let response = match self.response.await {
            Ok(Ok(response)) => response,
            Ok(Err(failure)) => return Err(failure.trouble(self.text)),
            Err(_) => return Err(Trouble::LinkLost("its reader has ended".into())),
        };
        if let Returned::Rejected(reason) = &response.returned {
            let reason = match reason {
                Reject::NoSession => return Err(Trouble::Rebooted { crashed: false }),
                Reject::Handle => "the handle is unknown, or already in use".into(),
                Reject::Lanes => "all lanes are taken".into(),
                Reject::Limit => "a size is beyond what the agent announced".into(),
                Reject::Unclaimed => "the port does not claim the capability it needs".into(),
                Reject::Kind => "the object is of the wrong kind".into(),
                Reject::Forgotten => {
                    "its reply is gone: it was given up, or is too long ago".into()
                }
            };
            return Err(Trouble::Rejected {
                request: self.text,
                reason,
            });
        }
        Ok(response)
    }
}
