//! What TCP sockets wait for: connect, send, recv, accept (contract §6). Must not: buffer anything.

use core::task::Poll;

use crate::iut::SocketKind;
use crate::{
    Call, Clock, Error, NetworkStack, Protocol, Result, SocketAddress, SocketId, StackHandle,
};

use super::Sockets;
use super::slot::{Slot, State};
use super::wait::Turn;

impl<S: NetworkStack, C: Clock, const N: usize> Sockets<S, C, N> {
    /// TCP: connects, by the state machine of contract §6.2. A connection that is already there on entry is
    /// `IS_CONNECTED`; one that comes about during a blocking call is `OK`; a blocking call that times out
    /// returns the stack's last `IN_PROGRESS` or `ALREADY` and the attempt goes on.
    ///
    /// UDP: remembers the peer; always `OK`, even unopened (contract §7).
    pub fn poll_connect(
        &self,
        id: SocketId,
        call: &mut Call,
        address: &SocketAddress,
    ) -> Poll<Result<()>> {
        match self.protocol(id) {
            Ok(Protocol::Tcp) => self.poll_connect_stream(id, call, address),
            Ok(Protocol::Udp) => {
                self.slot(id, |slot| slot.peer = *address);
                Poll::Ready(Ok(()))
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn poll_connect_stream(
        &self,
        id: SocketId,
        call: &mut Call,
        address: &SocketAddress,
    ) -> Poll<Result<()>> {
        let answer = match self.turn(id, call) {
            Turn::Ask(handle) => match self.stack.socket_connect(handle, address) {
                Err(pending @ (Error::IN_PROGRESS | Error::ALREADY)) => {
                    call.initiated |= pending == Error::IN_PROGRESS;
                    match self.wait(id, call, pending) {
                        Poll::Ready(error) => Err(error),
                        Poll::Pending => {
                            call.begun = true;
                            return Poll::Pending;
                        }
                    }
                }
                answer => {
                    self.end(id, call);
                    answer
                }
            },
            Turn::Wait => return Poll::Pending,
            Turn::Over(error) => Err(error),
        };
        let answer = match answer {
            Err(Error::IS_CONNECTED) if call.begun => Ok(()),
            answer => answer,
        };
        // A blocking call that began the attempt and timed out has begun it all the same.
        let remembered = match answer {
            Ok(()) | Err(Error::IN_PROGRESS) => true,
            Err(error) => error == Error::ALREADY && call.initiated,
        };
        if remembered {
            self.slot(id, |slot| slot.peer = *address);
        }
        Poll::Ready(answer)
    }

    /// Sends to the peer. TCP: blocking calls end when everything is written or a wait times out; the count
    /// may be partial, an error after partial progress is returned as the error (contract §6.1).
    /// UDP: one datagram; `NO_ADDRESS` without a peer, even unopened.
    pub fn poll_send(&self, id: SocketId, call: &mut Call, data: &[u8]) -> Poll<Result<usize>> {
        match self.protocol(id) {
            Ok(Protocol::Tcp) => self.poll_send_stream(id, call, data),
            Ok(Protocol::Udp) => {
                let peer = self.peer(id);
                if !peer.is_set() {
                    self.leave(id, call);
                    return Poll::Ready(Err(Error::NO_ADDRESS));
                }
                self.poll_send_datagram(id, call, &peer, data)
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    pub(super) fn poll_send_stream(
        &self,
        id: SocketId,
        call: &mut Call,
        data: &[u8],
    ) -> Poll<Result<usize>> {
        let result = match self.turn(id, call) {
            Turn::Ask(handle) => {
                let answer = self.push(id, call, handle, data);
                match self.settle(id, call, answer) {
                    Poll::Ready(result) => result,
                    Poll::Pending => return Poll::Pending,
                }
            }
            Turn::Wait => return Poll::Pending,
            Turn::Over(error) => Err(error),
        };
        Poll::Ready(match result {
            Err(Error::WOULD_BLOCK) if call.done > 0 => Ok(call.done),
            result => result,
        })
    }

    /// Hands over as much of `data` as the stack takes; ready when that is all of it.
    fn push(
        &self,
        id: SocketId,
        call: &mut Call,
        handle: StackHandle,
        data: &[u8],
    ) -> Result<usize> {
        loop {
            let rest = data.get(call.done..).unwrap_or_default();
            let taken = self.stack.socket_send(handle, rest)?;
            call.done += taken.min(rest.len());
            if call.done >= data.len() {
                return Ok(call.done);
            }
            // A stack that takes nothing and says so is treated like one that says it would block.
            if taken == 0 || self.is_nonblocking(id) {
                return Err(Error::WOULD_BLOCK);
            }
            self.attempt_again(id, call);
        }
    }

    fn is_nonblocking(&self, id: SocketId) -> bool {
        self.slot(id, |slot| slot.timeout_ms == 0).unwrap_or(true)
    }

    /// Receives from the peer: 1 to `buffer.len()` bytes, or 0 at the orderly end of a stream. UDP: one
    /// datagram of the peer, or of anybody while there is none; its excess is discarded.
    pub fn poll_recv(
        &self,
        id: SocketId,
        call: &mut Call,
        buffer: &mut [u8],
    ) -> Poll<Result<usize>> {
        match self.protocol(id) {
            Ok(Protocol::Tcp) => self.poll_recv_stream(id, call, buffer),
            Ok(Protocol::Udp) => self.poll_recv_datagram(id, call, buffer, None),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    pub(super) fn poll_recv_stream(
        &self,
        id: SocketId,
        call: &mut Call,
        buffer: &mut [u8],
    ) -> Poll<Result<usize>> {
        match self.turn(id, call) {
            Turn::Ask(handle) => {
                let answer = self
                    .stack
                    .socket_recv(handle, buffer)
                    .map(|count| count.min(buffer.len()));
                self.settle(id, call, answer)
            }
            Turn::Wait => Poll::Pending,
            Turn::Over(error) => Poll::Ready(Err(error)),
        }
    }

    /// Waits for a connection: its object (open, blocking without bound, no callback, peer set) and its
    /// peer. `NO_MEMORY` when no object is left; the connection then stays in the stack. UDP: `UNSUPPORTED`
    /// in every state.
    pub fn poll_accept(
        &self,
        id: SocketId,
        call: &mut Call,
    ) -> Poll<Result<(SocketId, SocketAddress)>> {
        if let Err(error) = self.stream_only(id) {
            return Poll::Ready(Err(error));
        }
        match self.turn(id, call) {
            Turn::Ask(handle) => {
                let answer = self.accept_into_new(handle);
                self.settle(id, call, answer)
            }
            Turn::Wait => Poll::Pending,
            Turn::Over(error) => Poll::Ready(Err(error)),
        }
    }

    fn accept_into_new(&self, listener: StackHandle) -> Result<(SocketId, SocketAddress)> {
        // First the object: a connection taken from the stack could not be put back.
        let id = self.socket_new(SocketKind::Tcp)?;
        match self.stack.socket_accept(listener) {
            Ok((handle, peer)) => {
                self.adopt(id, handle, peer);
                Ok((id, peer))
            }
            Err(error) => {
                // Nobody has seen the id, so its generation can serve again.
                self.slot(id, |slot| {
                    *slot = Slot {
                        generation: slot.generation,
                        ..Slot::FREE
                    }
                });
                Err(error)
            }
        }
    }

    /// `TCPServer::accept` of the older API: the connection lands in the TCP object `into`, which is closed
    /// first if it is open; its mode and callback stay. `PARAMETER` if `into` is no such object.
    pub fn poll_accept_into(
        &self,
        id: SocketId,
        call: &mut Call,
        into: SocketId,
    ) -> Poll<Result<SocketAddress>> {
        if let Err(error) = self.stream_only(id) {
            return Poll::Ready(Err(error));
        }
        match self.turn(id, call) {
            Turn::Ask(handle) => {
                let answer = self.accept_into_known(id, handle, into);
                self.settle(id, call, answer)
            }
            Turn::Wait => Poll::Pending,
            Turn::Over(error) => Poll::Ready(Err(error)),
        }
    }

    fn accept_into_known(
        &self,
        listener: SocketId,
        handle: StackHandle,
        into: SocketId,
    ) -> Result<SocketAddress> {
        if into == listener || self.protocol(into) != Ok(Protocol::Tcp) {
            return Err(Error::PARAMETER);
        }
        let (handle, peer) = self.stack.socket_accept(handle)?;
        // Calls blocked in the old connection leave with NO_SOCKET in their own time.
        let _ = self.close_stack(into, &mut Call::new());
        if self.adopt(into, handle, peer) {
            Ok(peer)
        } else {
            Err(Error::BUSY)
        }
    }

    /// Makes an unopened object the owner of an accepted connection. If another thread has taken the object
    /// away or opened it meanwhile, closes the connection.
    fn adopt(&self, id: SocketId, handle: StackHandle, peer: SocketAddress) -> bool {
        self.stack
            .socket_attach(handle, Some(self.events.callback(id)));
        let adopted = self.slot(id, |slot| {
            let free = slot.state == State::Unopened;
            if free {
                slot.set_open(handle);
                slot.peer = peer;
            }
            free
        });
        if adopted != Some(true) {
            self.stack.socket_attach(handle, None);
            let _ = self.stack.socket_close(handle);
        }
        adopted == Some(true)
    }
}
