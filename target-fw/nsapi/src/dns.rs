//! Name resolution as the application sees it (contract §11). The traits only; a resolver of our own is not part
//! of this crate yet, so only a port that brings one ([`PollDns`]) claims [`crate::Capability::Dns`].

use core::task::Poll;

use crate::{Call, Result, SocketAddress};

/// Family a caller wants (contract §2 `nsapi_version`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// Either.
    #[default]
    Unspec,
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

/// Told once per asynchronous lookup: the lookup's id, and the number of records or the error, with the
/// first address.
pub trait DnsListener: Sync {
    /// The lookup `id` has ended. Must be short and must not use the network.
    fn resolved(&self, id: i32, result: Result<(usize, SocketAddress)>);
}

/// A resolver.
pub trait Dns {
    /// Starts a lookup; ends in [`DnsListener::resolved`]. 0 when it ended during the call, else its id.
    fn gethostbyname_async(
        &self,
        host: &str,
        version: Version,
        listener: &'static dyn DnsListener,
    ) -> Result<i32>;

    /// Cancels a lookup; its listener is not called after `OK`. `PARAMETER` for an id that is not running.
    fn gethostbyname_async_cancel(&self, id: i32) -> Result<()>;

    /// Puts a server in front of the list.
    fn add_dns_server(&self, server: &SocketAddress, interface_name: Option<&str>) -> Result<()>;

    /// Server number `index` of the list; `NO_ADDRESS` past its end.
    fn get_dns_server(&self, index: usize, interface_name: Option<&str>) -> Result<SocketAddress>;
}

/// A resolver as a tester drives it: the blocking lookup, poll-style as all of [`crate::Iut`] is.
pub trait PollDns {
    /// `gethostbyname`: the first address of `host`, port 0. `PARAMETER` for no name or more than 255
    /// characters; `DNS_FAILURE` when there is no address of that family or nobody answers (contract §11.2).
    fn poll_gethostbyname(
        &self,
        call: &mut Call,
        host: &str,
        version: Version,
    ) -> Poll<Result<SocketAddress>>;

    /// Gives up a lookup that is still pending.
    fn cancel(&self, call: &mut Call);

    /// Puts a server in front of the list; its port is not looked at. `NO_ADDRESS` for an all-zero address,
    /// `PARAMETER` for a family without support (contract §11.4).
    fn add_dns_server(&self, server: &SocketAddress) -> Result<()>;
}
