//! What runner and keeper say to each other: a message per datagram of a sequenced Unix socket, descriptors
//! with it.
//!
//! Must not: know what is done with them.

use core::mem::MaybeUninit;
use core::net::{Ipv4Addr, Ipv6Addr};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Longest message, in bytes.
const LONGEST: usize = 4096;

/// Most descriptors in one message.
const MOST_DESCRIPTORS: usize = 4;

/// The interface that a namespace gets.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Addresses {
    /// MAC address.
    pub(crate) mac: [u8; 6],
    /// IPv4 addresses, all of one network.
    pub(crate) ipv4: Vec<Ipv4Addr>,
    /// Bits of that network.
    pub(crate) ipv4_prefix: u8,
    /// IPv6 addresses, 64 bits of network each, the link-local one among them.
    pub(crate) ipv6: Vec<Ipv6Addr>,
    /// Where what is on no known network goes; without one everything is taken to be on the cable.
    pub(crate) gateway: Option<(Ipv4Addr, Ipv6Addr)>,
}

/// What the runner wants.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// Makes the namespace; the first request, and asked once.
    Make(Addresses),
    /// A socket in it.
    Socket {
        domain: i32,
        kind: i32,
        protocol: i32,
    },
    /// A connected pair of Unix datagram sockets with long queues.
    Pair,
    /// Forgets what the kernel learnt about its neighbours.
    FlushNeighbours,
}

/// What it gets.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    /// It is made. With it come the packet socket of the far end, the network namespace and, if there is one
    /// of its own, the user namespace.
    Made {
        /// Number of the interface in it.
        index: u32,
        /// Whether its IPv6 addresses are there.
        ipv6: bool,
    },
    /// Done; with the sockets asked for.
    Done,
    /// Not done.
    Failed {
        /// What was tried.
        doing: String,
        /// What the system said.
        errno: i32,
    },
}

/// Sends a message with descriptors.
pub(super) fn send<T: Serialize>(
    socket: impl AsFd,
    message: &T,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let bytes = serde_json::to_vec(message)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other("too many descriptors for one message"));
    }
    sendmsg(
        socket,
        &[IoSlice::new(&bytes)],
        &mut control,
        SendFlags::NOSIGNAL,
    )?;
    Ok(())
}

/// Receives a message; `None` when the other side is gone.
pub(super) fn receive<T: DeserializeOwned>(
    socket: impl AsFd,
) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut bytes = [0; LONGEST];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        match recvmsg(
            &socket,
            &mut [IoSliceMut::new(&mut bytes)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        ) {
            Err(rustix::io::Errno::INTR) => {}
            received => break received?,
        }
    };
    if received.bytes == 0 {
        return Ok(None);
    }
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    let message = serde_json::from_slice(&bytes[..received.bytes])?;
    Ok(Some((message, descriptors)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    #[test]
    fn messages_and_descriptors_arrive() {
        let (one, other) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )
        .expect("a pair");
        let null = std::fs::File::open("/dev/null").expect("it is there");
        let failed = Reply::Failed {
            doing: "x".into(),
            errno: 1,
        };
        send(&one, &failed, &[null.as_fd()]).expect("sent");
        let (reply, descriptors) = receive::<Reply>(&other).expect("received").expect("there");
        assert!(matches!(reply, Reply::Failed { errno: 1, .. }));
        assert_eq!(descriptors.len(), 1);
        drop(one);
        assert!(receive::<Reply>(&other).expect("an end").is_none());
    }
}
