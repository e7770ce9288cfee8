//! What UDP sockets wait for: sendto and recvfrom, with the filter that connect sets (contract §7).
//!
//! Must not: let a stranger's datagram through to a connected socket.

use core::task::Poll;

use crate::{Call, Clock, NetworkStack, Protocol, Result, SocketAddress, SocketId};

use super::Sockets;
use super::wait::Turn;

/// Strangers' datagrams that one poll swallows at most, so that a flood of them starves nobody.
const SWALLOWED_PER_POLL: usize = 32;

impl<S: NetworkStack, C: Clock, const N: usize> Sockets<S, C, N> {
    /// UDP: sends one datagram to `address`, whole or not at all. TCP: ignores the address (contract §6.1).
    pub fn poll_sendto(
        &self,
        id: SocketId,
        call: &mut Call,
        address: &SocketAddress,
        data: &[u8],
    ) -> Poll<Result<usize>> {
        match self.protocol(id) {
            Ok(Protocol::Tcp) => self.poll_send_stream(id, call, data),
            Ok(Protocol::Udp) => self.poll_send_datagram(id, call, address, data),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    pub(super) fn poll_send_datagram(
        &self,
        id: SocketId,
        call: &mut Call,
        address: &SocketAddress,
        data: &[u8],
    ) -> Poll<Result<usize>> {
        match self.turn(id, call) {
            Turn::Ask(handle) => {
                let answer = self.stack.socket_sendto(handle, address, data);
                self.settle(id, call, answer)
            }
            Turn::Wait => Poll::Pending,
            Turn::Over(error) => Poll::Ready(Err(error)),
        }
    }

    /// UDP: receives one datagram (0 is an empty one, not an end; an empty buffer discards one) and tells
    /// its sender. TCP: tells the remembered peer, before anything else and whatever the outcome, then
    /// receives. `None` stands for a null pointer.
    pub fn poll_recvfrom(
        &self,
        id: SocketId,
        call: &mut Call,
        buffer: &mut [u8],
        from: Option<&mut SocketAddress>,
    ) -> Poll<Result<usize>> {
        match self.protocol(id) {
            Ok(Protocol::Tcp) => {
                if let Some(from) = from
                    && !call.waiting
                {
                    *from = self.peer(id);
                }
                self.poll_recv_stream(id, call, buffer)
            }
            Ok(Protocol::Udp) => self.poll_recv_datagram(id, call, buffer, from),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    pub(super) fn poll_recv_datagram(
        &self,
        id: SocketId,
        call: &mut Call,
        buffer: &mut [u8],
        from: Option<&mut SocketAddress>,
    ) -> Poll<Result<usize>> {
        let handle = match self.turn(id, call) {
            Turn::Ask(handle) => handle,
            Turn::Wait => return Poll::Pending,
            Turn::Over(error) => return Poll::Ready(Err(error)),
        };
        let peer = self.peer(id);
        for _ in 0..SWALLOWED_PER_POLL {
            let answer = match self.stack.socket_recvfrom(handle, buffer) {
                Ok((_, sender)) if peer.is_set() && sender != peer => {
                    self.attempt_again(id, call);
                    continue;
                }
                Ok((count, sender)) => {
                    if let Some(from) = from {
                        *from = sender;
                    }
                    Ok(count.min(buffer.len()))
                }
                Err(error) => Err(error),
            };
            return self.settle(id, call, answer);
        }
        self.yield_now(id, call).map(Err)
    }
}
