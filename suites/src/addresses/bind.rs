//! Binding to ports: any, one, one that is taken.

use hil_kit::{Bytes, Ctx, Done, Error, Fails, Outcome, Protocol, Size, case};

/// A TCP socket that is bound to a port is reached at that port.
#[case(level = Must, cite = ["addresses.bind.port", "TCPSOCKET_BIND_PORT"], needs = [Tcp, Server], profile = Quick)]
async fn tcp_port(cx: &mut Ctx) -> Outcome {
    let tcp = cx.tcp().await?;
    let port = cx.free_port(Protocol::Tcp)?;

    tcp.bind_port(port).await?.expect(Done)?;

    tcp.listen(1).await?.expect(Done)?;
    let mut client = cx.client_to_port(port).await?;
    let (child, _) = tcp.accept().await?.connection()?;
    child.send_all(b"here").await?;
    client.expect_bytes(b"here").await
}

/// A UDP socket that is bound to a port receives what is sent to that port.
#[case(level = Must, cite = ["addresses.bind.port", "UDPSOCKET_BIND_PORT"], needs = [Udp], profile = Quick)]
async fn udp_port(cx: &mut Ctx) -> Outcome {
    let udp = cx.udp().await?;
    let peer = cx.scripter().await?;
    let port = cx.free_port(Protocol::Udp)?;

    udp.bind_port(port).await?.expect(Done)?;

    peer.send_to_port(port, b"here").await?;
    udp.recv_from(16).await?.expect(Bytes(b"here"))?;
    Ok(())
}

/// Binding to port 0 lets the stack choose: datagrams leave from some port, and replies to it arrive.
#[case(level = Must, cite = ["addresses.bind.port-zero", "ADR-01", "UDPSOCKET_BIND_ADDRESS_NULL"], needs = [Udp], profile = Quick)]
async fn udp_port_zero(cx: &mut Ctx) -> Outcome {
    let udp = cx.udp().await?;
    let mut peer = cx.scripter().await?;

    udp.bind_port(0).await?.expect(Done)?;

    udp.send_to(peer.address(), b"from where?")
        .await?
        .expect(Size(11))?;
    let source = peer.expect(b"from where?").await?;
    cx.require(
        source.port() != 0,
        "source-port",
        "a port other than 0",
        source.to_string(),
    )?;
    peer.reply(b"from there").await?;
    udp.recv_from(16)
        .await?
        .expect(Bytes(b"from there"))?
        .expect_from(peer.address())?;
    Ok(())
}

/// A TCP socket bound to port 0 connects from a port that the stack has chosen.
#[case(level = Must, cite = ["addresses.bind.port-zero", "ADR-01"], needs = [Tcp], profile = Quick)]
async fn tcp_port_zero(cx: &mut Ctx) -> Outcome {
    let listener = cx.peer().await?;
    let tcp = cx.tcp().await?;

    tcp.bind_port(0).await?.expect(Done)?;

    tcp.connect(listener.address()).await?.expect(Done)?;
    let mut peer = listener.accept().await?;
    tcp.send_all(b"hello").await?;
    peer.expect_bytes(b"hello").await?;
    Ok(())
}

/// Binding a bound TCP socket again answers PARAMETER, and the first port stays taken.
#[case(level = Must, cite = ["addresses.bind.twice", "ADR-02"], needs = [Tcp], profile = Quick)]
async fn tcp_twice(cx: &mut Ctx) -> Outcome {
    let tcp = cx.tcp().await?;
    let another = cx.tcp().await?;
    let first = cx.free_port(Protocol::Tcp)?;
    let second = cx.free_port(Protocol::Tcp)?;

    tcp.bind_port(first).await?.expect(Done)?;
    tcp.bind_port(second)
        .await?
        .expect(Fails(Error::PARAMETER))?;

    another
        .bind_port(first)
        .await?
        .expect(Fails(Error::PARAMETER))?;
    Ok(())
}

/// Binding a bound UDP socket again answers PARAMETER, and the first port stays taken.
#[case(level = Must, cite = ["addresses.bind.twice", "ADR-02"], needs = [Udp], profile = Quick)]
async fn udp_twice(cx: &mut Ctx) -> Outcome {
    let udp = cx.udp().await?;
    let another = cx.udp().await?;
    let first = cx.free_port(Protocol::Udp)?;
    let second = cx.free_port(Protocol::Udp)?;

    udp.bind_port(first).await?.expect(Done)?;
    udp.bind_port(second)
        .await?
        .expect(Fails(Error::PARAMETER))?;

    another
        .bind_port(first)
        .await?
        .expect(Fails(Error::PARAMETER))?;
    Ok(())
}

/// A TCP port that is taken answers PARAMETER, not ADDRESS_IN_USE (D-10).
#[case(level = Must, cite = ["addresses.bind.clash", "ADR-08", "TCPSOCKET_BIND_PORT_FAIL"], needs = [Tcp], profile = Quick)]
async fn tcp_clash(cx: &mut Ctx) -> Outcome {
    let first = cx.tcp().await?;
    let second = cx.tcp().await?;
    let port = cx.free_port(Protocol::Tcp)?;

    first.bind_port(port).await?.expect(Done)?;
    second
        .bind_port(port)
        .await?
        .expect(Fails(Error::PARAMETER))?;
    Ok(())
}

/// A UDP port that is taken answers PARAMETER, not ADDRESS_IN_USE (D-10).
#[case(level = Must, cite = ["addresses.bind.clash", "ADR-08", "UDPSOCKET_BIND_PORT_FAIL"], needs = [Udp], profile = Quick)]
async fn udp_clash(cx: &mut Ctx) -> Outcome {
    let first = cx.udp().await?;
    let second = cx.udp().await?;
    let port = cx.free_port(Protocol::Udp)?;

    first.bind_port(port).await?.expect(Done)?;
    second
        .bind_port(port)
        .await?
        .expect(Fails(Error::PARAMETER))?;
    Ok(())
}

/// TCP and UDP have port numbers of their own: one socket of each may have the same.
///
/// The effect: then both numbers are taken.
#[case(level = Must, cite = ["addresses.bind.same-port", "ADR-03"], needs = [Tcp, Udp], profile = Quick)]
async fn same_port_tcp_and_udp(cx: &mut Ctx) -> Outcome {
    let (tcp, udp) = (cx.tcp().await?, cx.udp().await?);
    let (late_tcp, late_udp) = (cx.tcp().await?, cx.udp().await?);
    let port = cx.free_port(Protocol::Tcp)?;

    tcp.bind_port(port).await?.expect(Done)?;
    udp.bind_port(port).await?.expect(Done)?;

    late_tcp
        .bind_port(port)
        .await?
        .expect(Fails(Error::PARAMETER))?;
    late_udp
        .bind_port(port)
        .await?
        .expect(Fails(Error::PARAMETER))?;
    Ok(())
}
