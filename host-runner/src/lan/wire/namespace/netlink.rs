//! Messages to the kernel's rtnetlink, byte by byte: the dozen that a cable needs.
//!
//! Must not: know which interfaces there are.

use core::net::{IpAddr, Ipv4Addr};
use std::io;

use libc::{
    AF_INET, AF_INET6, AF_UNSPEC, IFA_ADDRESS, IFA_BROADCAST, IFA_F_NODAD, IFA_FLAGS, IFA_LOCAL,
    IFF_NOARP, IFF_UP, IFLA_ADDRESS, IFLA_AF_SPEC, IFLA_IFNAME, IFLA_INFO_DATA, IFLA_INFO_KIND,
    IFLA_LINKINFO, NDA_DST, NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE,
    NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, RT_SCOPE_LINK, RT_SCOPE_UNIVERSE, RT_TABLE_MAIN,
    RTA_DST, RTA_GATEWAY, RTA_OIF, RTM_DELNEIGH, RTM_GETADDR, RTM_GETNEIGH, RTM_NEWADDR,
    RTM_NEWLINK, RTM_NEWROUTE, RTN_UNICAST, RTPROT_STATIC,
};
use socket2::{Domain, Protocol, Socket, Type};

/// `enum { VETH_INFO_UNSPEC, VETH_INFO_PEER }` of linux/veth.h.
const VETH_INFO_PEER: u16 = 1;
/// `IFLA_INET6_ADDR_GEN_MODE` of linux/if_link.h, and its value for "no address by itself".
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
const IN6_ADDR_GEN_MODE_NONE: u8 = 1;
/// Marks an attribute that holds attributes.
const NESTED: u16 = 1 << 15;

const HEADER: usize = 16;
/// `struct ndmsg`.
const NEIGHBOUR: usize = 12;
/// `struct ifaddrmsg`.
const ADDRESS: usize = 8;

/// A connection to the kernel of one namespace.
#[derive(Debug)]
pub(in crate::lan) struct Netlink(Socket);

/// What an interface is set to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LinkState {
    /// Neither asks nor answers for hardware addresses.
    pub(super) no_arp: bool,
    /// Switched on.
    pub(super) up: bool,
}

impl Netlink {
    /// To the namespace of this thread.
    pub(in crate::lan) fn open() -> io::Result<Self> {
        let route = Protocol::from(libc::NETLINK_ROUTE);
        let socket = Socket::new(Domain::from(libc::AF_NETLINK), Type::RAW, Some(route))?;
        Ok(Self(socket))
    }

    /// Makes two interfaces that are the ends of one cable.
    pub(super) fn add_veth(&self, one: &str, mac: [u8; 6], other: &str) -> io::Result<()> {
        let mut message = Message::new(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
        message.put(&interface_head(0, 0, 0));
        message.text(IFLA_IFNAME, one);
        message.attribute(IFLA_ADDRESS, &mac);
        let info = message.begin(IFLA_LINKINFO);
        message.text(IFLA_INFO_KIND, "veth");
        let data = message.begin(IFLA_INFO_DATA);
        let peer = message.begin(VETH_INFO_PEER);
        message.put(&interface_head(0, 0, 0));
        message.text(IFLA_IFNAME, other);
        message.end(peer);
        message.end(data);
        message.end(info);
        self.ask(message)
    }

    /// Switches an interface.
    pub(super) fn set_link(&self, index: u32, state: LinkState) -> io::Result<()> {
        let mut flags = 0;
        let mut change = IFF_UP;
        if state.up {
            flags |= IFF_UP;
        }
        if state.no_arp {
            flags |= IFF_NOARP;
            change |= IFF_NOARP;
        }
        let mut message = Message::new(RTM_NEWLINK, 0);
        message.put(&interface_head(index, flags as u32, change as u32));
        self.ask(message)
    }

    /// Forbids the kernel to give an interface an IPv6 address by itself.
    pub(super) fn no_automatic_ipv6(&self, index: u32) -> io::Result<()> {
        let mut message = Message::new(RTM_NEWLINK, 0);
        message.put(&interface_head(index, 0, 0));
        let families = message.begin(IFLA_AF_SPEC);
        let ipv6 = message.begin(AF_INET6 as u16);
        message.attribute(IFLA_INET6_ADDR_GEN_MODE, &[IN6_ADDR_GEN_MODE_NONE]);
        message.end(ipv6);
        message.end(families);
        self.ask(message)
    }

    /// Gives an interface an address, without asking whether somebody else has it.
    pub(super) fn add_address(&self, index: u32, address: IpAddr, prefix: u8) -> io::Result<()> {
        let (family, scope) = match address {
            IpAddr::V4(_) => (AF_INET, RT_SCOPE_UNIVERSE),
            IpAddr::V6(address) if address.is_unicast_link_local() => (AF_INET6, RT_SCOPE_LINK),
            IpAddr::V6(_) => (AF_INET6, RT_SCOPE_UNIVERSE),
        };
        let mut message = Message::new(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
        message.put(&[family as u8, prefix, 0, scope]);
        message.put(&index.to_ne_bytes());
        let bytes = octets(address);
        message.attribute(IFA_LOCAL, &bytes);
        message.attribute(IFA_ADDRESS, &bytes);
        match address {
            IpAddr::V4(address) => {
                let host_bits = u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
                let broadcast = Ipv4Addr::from_bits(address.to_bits() | host_bits);
                message.attribute(IFA_BROADCAST, &broadcast.octets());
            }
            IpAddr::V6(_) => message.attribute(IFA_FLAGS, &IFA_F_NODAD.to_ne_bytes()),
        }
        self.ask(message)
    }

    /// A route of `prefix` bits (0 for all) over an interface, to a gateway or to whoever is on the cable.
    pub(super) fn add_route(
        &self,
        index: u32,
        to: IpAddr,
        prefix: u8,
        gateway: Option<IpAddr>,
    ) -> io::Result<()> {
        let family = if to.is_ipv4() { AF_INET } else { AF_INET6 };
        let scope = match (gateway, to) {
            (None, IpAddr::V4(_)) => RT_SCOPE_LINK,
            _ => RT_SCOPE_UNIVERSE,
        };
        let mut message = Message::new(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
        message.put(&[
            family as u8,
            prefix,
            0,
            0,
            RT_TABLE_MAIN,
            RTPROT_STATIC,
            scope,
            RTN_UNICAST,
            0,
            0,
            0,
            0,
        ]);
        if prefix > 0 {
            message.attribute(RTA_DST, &octets(to));
        }
        if let Some(gateway) = gateway {
            message.attribute(RTA_GATEWAY, &octets(gateway));
        }
        message.attribute(RTA_OIF, &index.to_ne_bytes());
        self.ask(message)
    }

    /// Forgets all neighbours on an interface.
    pub(super) fn flush_neighbours(&self, index: u32) -> io::Result<()> {
        let mut question = Message::new(RTM_GETNEIGH, NLM_F_DUMP);
        question.put(&[0; NEIGHBOUR]);
        for neighbour in self.dump(question)? {
            let Some((head, attributes)) = neighbour.split_first_chunk::<NEIGHBOUR>() else {
                continue;
            };
            if head[4..8] != index.to_ne_bytes() {
                continue;
            }
            let Some(address) = find(attributes, NDA_DST) else {
                continue;
            };
            let mut message = Message::new(RTM_DELNEIGH, 0);
            message.put(head);
            message.attribute(NDA_DST, address);
            match self.ask(message) {
                // Gone by itself in the meantime.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                done => done?,
            }
        }
        Ok(())
    }

    /// The addresses of an interface.
    pub(in crate::lan) fn addresses(&self, index: u32) -> io::Result<Vec<IpAddr>> {
        let mut question = Message::new(RTM_GETADDR, NLM_F_DUMP);
        question.put(&[0; ADDRESS]);
        let mut found = Vec::new();
        for answer in self.dump(question)? {
            let Some((head, attributes)) = answer.split_first_chunk::<ADDRESS>() else {
                continue;
            };
            if head[4..8] != index.to_ne_bytes() {
                continue;
            }
            // Of a cable between two, the address is the other one's, and the local one is its own.
            let own = find(attributes, IFA_LOCAL).or_else(|| find(attributes, IFA_ADDRESS));
            let Some(own) = own else {
                continue;
            };
            if let Ok(bytes) = <[u8; 4]>::try_from(own) {
                found.push(bytes.into());
            } else if let Ok(bytes) = <[u8; 16]>::try_from(own) {
                found.push(bytes.into());
            }
        }
        Ok(found)
    }

    /// Sends a request and takes the kernel's word on it.
    fn ask(&self, message: Message) -> io::Result<()> {
        self.0.send(&message.finish(NLM_F_ACK))?;
        let mut done = Ok(());
        self.replies(|kind, body| {
            if kind != NLMSG_ERROR as u16 {
                return false;
            }
            done = verdict(body);
            true
        })?;
        done
    }

    /// Sends a question and collects the bodies of the answers.
    fn dump(&self, message: Message) -> io::Result<Vec<Vec<u8>>> {
        self.0.send(&message.finish(0))?;
        let mut found = Vec::new();
        let mut done = Ok(());
        self.replies(|kind, body| {
            match i32::from(kind) {
                NLMSG_DONE => return true,
                NLMSG_ERROR => {
                    done = verdict(body);
                    return true;
                }
                _ => found.push(body.to_vec()),
            }
            false
        })?;
        done.map(|()| found)
    }

    /// Hands over messages until `is_last` says so.
    fn replies(&self, mut is_last: impl FnMut(u16, &[u8]) -> bool) -> io::Result<()> {
        let mut buffer = vec![0; 32 * 1024];
        loop {
            let length = rustix::io::read(&self.0, &mut buffer)?;
            let mut rest = &buffer[..length];
            while let Some(head) = rest.first_chunk::<HEADER>() {
                let size = u32::from_ne_bytes([head[0], head[1], head[2], head[3]]) as usize;
                let kind = u16::from_ne_bytes([head[4], head[5]]);
                let Some(body) = rest.get(HEADER..size) else {
                    return Err(io::Error::other("an answer of the kernel is cut off"));
                };
                if is_last(kind, body) {
                    return Ok(());
                }
                rest = rest.get(size.next_multiple_of(4)..).unwrap_or_default();
            }
        }
    }
}

/// `struct ifinfomsg`.
fn interface_head(index: u32, flags: u32, change: u32) -> [u8; 16] {
    let mut head = [0; 16];
    head[0] = AF_UNSPEC as u8;
    head[4..8].copy_from_slice(&index.to_ne_bytes());
    head[8..12].copy_from_slice(&flags.to_ne_bytes());
    head[12..16].copy_from_slice(&change.to_ne_bytes());
    head
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// `struct nlmsgerr` begins with a negative errno, or 0.
fn verdict(body: &[u8]) -> io::Result<()> {
    match body
        .first_chunk::<4>()
        .map(|bytes| i32::from_ne_bytes(*bytes))
    {
        Some(0) => Ok(()),
        Some(errno) => Err(io::Error::from_raw_os_error(-errno)),
        None => Err(io::Error::other("an answer of the kernel is cut off")),
    }
}

/// The content of the first attribute of a kind.
fn find(mut attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    while let Some(head) = attributes.first_chunk::<4>() {
        let size = usize::from(u16::from_ne_bytes([head[0], head[1]]));
        let kind = u16::from_ne_bytes([head[2], head[3]]);
        let content = attributes.get(4..size)?;
        if kind == wanted {
            return Some(content);
        }
        attributes = attributes.get(size.next_multiple_of(4)..)?;
    }
    None
}

/// A message in the making.
struct Message {
    bytes: Vec<u8>,
    flags: i32,
}

impl Message {
    fn new(kind: u16, flags: i32) -> Self {
        let mut bytes = vec![0; HEADER];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        Self { bytes, flags }
    }

    /// Appends, to the next multiple of four bytes.
    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn attribute(&mut self, kind: u16, content: &[u8]) {
        // Contents are addresses and names: far below 64 KiB.
        let size = (content.len() + 4) as u16;
        self.bytes.extend_from_slice(&size.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.put(content);
    }

    fn text(&mut self, kind: u16, text: &str) {
        let mut content = text.as_bytes().to_vec();
        content.push(0);
        self.attribute(kind, &content);
    }

    /// Begins an attribute that holds attributes; to be ended.
    fn begin(&mut self, kind: u16) -> usize {
        let at = self.bytes.len();
        self.attribute(kind | NESTED, &[]);
        at
    }

    fn end(&mut self, at: usize) {
        let size = (self.bytes.len() - at) as u16;
        self.bytes[at..at + 2].copy_from_slice(&size.to_ne_bytes());
    }

    fn finish(mut self, more: i32) -> Vec<u8> {
        let size = self.bytes.len() as u32;
        self.bytes[0..4].copy_from_slice(&size.to_ne_bytes());
        let flags = (self.flags | NLM_F_REQUEST | more) as u16;
        self.bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_padded_nested_and_found() {
        let mut message = Message::new(RTM_NEWLINK, 0);
        message.put(&[1, 2]);
        let nest = message.begin(7);
        message.text(IFLA_IFNAME, "ab");
        message.attribute(9, &[5; 4]);
        message.end(nest);
        let bytes = message.finish(NLM_F_ACK);
        assert_eq!(bytes.len(), HEADER + 4 + 4 + 8 + 8);
        assert_eq!(bytes[..4], (bytes.len() as u32).to_ne_bytes());
        let inner = find(&bytes[HEADER + 4..], 7 | NESTED).expect("the nest");
        assert_eq!(find(inner, IFLA_IFNAME), Some(&b"ab\0"[..]));
        assert_eq!(find(inner, 9), Some(&[5_u8; 4][..]));
        assert_eq!(find(inner, 10), None);
        assert_eq!(find(&[9, 0, 1, 0], 1), None, "longer than there is");
        assert_eq!(find(&[0, 0, 1, 0], 2), None, "no length at all");
    }

    #[test]
    fn the_loopback_interface_is_there() {
        let netlink = Netlink::open().expect("a connection");
        // Nothing changes: a flush of an interface that does not exist.
        netlink.flush_neighbours(u32::MAX).expect("a dump");
    }
}
