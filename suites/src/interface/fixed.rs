//! Fixed addresses instead of DHCP.

use core::net::Ipv4Addr;

use hil_kit::expect::Peer;
use hil_kit::wire::{WirePlan, from_board};
use hil_kit::{Ctx, Done, Error, Fails, IpAddress, Matches as _, Outcome, SocketAddress, case};

use super::{down, reaches_the_host, up};

/// An address that DHCP does not lease.
const FIXED: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 77);
const MASK: Ipv4Addr = Ipv4Addr::new(255, 255, 255, 0);

const fn ip(address: Ipv4Addr) -> IpAddress {
    IpAddress::V4(address.octets())
}

/// With fixed addresses the interface goes up without asking a DHCP server, tells these addresses, and connections come
/// from there.
#[case(level = Must, cite = ["interface.fixed.used", "NIF-09"], needs = [Interface, Tcp, Cable], profile = Quick, tags = ["exclusive"])]
async fn used(cx: &mut Ctx) -> Outcome {
    let interface = cx.interface();
    let wire = cx.wire()?;
    let gateway = WirePlan::STANDARD.host_ipv4[0];
    down(cx).await?;
    interface
        .set_network(ip(FIXED), ip(MASK), ip(gateway))
        .await?
        .expect(Done)?;
    wire.mark();

    up(cx).await?;

    let told = |address| Peer(SocketAddress::new(ip(address), 0));
    interface.ip_address().await?.expect(told(FIXED))?;
    interface.netmask().await?.expect(told(MASK))?;
    interface.gateway().await?.expect(told(gateway))?;
    reaches_the_host(cx).await?;
    let asked = wire
        .wait_for(from_board().dhcp(), core::time::Duration::ZERO)
        .await;
    let observed = asked.map(|frame| frame.packet().to_string());
    cx.require(
        observed.is_none(),
        "dhcp",
        "no DHCP message",
        observed.unwrap_or_default(),
    )?;
    let opened = wire.frames(&from_board().syn().src_ip(FIXED));
    cx.require(
        !opened.is_empty(),
        "source",
        format!("a SYN from {FIXED}"),
        "none",
    )
}

/// Without an address a fixed configuration answers PARAMETER, when it is set or at connect; with DHCP on again the
/// interface goes up.
#[case(level = Must, cite = ["interface.fixed.checked", "NIF-10"], needs = [Interface, Tcp], profile = Quick, tags = ["exclusive"])]
async fn garbage(cx: &mut Ctx) -> Outcome {
    let interface = cx.interface();
    let nothing = IpAddress::Unspec;
    let zero = IpAddress::V4([0; 4]);

    for (address, mask) in [(nothing, nothing), (zero, ip(MASK))] {
        down(cx).await?;
        let set = interface
            .set_network(address, mask, zero)
            .await?
            .expect(Done.or(
                Fails(Error::PARAMETER),
                "contract §10: the original looks at connect only",
            ))?;
        if set.code() == 0 {
            interface.connect().await?.expect(Fails(Error::PARAMETER))?;
            // In the original it is CONNECTING now, until somebody disconnects it.
            interface.disconnect().await?;
        }

        interface.set_dhcp(true).await?.expect(Done)?;
        up(cx).await?;
    }
    reaches_the_host(cx).await
}

/// Without DHCP and without a fixed address connect answers PARAMETER, or such a configuration is UNSUPPORTED; with DHCP
/// on again the interface goes up.
#[case(level = Must, cite = ["interface.fixed.missing", "NIF-11"], needs = [Interface, Tcp], profile = Quick, tags = ["exclusive"])]
async fn missing(cx: &mut Ctx) -> Outcome {
    let interface = cx.interface();
    let unsupported = Fails(Error::UNSUPPORTED);
    down(cx).await?;

    let off = interface.set_dhcp(false).await?.expect(Done.or(
        unsupported,
        "contract §10: an interface may know nothing but DHCP",
    ))?;
    if off.code() == 0 {
        interface
            .connect()
            .await?
            .expect(Fails(Error::PARAMETER).or(
                unsupported,
                "contract §10: an interface may know nothing but DHCP",
            ))?;
        // In the original it is CONNECTING now, until somebody disconnects it.
        interface.disconnect().await?;
    }

    interface.set_dhcp(true).await?.expect(Done)?;
    up(cx).await?;
    reaches_the_host(cx).await
}
