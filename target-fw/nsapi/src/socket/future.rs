//! A poll-style call as a future. Must not: outlive its [`Call`] in the table, so dropping it cancels.

use core::pin::Pin;
use core::task::{Context, Poll};

use crate::{Call, Clock, NetworkStack, SocketId, Sockets};

/// One call in flight. Its waits with a timeout need [`Sockets::wake_due`] to be called by the executor.
pub(crate) struct Operation<'a, S: NetworkStack, C: Clock, const N: usize, F> {
    sockets: &'a Sockets<S, C, N>,
    id: SocketId,
    call: Call,
    poll: F,
}

impl<'a, S: NetworkStack, C: Clock, const N: usize, F> Operation<'a, S, C, N, F> {
    pub(crate) fn new(sockets: &'a Sockets<S, C, N>, id: SocketId, poll: F) -> Self {
        Self {
            sockets,
            id,
            call: Call::new(),
            poll,
        }
    }
}

// Nothing in it is ever pinned.
impl<S: NetworkStack, C: Clock, const N: usize, F> Unpin for Operation<'_, S, C, N, F> {}

impl<S, C, const N: usize, F, T> Future for Operation<'_, S, C, N, F>
where
    S: NetworkStack,
    C: Clock,
    F: FnMut(&Sockets<S, C, N>, SocketId, &mut Call) -> Poll<T>,
{
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = self.get_mut();
        match &mut this.call.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            empty @ None => *empty = Some(cx.waker().clone()),
        }
        (this.poll)(this.sockets, this.id, &mut this.call)
    }
}

impl<S: NetworkStack, C: Clock, const N: usize, F> Drop for Operation<'_, S, C, N, F> {
    fn drop(&mut self) {
        self.sockets.cancel(self.id, &mut self.call);
    }
}
