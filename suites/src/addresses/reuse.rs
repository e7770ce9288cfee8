//! Ports that were in use before.

use hil_kit::{
    Bytes, Ctx, Done, Error, Fails, FailsSomehow, Matches, Outcome, Protocol, Stop, Tcp, case,
    option,
};

/// A UDP port is free again once its socket is closed.
///
/// Before that it is taken, and afterwards it is taken by the next socket.
#[case(level = Must, cite = ["addresses.reuse.after-close", "ADR-04"], needs = [Udp], profile = Quick)]
async fn udp_after_close(cx: &mut Ctx) -> Outcome {
    let (first, second, third) = (cx.udp().await?, cx.udp().await?, cx.udp().await?);
    let port = cx.free_port(Protocol::Udp)?;
    first.bind_port(port).await?.expect(Done)?;
    second
        .bind_port(port)
        .await?
        .expect(Fails(Error::PARAMETER))?;

    first.close().await?.expect(Done)?;

    second.bind_port(port).await?.expect(Done)?;
    third
        .bind_port(port)
        .await?
        .expect(Fails(Error::PARAMETER))?;
    Ok(())
}

/// A TCP port is free again once its socket, which never was connected, is closed.
#[case(level = Must, cite = ["addresses.reuse.after-close", "ADR-04"], needs = [Tcp], profile = Quick)]
async fn tcp_after_close(cx: &mut Ctx) -> Outcome {
    let (first, second, third) = (cx.tcp().await?, cx.tcp().await?, cx.tcp().await?);
    let port = cx.free_port(Protocol::Tcp)?;
    first.bind_port(port).await?.expect(Done)?;
    second
        .bind_port(port)
        .await?
        .expect(Fails(Error::PARAMETER))?;

    first.close().await?.expect(Done)?;

    second.bind_port(port).await?.expect(Done)?;
    third
        .bind_port(port)
        .await?
        .expect(Fails(Error::PARAMETER))?;
    Ok(())
}

/// A server as it is before it restarts: it has served one connection and closed that first, then its listener.
async fn serve_and_stop(cx: &Ctx, server: &Tcp, port: u16) -> Result<(), Stop> {
    server.bind_port(port).await?.expect(Done)?;
    serve(cx, server, port, b"goodbye").await?;
    server.close().await?.expect(Done)?;
    Ok(())
}

/// Listens, sends one client `words`, and closes the connection first.
async fn serve(cx: &Ctx, server: &Tcp, port: u16, words: &[u8]) -> Result<(), Stop> {
    server.listen(1).await?.expect(Done)?;
    let mut client = cx.client_to_port(port).await?;
    let (child, _) = server.accept().await?.connection()?;
    child.send_all(words).await?;
    child.delete().await?;
    client.expect_bytes(words).await?;
    client.expect_eof().await?;
    client.close().await
}

/// A server that closed its connection first may find its port taken for a while when it starts again.
///
/// A port that keeps connections in TIME_WAIT says PARAMETER, as the reference of the contract and the host's
/// kernel do; one that forgets them says OK, and then the server has to work.
#[case(level = Must, cite = ["addresses.reuse.time-wait", "ADR-05"], needs = [Tcp, Server], profile = Quick)]
async fn restart(cx: &mut Ctx) -> Outcome {
    let (first, again) = (cx.tcp().await?, cx.tcp().await?);
    let port = cx.free_port(Protocol::Tcp)?;
    serve_and_stop(cx, &first, port).await?;

    let allowed = Done
        .or(
            Fails(Error::PARAMETER),
            "contract §6.1: the port is in TIME_WAIT",
        )
        .or(
            Fails(Error::ADDRESS_IN_USE),
            "ADR-05: the name of the code says it too",
        );
    let answer = again.bind_port(port).await?.expect(allowed)?;

    if answer.code() == 0 {
        serve(cx, &again, port, b"back again").await?;
    }
    Ok(())
}

/// A server that sets REUSEADDR every time it starts gets its port back at once, and works there.
#[case(level = Must, cite = ["addresses.reuse.reuseaddr", "ADR-05"], needs = [Tcp, Server, Option(option::REUSEADDR)], profile = Quick)]
async fn restart_with_reuseaddr(cx: &mut Ctx) -> Outcome {
    let (first, again) = (cx.tcp().await?, cx.tcp().await?);
    let port = cx.free_port(Protocol::Tcp)?;
    let (level, name, on) = (option::LEVEL_SOCKET, option::REUSEADDR, 1i32.to_le_bytes());
    first.set_option(level, name, &on).await?.expect(Done)?;
    serve_and_stop(cx, &first, port).await?;

    again.set_option(level, name, &on).await?.expect(Done)?;
    again.bind_port(port).await?.expect(Done)?;

    serve(cx, &again, port, b"back again").await
}

/// Two UDP sockets that both set REUSEADDR may share a port; then one of them receives what is sent there.
#[case(level = Must, cite = ["addresses.reuse.shared-udp", "ADR-06"], needs = [Udp, Option(option::REUSEADDR)], profile = Quick)]
async fn two_udp_sockets(cx: &mut Ctx) -> Outcome {
    let (one, two) = (cx.udp().await?, cx.udp().await?);
    let peer = cx.scripter().await?;
    let port = cx.free_port(Protocol::Udp)?;
    let (level, name, on) = (option::LEVEL_SOCKET, option::REUSEADDR, 1i32.to_le_bytes());
    one.set_option(level, name, &on).await?.expect(Done)?;
    two.set_option(level, name, &on).await?.expect(Done)?;

    one.bind_port(port).await?.expect(Done)?;
    let second = two.bind_port(port).await?.expect(
        Done.or(Fails(Error::PARAMETER), "ADR-06: not with every stack")
            .or(Fails(Error::UNSUPPORTED), "ADR-06: not with every stack"),
    )?;

    peer.send_to_port(port, b"for one of us").await?;
    if second.code() != 0 {
        one.recv_from(16).await?.expect(Bytes(b"for one of us"))?;
        return Ok(());
    }
    one.set_timeout(100).await?;
    two.set_timeout(100).await?;
    for socket in [&two, &one].into_iter().cycle().take(20) {
        let answer = socket.recv_from(16).await?;
        if !answer.failed_with(Error::WOULD_BLOCK) {
            answer.expect(Bytes(b"for one of us"))?;
            return Ok(());
        }
    }
    cx.require(false, "datagram", "the datagram at one of them", "none")
}

/// Two listeners cannot share a port, REUSEADDR or not; the first one works on.
#[case(
    level = Must,
    cite = ["addresses.reuse.listeners", "ADR-07"],
    needs = [Tcp, Server, Option(option::REUSEADDR)],
    profile = Quick
)]
async fn two_listeners(cx: &mut Ctx) -> Outcome {
    let (one, two) = (cx.tcp().await?, cx.tcp().await?);
    let port = cx.free_port(Protocol::Tcp)?;
    let (level, name, on) = (option::LEVEL_SOCKET, option::REUSEADDR, 1i32.to_le_bytes());
    one.set_option(level, name, &on).await?.expect(Done)?;
    two.set_option(level, name, &on).await?.expect(Done)?;
    one.bind_port(port).await?.expect(Done)?;
    one.listen(1).await?.expect(Done)?;

    let bound = two.bind_port(port).await?.expect(Done.or(
        FailsSomehow,
        "ADR-07: the bind may be refused, or the listen",
    ))?;
    if bound.code() == 0 {
        two.listen(1).await?.expect(FailsSomehow)?;
    }

    let mut client = cx.client_to_port(port).await?;
    let (child, _) = one.accept().await?.connection()?;
    child.send_all(b"welcome").await?;
    client.expect_bytes(b"welcome").await
}
