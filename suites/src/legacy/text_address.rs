//! Operations that take an address as text and a port.

use hil_kit::{Bytes, Ctx, Done, Error, Fails, Outcome, Protocol, Size, case};

/// A name that never resolves (RFC 2606).
const NOBODY: &str = "nobody.invalid";

/// A UDP socket bound to the board's own address as text receives there.
#[case(level = Must, cite = ["legacy.text.bind"], needs = [Udp, Legacy], profile = Quick)]
async fn bind(cx: &mut Ctx) -> Outcome {
    let udp = cx.udp().await?;
    let peer = cx.scripter().await?;
    let own = cx.iut_address().await?.ip.to_string();
    let port = cx.free_port(Protocol::Udp)?;

    udp.legacy_bind(&own, port).await?.expect(Done)?;

    peer.send_to_port(port, b"by its text").await?;
    udp.recv_from(16).await?.expect(Bytes(b"by its text"))?;
    Ok(())
}

/// A TCP socket connected to an address as text is connected to that address.
#[case(level = Must, cite = ["legacy.text.connect"], needs = [Tcp, Legacy], profile = Quick)]
async fn connect(cx: &mut Ctx) -> Outcome {
    let listener = cx.peer().await?;
    let tcp = cx.tcp().await?;
    let host = listener.address().ip.to_string();

    tcp.legacy_connect(&host, listener.address().port)
        .await?
        .expect(Done)?;

    let mut peer = listener.accept().await?;
    tcp.send_all(b"question").await?;
    peer.expect_bytes(b"question").await?;
    peer.send(b"answer").await?;
    tcp.recv_all(b"answer").await?;
    tcp.peer_name()
        .await?
        .expect(Done)?
        .expect_from(listener.address())?;
    Ok(())
}

/// A datagram sent to an address as text arrives there.
#[case(level = Must, cite = ["legacy.text.sendto"], needs = [Udp, Legacy], profile = Quick)]
async fn sendto(cx: &mut Ctx) -> Outcome {
    let udp = cx.udp().await?;
    let mut peer = cx.scripter().await?;
    let host = peer.address().ip.to_string();

    udp.legacy_send_to(&host, peer.address().port, b"by its text")
        .await?
        .expect(Size(11))?;

    peer.expect(b"by its text").await?;
    peer.reply(b"heard").await?;
    udp.recv_from(16).await?.expect(Bytes(b"heard"))?;
    Ok(())
}

/// A text that is no address is refused: PARAMETER to bind, DNS_FAILURE where a host is looked for.
#[case(level = Must, cite = ["legacy.text.invalid"], needs = [Tcp, Udp, Legacy], profile = Quick)]
async fn invalid(cx: &mut Ctx) -> Outcome {
    let (tcp, udp) = (cx.tcp().await?, cx.udp().await?);
    let port = cx.free_port(Protocol::Udp)?;

    udp.legacy_bind("256.0.0.1", port)
        .await?
        .expect(Fails(Error::PARAMETER))?;
    udp.legacy_send_to(NOBODY, port, b"x")
        .await?
        .expect(Fails(Error::DNS_FAILURE))?;
    tcp.legacy_connect(NOBODY, port)
        .await?
        .expect(Fails(Error::DNS_FAILURE))?;
    Ok(())
}
