//! The process that a network namespace lives by: it makes the namespace, the cable in it, and every socket that
//! is asked for; the namespace ends with it.
//!
//! It is this program again, started with [`ARGUMENT`]; one thread, because a user namespace can only be
//! entered by a process that has no more. It ends when the runner closes its socket, however the runner ends.
//!
//! Must not: outlive the runner, or touch anything outside of its namespace.
#![expect(unsafe_code, reason = "leaving the namespaces of the parent")]

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::ExitCode;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{Signal, set_parent_process_death_signal};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use socket2::{Domain, Protocol, Socket, Type};

use super::message::{Addresses, Reply, Request, receive, send};
use super::netlink::{LinkState, Netlink};
use crate::lan::wire::packet;

/// The first argument of a runner that is to be a keeper. Its standard input is the socket to the runner.
pub(super) const ARGUMENT: &str = "--keep-a-namespace";

/// The end of the cable that is the kernel's.
const KERNEL_END: &str = "hil0";
/// The end that frames are taken from and put on.
const FAR_END: &str = "hil1";
/// The interface that every namespace has; it is down in a new one.
const LOOPBACK: u32 = 1;

/// Switches below /proc/sys/net. What cannot be written is left as it is: the cable works without.
const SWITCHES: [(&str, &str); 15] = [
    // Ordinary services on their ordinary ports.
    ("ipv4/ip_unprivileged_port_start", "0"),
    ("ipv4/ping_group_range", "0 2147483647"),
    // The kernel answers whatever it is asked, as often as it is asked.
    ("ipv4/icmp_ratelimit", "0"),
    ("ipv4/icmp_msgs_per_sec", "1000000"),
    ("ipv4/icmp_msgs_burst", "1000000"),
    ("ipv6/icmp/ratelimit", "0"),
    // No state of an earlier connection shapes the next one.
    ("ipv4/tcp_no_metrics_save", "1"),
    // The kernel is a host among hosts: it neither looks for routers nor believes them.
    ("ipv6/conf/hil0/disable_ipv6", "0"),
    ("ipv6/conf/hil0/accept_dad", "0"),
    ("ipv6/conf/hil0/accept_ra", "0"),
    ("ipv6/conf/hil0/router_solicitations", "0"),
    // The far end is a plug, not a host.
    ("ipv6/conf/hil1/disable_ipv6", "1"),
    ("ipv6/conf/hil1/accept_ra", "0"),
    ("ipv4/conf/hil1/arp_ignore", "8"),
    // Frames for the board wait for it as they would in the queue of a card.
    ("unix/max_dgram_qlen", "2048"),
];

/// What could not be done.
struct Trouble {
    doing: String,
    error: io::Error,
}

/// Puts to an error what was tried.
fn doing(what: impl Into<String>) -> impl FnOnce(io::Error) -> Trouble {
    let doing = what.into();
    move |error| Trouble { doing, error }
}

/// Serves the runner until it goes.
pub(super) fn serve() -> ExitCode {
    let runner = io::stdin();
    // Besides the end of the socket; a parent that is gone already has closed that.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    let mut kept: Option<Kept> = None;
    while let Ok(Some((request, _))) = receive::<Request>(&runner) {
        let (reply, descriptors) = match answer(request, &mut kept) {
            Ok(answer) => answer,
            Err(Trouble { doing, error }) => {
                let errno = error.raw_os_error().unwrap_or(libc::EIO);
                (Reply::Failed { doing, errno }, Vec::new())
            }
        };
        let borrowed: Vec<BorrowedFd<'_>> = descriptors.iter().map(AsFd::as_fd).collect();
        if send(&runner, &reply, &borrowed).is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// What a made namespace is kept by.
struct Kept {
    netlink: Netlink,
    index: u32,
}

fn answer(request: Request, kept: &mut Option<Kept>) -> Result<(Reply, Vec<OwnedFd>), Trouble> {
    match request {
        Request::Make(addresses) => {
            let own_users = leave()?;
            // Leaving the user namespace has disarmed it.
            let _ = set_parent_process_death_signal(Some(Signal::KILL));
            let (made, index, far, ipv6) = furnish(&addresses)?;
            let mut descriptors: Vec<OwnedFd> = vec![far.into()];
            descriptors.push(name_space("net")?);
            if own_users {
                descriptors.push(name_space("user")?);
            }
            *kept = Some(Kept {
                netlink: made,
                index,
            });
            Ok((Reply::Made { index, ipv6 }, descriptors))
        }
        Request::Socket {
            domain,
            kind,
            protocol,
        } => {
            let protocol = (protocol != 0).then(|| Protocol::from(protocol));
            let socket = Socket::new(Domain::from(domain), Type::from(kind), protocol)
                .map_err(doing("making a socket"))?;
            Ok((Reply::Done, vec![socket.into()]))
        }
        Request::Pair => {
            let (one, other) = socketpair(
                AddressFamily::UNIX,
                SocketType::DGRAM,
                SocketFlags::CLOEXEC,
                None,
            )
            .map_err(|error| doing("making a pair of sockets")(error.into()))?;
            Ok((Reply::Done, vec![one, other]))
        }
        Request::FlushNeighbours => {
            if let Some(kept) = kept {
                kept.netlink
                    .flush_neighbours(kept.index)
                    .map_err(doing("forgetting neighbours"))?;
            }
            Ok((Reply::Done, Vec::new()))
        }
    }
}

/// Leaves the parent's network for a new one; whether that took a user namespace as well.
fn leave() -> Result<bool, Trouble> {
    let (user, group) = (rustix::process::getuid(), rustix::process::getgid());
    let alone = UnshareFlags::NEWNET;
    let with_users = UnshareFlags::NEWUSER | UnshareFlags::NEWNET;
    // Root needs no user namespace, and may be forbidden to have one; others may have been given the right.
    let ways = if user.is_root() {
        [alone, with_users]
    } else {
        [with_users, alone]
    };
    let mut refused = None;
    for way in ways {
        // SAFETY: nothing here relies on the namespaces that are left, and there is no other thread.
        match unsafe { unshare_unsafe(way) } {
            Ok(()) if way == alone => return Ok(false),
            Ok(()) => {
                let map = |file: &str, text: String| {
                    fs::write(format!("/proc/self/{file}"), text)
                        .map_err(doing(format!("writing /proc/self/{file}")))
                };
                map("setgroups", "deny".into())?;
                map("uid_map", format!("0 {} 1", user.as_raw()))?;
                map("gid_map", format!("0 {} 1", group.as_raw()))?;
                return Ok(true);
            }
            // The first refusal says more: the second way is the unlikely one.
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    let error = refused.map_or_else(|| io::Error::other("no way left"), io::Error::from);
    Err(doing("making a network namespace")(error))
}

fn name_space(kind: &str) -> Result<OwnedFd, Trouble> {
    let path = format!("/proc/self/ns/{kind}");
    File::open(&path)
        .map(OwnedFd::from)
        .map_err(doing(format!("opening {path}")))
}

/// The cable: a kernel's end with its addresses, and the socket of the far end.
fn furnish(addresses: &Addresses) -> Result<(Netlink, u32, Socket, bool), Trouble> {
    let netlink = Netlink::open().map_err(doing("talking to rtnetlink"))?;
    let up = LinkState {
        up: true,
        no_arp: false,
    };
    netlink
        .set_link(LOOPBACK, up)
        .map_err(doing("bringing up the loopback interface"))?;
    netlink
        .add_veth(KERNEL_END, addresses.mac, FAR_END)
        .map_err(doing("making a veth pair"))?;
    let index = number(KERNEL_END)?;
    let far_index = number(FAR_END)?;
    for (switch, value) in SWITCHES {
        let _ = fs::write(format!("/proc/sys/net/{switch}"), value);
    }
    for end in [KERNEL_END, FAR_END] {
        packet::no_offloads(end).map_err(doing(format!("switching off the offloads of {end}")))?;
    }
    // Both fail on a kernel without IPv6, which shows when the addresses are set.
    let _ = netlink.no_automatic_ipv6(index);
    let _ = netlink.no_automatic_ipv6(far_index);
    // Before anything can be sent: no frame is missed.
    let far = packet::open(far_index).map_err(doing("opening a packet socket"))?;
    let plug = LinkState {
        up: true,
        no_arp: true,
    };
    netlink
        .set_link(far_index, plug)
        .and_then(|()| netlink.set_link(index, up))
        .map_err(doing("bringing up the cable"))?;
    for address in &addresses.ipv4 {
        netlink
            .add_address(index, (*address).into(), addresses.ipv4_prefix)
            .map_err(doing(format!("giving the cable the address {address}")))?;
    }
    let everywhere = Ipv4Addr::UNSPECIFIED.into();
    let gateway = addresses.gateway.map(|(ipv4, _)| IpAddr::V4(ipv4));
    netlink
        .add_route(index, everywhere, 0, gateway)
        .map_err(doing("adding a route"))?;
    let ipv6 = add_ipv6(&netlink, index, addresses).is_ok();
    Ok((netlink, index, far, ipv6))
}

fn number(interface: &str) -> Result<u32, Trouble> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).map_err(doing("making a socket"))?;
    rustix::net::netdevice::name_to_index(&socket, interface)
        .map_err(|error| doing(format!("looking up {interface}"))(error.into()))
}

fn add_ipv6(netlink: &Netlink, index: u32, addresses: &Addresses) -> io::Result<()> {
    for address in &addresses.ipv6 {
        netlink.add_address(index, (*address).into(), 64)?;
    }
    let gateway = addresses.gateway.map(|(_, ipv6)| IpAddr::V6(ipv6));
    netlink.add_route(index, Ipv6Addr::UNSPECIFIED.into(), 0, gateway)
}
