//! The interface of the host that the stack speaks over, as the kernel describes it: asked each time, because an
//! address may come (router advertisement) and go while we run.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::net::if_::{InterfaceFlags, if_nametoindex};
use nix::sys::socket::{SockaddrLike as _, SockaddrStorage};
use nsapi::{Error, IpAddress, Result, SocketAddress};

/// Name of the loopback interface.
const LOOPBACK: &str = "lo";
/// Where the kernel lists its IPv4 routes.
const ROUTES: &str = "/proc/net/route";
/// Flag of a route that leads to a gateway.
const TO_GATEWAY: u32 = 2;

/// An interface of the host, with its own IPv4 address: how far the stack reaches.
#[derive(Clone, Debug)]
pub struct Host {
    name: String,
    index: u32,
    own: Ipv4Addr,
    /// It had an IPv6 address at start, so sockets are of both families.
    dual: bool,
}

/// What the kernel says about an interface.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Described {
    pub(crate) netmask: Option<Ipv4Addr>,
    /// A global or unique local address.
    pub(crate) ipv6: Option<Ipv6Addr>,
    pub(crate) link_local: Option<Ipv6Addr>,
    pub(crate) mac: Option<[u8; 6]>,
}

impl Host {
    /// Loopback, IPv4 only.
    #[must_use]
    pub fn loopback() -> Self {
        Self {
            name: LOOPBACK.into(),
            // Without one the kernel chooses, and there multicast is its own affair.
            index: if_nametoindex(LOOPBACK).unwrap_or(0),
            own: Ipv4Addr::LOCALHOST,
            dual: false,
        }
    }

    /// The interface that has this address; for `None` the first one but loopback that is up and has any.
    ///
    /// # Errors
    /// If there is none, or the kernel does not tell.
    pub fn find(address: Option<Ipv4Addr>) -> io::Result<Self> {
        let found = getifaddrs()?.find_map(|it| {
            let own = ipv4(it.address.as_ref()?)?;
            let fits = match address {
                Some(address) => own == address,
                None => it.flags.contains(InterfaceFlags::IFF_UP) && !own.is_loopback(),
            };
            fits.then_some((it.interface_name, own))
        });
        let Some((name, own)) = found else {
            let what = match address {
                Some(address) => format!("interface has the address {address}"),
                None => "interface but loopback has an address".into(),
            };
            return Err(io::Error::new(
                io::ErrorKind::AddrNotAvailable,
                format!("no {what}"),
            ));
        };
        let mut host = Self {
            index: if_nametoindex(name.as_str())?,
            name,
            own,
            dual: false,
        };
        let described = host.describe();
        host.dual = !own.is_loopback() && described.ipv6.or(described.link_local).is_some();
        Ok(host)
    }

    /// Loopback with both families, which boards do not use.
    #[cfg(test)]
    pub(crate) fn dual_loopback() -> Self {
        Self {
            dual: true,
            ..Self::loopback()
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The kernel's number of the interface.
    pub(crate) const fn index(&self) -> u32 {
        self.index
    }

    /// Own IPv4 address.
    pub(crate) const fn ipv4(&self) -> Ipv4Addr {
        self.own
    }

    /// Sockets are of both families.
    pub(crate) const fn is_dual(&self) -> bool {
        self.dual
    }

    pub(crate) const fn is_loopback(&self) -> bool {
        self.own.is_loopback()
    }

    /// What the kernel says about the interface now; nothing if it says nothing.
    pub(crate) fn describe(&self) -> Described {
        let mut described = Described::default();
        let all = getifaddrs().into_iter().flatten();
        for it in all.filter(|it| it.interface_name == self.name) {
            let InterfaceAddress {
                address: Some(address),
                netmask,
                ..
            } = it
            else {
                continue;
            };
            if ipv4(&address) == Some(self.own) {
                described.netmask = netmask.as_ref().and_then(ipv4);
            }
            if let Some(v6) = address.as_sockaddr_in6() {
                let place = if v6.ip().is_unicast_link_local() {
                    &mut described.link_local
                } else {
                    &mut described.ipv6
                };
                place.get_or_insert(v6.ip());
            }
            if let Some(mac) = address.as_link_addr().and_then(|link| link.addr()) {
                // Loopback has none.
                described.mac = Some(mac).filter(|mac| *mac != [0; 6]);
            }
        }
        described
    }

    /// Whether this is one of the interface's addresses.
    fn has(&self, ip: Ipv6Addr) -> bool {
        getifaddrs().into_iter().flatten().any(|it| {
            let own = it.address.as_ref().and_then(|it| it.as_sockaddr_in6());
            it.interface_name == self.name && own.is_some_and(|own| own.ip() == ip)
        })
    }

    /// The gateway, if a route leads to one.
    pub(crate) fn gateway(&self) -> Option<Ipv4Addr> {
        default_gateway(&fs::read_to_string(ROUTES).ok()?, &self.name)
    }

    /// Where to bind: an all-zero address of either family counts as unset, then it is any own address.
    /// Everything that is not ours is `PARAMETER` (contract §6.1).
    pub(crate) fn local(&self, address: &SocketAddress) -> Result<SocketAddr> {
        let foreign = Err(Error::PARAMETER);
        let ip = match address.ip {
            IpAddress::Unspec | IpAddress::V4([0, 0, 0, 0]) => return Ok(self.any(address.port)),
            IpAddress::V6(ip) if ip == [0; 16] => return Ok(self.any(address.port)),
            IpAddress::V4(ip) if Ipv4Addr::from(ip) == self.own => IpAddr::from(ip),
            IpAddress::V6(ip) if self.dual => {
                let ip = Ipv6Addr::from(ip);
                if !self.has(ip) {
                    return foreign;
                }
                IpAddr::V6(ip)
            }
            IpAddress::V4(_) | IpAddress::V6(_) => return foreign,
        };
        Ok(self.kernel(ip, address.port))
    }

    /// All own addresses. On loopback that is the one, so that nobody outside can reach us.
    pub(crate) fn any(&self, port: u16) -> SocketAddr {
        match (self.is_loopback(), self.dual) {
            (true, _) => self.kernel(self.own.into(), port),
            (false, true) => (Ipv6Addr::UNSPECIFIED, port).into(),
            (false, false) => (Ipv4Addr::UNSPECIFIED, port).into(),
        }
    }

    /// Whom to talk to: `PARAMETER` for an unset address or port and for a family we lack; `NO_CONNECTION`
    /// where no way leads.
    pub(crate) fn remote(&self, address: &SocketAddress) -> Result<SocketAddr> {
        let ip = match address.ip {
            IpAddress::V4(ip) => IpAddr::from(ip),
            IpAddress::V6(ip) if self.dual => IpAddr::from(ip),
            IpAddress::V6(_) | IpAddress::Unspec => return Err(Error::PARAMETER),
        };
        if ip.is_unspecified() || address.port == 0 {
            return Err(Error::PARAMETER);
        }
        if self.is_loopback() && !ip.is_loopback() {
            return Err(Error::NO_CONNECTION);
        }
        Ok(self.kernel(ip, address.port))
    }

    /// An address as the kernel wants it on a socket of ours: IPv4 is mapped where sockets are of both families,
    /// and what is local to a link is on ours, since the API has no zones.
    fn kernel(&self, ip: IpAddr, port: u16) -> SocketAddr {
        match ip {
            IpAddr::V4(ip) if self.dual => (ip.to_ipv6_mapped(), port).into(),
            IpAddr::V4(ip) => (ip, port).into(),
            IpAddr::V6(ip) => {
                let of_link = ip.is_unicast_link_local() || is_link_multicast(ip);
                let zone = if of_link { self.index } else { 0 };
                SocketAddrV6::new(ip, port, 0, zone).into()
            }
        }
    }
}

/// Multicast whose scope is an interface or a link (RFC 4291 §2.7).
fn is_link_multicast(ip: Ipv6Addr) -> bool {
    let [first, second, ..] = ip.octets();
    first == 0xff && matches!(second & 0xf, 1 | 2)
}

fn ipv4(address: &SockaddrStorage) -> Option<Ipv4Addr> {
    address
        .family()
        .and_then(|_| address.as_sockaddr_in())
        .map(|v4| SocketAddrV4::from(*v4))
        .map(|v4| *v4.ip())
}

/// The gateway of the default route over `interface`, from the kernel's list of routes.
fn default_gateway(routes: &str, interface: &str) -> Option<Ipv4Addr> {
    routes.lines().find_map(|line| {
        let mut fields = line.split_whitespace();
        let [name, destination, gateway, flags] = [(); 4].map(|()| fields.next());
        let flags = u32::from_str_radix(flags?, 16).ok()?;
        let is_default = name? == interface && destination? == "00000000";
        if !is_default || flags & TO_GATEWAY == 0 {
            return None;
        }
        // The bytes of the address as they lie in memory, read as a number.
        let gateway = u32::from_str_radix(gateway?, 16).ok()?;
        Some(Ipv4Addr::from(gateway.to_ne_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_is_found_among_routes() {
        let own = u32::from_ne_bytes([192, 0, 2, 1]);
        let routes = format!(
            "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n\
             veth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\n\
             other\t00000000\t00000001\t0003\t0\t0\t0\t00000000\n\
             veth0\t00000000\t{own:08X}\t0003\t0\t0\t0\t00000000\n"
        );
        let gateway = Some(Ipv4Addr::new(192, 0, 2, 1));
        assert_eq!(default_gateway(&routes, "veth0"), gateway);
        assert_eq!(default_gateway(&routes, "veth1"), None);
        assert_eq!(default_gateway("", "veth0"), None);
    }

    #[test]
    fn loopback_is_found_by_its_address() {
        let host = Host::find(Some(Ipv4Addr::LOCALHOST)).unwrap();
        assert_eq!(host.name(), Host::loopback().name());
        assert_eq!(host.index(), Host::loopback().index());
        assert!(!host.is_dual());
        let described = host.describe();
        assert_eq!(described.netmask, Some(Ipv4Addr::new(255, 0, 0, 0)));
        assert_eq!(described.mac, None);
        assert!(Host::find(Some(Ipv4Addr::new(192, 0, 2, 99))).is_err());
    }

    fn dual() -> Host {
        Host {
            name: "none".into(),
            index: 7,
            own: Ipv4Addr::new(192, 0, 2, 15),
            dual: true,
        }
    }

    fn address(text: &str, port: u16) -> SocketAddress {
        let mut address = SocketAddress::default();
        assert!(address.set_ip_address(text));
        address.port = port;
        address
    }

    #[test]
    fn both_families_go_through_sockets_of_one() {
        let host = dual();
        let remote = |text| host.remote(&address(text, 7)).map(|it| it.to_string());
        assert_eq!(remote("192.0.2.1"), Ok("[::ffff:192.0.2.1]:7".into()));
        assert_eq!(remote("fd68::1"), Ok("[fd68::1]:7".into()));
        assert_eq!(remote("fe80::1"), Ok("[fe80::1%7]:7".into()));
        assert_eq!(remote("ff02::fb"), Ok("[ff02::fb%7]:7".into()));
        assert_eq!(remote("::"), Err(Error::PARAMETER));
        assert_eq!(host.remote(&address("::1", 0)), Err(Error::PARAMETER));
        let local = |text| host.local(&address(text, 7)).map(|it| it.to_string());
        assert_eq!(local("192.0.2.15"), Ok("[::ffff:192.0.2.15]:7".into()));
        assert_eq!(local("0.0.0.0"), Ok("[::]:7".into()));
        assert_eq!(local("fd68::99"), Err(Error::PARAMETER));
    }

    #[test]
    fn one_family_refuses_the_other() {
        let host = Host::loopback();
        assert_eq!(host.remote(&address("::1", 7)), Err(Error::PARAMETER));
        assert_eq!(host.local(&address("::1", 7)), Err(Error::PARAMETER));
        let beyond = host.remote(&address("192.0.2.1", 7));
        assert_eq!(beyond, Err(Error::NO_CONNECTION));
    }
}
