//! Ports that were in use before.

use hil_kit::{Ctx, Done, Error, Fails, Matches, Outcome, Protocol, Stop, Tcp, case, option};

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
