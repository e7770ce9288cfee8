//! The peer of a connected UDP socket: all 16 bytes of the address and the port.

use hil_kit::rig::HostAddress;
use hil_kit::{Bytes, Ctx, Done, Error, Fails, Outcome, Size, case};

/// A connected UDP socket receives from its peer only: not from another port, nor from an address that differs in one
/// byte.
#[case(level = Must, cite = ["ipv6.filter.peer", "V6-06"], needs = [Udp, Ipv6, HostIpv6], profile = Quick)]
async fn peer_only(cx: &mut Ctx) -> Outcome {
    let here = cx.at(HostAddress::FirstIpv6);
    let udp = cx.bound_udp().await?;
    let mut peer = here.scripter().await?;
    let other_port = here.scripter().await?;
    let other_address = here.second_scripter().await?;
    udp.connect(peer.address()).await?.expect(Done)?;
    udp.send(b"to you").await?.expect(Size(6))?;
    peer.expect(b"to you").await?;

    other_port.send(&udp, b"other port").await?;
    other_address.send(&udp, b"other address").await?;
    peer.send(&udp, b"from me").await?;

    udp.recv_from(64)
        .await?
        .expect(Bytes(b"from me"))?
        .expect_from(peer.address())?;
    udp.set_blocking(false).await?;
    udp.recv(64).await?.expect(Fails(Error::WOULD_BLOCK))?;
    Ok(())
}

/// Nor from a host that only the runner plays, whose address differs in its first or middle bytes.
#[case(level = Must, cite = ["ipv6.filter.all-bytes", "V6-06"], needs = [Udp, Ipv6, HostIpv6, Cable], profile = Quick)]
async fn every_byte_counts(cx: &mut Ctx) -> Outcome {
    let peer = cx.at(HostAddress::FirstIpv6).scripter().await?;
    let udp = cx.bound_udp().await?;
    let ghost = cx.ghost_v6().await?;
    ghost.warm().await?;
    udp.connect(peer.address()).await?.expect(Done)?;
    let hil_kit::IpAddress::V6(right) = peer.address().ip else {
        return Err(hil_kit::Stop::Skip("the host has no IPv6 address".into()));
    };

    for byte in [1, 7, 8, 12, 15] {
        let mut wrong = right;
        wrong[byte] ^= 1;
        let from = core::net::Ipv6Addr::from(wrong);
        let datagram = ghost.udp(peer.address().port, udp.port(), *b"almost");
        ghost.send(datagram.src_ip(from));
    }
    peer.send(&udp, b"from me").await?;

    udp.recv_from(64)
        .await?
        .expect(Bytes(b"from me"))?
        .expect_from(peer.address())?;
    udp.set_blocking(false).await?;
    udp.recv(64).await?.expect(Fails(Error::WOULD_BLOCK))?;
    Ok(())
}
