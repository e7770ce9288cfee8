//! The memory of a stack, in one piece for a static.

use heapless::Vec;
use nsapi::Limits;
use smoltcp::iface::{Interface, SocketSet, SocketStorage};
use smoltcp::socket::{tcp, udp};

use crate::Config;
use crate::guard::{Buffer, Flow};
use crate::pipes::{Datagrams, Pipe};
use crate::slots::Slot;

/// TCP sockets of smoltcp beyond the announced ones: they hold connections nobody has accepted yet.
pub const SPARE_TCP: usize = 4;
/// Datagrams a UDP socket queues, at most, in each direction.
const RX_DATAGRAMS: usize = 10;
const TX_DATAGRAMS: usize = 4;
/// Largest payload of an unfragmented datagram over Ethernet: 1500 less the IPv4 and UDP headers.
const MAX_DATAGRAM: usize = 1472;

/// Sockets and buffers: `TCP` sockets of smoltcp ([`SPARE_TCP`] of them in reserve, so `TCP - SPARE_TCP`
/// can be open), `UDP` sockets, and `ALL`, which must be `TCP + UDP + 1` (the last is for DHCP).
///
/// Buffer sizes are in bytes and per socket. Empty it is all zero: in a `static_cell::ConstStaticCell` it
/// lies in `.bss` and takes no room in the image.
pub struct StackResources<
    const TCP: usize,
    const UDP: usize,
    const ALL: usize,
    const TCP_RX: usize = 2048,
    const TCP_TX: usize = 2048,
    const UDP_RX: usize = 2048,
    const UDP_TX: usize = 1536,
> {
    // Vectors rather than arrays: empty they are all zero, which keeps the whole out of the image.
    iface: Vec<Interface, 1>,
    sockets: Vec<SocketStorage<'static>, ALL>,
    tcp_rx: Words<[[u8; TCP_RX]; TCP]>,
    tcp_tx: Words<[[u8; TCP_TX]; TCP]>,
    udp_rx: [[u8; UDP_RX]; UDP],
    udp_tx: [[u8; UDP_TX]; UDP],
    udp_rx_meta: [Vec<udp::PacketMetadata, RX_DATAGRAMS>; UDP],
    udp_tx_meta: [Vec<udp::PacketMetadata, TX_DATAGRAMS>; UDP],
    pipes: Vec<Pipe, TCP>,
    datagrams: Vec<Datagrams, UDP>,
    slots: Vec<Slot, ALL>,
    flows: Vec<Option<Flow>, TCP>,
    frame: Buffer,
}

/// Bytes that begin at a boundary of words: streams are copied word by word (guard::Buffer).
#[repr(align(4))]
struct Words<T>(T);

/// The same memory, dealt out.
pub(crate) struct Parts {
    pub(crate) iface: &'static mut Interface,
    pub(crate) sockets: SocketSet<'static>,
    pub(crate) pipes: &'static mut [Pipe],
    pub(crate) datagrams: &'static mut [Datagrams],
    pub(crate) slots: &'static mut [Slot],
    pub(crate) flows: &'static mut [Option<Flow>],
    pub(crate) frame: &'static mut Buffer,
    pub(crate) limits: Limits,
}

impl<
    const TCP: usize,
    const UDP: usize,
    const ALL: usize,
    const TCP_RX: usize,
    const TCP_TX: usize,
    const UDP_RX: usize,
    const UDP_TX: usize,
> StackResources<TCP, UDP, ALL, TCP_RX, TCP_TX, UDP_RX, UDP_TX>
{
    /// Empty. Refused by the compiler if the numbers do not fit each other.
    #[must_use]
    pub const fn new() -> Self {
        const {
            assert!(ALL == TCP + UDP + 1, "ALL must be TCP + UDP + 1");
            assert!(
                TCP > SPARE_TCP && UDP > 0 && ALL < 256,
                "too few or too many sockets"
            );
            assert!(
                TCP_RX >= 536 && TCP_TX >= 536,
                "a TCP buffer must hold a default segment"
            );
            assert!(TCP_RX <= 65_535, "no window scaling is planned for");
            assert!(
                UDP_RX >= 512 && UDP_TX >= 512,
                "a UDP buffer must hold a DNS message"
            );
        };
        Self {
            iface: Vec::new(),
            sockets: Vec::new(),
            tcp_rx: Words([[0; TCP_RX]; TCP]),
            tcp_tx: Words([[0; TCP_TX]; TCP]),
            udp_rx: [[0; UDP_RX]; UDP],
            udp_tx: [[0; UDP_TX]; UDP],
            udp_rx_meta: [const { Vec::new() }; UDP],
            udp_tx_meta: [const { Vec::new() }; UDP],
            pipes: Vec::new(),
            datagrams: Vec::new(),
            slots: Vec::new(),
            flows: Vec::new(),
            frame: Buffer::EMPTY,
        }
    }

    const fn limits(connect_timeout_ms: u32) -> Limits {
        let payload = min(MAX_DATAGRAM, min(UDP_RX, UDP_TX));
        Limits {
            tcp_sockets: (TCP - SPARE_TCP) as u16,
            udp_sockets: UDP as u16,
            sockets: (TCP - SPARE_TCP + UDP) as u16,
            backlog: SPARE_TCP as u16,
            udp_payload: payload as u16,
            // One datagram of room and two entries go to the padding where the ring begins anew.
            udp_queue: min(RX_DATAGRAMS - 2, UDP_RX / 64 - 1) as u16,
            tcp_send_buffer: TCP_TX as u32,
            connect_timeout_ms,
        }
    }

    /// Deals out the memory.
    pub(crate) fn split(&'static mut self, iface: Interface, config: &Config) -> Parts {
        self.iface.clear();
        // There is room for one.
        let _ = self.iface.push(iface);
        let [iface] = &mut self.iface[..] else {
            unreachable!("it was empty and has room for one")
        };
        while self.sockets.push(SocketStorage::EMPTY).is_ok() {}
        let mut sockets = SocketSet::new(&mut self.sockets[..]);
        for (rx, tx) in self.tcp_rx.0.iter_mut().zip(&mut self.tcp_tx.0) {
            let mut socket = tcp::Socket::new(
                tcp::SocketBuffer::new(&mut rx[..]),
                tcp::SocketBuffer::new(&mut tx[..]),
            );
            socket.set_ack_delay(None);
            socket.set_nagle_enabled(false);
            // The vector is exactly as long as the arrays of buffers.
            let _ = self.pipes.push(Pipe::new(sockets.add(socket)));
        }
        let metas = self.udp_rx_meta.iter_mut().zip(&mut self.udp_tx_meta);
        for ((rx, tx), (rx_meta, tx_meta)) in
            self.udp_rx.iter_mut().zip(&mut self.udp_tx).zip(metas)
        {
            while rx_meta.push(udp::PacketMetadata::EMPTY).is_ok() {}
            while tx_meta.push(udp::PacketMetadata::EMPTY).is_ok() {}
            let socket = udp::Socket::new(
                udp::PacketBuffer::new(&mut rx_meta[..], &mut rx[..]),
                udp::PacketBuffer::new(&mut tx_meta[..], &mut tx[..]),
            );
            let _ = self.datagrams.push(Datagrams::new(sockets.add(socket)));
        }
        while self.slots.push(Slot::EMPTY).is_ok() {}
        while self.flows.push(None).is_ok() {}
        Parts {
            iface,
            sockets,
            pipes: &mut self.pipes,
            datagrams: &mut self.datagrams,
            slots: &mut self.slots,
            flows: &mut self.flows,
            frame: &mut self.frame,
            limits: Self::limits(config.syn_timeout_ms),
        }
    }
}

const fn min(a: usize, b: usize) -> usize {
    if a < b { a } else { b }
}

impl<
    const TCP: usize,
    const UDP: usize,
    const ALL: usize,
    const TCP_RX: usize,
    const TCP_TX: usize,
    const UDP_RX: usize,
    const UDP_TX: usize,
> Default for StackResources<TCP, UDP, ALL, TCP_RX, TCP_TX, UDP_RX, UDP_TX>
{
    fn default() -> Self {
        Self::new()
    }
}
