//! A stub resolver of the port's own: the host's would ask servers that no tester sees.
//!
//! Choices: [`TRIES`] queries, [`APART`] apart, to the servers of the list in turn; no cache. The list is what was
//! added, newest first, [`SERVERS`] at most; without any the gateway is asked. Must not: block.

use std::cell::RefCell;
use std::task::Poll;
use std::time::Duration;

use nsapi::dns::{PollDns, Version};
use nsapi::{Call, Error, IpAddress, Result, SocketAddress};

use crate::Posix;
use crate::lookup::Lookup;

/// Queries per lookup.
const TRIES: usize = 3;
/// From a query to the next (RFC 1035 §7.2: no less than a second).
const APART: Duration = Duration::from_secs(1);
/// Servers that are kept.
const SERVERS: usize = 5;
/// Where servers listen (RFC 1035 §4.2.1).
const PORT: u16 = 53;

/// The resolver over a stack.
#[derive(Debug)]
pub struct Resolver {
    posix: &'static Posix,
    now_us: fn() -> u64,
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    lookups: Vec<Lookup>,
    servers: Vec<SocketAddress>,
    last_key: u32,
}

impl Resolver {
    /// A resolver whose sockets are watched by `posix`; `now_us` is the clock that waits of calls are measured with,
    /// in microseconds.
    #[must_use]
    pub fn new(posix: &'static Posix, now_us: fn() -> u64) -> Self {
        Self {
            posix,
            now_us,
            state: RefCell::default(),
        }
    }

    /// Number `n` of the servers, which are asked in turn.
    fn server(&self, state: &State, n: usize) -> Result<SocketAddress> {
        let nth = n.checked_rem(state.servers.len());
        if let Some(server) = nth.and_then(|n| state.servers.get(n)) {
            return Ok(*server);
        }
        let gateway = self.posix.host.gateway().ok_or(Error::DNS_FAILURE)?;
        Ok(SocketAddress::new(IpAddress::V4(gateway.octets()), PORT))
    }

    /// Goes on with the lookup of `call`.
    fn go_on(&self, call: &mut Call) -> Poll<Result<SocketAddress>> {
        let now_us = (self.now_us)();
        let mut state = self.state.borrow_mut();
        let mut keys = state.lookups.iter().map(|it| it.key);
        let Some(at) = keys.position(|key| key == call.events_seen) else {
            return Poll::Ready(Err(Error::DNS_FAILURE));
        };
        let mut lookup = state.lookups.swap_remove(at);
        if let Some(result) = lookup.answer() {
            return Poll::Ready(result);
        }
        if call.wake_at_us().is_none_or(|due| due <= now_us) {
            if lookup.tries == TRIES {
                return Poll::Ready(Err(Error::DNS_FAILURE));
            }
            let server = self.server(&state, lookup.tries)?;
            // A query that cannot be sent is a try like any other.
            let _ = lookup.ask(server, &self.posix.host, &self.posix.epoll);
            call.waiting = true;
            call.wait_began_us = now_us;
            call.timeout_ms = i32::try_from(APART.as_millis()).unwrap_or(i32::MAX);
        }
        state.lookups.push(lookup);
        Poll::Pending
    }
}

impl PollDns for Resolver {
    fn poll_gethostbyname(
        &self,
        call: &mut Call,
        host: &str,
        version: Version,
    ) -> Poll<Result<SocketAddress>> {
        if !call.begun {
            let mut literal = SocketAddress::default();
            if literal.set_ip_address(host) {
                let wanted = match (literal.ip, version) {
                    (_, Version::Unspec) => true,
                    (ip, Version::Ipv4) => matches!(ip, IpAddress::V4(_)),
                    (ip, Version::Ipv6) => matches!(ip, IpAddress::V6(_)),
                };
                return Poll::Ready(if wanted {
                    Ok(literal)
                } else {
                    Err(Error::DNS_FAILURE)
                });
            }
            let mut state = self.state.borrow_mut();
            let key = state.last_key.wrapping_add(1);
            let lookup = Lookup::new(key, host, version)?;
            state.last_key = key;
            state.lookups.push(lookup);
            drop(state);
            call.begun = true;
            call.events_seen = key;
        }
        self.go_on(call)
    }

    fn cancel(&self, call: &mut Call) {
        if call.begun {
            let mut state = self.state.borrow_mut();
            state.lookups.retain(|it| it.key != call.events_seen);
        }
    }

    fn add_dns_server(&self, server: &SocketAddress) -> Result<()> {
        let server = SocketAddress::new(server.ip, PORT);
        match server.ip {
            IpAddress::Unspec | IpAddress::V4([0, 0, 0, 0]) => return Err(Error::NO_ADDRESS),
            IpAddress::V6(ip) if ip == [0; 16] => return Err(Error::NO_ADDRESS),
            IpAddress::V6(_) if !self.posix.host.is_dual() => return Err(Error::PARAMETER),
            IpAddress::V4(_) | IpAddress::V6(_) => {}
        }
        let servers = &mut self.state.borrow_mut().servers;
        servers.insert(0, server);
        servers.truncate(SERVERS);
        Ok(())
    }
}
