//! The peer of a UDP socket: where send goes, and whose datagrams come through.

use hil_kit::{Bytes, Ctx, Done, Error, Fails, Outcome, SocketAddress, case};

/// A connected UDP socket lets datagrams of its peer through, and none from another port of the same host.
///
/// The control: before the connect both get through.
#[case(level = Must, cite = ["udp.connect.filter", "UDP-01"], needs = [Udp], profile = Quick)]
async fn filters_by_port(cx: &mut Ctx) -> Outcome {
    let udp = cx.bound_udp().await?;
    let peer = cx.scripter().await?;
    let stranger = cx.scripter().await?;
    stranger.send(&udp, b"before").await?;
    udp.recv_from(64)
        .await?
        .expect(Bytes(b"before"))?
        .expect_from(stranger.address())?;

    udp.connect(peer.address()).await?.expect(Done)?;
    stranger.send(&udp, b"from a stranger").await?;
    peer.send(&udp, b"from the peer").await?;

    udp.recv_from(64)
        .await?
        .expect(Bytes(b"from the peer"))?
        .expect_from(peer.address())?;
    udp.set_blocking(false).await?;
    udp.recv(64).await?.expect(Fails(Error::WOULD_BLOCK))?;
    Ok(())
}

/// A connected UDP socket lets no datagrams from another host through.
///
/// The control: before the connect both get through.
#[case(level = Must, cite = ["udp.connect.filter", "UDP-01"], needs = [Udp, SecondHostAddress], profile = Quick)]
async fn filters_by_address(cx: &mut Ctx) -> Outcome {
    let udp = cx.bound_udp().await?;
    let peer = cx.scripter().await?;
    let stranger = cx.second_scripter().await?;
    stranger.send(&udp, b"before").await?;
    udp.recv_from(64)
        .await?
        .expect(Bytes(b"before"))?
        .expect_from(stranger.address())?;

    udp.connect(peer.address()).await?.expect(Done)?;
    stranger.send(&udp, b"from a stranger").await?;
    peer.send(&udp, b"from the peer").await?;

    udp.recv_from(64)
        .await?
        .expect(Bytes(b"from the peer"))?
        .expect_from(peer.address())?;
    udp.set_blocking(false).await?;
    udp.recv(64).await?.expect(Fails(Error::WOULD_BLOCK))?;
    Ok(())
}

/// Connecting a UDP socket to no address releases it: everybody's datagrams come through, send has no
/// address.
#[case(level = Must, cite = ["udp.connect.release", "UDP-02"], needs = [Udp], profile = Quick)]
async fn release(cx: &mut Ctx) -> Outcome {
    let udp = cx.bound_udp().await?;
    let mut peer = cx.scripter().await?;
    let other = cx.scripter().await?;
    udp.connect(peer.address()).await?.expect(Done)?;
    udp.send_all(b"while connected").await?;
    peer.expect(b"while connected").await?;

    udp.connect(SocketAddress::default()).await?.expect(Done)?;

    other.send(&udp, b"from anybody").await?;
    udp.recv_from(64)
        .await?
        .expect(Bytes(b"from anybody"))?
        .expect_from(other.address())?;
    udp.send(b"x").await?.expect(Fails(Error::NO_ADDRESS))?;
    Ok(())
}

/// A UDP socket has the peer that it was connected to last: send goes there, and the peer's name says so.
#[case(level = Must, cite = ["udp.connect.peer", "CON-17"], needs = [Udp], profile = Quick)]
async fn last_peer(cx: &mut Ctx) -> Outcome {
    let udp = cx.bound_udp().await?;
    let first = cx.scripter().await?;
    let mut last = cx.scripter().await?;
    udp.peer_name().await?.expect(Fails(Error::NO_CONNECTION))?;

    udp.connect(first.address()).await?.expect(Done)?;
    udp.connect(last.address()).await?.expect(Done)?;

    udp.send_all(b"to the last").await?;
    last.expect(b"to the last").await?;
    udp.peer_name()
        .await?
        .expect(Done)?
        .expect_from(last.address())?;
    Ok(())
}
