//! The cable: what happens when it is pulled and put back, and patience with a silent DHCP server.
//!
//! While it is out the addresses are only kept: connections last, but nothing is sent, and nobody is told an
//! address. Back in, it may lead to another network: everything is asked for and told again.

use nsapi::interface::Status;
use smoltcp::phy::Device;
use smoltcp::socket::dhcpv4;
use smoltcp::time::Duration;
use smoltcp::wire::IpCidr;

use crate::arp;
use crate::core::Core;
use crate::interface::Attempt;

/// The longest time between questions for an address, in milliseconds (RFC 2131 §4.1).
const LONGEST_RETRY_MS: u64 = 64_000;
/// How long to wait for the confirmation of an offer.
const REQUEST_RETRY: Duration = Duration::from_millis(1_000);

impl Core {
    /// Takes note of whether the cable carries.
    pub(crate) fn set_link<D: Device>(&mut self, device: &mut D, up: bool) {
        if self.net.link == up {
            return;
        }
        self.net.link = up;
        if self.net.status() == Status::Disconnected {
            return;
        }
        if up {
            self.renew_all(device);
        } else if self.net.status() == Status::GlobalUp {
            self.net.attempt = Attempt::Over;
            self.net.set_status(Status::Connecting);
        }
    }

    /// Begins anew with the addresses there are.
    fn renew_all<D: Device>(&mut self, device: &mut D) {
        self.renew_interface(device);
        let kept = self.net.current;
        let own = self.net.routers.link_local();
        self.iface.update_ip_addrs(|list| {
            // The list is empty and has room for both.
            let _ = own.map(|own| list.push(IpCidr::Ipv6(own)));
            let _ = kept.map(|kept| list.push(IpCidr::Ipv4(kept.cidr)));
        });
        self.net.routers.ask_again(self.now_us);
        self.tend_routers();
        self.begin_attempt();
        self.restart_client();
        self.join_again();
    }

    /// Says what smoltcp does not say by itself.
    pub(crate) fn speak<D: Device>(&mut self, device: &mut D) {
        let now = self.instant();
        let device = &mut self.guard.over(device);
        if let Some(own) = self.net.address() {
            let ip = own.cidr.address();
            if self.net.announce {
                self.net.announce = !arp::announce(device, now, self.mac, ip);
            }
            if self.net.ask_gateway
                && let Some(gateway) = own.gateway
            {
                self.net.ask_gateway = !arp::ask(device, now, self.mac, ip, gateway);
            }
        }
        self.net.routers.ask(device, now, self.now_us, self.mac);
    }

    /// Follows what smoltcp has sent. Whether it has got more to say.
    pub(crate) fn end_egress(&mut self) -> bool {
        self.pace_client();
        // Not before smoltcp has taken leave of old memberships.
        let join = core::mem::take(&mut self.net.join_groups);
        if join {
            self.join_again();
        }
        join
    }

    /// Lets the DHCP client begin with a question.
    pub(crate) fn restart_client(&mut self) {
        let Some(client) = self.net.client else {
            return;
        };
        let client = self.sockets.get_mut::<dhcpv4::Socket<'static>>(client);
        client.reset();
        self.searches = 0;
        self.pace_client();
    }

    /// Sets how long the DHCP client waits after its next question.
    pub(crate) fn pace_client(&mut self) {
        let Some(client) = self.net.client else {
            return;
        };
        let doubled = u64::from(self.config.dhcp_retry_ms) << self.searches.min(16);
        let wait_ms = doubled.min(LONGEST_RETRY_MS);
        let client = self.sockets.get_mut::<dhcpv4::Socket<'static>>(client);
        let mut retry = client.get_retry_config();
        retry.discover_timeout = Duration::from_millis(wait_ms);
        retry.initial_request_timeout = REQUEST_RETRY;
        client.set_retry_config(retry);
    }
}
