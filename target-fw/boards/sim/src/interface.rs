//! Frames over an interface of this machine, for a board behind a real or virtual cable. Whoever is at the other end
//! of a virtual one must not leave checksums and segmentation to a hardware that is not there.
#![expect(
    unsafe_code,
    reason = "addresses and options of packet sockets are in no safe interface"
)]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// A packet socket that takes all frames which arrive at the interface, and sends there. Needs CAP_NET_RAW.
pub(crate) fn frames(name: &str) -> io::Result<OwnedFd> {
    let any = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    let index = rustix::net::netdevice::name_to_index(&any, name)?;
    // Protocol 0: nothing arrives before it is bound.
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))?;
    // SAFETY: all zero is a valid packet_mreq.
    let mut all: libc::packet_mreq = unsafe { core::mem::zeroed() };
    all.mr_ifindex = index as libc::c_int;
    all.mr_type = libc::PACKET_MR_PROMISC as u16;
    let yes: libc::c_int = 1;
    set(&socket, libc::PACKET_IGNORE_OUTGOING, &yes)?;
    set(&socket, libc::PACKET_ADD_MEMBERSHIP, &all)?;
    // SAFETY: the storage is zeroed and large enough for every kind of address; family and length are set to
    // those of the kind that is written.
    let ((), address) = unsafe {
        SockAddr::try_init(|storage, length| {
            let link = storage.cast::<libc::sockaddr_ll>();
            (*link).sll_family = libc::AF_PACKET as u16;
            (*link).sll_protocol = (libc::ETH_P_ALL as u16).to_be();
            (*link).sll_ifindex = index as libc::c_int;
            *length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
            Ok(())
        })?
    };
    socket.bind(&address)?;
    Ok(socket.into())
}

fn set<T>(socket: &Socket, name: libc::c_int, value: &T) -> io::Result<()> {
    // SAFETY: the value lives during the call, and its size is given.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            name,
            core::ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
