//! The addresses that the interface tells.

use core::net::Ipv4Addr;

use hil_kit::expect::Peer;
use hil_kit::wire::WirePlan;
use hil_kit::{
    Answered, Ctx, Done, Error, Expect, Fails, IpAddress, Matches as _, Outcome, SocketAddress,
    case,
};

use super::{down, reaches_the_host, up};

/// While the interface is down it tells no addresses; before and after it tells the same ones.
#[case(level = Must, cite = ["interface.addresses.down", "NIF-04"], needs = [Interface, Tcp], profile = Quick, tags = ["exclusive"])]
async fn while_down(cx: &mut Ctx) -> Outcome {
    let interface = cx.interface();
    let address = interface.ip_address().await?.expect(Done)?;
    let netmask = interface.netmask().await?;
    let gateway = interface.gateway().await?;

    down(cx).await?;

    let none = Fails(Error::NO_CONNECTION).or(
        Fails(Error::NO_ADDRESS),
        "contract §10: the header says so, the original does not",
    );
    interface.ip_address().await?.expect(none.clone())?;
    interface
        .netmask()
        .await?
        .expect(unless_unsupported(&netmask, none.clone()))?;
    interface
        .gateway()
        .await?
        .expect(unless_unsupported(&gateway, none))?;

    up(cx).await?;
    if let Some(address) = address.address() {
        interface.ip_address().await?.expect(Peer(address))?;
    }
    reaches_the_host(cx).await
}

/// An address that the port does not tell while the interface is up it need not tell while it is down.
fn unless_unsupported(while_up: &Answered, none: Expect) -> Expect {
    if while_up.failed_with(Error::UNSUPPORTED) {
        Fails(Error::UNSUPPORTED).into()
    } else {
        none
    }
}

/// Address, network mask and gateway are those of the lease, whatever they are.
#[case(level = Must, cite = ["interface.addresses.lease", "NIF-17"], needs = [Interface, Tcp, Cable], profile = Quick, tags = ["exclusive"])]
async fn of_the_lease(cx: &mut Ctx) -> Outcome {
    let interface = cx.interface();
    let dhcp = cx.dhcp()?;
    let [host, other_host] = WirePlan::STANDARD.host_ipv4;
    let mut lease = dhcp.standard_lease().of(Ipv4Addr::new(192, 0, 2, 33));

    for (prefix, mask, router) in [
        (26, [255, 255, 255, 192], other_host),
        (23, [255, 255, 254, 0], host),
    ] {
        (lease.prefix, lease.routers) = (Some(prefix), vec![router]);
        dhcp.lease(lease.clone());
        down(cx).await?;
        up(cx).await?;

        interface
            .ip_address()
            .await?
            .expect(Peer(ip(lease.address.octets())))?;
        interface.netmask().await?.expect(Peer(ip(mask)))?;
        interface
            .gateway()
            .await?
            .expect(Peer(ip(router.octets())))?;
    }
    reaches_the_host(cx).await
}

const fn ip(octets: [u8; 4]) -> SocketAddress {
    SocketAddress::new(IpAddress::V4(octets), 0)
}
