//! Lan `nic`: the board hangs on an interface of this machine that others may use as well.
//!
//! Fixtures bind to the interface's own addresses; there is no cable to bend or to listen on. An interface that
//! is the runner's alone is a [`super::Wire`] instead, whose other end it is.
//!
//! Must not: change anything about the interface.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::io;

use hil_kit::rig::{BoxFuture, HostAddress, LanProperties, SocketFactory};
use nsapi::Protocol;

use super::ports::OwnPorts;
use super::wire::interface;

/// An interface with addresses.
#[derive(Debug)]
pub struct NicLan {
    index: u32,
    ipv4: Vec<Ipv4Addr>,
    ipv6: Vec<Ipv6Addr>,
    link_local: Option<Ipv6Addr>,
    ports: OwnPorts,
}

impl NicLan {
    /// The interface called `name`.
    ///
    /// # Errors
    /// There is none, or it has no IPv4 address; the text says which.
    pub fn find(name: &str) -> io::Result<Self> {
        let index = interface::number(name)?;
        let mut found = Self {
            index,
            ipv4: Vec::new(),
            ipv6: Vec::new(),
            link_local: None,
            ports: OwnPorts::default(),
        };
        for address in interface::addresses(index)? {
            match address {
                IpAddr::V4(address) => found.ipv4.push(address),
                IpAddr::V6(address) if address.is_unicast_link_local() => {
                    found.link_local = Some(address);
                }
                IpAddr::V6(address) => found.ipv6.push(address),
            }
        }
        if found.ipv4.is_empty() {
            return Err(io::Error::other(format!(
                "the interface {name} has no IPv4 address: give it one, or say exclusive = true if only the \
                 board is behind it"
            )));
        }
        Ok(found)
    }
}

impl SocketFactory for NicLan {
    fn name(&self) -> &str {
        "nic"
    }

    fn properties(&self) -> LanProperties {
        LanProperties {
            second_host_address: self.ipv4.len() > 1,
            honest_tcp: true,
            // A full listener of the kernel; see lan `loopback`.
            black_hole: true,
            source_ports: true,
            shared_ports: false,
            host_ipv6: self.ipv6.len() > 1 && self.link_local.is_some(),
            cable: false,
            no_peers: false,
            why_no_cable: "nic not exclusive",
        }
    }

    fn bind_address(&self, which: HostAddress) -> SocketAddr {
        // What is not there is not claimed above, and no case asks for it.
        let nth = |n: usize| self.ipv4.get(n).copied().unwrap_or(Ipv4Addr::UNSPECIFIED);
        let nth_ipv6 = |n: usize| self.ipv6.get(n).copied().unwrap_or(Ipv6Addr::UNSPECIFIED);
        match which {
            HostAddress::First => (nth(0), 0).into(),
            HostAddress::Second => (nth(1), 0).into(),
            HostAddress::FirstIpv6 => (nth_ipv6(0), 0).into(),
            HostAddress::SecondIpv6 => (nth_ipv6(1), 0).into(),
            HostAddress::LinkLocal => {
                let own = self.link_local.unwrap_or(Ipv6Addr::UNSPECIFIED);
                SocketAddrV6::new(own, 0, 0, self.index).into()
            }
        }
    }

    fn seen_by_iut(&self, host: SocketAddr) -> SocketAddr {
        SocketAddr::new(host.ip(), host.port())
    }

    fn reach(&self, _protocol: Protocol, iut: SocketAddr) -> BoxFuture<'_, io::Result<SocketAddr>> {
        let reached = match iut.ip() {
            IpAddr::V6(ip) if ip.is_unicast_link_local() => {
                Ok(SocketAddrV6::new(ip, iut.port(), 0, self.index).into())
            }
            ip if ip.is_unspecified() => Err(io::Error::other("the IUT has no address of its own")),
            _ => Ok(iut),
        };
        Box::pin(core::future::ready(reached))
    }

    fn free_iut_port(&self, _protocol: Protocol) -> io::Result<u16> {
        Ok(self.ports.next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_an_interface_with_an_address() {
        let nic = NicLan::find("lo").expect("it is there");
        let first = nic.bind_address(HostAddress::First);
        assert_eq!(first, (Ipv4Addr::LOCALHOST, 0).into());
        assert!(!nic.properties().cable);
        let error = NicLan::find("no-such-nic").expect_err("it is not there");
        assert!(error.to_string().contains("no-such-nic"), "{error}");
    }
}
