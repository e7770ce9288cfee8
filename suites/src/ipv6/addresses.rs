//! The board's own addresses.

use hil_kit::rig::HostAddress;
use hil_kit::{
    Bytes, Ctx, Done, Error, Fails, IpAddress, Matches as _, Outcome, Protocol, SocketAddress,
    Stop, case, text,
};

/// An address of the documentation range (RFC 3849): no board has it.
const FOREIGN: IpAddress = IpAddress::V6([
    0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x77,
]);

/// Binds a new UDP socket to this address and a free port.
async fn bind(cx: &Ctx, ip: IpAddress) -> Result<(hil_kit::Udp, u16, hil_kit::Answered), Stop> {
    let udp = cx.udp().await?;
    let port = cx.free_port(Protocol::Udp)?;
    let answer = udp.bind(SocketAddress::new(ip, port)).await?;
    Ok((udp, port, answer))
}

/// A socket can be bound to the board's global address and receives there; an address that the board does not have is
/// PARAMETER.
#[case(level = Must, cite = ["ipv6.addresses.bind", "V6-08"], needs = [Udp, Ipv6, HostIpv6], profile = Quick)]
async fn bind_own_and_foreign(cx: &mut Ctx) -> Outcome {
    let here = cx.at(HostAddress::FirstIpv6);
    let own = here.iut_address_here().await?;

    let (udp, port, answer) = bind(cx, own.ip).await?;
    answer.expect(Done)?;
    let peer = here.scripter().await?;
    peer.send_to_port(port, b"to your own").await?;
    udp.recv_from(64)
        .await?
        .expect(Bytes(b"to your own"))?
        .expect_from(peer.address())?;

    let (_, _, answer) = bind(cx, FOREIGN).await?;
    answer.expect(Fails(Error::PARAMETER))?;
    Ok(())
}

/// Binding to the own link-local address works, and the socket receives there, or is PARAMETER: the API has no zone.
#[case(level = Must, cite = ["ipv6.addresses.bind-link-local", "V6-08"], needs = [Udp, Ipv6, HostIpv6], profile = Quick)]
async fn bind_link_local(cx: &mut Ctx) -> Outcome {
    let here = cx.at(HostAddress::LinkLocal);
    let own = here.iut_address_here().await?;

    let (udp, port, answer) = bind(cx, own.ip).await?;
    let answer = answer.expect(Done.or(
        Fails(Error::PARAMETER),
        "V6-08: without a zone the address is not known",
    ))?;
    let peer = here.scripter().await?;
    if answer.code() == 0 {
        peer.send_to_port(port, b"near").await?;
        udp.recv_from(64).await?.expect(Bytes(b"near"))?;
        return Ok(());
    }
    // A socket of no particular address receives what comes there.
    let udp = cx.bound_udp().await?;
    peer.send(&udp, b"near").await?;
    udp.recv_from(64).await?.expect(Bytes(b"near"))?;
    Ok(())
}

/// The interface tells its link-local address, the one that it answers for, or says UNSUPPORTED.
#[case(level = Must, cite = ["ipv6.addresses.link-local", "V6-09"], needs = [Udp, Ipv6, Interface, HostIpv6], profile = Quick)]
async fn link_local_getter(cx: &mut Ctx) -> Outcome {
    let here = cx.at(HostAddress::LinkLocal);
    let answers = here.iut_address_here().await?;

    let told = cx.interface().link_local().await?;
    if told.code() < 0 {
        told.expect(Fails(Error::UNSUPPORTED))?;
    } else {
        let told = told.address().unwrap_or_default();
        let link_local = matches!(told.ip, IpAddress::V6([0xfe, 0x80..=0xbf, ..]));
        let right = link_local && told.ip == answers.ip;
        let expected = text::address(answers);
        cx.require(right, "link-local", expected, text::address(told))?;
    }

    let udp = cx.bound_udp().await?;
    let peer = here.scripter().await?;
    peer.send(&udp, b"near").await?;
    udp.recv_from(64).await?.expect(Bytes(b"near"))?;
    Ok(())
}
