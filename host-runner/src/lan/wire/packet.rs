//! Packet sockets: the frames of one interface, as they are.
#![expect(
    unsafe_code,
    reason = "addresses and options of packet sockets, and ethtool's commands, are in no safe interface"
)]

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// What the kernel may queue for a packet socket, in bytes; it counts about 2 KiB per frame, and takes as much as it
/// allows.
const QUEUE: usize = 8 << 20;

/// Everything that arrives at the interface with this number, nothing of what leaves it.
pub(crate) fn open(index: u32) -> io::Result<Socket> {
    // Protocol 0: nothing arrives before it is bound.
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))?;
    let yes: libc::c_int = 1;
    set(&socket, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, yes)?;
    // Less is taken where more is forbidden.
    let _ = socket.set_recv_buffer_size(QUEUE);
    let _ = set(
        &socket,
        libc::SOL_SOCKET,
        libc::SO_RCVBUFFORCE,
        QUEUE as libc::c_int,
    );
    let _ = socket.set_send_buffer_size(QUEUE);
    socket.bind(&address(index)?)?;
    Ok(socket)
}

/// The same, also of what is addressed to other hardware addresses than the interface's.
pub(crate) fn open_for_all(index: u32) -> io::Result<Socket> {
    let socket = open(index)?;
    // SAFETY: all zero is a valid packet_mreq.
    let mut all: libc::packet_mreq = unsafe { core::mem::zeroed() };
    all.mr_ifindex = index as libc::c_int;
    all.mr_type = libc::PACKET_MR_PROMISC as u16;
    set(&socket, libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, all)?;
    Ok(socket)
}

fn set<T>(socket: &Socket, level: libc::c_int, name: libc::c_int, value: T) -> io::Result<()> {
    // SAFETY: the value lives during the call, and its size is given.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            size_of_val(&value) as libc::socklen_t,
        )
    };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// All protocols on one interface.
fn address(index: u32) -> io::Result<SockAddr> {
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
    Ok(address)
}

/// Switches off what a driver would leave to hardware: checksums and segmentation. Else the far end of a veth
/// pair sees unfinished frames.
///
/// # Errors
/// There is no such interface, or this process may not configure it.
pub fn no_offloads(interface: &str) -> io::Result<()> {
    const SIOCETHTOOL: libc::c_ulong = 0x8946;
    /// `ETHTOOL_SRXCSUM`, `ETHTOOL_STXCSUM`, `ETHTOOL_STSO`, `ETHTOOL_SGSO`, `ETHTOOL_SGRO` of linux/ethtool.h.
    const OFF: [u32; 5] = [0x15, 0x17, 0x1f, 0x24, 0x2c];
    #[repr(C)]
    struct Value {
        command: u32,
        data: u32,
    }
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    for command in OFF {
        let mut value = Value { command, data: 0 };
        // SAFETY: all zero is a valid ifreq.
        let mut request: libc::ifreq = unsafe { core::mem::zeroed() };
        // The last byte stays zero.
        let room = request.ifr_name.len() - 1;
        for (to, from) in request.ifr_name[..room].iter_mut().zip(interface.bytes()) {
            *to = from as libc::c_char;
        }
        request.ifr_ifru.ifru_data = (&raw mut value).cast();
        // SAFETY: the request and what it points to live during the call.
        let done = unsafe {
            libc::ioctl(
                socket.as_fd().as_raw_fd(),
                SIOCETHTOOL as _,
                &raw mut request,
            )
        };
        if done != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}
