//! Becoming a listener.

use hil_kit::{Ctx, Done, Error, Fails, Matches as _, Outcome, Stop, Tcp, case};

/// Listen on a socket that is not open is NO_SOCKET, before it was opened and after it was closed.
#[case(level = Must, cite = ["server.listen.unopened", "SRV-10"], needs = [Tcp, Server], profile = Quick)]
async fn unopened(cx: &mut Ctx) -> Outcome {
    let socket = cx.unopened_tcp().await?;

    socket.listen(1).await?.expect(Fails(Error::NO_SOCKET))?;
    socket.open().await?.expect(Done)?;
    socket.close().await?.expect(Done)?;
    socket.listen(1).await?.expect(Fails(Error::NO_SOCKET))?;
    Ok(())
}

/// Listening on an unbound socket is refused, or the stack chooses a port; then it really listens.
#[case(level = Must, cite = ["server.listen.unbound", "SRV-11"], needs = [Tcp, Server], profile = Quick)]
async fn unbound(cx: &mut Ctx) -> Outcome {
    let socket = cx.tcp().await?;

    let answer = socket.listen(1).await?.expect(
        Fails(Error::PARAMETER)
            .or(Done, "SRV-11: POSIX chooses a port")
            .or(Fails(Error::UNSUPPORTED), "SRV-11: a stack may not choose"),
    )?;

    socket.set_blocking(false).await?;
    if answer.code() == 0 {
        socket.accept().await?.expect(Fails(Error::WOULD_BLOCK))?;
        return Ok(());
    }
    // It is as it was: it can be bound, and then listen.
    let port = cx.free_port(hil_kit::Protocol::Tcp)?;
    socket.bind_port(port).await?.expect(Done)?;
    socket.listen(1).await?.expect(Done)?;
    socket.accept().await?.expect(Fails(Error::WOULD_BLOCK))?;
    Ok(())
}

/// Listening on a listener changes its backlog or is refused; the listener goes on.
#[case(level = Must, cite = ["server.listen.again", "SRV-12"], needs = [Tcp, Server], profile = Quick)]
async fn twice(cx: &mut Ctx) -> Outcome {
    let listener = cx.listener(1).await?;

    listener
        .listen(2)
        .await?
        .expect(Done.or(Fails(Error::PARAMETER), "SRV-12: the backlog is given once"))?;

    let mut client = cx.client(&listener).await?;
    let (child, _) = listener.accept().await?.connection()?;
    child.send_all(b"welcome").await?;
    client.expect_bytes(b"welcome").await
}

/// Listening on a connected socket is refused and does the connection no harm.
#[case(level = Must, cite = ["server.listen.connected", "SRV-13"], needs = [Tcp, Server], profile = Quick)]
async fn on_a_connection(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = cx.connected().await?;

    tcp.listen(1).await?.expect(Fails(Error::PARAMETER).or(
        Fails(Error::IS_CONNECTED),
        "SRV-13: what is the matter is that it is connected",
    ))?;

    tcp.send_all(b"still here").await?;
    peer.expect_bytes(b"still here").await
}

/// Connecting a listener is refused, and it goes on listening.
#[case(level = Must, cite = ["server.listen.connect", "SRV-29"], needs = [Tcp, Server], profile = Quick)]
async fn then_connect(cx: &mut Ctx) -> Outcome {
    let somebody = cx.peer().await?;
    let listener = cx.listener(1).await?;

    listener.connect(somebody.address()).await?.expect(
        Fails(Error::IS_CONNECTED)
            .or(Fails(Error::PARAMETER), "SRV-29: it has another role")
            .or(
                Fails(Error::UNSUPPORTED),
                "SRV-29: listeners have no connect",
            ),
    )?;

    let mut client = cx.client(&listener).await?;
    let (child, _) = listener.accept().await?.connection()?;
    child.send_all(b"welcome").await?;
    client.expect_bytes(b"welcome").await
}

/// Accepting on a socket that does not listen is refused, bound or not.
#[case(
    level = Must,
    cite = ["server.accept.not-listening", "SRV-07", "SRV-08"],
    needs = [Tcp, Server, Destructive],
    profile = Quick
)]
async fn not_at_all(cx: &mut Ctx) -> Outcome {
    let open = cx.tcp().await?;
    let bound = cx.tcp().await?;
    let port = cx.free_port(hil_kit::Protocol::Tcp)?;
    bound.bind_port(port).await?.expect(Done)?;

    for socket in [&open, &bound] {
        refuses_to_accept(socket).await?;
    }
    Ok(())
}

async fn refuses_to_accept(socket: &Tcp) -> Result<(), Stop> {
    socket.accept().await?.expect(Fails(Error::PARAMETER).or(
        Fails(Error::UNSUPPORTED),
        "SRV-07: a stack may say that it cannot",
    ))?;
    Ok(())
}

/// Refused accepts cost nothing: afterwards as many sockets can be opened as before.
#[case(
    level = Must,
    cite = ["server.accept.not-listening", "SRV-09"],
    needs = [Tcp, Server, Destructive],
    profile = Quick,
    tags = ["exclusive"]
)]
async fn refused_accepts_leak_nothing(cx: &mut Ctx) -> Outcome {
    let before = crate::exhaust::count_tcp(cx).await?;
    let socket = cx.tcp().await?;

    for _ in 0..3 {
        refuses_to_accept(&socket).await?;
    }

    socket.delete().await?.expect(Done)?;
    let after = crate::exhaust::count_tcp(cx).await?;
    cx.require(
        after == before,
        "leak",
        format!("{before} TCP sockets as before"),
        after.to_string(),
    )
}
