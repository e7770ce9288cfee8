//! The network interface: what it is told, what it has, and who hears of it (contract §10). Going up and down
//! is done in `updown.rs`.

use heapless::{Deque, Vec};
use nsapi::interface::Status;
use nsapi::{Callback, Error, IpAddress, Result, SocketAddress};
use smoltcp::iface::SocketHandle;
use smoltcp::wire::{Ipv4Address, Ipv4Cidr};

use crate::Config;
use crate::address::is_host;
use crate::hostname::HostName;
use crate::routers::Routers;

/// How many listeners can wait for status changes.
const LISTENERS: usize = 8;
/// Changes of the status that may be untold; each poll tells them all.
const NEWS: usize = 8;
/// The interface's own name.
pub(crate) const NAME: &str = "en0";

/// The addresses of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Addresses {
    pub(crate) cidr: Ipv4Cidr,
    pub(crate) gateway: Option<Ipv4Address>,
}

/// How far an attempt to get an address has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// There is none, or it has succeeded.
    Over,
    /// It has until then.
    Until(u64),
    /// It has failed. Nobody stops trying.
    Failed(Error),
}

/// State of the interface.
pub(crate) struct Net {
    status: Status,
    /// The cable carries.
    pub(crate) link: bool,
    /// The addresses in use. While the status is not `GlobalUp` they are only kept for the connections that
    /// have them, in case they come back.
    pub(crate) current: Option<Addresses>,
    pub(crate) attempt: Attempt,
    /// The link-local address and what routers announce.
    pub(crate) routers: Routers,
    /// The network must still be told of the address.
    pub(crate) announce: bool,
    /// The gateway must still be asked for its hardware address.
    pub(crate) ask_gateway: bool,
    /// The groups must still be joined.
    pub(crate) join_groups: bool,
    /// Fixed addresses for the next connect without DHCP.
    pub(crate) fixed: Option<Addresses>,
    pub(crate) dhcp: bool,
    pub(crate) client: Option<SocketHandle>,
    pub(crate) hostname: HostName,
    /// It has been up before: it has a name.
    pub(crate) named: bool,
    listeners: Vec<Callback, LISTENERS>,
    news: Deque<Status, NEWS>,
    /// How many listeners have been told of the oldest news.
    told: usize,
}

impl Net {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            status: Status::Disconnected,
            link: true,
            current: None,
            attempt: Attempt::Over,
            routers: Routers::new(),
            announce: false,
            ask_gateway: false,
            join_groups: false,
            fixed: None,
            dhcp: true,
            client: None,
            hostname: HostName::new(config.hostname).unwrap_or_default(),
            named: false,
            listeners: Vec::new(),
            news: Deque::new(),
            told: 0,
        }
    }

    /// The addresses that may be used and told.
    pub(crate) fn address(&self) -> Option<Addresses> {
        self.current.filter(|_| self.status == Status::GlobalUp)
    }

    pub(crate) const fn status(&self) -> Status {
        self.status
    }

    pub(crate) fn set_status(&mut self, status: Status) {
        self.status = status;
        if self.news.is_full() {
            self.news.pop_front();
            self.told = 0;
        }
        // There is room.
        let _ = self.news.push_back(status);
    }

    /// Whom to tell next, and of which status.
    pub(crate) fn next_news(&mut self) -> Option<(Callback, Status)> {
        loop {
            let status = *self.news.front()?;
            if let Some(listener) = self.listeners.get(self.told) {
                self.told += 1;
                return Some((*listener, status));
            }
            self.told = 0;
            self.news.pop_front();
        }
    }

    pub(crate) fn add_listener(&mut self, listener: Callback) -> Result<()> {
        if self.listeners.contains(&listener) {
            return Ok(());
        }
        self.listeners.push(listener).map_err(|_| Error::NO_MEMORY)
    }

    pub(crate) fn remove_listener(&mut self, listener: Callback) {
        if let Some(index) = self.listeners.iter().position(|known| *known == listener) {
            self.listeners.remove(index);
            if index < self.told {
                self.told -= 1;
            }
        }
    }

    /// Fixed addresses for the next connect. Without good ones there are none: then connect refuses too.
    pub(crate) fn set_fixed(
        &mut self,
        ip: &SocketAddress,
        netmask: &SocketAddress,
        gateway: &SocketAddress,
    ) -> Result<()> {
        self.fixed = addresses(ip, netmask, gateway);
        self.dhcp = false;
        match self.fixed {
            Some(_) => Ok(()),
            None => Err(Error::PARAMETER),
        }
    }
}

fn addresses(
    ip: &SocketAddress,
    netmask: &SocketAddress,
    gateway: &SocketAddress,
) -> Option<Addresses> {
    let (IpAddress::V4(ip), IpAddress::V4(netmask)) = (ip.ip, netmask.ip) else {
        return None;
    };
    let ip = Ipv4Address::from(ip);
    let cidr = Ipv4Cidr::from_netmask(ip, Ipv4Address::from(netmask)).ok()?;
    let gateway = match gateway.ip {
        IpAddress::Unspec | IpAddress::V4([0, 0, 0, 0]) => None,
        IpAddress::V4(bytes) => Some(Ipv4Address::from(bytes)),
        IpAddress::V6(_) => return None,
    };
    let sane = is_host(ip) && !ip.is_loopback() && gateway.is_none_or(is_host);
    sane.then_some(Addresses { cidr, gateway })
}
