//! The DHCP client and refusals: NAK by the server, and an address that somebody else has.

use core::net::Ipv4Addr;
use core::time::Duration;

use hil_kit::wire::Node;
use hil_kit::wire::service::{Answer, DhcpKind};
use hil_kit::{Ctx, Done, Outcome, Status, Trouble, case};

use super::dhcp::{
    ANEW, SOON, answer, comes_up_with, discovering, down, flip, reaches_the_host, set,
};

/// When its REQUEST is refused by NAK the client begins anew, and gets an address.
#[case(level = Must, cite = ["packet.dhcp.nak", "DHC-W-08"], needs = [Interface, Tcp, Cable], profile = Full, tags = ["exclusive"])]
async fn refused(cx: &mut Ctx) -> Outcome {
    let dhcp = cx.dhcp()?;
    let interface = cx.interface();
    down(cx).await?;
    dhcp.next(DhcpKind::Request, Answer::Nak);
    interface.set_blocking(false).await?.expect(Done)?;
    interface.connect().await?.expect(Done)?;

    dhcp.expect(DhcpKind::Request, SOON).await?;
    dhcp.expect(DhcpKind::Discover, ANEW).await?;

    comes_up_with(cx, dhcp.standard_lease().address).await?;
    reaches_the_host(cx).await
}

/// A NAK of another transaction is ignored.
#[case(level = Must, cite = ["packet.dhcp.foreign-nak", "DHC-W-08"], needs = [Interface, Tcp, Cable], profile = Quick, tags = ["exclusive"])]
async fn nak_of_another_transaction(cx: &mut Ctx) -> Outcome {
    foreign_nak(cx, |nak, _| flip(nak, 4..8)).await
}

/// A NAK of another server than the one that was chosen is ignored.
#[case(level = Must, cite = ["packet.dhcp.foreign-nak", "DHC-W-08"], needs = [Interface, Tcp, Cable], profile = Quick, tags = ["exclusive"])]
async fn nak_of_another_server(cx: &mut Ctx) -> Outcome {
    foreign_nak(cx, |nak, server| {
        let other = Ipv4Addr::new(192, 0, 2, 250).octets();
        let own = server.octets();
        let places = nak
            .windows(6)
            .position(|it| it == [&[54, 4], &own[..]].concat());
        for (at, byte) in places.into_iter().flat_map(|at| at + 2..).zip(other) {
            set(nak, at, byte);
        }
    })
    .await
}

/// The client gets a NAK that `spoil` makes somebody else's, then its ACK: it goes up without beginning anew.
async fn foreign_nak(cx: &Ctx, spoil: fn(&mut [u8], Ipv4Addr)) -> Outcome {
    let dhcp = cx.dhcp()?;
    let lease = dhcp.standard_lease();
    let discover = discovering(cx, &dhcp).await?;
    answer(&dhcp, &lease, &discover);
    let request = dhcp.expect(DhcpKind::Request, SOON).await?;
    let mut nak = dhcp
        .compose(&Answer::Nak, &request)
        .pop()
        .unwrap_or_default();
    let right = nak.clone();
    spoil(&mut nak, lease.server);
    if nak == right {
        return Err(Trouble::CaseBug("the NAK is the right one".into()).into());
    }

    dhcp.send(Node::broadcast(Ipv4Addr::BROADCAST), nak);
    answer(&dhcp, &lease, &request);

    comes_up_with(cx, lease.address).await?;
    reaches_the_host(cx).await?;
    let discovers = dhcp
        .seen()
        .iter()
        .filter(|it| it.kind == DhcpKind::Discover)
        .count();
    cx.require(
        discovers == 1,
        "anew",
        "one DISCOVER",
        discovers.to_string(),
    )
}

/// Noted: what the client does about an offered address that somebody else has (RFC 2131 §3.1: it should ask first, and
/// then must decline).
///
/// The control: with an address that is free it goes up, before and afterwards.
#[case(level = Must, cite = ["packet.dhcp.conflict", "DHC-W-15"], needs = [Interface, Tcp, Cable], profile = Full, tags = ["exclusive"])]
async fn taken_address(cx: &mut Ctx) -> Outcome {
    let interface = cx.interface();
    let dhcp = cx.dhcp()?;
    let owner = cx.ghost().await?;
    let taken = dhcp.standard_lease().of(owner.ipv4());
    interface.set_blocking(false).await?.expect(Done)?;
    down(cx).await?;
    dhcp.lease(taken);
    interface.connect().await?.expect(Done)?;
    dhcp.expect(DhcpKind::Request, SOON).await?;

    let declined = dhcp
        .expect(DhcpKind::Decline, Duration::from_secs(3))
        .await
        .is_ok();
    let status = interface.wait(&[Status::GlobalUp], Duration::ZERO).await?;
    let up = status.code() == Status::GlobalUp as i32;
    let word = match (declined, up) {
        (true, _) => "is declined",
        (false, true) => "is used",
        (false, false) => "is not used",
    };

    dhcp.lease(dhcp.standard_lease());
    down(cx).await?;
    interface.set_blocking(true).await?.expect(Done)?;
    interface.connect().await?.expect(Done)?;
    comes_up_with(cx, dhcp.standard_lease().address).await?;
    reaches_the_host(cx).await?;
    cx.positive_control();
    cx.note("dhcp.taken-address", word);
    Ok(())
}
