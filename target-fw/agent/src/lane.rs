//! Lanes: calls that may have to wait, each a small state machine that is polled until it is done.
//!
//! Must not: keep a reference to anything; a lane names its socket by id and carries its own data.

use core::task::Poll;

use nsapi::dns::Version;
use nsapi::{Call, Error, Iut, SocketAddress, SocketId};
use nsapi_protocol::message::{Handle, Scope};
use nsapi_protocol::pattern::Pattern;
use nsapi_protocol::{Answer, BulkReport};

use crate::Counters;
use crate::bulk::{Bulk, Step, to_usize};
use crate::dispatch::Start;
use crate::interface::{Reset, await_status, interface_up};
use crate::limits::MAX_INLINE;
use crate::scratch::Scratch;

/// What a lane does.
#[derive(Clone, Debug)]
pub(crate) enum Task {
    Close,
    Accept {
        child: Handle,
    },
    Connect {
        address: SocketAddress,
    },
    Send {
        to: Option<SocketAddress>,
        data: Data,
    },
    Recv {
        size: usize,
    },
    RecvFrom {
        size: usize,
        /// What the call has filled in so far, which may be in an earlier poll than its last; `None` for a null
        /// pointer.
        from: Option<SocketAddress>,
    },
    RecvPattern {
        size: usize,
        seed: u32,
        offset: u32,
    },
    Bulk(Bulk),
    AwaitCounter {
        counter: u8,
        at_least: u32,
        until_us: u64,
    },
    InterfaceUp {
        until_us: u64,
    },
    InterfaceConnect,
    InterfaceDisconnect,
    InterfaceReset(Reset),
    AwaitStatus {
        statuses: u8,
        until_us: u64,
    },
    LegacyConnect {
        host: usize,
        port: u16,
    },
    LegacySendTo {
        host: usize,
        port: u16,
        data: Data,
    },
    LegacyAccept {
        into: SocketId,
    },
    Resolve {
        host: usize,
        version: Version,
    },
}

impl Task {
    /// Whether it is a call on a socket of the IUT.
    fn is_call(&self) -> bool {
        !matches!(
            self,
            Self::AwaitCounter { .. }
                | Self::InterfaceUp { .. }
                | Self::InterfaceConnect
                | Self::InterfaceDisconnect
                | Self::InterfaceReset(_)
                | Self::AwaitStatus { .. }
                | Self::Resolve { .. }
        )
    }
}

/// What to send.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Data {
    /// Bytes of the lane.
    Inline { from: usize, len: usize },
    /// Pattern.
    Pattern { seed: u32, len: usize },
}

/// One lane at work.
#[derive(Debug)]
pub(crate) struct Lane {
    /// Request that it will answer.
    pub(crate) id: u16,
    /// `None` for a wait that belongs to no scope.
    pub(crate) scope: Option<Scope>,
    pub(crate) started_us: u64,
    /// Socket that it works on; waits that need none do not look at it.
    pub(crate) socket: SocketId,
    pub(crate) call: Call,
    pub(crate) task: Task,
    pub(crate) bytes: [u8; MAX_INLINE],
}

/// What a finished lane changes in the agent's table.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Effect {
    Nothing,
    /// The socket object is open, or not.
    Open(SocketId, bool),
    /// A connection was accepted.
    Accepted(Handle, SocketId),
}

/// How polling a lane ended.
#[derive(Debug)]
pub(crate) enum Progress<'s> {
    /// Nothing to do before something happens.
    Waiting,
    /// It works on and wants to be polled again at once.
    More,
    /// Finished.
    Done(Answer<'s>, Effect),
}

impl Lane {
    pub(crate) fn new(start: &Start<'_>, id: u16, started_us: u64) -> Self {
        let mut bytes = [0; MAX_INLINE];
        for (to, from) in bytes.iter_mut().zip(start.bytes.iter().copied().flatten()) {
            *to = *from;
        }
        let Start {
            scope,
            socket,
            ref task,
            ..
        } = *start;
        Self {
            id,
            scope,
            started_us,
            socket,
            call: Call::new(),
            task: task.clone(),
            bytes,
        }
    }

    /// When it must be polled again at the latest.
    pub(crate) fn wake_at_us(&self) -> Option<u64> {
        match &self.task {
            Task::AwaitCounter { until_us, .. }
            | Task::InterfaceUp { until_us }
            | Task::InterfaceReset(Reset { until_us, .. })
            | Task::AwaitStatus { until_us, .. } => Some(*until_us),
            Task::Bulk(bulk) => bulk.wake_at_us().or_else(|| self.call.wake_at_us()),
            _ => self.call.wake_at_us(),
        }
    }

    /// Gives the call up.
    pub(crate) fn cancel<I: Iut + ?Sized>(&mut self, iut: &I) {
        if self.task.is_call() {
            iut.cancel(self.socket, &mut self.call);
        } else if let (Task::Resolve { .. }, Some(dns)) = (&self.task, iut.dns()) {
            dns.cancel(&mut self.call);
        }
    }

    /// Goes on.
    pub(crate) fn poll<'s, I: Iut + ?Sized>(
        &mut self,
        iut: &I,
        scratch: &'s mut Scratch,
        counters: &Counters,
    ) -> Progress<'s> {
        let Self {
            socket,
            call,
            task,
            bytes,
            ..
        } = self;
        let id = *socket;
        match task {
            Task::Close => done(iut.poll_close(id, call), |result| {
                let effect = if result.is_ok() {
                    Effect::Open(id, false)
                } else {
                    Effect::Nothing
                };
                (Answer::Code(code(result)), effect)
            }),
            Task::Accept { child } => done(iut.poll_accept(id, call), |result| match result {
                Ok((new, peer)) => (
                    Answer::Peer {
                        code: 0,
                        peer: Some(peer.into()),
                    },
                    Effect::Accepted(*child, new),
                ),
                Err(error) => (
                    Answer::Peer {
                        code: error.code(),
                        peer: None,
                    },
                    Effect::Nothing,
                ),
            }),
            Task::Connect { address } => plain(iut.poll_connect(id, call, address).map(code)),
            Task::Send { to, data } => {
                let data = data.bytes(bytes, scratch);
                plain(size_code(match to {
                    Some(to) => iut.poll_sendto(id, call, to, data),
                    None => iut.poll_send(id, call, data),
                }))
            }
            Task::Recv { size } => {
                let polled = iut.poll_recv(id, call, scratch.blank(*size));
                done(polled, |result| {
                    let (code, data) = received(result, *size, scratch);
                    (Answer::Bytes { code, data }, Effect::Nothing)
                })
            }
            Task::RecvFrom { size, from } => {
                let polled = iut.poll_recvfrom(id, call, scratch.blank(*size), from.as_mut());
                done(polled, |result| {
                    let (code, data) = received(result, *size, scratch);
                    let from = from.map(Into::into);
                    (Answer::Datagram { code, from, data }, Effect::Nothing)
                })
            }
            Task::RecvPattern { size, seed, offset } => {
                let polled = iut.poll_recv(id, call, scratch.primed(*seed, *offset, *size));
                done(polled, |result| {
                    let (code, data) = received(result, *size, scratch);
                    let at = Pattern::new(*seed).first_mismatch(u64::from(*offset), data);
                    let report = BulkReport {
                        code,
                        bytes: u32::try_from(data.len()).unwrap_or(u32::MAX),
                        calls: 1,
                        would_block: u32::from(result == Err(Error::WOULD_BLOCK)),
                        mismatch_at: at
                            .and_then(|at| u32::try_from(at).ok())
                            .map(|at| offset.saturating_add(at)),
                        oversize: result.is_ok_and(|got| got > *size),
                    };
                    (Answer::Bulk(report), Effect::Nothing)
                })
            }
            Task::Bulk(bulk) => match bulk.step(iut, id, call, scratch, counters) {
                Step::More => Progress::More,
                Step::Waiting => Progress::Waiting,
                Step::Done => Progress::Done(Answer::Bulk(bulk.report), Effect::Nothing),
            },
            Task::AwaitCounter {
                counter,
                at_least,
                until_us,
            } => {
                let count = counters.get(*counter);
                if count < *at_least && iut.now_us() < *until_us {
                    return Progress::Waiting;
                }
                Progress::Done(Answer::Code(to_code(count)), Effect::Nothing)
            }
            Task::InterfaceUp { until_us } => interface_up(iut, *until_us),
            Task::InterfaceConnect => plain(iut.poll_interface_connect(call).map(code)),
            Task::InterfaceDisconnect => plain(iut.poll_interface_disconnect(call).map(code)),
            Task::InterfaceReset(reset) => reset.poll(iut, call),
            Task::AwaitStatus { statuses, until_us } => await_status(iut, *statuses, *until_us),
            Task::LegacyConnect { host, port } => {
                let Some(legacy) = iut.legacy() else {
                    return unsupported();
                };
                let host = text(bytes, *host);
                plain(legacy.poll_connect_text(id, call, host, *port).map(code))
            }
            Task::LegacySendTo { host, port, data } => {
                let Some(legacy) = iut.legacy() else {
                    return unsupported();
                };
                let host = text(bytes, *host);
                let data = data.bytes(bytes, scratch);
                plain(size_code(
                    legacy.poll_sendto_text(id, call, host, *port, data),
                ))
            }
            Task::Resolve { host, version } => {
                let polled = match iut.dns() {
                    Some(dns) => dns.poll_gethostbyname(call, text(bytes, *host), *version),
                    None => Poll::Ready(Err(Error::UNSUPPORTED)),
                };
                done(polled, |result| (peer(result), Effect::Nothing))
            }
            Task::LegacyAccept { into } => {
                let Some(legacy) = iut.legacy() else {
                    return unsupported();
                };
                done(
                    legacy.poll_server_accept(id, call, *into),
                    |result| match result {
                        Ok(peer) => (
                            Answer::Peer {
                                code: 0,
                                peer: Some(peer.into()),
                            },
                            Effect::Open(*into, true),
                        ),
                        Err(error) => (
                            Answer::Peer {
                                code: error.code(),
                                peer: None,
                            },
                            Effect::Nothing,
                        ),
                    },
                )
            }
        }
    }
}

impl Data {
    fn bytes<'d>(&self, inline: &'d [u8; MAX_INLINE], scratch: &'d mut Scratch) -> &'d [u8] {
        match *self {
            Self::Inline { from, len } => inline
                .get(from..from.saturating_add(len))
                .unwrap_or_default(),
            Self::Pattern { seed, len } => scratch.pattern(seed, 0, len),
        }
    }
}

/// A result as a code.
pub(crate) fn code(result: nsapi::Result<()>) -> i32 {
    result.map_or_else(Error::code, |()| 0)
}

/// A size or error as a code.
pub(crate) fn size(result: nsapi::Result<usize>) -> i32 {
    result.map_or_else(Error::code, |size| i32::try_from(size).unwrap_or(i32::MAX))
}

/// A count as a code.
pub(crate) fn to_code(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Code and bytes of a receive into the first `room` bytes of the scratch buffer.
pub(crate) fn received(
    result: nsapi::Result<usize>,
    room: usize,
    scratch: &Scratch,
) -> (i32, &[u8]) {
    (
        size(result),
        scratch.received(result.unwrap_or(0).min(room)),
    )
}

fn size_code(polled: Poll<nsapi::Result<usize>>) -> Poll<i32> {
    polled.map(size)
}

fn plain<'s>(polled: Poll<i32>) -> Progress<'s> {
    done(polled, |code| (Answer::Code(code), Effect::Nothing))
}

fn done<'s, T>(polled: Poll<T>, finish: impl FnOnce(T) -> (Answer<'s>, Effect)) -> Progress<'s> {
    match polled {
        Poll::Pending => Progress::Waiting,
        Poll::Ready(value) => {
            let (answer, effect) = finish(value);
            Progress::Done(answer, effect)
        }
    }
}

/// The text in the first `len` bytes.
fn text(bytes: &[u8; MAX_INLINE], len: usize) -> &str {
    core::str::from_utf8(bytes.get(..len).unwrap_or_default()).unwrap_or_default()
}

fn unsupported<'s>() -> Progress<'s> {
    Progress::Done(Answer::Code(Error::UNSUPPORTED.code()), Effect::Nothing)
}

/// An address or error as an answer.
pub(crate) fn peer<'s>(result: nsapi::Result<SocketAddress>) -> Answer<'s> {
    match result {
        Ok(address) => Answer::Peer {
            code: 0,
            peer: Some(address.into()),
        },
        Err(error) => Answer::Peer {
            code: error.code(),
            peer: None,
        },
    }
}

/// Length of a pattern or buffer as the runner gave it, if it is within `limit`.
pub(crate) fn within(size: u32, limit: usize) -> Option<usize> {
    Some(to_usize(size)).filter(|&size| size <= limit)
}
