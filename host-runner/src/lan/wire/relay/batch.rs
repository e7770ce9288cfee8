//! Reads frames from a packet socket or a datagram socket, many per call.
//!
//! Must not: know what becomes of them.
#![expect(
    unsafe_code,
    reason = "no safe library offers recvmmsg with the control data of packet sockets"
)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::Arc;

/// Frames read by one call.
const FRAMES: usize = 32;
/// More than a datagram of any size has, so that what is too long is seen at its whole length.
const ROOM: usize = 0x1_0080;
/// Room for the control data of a packet socket: one header and one `tpacket_auxdata`.
const CONTROL: usize = 64;

// From linux/if_packet.h; the values are part of the kernel's interface.
const PACKET_AUXDATA: libc::c_int = 8;
const CHECKSUM_NOT_READY: u32 = 1 << 3;
const VLAN_VALID: u32 = 1 << 4;
const VLAN_TPID_VALID: u32 = 1 << 6;
/// Bytes of `struct tpacket_auxdata`.
const AUXDATA: usize = 20;

/// What a socket said beside the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Beside {
    /// The kernel has left the checksum to hardware that is not there.
    pub(super) unfinished_checksum: bool,
    /// The tag that the kernel took out of the frame: type and content.
    vlan: Option<(u16, u16)>,
}

/// Room for one call's frames, used again and again.
pub(super) struct Batch {
    /// Pages that no frame touches are never backed by memory.
    bytes: Vec<u8>,
    control: Vec<[u64; CONTROL / 8]>,
}

/// Asks a packet socket to tell what it takes out of frames. Other sockets have nothing to tell.
pub(super) fn tell_what_is_beside(socket: BorrowedFd<'_>) {
    let on: libc::c_int = 1;
    // SAFETY: the option's value is an int, alive over the call. Sockets that do not know the option refuse it.
    let _ = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            PACKET_AUXDATA,
            (&raw const on).cast(),
            size_of_val(&on) as libc::socklen_t,
        )
    };
}

/// How many frames a packet socket had no room for since this was asked last. Other sockets lose none.
pub(super) fn lost(socket: BorrowedFd<'_>) -> u32 {
    // SAFETY: all zero is a valid value of a struct of two numbers.
    let mut statistics: libc::tpacket_stats = unsafe { core::mem::zeroed() };
    let mut size = size_of_val(&statistics) as libc::socklen_t;
    // SAFETY: the struct and its size are alive over the call, and the kernel writes no more than that size.
    let done = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            (&raw mut statistics).cast(),
            &raw mut size,
        )
    };
    if done == 0 { statistics.tp_drops } else { 0 }
}

impl Batch {
    /// Whether a call that read so many frames had room for more.
    pub(super) const fn is_full(read: usize) -> bool {
        read == FRAMES
    }

    pub(super) fn new() -> Self {
        Self {
            bytes: vec![0; FRAMES * ROOM],
            control: vec![[0; CONTROL / 8]; FRAMES],
        }
    }

    /// Reads what is there, up to a limit, and hands each frame over. Returns how many there were.
    ///
    /// # Errors
    /// The system's; `WouldBlock` if there was none.
    pub(super) fn read(
        &mut self,
        socket: BorrowedFd<'_>,
        mut each: impl FnMut(Arc<[u8]>, Beside),
    ) -> io::Result<usize> {
        let mut vectors = [const {
            libc::iovec {
                iov_base: core::ptr::null_mut(),
                iov_len: ROOM,
            }
        }; FRAMES];
        // SAFETY: all zero is a valid header: no name, no vectors, no control data.
        let mut headers: [libc::mmsghdr; FRAMES] = unsafe { core::mem::zeroed() };
        let rooms = self.bytes.chunks_exact_mut(ROOM);
        for (((header, vector), room), control) in headers
            .iter_mut()
            .zip(&mut vectors)
            .zip(rooms)
            .zip(&mut self.control)
        {
            vector.iov_base = room.as_mut_ptr().cast();
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = control.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = CONTROL as _;
        }
        // SAFETY: every header points to a vector, a room of ROOM bytes and CONTROL bytes of control data, all of
        // them alive and not otherwise borrowed until the call returns.
        let read = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                FRAMES as libc::c_uint,
                libc::MSG_DONTWAIT,
                core::ptr::null_mut(),
            )
        };
        let read = usize::try_from(read).map_err(|_| io::Error::last_os_error())?;
        for (header, room) in headers.iter().zip(self.bytes.chunks_exact(ROOM)).take(read) {
            let length = (header.msg_len as usize).min(ROOM);
            let beside = beside(&header.msg_hdr);
            each(whole(&room[..length], beside), beside);
        }
        Ok(read)
    }
}

fn beside(header: &libc::msghdr) -> Beside {
    // SAFETY: the header and its control data are as the kernel left them; both outlive this function's loop. The
    // macros stay within `msg_controllen`, and `cmsg_len` is checked before its data is read.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(header);
        while !message.is_null() {
            let it = &*message;
            if (it.cmsg_level, it.cmsg_type) == (libc::SOL_PACKET, PACKET_AUXDATA)
                && it.cmsg_len as usize >= libc::CMSG_LEN(AUXDATA as libc::c_uint) as usize
            {
                let data: [u8; AUXDATA] = libc::CMSG_DATA(message).cast::<[u8; AUXDATA]>().read();
                return from_auxdata(&data);
            }
            message = libc::CMSG_NXTHDR(header, message);
        }
    }
    Beside::default()
}

fn from_auxdata(data: &[u8; AUXDATA]) -> Beside {
    let [a, b, c, d, .., e, f, g, h] = *data;
    let status = u32::from_ne_bytes([a, b, c, d]);
    let (content, kind) = (u16::from_ne_bytes([e, f]), u16::from_ne_bytes([g, h]));
    let kind = if status & VLAN_TPID_VALID == 0 {
        0x8100
    } else {
        kind
    };
    Beside {
        unfinished_checksum: status & CHECKSUM_NOT_READY != 0,
        vlan: (status & VLAN_VALID != 0).then_some((kind, content)),
    }
}

/// The frame as it was sent, with its tag back in its place.
fn whole(bytes: &[u8], beside: Beside) -> Arc<[u8]> {
    match (beside.vlan, bytes.split_at_checked(12)) {
        (Some((kind, content)), Some((addresses, rest))) => {
            let tag = [kind.to_be_bytes(), content.to_be_bytes()].concat();
            [addresses, &tag, rest].concat().into()
        }
        _ => bytes.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn reads_every_datagram_at_its_length() {
        let (a, b) = UnixDatagram::pair().expect("a pair");
        for length in [0, 1, 14, 1514, 60_000] {
            a.send(&vec![7; length]).expect("sent");
        }
        let mut batch = Batch::new();
        let mut lengths = Vec::new();
        let read = batch.read(b.as_fd(), |frame, beside| {
            assert_eq!(beside, Beside::default());
            lengths.push(frame.len());
        });
        assert_eq!(read.expect("read"), 5);
        assert_eq!(lengths, [0, 1, 14, 1514, 60_000]);
        let empty = batch.read(b.as_fd(), |_, _| {});
        assert_eq!(
            empty.expect_err("nothing there").kind(),
            io::ErrorKind::WouldBlock
        );
    }

    #[test]
    fn says_what_a_packet_socket_had_no_room_for() {
        // For root only.
        let Ok(socket) = crate::lan::wire::packet::open(1) else {
            return;
        };
        socket.set_recv_buffer_size(1).expect("set");
        let _ = lost(socket.as_fd());
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").expect("bound");
        let to = sender.local_addr().expect("an address");
        for _ in 0..200 {
            sender.send_to(&[0; 1000], to).expect("sent");
        }
        assert!(lost(socket.as_fd()) > 100);
        let (other, _) = UnixDatagram::pair().expect("a pair");
        assert_eq!(lost(other.as_fd()), 0);
    }

    #[test]
    fn puts_a_tag_back() {
        let mut data = [0; AUXDATA];
        data[..4].copy_from_slice(&(VLAN_VALID | CHECKSUM_NOT_READY).to_ne_bytes());
        data[16..18].copy_from_slice(&0x2005_u16.to_ne_bytes());
        let told = from_auxdata(&data);
        assert!(told.unfinished_checksum);
        let frame: Vec<u8> = (0..16).collect();
        let tagged = whole(&frame, told);
        assert_eq!(tagged[..12], frame[..12]);
        assert_eq!(tagged[12..16], [0x81, 0x00, 0x20, 0x05]);
        assert_eq!(tagged[16..], frame[12..]);
        assert_eq!(*whole(&frame[..5], told), frame[..5], "too short for a tag");
    }
}
