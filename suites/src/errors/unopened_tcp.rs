//! Operations on a TCP socket object that was never opened.

use hil_kit::{Ctx, Error, Fails, Outcome, Protocol, case, option};

/// Closing a TCP socket that was never opened answers NO_SOCKET.
#[case(level = Must, cite = ["errors.unopened.no-socket", "LIF-01"], needs = [Tcp], profile = Quick)]
async fn close(cx: &mut Ctx) -> Outcome {
    let socket = cx.unopened_tcp().await?;

    socket.close().await?.expect(Fails(Error::NO_SOCKET))?;
    Ok(())
}

/// Binding an unopened TCP socket answers NO_SOCKET, and so does listening on it.
#[case(level = Must, cite = ["errors.unopened.no-socket", "LIF-01", "TCPSOCKET_BIND_UNOPENED"], needs = [Tcp], profile = Quick)]
async fn bind_and_listen(cx: &mut Ctx) -> Outcome {
    let socket = cx.unopened_tcp().await?;
    let port = cx.free_port(Protocol::Tcp)?;

    socket
        .bind_port(port)
        .await?
        .expect(Fails(Error::NO_SOCKET))?;
    socket.listen(1).await?.expect(Fails(Error::NO_SOCKET))?;
    Ok(())
}

/// Accepting on an unopened TCP socket answers NO_SOCKET and makes no socket.
#[case(level = Must, cite = ["errors.unopened.no-socket", "LIF-01", "SRV-06"], needs = [Tcp, Server], profile = Quick)]
async fn accept(cx: &mut Ctx) -> Outcome {
    let socket = cx.unopened_tcp().await?;

    socket.accept().await?.expect(Fails(Error::NO_SOCKET))?;
    Ok(())
}

/// Connecting an unopened TCP socket answers NO_SOCKET without a packet.
#[case(level = Must, cite = ["errors.unopened.no-socket", "LIF-01", "CON-09"], needs = [Tcp], profile = Quick)]
async fn connect(cx: &mut Ctx) -> Outcome {
    let socket = cx.unopened_tcp().await?;
    let nobody = cx.closed_port()?;

    socket
        .connect(nobody.address())
        .await?
        .expect(Fails(Error::NO_SOCKET))?;
    Ok(())
}

/// Sending and receiving on an unopened TCP socket answer NO_SOCKET, in both spellings of each.
#[case(level = Must, cite = ["errors.unopened.no-socket", "LIF-01"], needs = [Tcp], profile = Quick)]
async fn data(cx: &mut Ctx) -> Outcome {
    let socket = cx.unopened_tcp().await?;
    let nobody = cx.closed_port()?;

    socket.send(b"x").await?.expect(Fails(Error::NO_SOCKET))?;
    socket.recv(1).await?.expect(Fails(Error::NO_SOCKET))?;
    socket
        .send_to(nobody.address(), b"x")
        .await?
        .expect(Fails(Error::NO_SOCKET))?;
    socket.recv_from(1).await?.expect(Fails(Error::NO_SOCKET))?;
    Ok(())
}

/// Options and the peer's name of an unopened TCP socket answer NO_SOCKET.
#[case(level = Must, cite = ["errors.unopened.no-socket", "LIF-01", "OPT-17"], needs = [Tcp], profile = Quick)]
async fn options_and_peer(cx: &mut Ctx) -> Outcome {
    let socket = cx.unopened_tcp().await?;
    let (level, name) = (option::LEVEL_SOCKET, option::KEEPALIVE);

    socket
        .set_option(level, name, &1i32.to_le_bytes())
        .await?
        .expect(Fails(Error::NO_SOCKET))?;
    socket
        .get_option(level, name, 4)
        .await?
        .expect(Fails(Error::NO_SOCKET))?;
    socket.peer_name().await?.expect(Fails(Error::NO_SOCKET))?;
    Ok(())
}
