//! The table of operations: what is answered at once, and what is given to a lane.
//!
//! Must not: call the IUT before everything about the request is checked.

use nsapi::iut::{OpenOn, SocketKind};
use nsapi::{Error, Iut, SocketId};
use nsapi_protocol::message::{Handle, Op, Scope};
use nsapi_protocol::{Answer, Kind, Payload, Reject, Then};

use crate::bulk::{Bulk, Direction, to_usize};
use crate::handles::Entry;
use crate::lane::{Data, Task, code, peer, received, size, to_code, within};
use crate::limits::{COUNTERS, HANDLES, MAX_INLINE, MAX_IO};
use crate::work::Work;

/// Largest buffer of an option or of an address's text, in bytes.
const SMALL: usize = 64;

/// Stands in a lane that works on no socket.
const NO_SOCKET: SocketId = SocketId {
    index: u16::MAX,
    generation: u16::MAX,
};

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Dispatch<'w, 'r> {
    /// It is answered.
    Answer(Answer<'w>),
    /// It goes to a lane.
    Start(Start<'r>),
}

/// A task for a lane.
#[derive(Debug)]
pub(crate) struct Start<'s> {
    pub(crate) scope: Option<Scope>,
    pub(crate) socket: SocketId,
    pub(crate) task: Task,
    /// What the lane must keep: a text, and bytes to send.
    pub(crate) bytes: [&'s [u8]; 2],
}

pub(crate) type Checked<'w, 'r> = Result<Dispatch<'w, 'r>, Reject>;

impl<I: Iut + ?Sized> Work<'_, I> {
    /// Does, or starts, what `op` asks for. Greeting and scopes are the caller's business.
    pub(crate) fn dispatch<'w, 'r>(&'w mut self, op: &Op<'r>, now_us: u64) -> Checked<'w, 'r> {
        let deadline = |timeout_ms: u32| now_us.saturating_add(u64::from(timeout_ms) * 1000);
        match *op {
            // Greeting, scopes and restart are answered by the caller.
            Op::Hello { .. } | Op::EndScope { .. } | Op::Restart | Op::Ping => answer(0),
            Op::New {
                scope,
                handle,
                kind,
                open,
            } => self.new_object(scope, handle, kind, open),
            Op::Delete { handle } => {
                let entry = self.handles.remove(handle).ok_or(Reject::Handle)?;
                self.iut.socket_delete(entry.id);
                answer(0)
            }
            Op::Open { handle, null } => {
                let entry = self.handles.get_mut(handle).ok_or(Reject::Handle)?;
                let result = self
                    .iut
                    .open(entry.id, if null { OpenOn::Null } else { OpenOn::Stack });
                entry.open |= result.is_ok();
                answer(code(result))
            }
            Op::Close { handle } => self.start(handle, Task::Close),
            Op::Bind { handle, address } => {
                let entry = self.entry(handle)?;
                answer(code(self.iut.bind(entry.id, &address.into())))
            }
            Op::Listen { handle, backlog } => {
                let entry = self.entry(handle)?;
                answer(code(self.iut.listen(entry.id, backlog)))
            }
            Op::Accept { handle, child } => {
                self.entry(handle)?;
                self.check_new(child)?;
                self.start(handle, Task::Accept { child })
            }
            Op::Connect { handle, address } => self.start(
                handle,
                Task::Connect {
                    address: address.into(),
                },
            ),
            Op::Send { handle, data } => {
                self.start_send(handle, &[], data, |data| Task::Send { to: None, data })
            }
            Op::SendTo {
                handle,
                address,
                data,
            } => {
                let to = Some(address.into());
                self.start_send(handle, &[], data, |data| Task::Send { to, data })
            }
            Op::Recv { handle, size } => {
                let size = within(size, MAX_INLINE).ok_or(Reject::Limit)?;
                self.start(handle, Task::Recv { size })
            }
            Op::RecvFrom {
                handle,
                size,
                null_address,
            } => {
                let size = within(size, MAX_INLINE).ok_or(Reject::Limit)?;
                let from = (!null_address).then(nsapi::SocketAddress::default);
                self.start(handle, Task::RecvFrom { size, from })
            }
            Op::RecvPattern {
                handle,
                size,
                seed,
                offset,
            } => {
                let size = within(size, MAX_IO).ok_or(Reject::Limit)?;
                self.start(handle, Task::RecvPattern { size, seed, offset })
            }
            Op::Source {
                handle,
                total,
                chunk,
                seed,
                then,
            } => self.start_bulk(handle, Direction::Source, total, chunk, seed, then),
            Op::Sink {
                handle,
                total,
                chunk,
                seed,
                then,
            } => self.start_bulk(handle, Direction::Sink, total, chunk, seed, then),
            Op::SetBlocking { handle, blocking } => {
                let entry = self.entry(handle)?;
                self.iut.set_blocking(entry.id, blocking);
                answer(0)
            }
            Op::SetTimeout { handle, timeout_ms } => {
                let entry = self.entry(handle)?;
                self.iut.set_timeout(entry.id, timeout_ms);
                answer(0)
            }
            Op::Sigio { handle, counter } => self.sigio(handle, counter),
            Op::AwaitCounter {
                scope,
                counter,
                at_least,
                timeout_ms,
            } => {
                check_counter(counter)?;
                let task = Task::AwaitCounter {
                    counter,
                    at_least,
                    until_us: deadline(timeout_ms),
                };
                wait(Some(scope), task)
            }
            Op::ResetCounter { counter } => {
                check_counter(counter)?;
                answer(to_code(self.counters.take(counter)))
            }
            Op::SetOption {
                handle,
                level,
                name,
                value,
            } => {
                let entry = self.entry(handle)?;
                answer(code(self.iut.setsockopt(entry.id, level, name, value)))
            }
            Op::GetOption {
                handle,
                level,
                name,
                size,
            } => {
                let entry = self.entry(handle)?;
                let size = within(size.into(), SMALL).ok_or(Reject::Limit)?;
                let result = self
                    .iut
                    .getsockopt(entry.id, level, name, self.scratch.blank(size));
                let (code, data) = received(result, size, self.scratch);
                Ok(Dispatch::Answer(Answer::Bytes { code, data }))
            }
            Op::GetPeerName { handle } => {
                let entry = self.entry(handle)?;
                Ok(Dispatch::Answer(peer(self.iut.getpeername(entry.id))))
            }
            Op::Multicast {
                handle,
                join,
                group,
            } => {
                let entry = self.entry(handle)?;
                answer(code(self.iut.multicast(entry.id, join, &group.into())))
            }
            Op::ControlData { handle } => {
                let entry = self.entry(handle)?;
                answer(size(self.iut.control_data(entry.id)))
            }
            Op::ParseAddress { text } => Ok(Dispatch::Answer(match self.iut.parse_address(text) {
                Some(address) => Answer::Peer {
                    code: 0,
                    peer: Some(address.into()),
                },
                None => Answer::Peer {
                    code: -1,
                    peer: None,
                },
            })),
            Op::FormatAddress { address } => {
                let text = self.scratch.blank(SMALL);
                let length = self.iut.format_address(&address.into(), text);
                Ok(Dispatch::Answer(match length {
                    Some(length) => {
                        let (code, data) = received(Ok(length), SMALL, self.scratch);
                        Answer::Bytes { code, data }
                    }
                    None => Answer::Bytes {
                        code: -1,
                        data: &[],
                    },
                }))
            }
            Op::LegacyBind { handle, host, port } => {
                let entry = self.entry(handle)?;
                let legacy = self.iut.legacy().ok_or(Reject::Unclaimed)?;
                answer(code(legacy.bind_text(entry.id, host, port)))
            }
            Op::LegacyConnect { handle, host, port } => {
                self.iut.legacy().ok_or(Reject::Unclaimed)?;
                let on = Some(self.entry(handle)?);
                let task = Task::LegacyConnect {
                    host: host.len(),
                    port,
                };
                start(on, task, [host.as_bytes(), &[]])
            }
            Op::LegacySendTo {
                handle,
                host,
                port,
                data,
            } => {
                self.iut.legacy().ok_or(Reject::Unclaimed)?;
                let task = |data| Task::LegacySendTo {
                    host: host.len(),
                    port,
                    data,
                };
                self.start_send(handle, host.as_bytes(), data, task)
            }
            Op::LegacyAccept { server, into } => {
                self.iut.legacy().ok_or(Reject::Unclaimed)?;
                let (server, into) = (self.entry(server)?, self.entry(into)?);
                if (server.kind, into.kind) != (Kind::TcpServer, Kind::Tcp) {
                    return Err(Reject::Kind);
                }
                start(Some(server), Task::LegacyAccept { into: into.id }, [&[]; 2])
            }
            Op::SetStackOption { level, name, value } => {
                answer(code(self.iut.setstackopt(level, name, value)))
            }
            Op::GetStackOption { level, name, size } => {
                let size = within(size.into(), SMALL).ok_or(Reject::Limit)?;
                let result = self.iut.getstackopt(level, name, self.scratch.blank(size));
                let (code, data) = received(result, size, self.scratch);
                Ok(Dispatch::Answer(Answer::Bytes { code, data }))
            }
            Op::Resolve {
                scope,
                family,
                name,
            } => {
                let task = Task::Resolve {
                    host: name.len(),
                    version: family.into(),
                };
                start_with(Some(scope), NO_SOCKET, task, [name.as_bytes(), &[]])
            }
            Op::AddDnsServer { address } => {
                let dns = self.iut.dns().ok_or(Error::UNSUPPORTED);
                answer(code(
                    dns.and_then(|dns| dns.add_dns_server(&address.into())),
                ))
            }
            Op::InterfaceUp { .. }
            | Op::InterfaceStatus
            | Op::InterfaceAddress
            | Op::InterfaceConnect { .. }
            | Op::InterfaceDisconnect { .. }
            | Op::InterfaceSetBlocking { .. }
            | Op::InterfaceGet { .. }
            | Op::InterfaceSetNetwork { .. }
            | Op::InterfaceSetDhcp { .. }
            | Op::InterfaceSetMac { .. }
            | Op::InterfaceSetHostname { .. }
            | Op::InterfaceSetAsDefault
            | Op::InterfaceListener { .. }
            | Op::InterfaceAttach { .. }
            | Op::InterfaceEvents { .. }
            | Op::AwaitStatus { .. }
            | Op::InterfaceReset { .. } => self.interface_op(op, deadline),
            // Where it is possible the caller has done it, and we do not get here.
            Op::Crash { .. } => Err(Reject::Unclaimed),
            Op::Load { data, size: wanted } => {
                let length = size(Ok(data.len()));
                let room = within(wanted.into(), MAX_INLINE).ok_or(Reject::Limit)?;
                Ok(Dispatch::Answer(Answer::Bytes {
                    code: length,
                    data: self.scratch.pattern(0, 0, room),
                }))
            }
        }
    }

    fn entry(&self, handle: Handle) -> Result<Entry, Reject> {
        self.handles.get(handle).copied().ok_or(Reject::Handle)
    }

    /// `handle` can be given to a new object: it is free and not promised, and there is room.
    fn check_new(&self, handle: Handle) -> Result<(), Reject> {
        let promised = |lane: &crate::lane::Lane| match lane.task {
            Task::Accept { child } => Some(child),
            _ => None,
        };
        let promised = || self.lanes.iter().flatten().filter_map(promised);
        if self.handles.get(handle).is_some() || promised().any(|child| child == handle) {
            return Err(Reject::Handle);
        }
        if self.handles.len() + promised().count() >= HANDLES {
            return Err(Reject::Limit);
        }
        Ok(())
    }

    fn new_object<'w, 'r>(
        &mut self,
        scope: Scope,
        handle: Handle,
        kind: Kind,
        open: bool,
    ) -> Checked<'w, 'r> {
        self.check_new(handle)?;
        let socket_kind = match kind {
            Kind::Tcp => SocketKind::Tcp,
            Kind::Udp => SocketKind::Udp,
            Kind::TcpServer => {
                self.iut.legacy().ok_or(Reject::Unclaimed)?;
                SocketKind::TcpServer
            }
        };
        let id = match self.iut.socket_new(socket_kind) {
            Ok(id) => id,
            Err(error) => return answer(error.code()),
        };
        let result = if open {
            self.iut.open(id, OpenOn::Stack)
        } else {
            Ok(())
        };
        let open = open && result.is_ok();
        // There is room: it was checked.
        let _ = self.handles.insert(Entry {
            handle,
            scope,
            kind,
            id,
            counter: None,
            open,
        });
        answer(code(result))
    }

    fn sigio<'w, 'r>(&mut self, handle: Handle, counter: Option<u8>) -> Checked<'w, 'r> {
        if let Some(counter) = counter {
            check_counter(counter)?;
        }
        let entry = self.handles.get_mut(handle).ok_or(Reject::Handle)?;
        entry.counter = counter;
        let callback = counter.map(|counter| {
            if let Some(owner) = self.counter_scopes.get_mut(usize::from(counter)) {
                *owner = Some(entry.scope);
            }
            self.counters.take(counter);
            self.counters.callback(counter)
        });
        self.iut.sigio(entry.id, callback);
        answer(0)
    }

    fn start<'w, 'r>(&self, handle: Handle, task: Task) -> Checked<'w, 'r> {
        start(Some(self.entry(handle)?), task, [&[]; 2])
    }

    fn start_send<'w, 'r>(
        &self,
        handle: Handle,
        host: &'r [u8],
        payload: Payload<'r>,
        task: impl FnOnce(Data) -> Task,
    ) -> Checked<'w, 'r> {
        let entry = self.entry(handle)?;
        let (data, bytes): (Data, &[u8]) = match payload {
            Payload::Bytes(bytes) => (
                Data::Inline {
                    from: host.len(),
                    len: bytes.len(),
                },
                bytes,
            ),
            Payload::Pattern { seed, len } => (
                Data::Pattern {
                    seed,
                    len: within(len, MAX_IO).ok_or(Reject::Limit)?,
                },
                &[],
            ),
        };
        start(Some(entry), task(data), [host, bytes])
    }

    fn start_bulk<'w, 'r>(
        &self,
        handle: Handle,
        direction: Direction,
        total: u32,
        chunk: u32,
        seed: u32,
        then: Then,
    ) -> Checked<'w, 'r> {
        let entry = self.entry(handle)?;
        let waits_for_nothing = then != Then::Stop && entry.counter.is_none();
        if chunk == 0 || to_usize(chunk) > MAX_IO || waits_for_nothing {
            return Err(Reject::Limit);
        }
        let bulk = Bulk::new(direction, total, chunk, seed, then, entry.counter);
        start(Some(entry), Task::Bulk(bulk), [&[]; 2])
    }
}

pub(crate) fn answer<'w, 'r>(code: i32) -> Checked<'w, 'r> {
    Ok(Dispatch::Answer(Answer::Code(code)))
}

fn start<'w, 'r>(on: Option<Entry>, task: Task, bytes: [&'r [u8]; 2]) -> Checked<'w, 'r> {
    let (scope, socket) = match on {
        Some(entry) => (Some(entry.scope), entry.id),
        None => (None, NO_SOCKET),
    };
    start_with(scope, socket, task, bytes)
}

fn start_with<'w, 'r>(
    scope: Option<Scope>,
    socket: SocketId,
    task: Task,
    bytes: [&'r [u8]; 2],
) -> Checked<'w, 'r> {
    if bytes.iter().map(|part| part.len()).sum::<usize>() > MAX_INLINE {
        return Err(Reject::Limit);
    }
    Ok(Dispatch::Start(Start {
        scope,
        socket,
        task,
        bytes,
    }))
}

/// A task that works on no socket.
pub(crate) fn wait<'w, 'r>(scope: Option<Scope>, task: Task) -> Checked<'w, 'r> {
    start_with(scope, NO_SOCKET, task, [&[]; 2])
}

pub(crate) fn check_counter(counter: u8) -> Result<(), Reject> {
    if usize::from(counter) < COUNTERS {
        Ok(())
    } else {
        Err(Reject::Limit)
    }
}
