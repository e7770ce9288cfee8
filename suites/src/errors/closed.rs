//! Operations on a socket object after it was closed: as if it had never been opened.

use hil_kit::{Ctx, Done, Error, Fails, Outcome, Protocol, case, option};

/// After close, a TCP socket answers every operation as an unopened one: NO_SOCKET.
#[case(level = Must, cite = ["errors.closed.as-unopened", "LIF-02"], needs = [Tcp], profile = Quick)]
async fn tcp(cx: &mut Ctx) -> Outcome {
    let socket = cx.tcp().await?;
    let nobody = cx.closed_port()?;
    let tcp_port = cx.free_port(Protocol::Tcp)?;
    let (level, name) = (option::LEVEL_SOCKET, option::KEEPALIVE);

    socket.close().await?.expect(Done)?;

    let no_socket = Fails(Error::NO_SOCKET);
    socket.bind_port(tcp_port).await?.expect(no_socket)?;
    socket.listen(1).await?.expect(no_socket)?;
    socket.connect(nobody.address()).await?.expect(no_socket)?;
    socket.send(b"x").await?.expect(no_socket)?;
    socket.recv(1).await?.expect(no_socket)?;
    socket.get_option(level, name, 4).await?.expect(no_socket)?;
    socket.peer_name().await?.expect(no_socket)?;
    Ok(())
}

/// After close, a UDP socket answers every operation as an unopened one.
#[case(level = Must, cite = ["errors.closed.as-unopened", "LIF-02"], needs = [Udp], profile = Quick)]
async fn udp(cx: &mut Ctx) -> Outcome {
    let socket = cx.udp().await?;
    let somebody = cx.scripter().await?;
    let udp_port = cx.free_port(Protocol::Udp)?;
    let (level, name) = (option::LEVEL_SOCKET, option::REUSEADDR);

    socket.close().await?.expect(Done)?;

    let no_socket = Fails(Error::NO_SOCKET);
    socket.bind_port(udp_port).await?.expect(no_socket)?;
    socket
        .send_to(somebody.address(), b"x")
        .await?
        .expect(no_socket)?;
    socket.recv_from(1).await?.expect(no_socket)?;
    socket.get_option(level, name, 4).await?.expect(no_socket)?;
    socket.peer_name().await?.expect(no_socket)?;
    socket.send(b"x").await?.expect(Fails(Error::NO_ADDRESS))?;
    Ok(())
}

/// Closing twice answers OK, then NO_SOCKET.
#[case(level = Must, cite = ["errors.closed.close-twice", "LIF-03"], needs = [Tcp, Udp], profile = Quick)]
async fn close_twice(cx: &mut Ctx) -> Outcome {
    let tcp = cx.tcp().await?;
    let udp = cx.udp().await?;

    tcp.close().await?.expect(Done)?;
    udp.close().await?.expect(Done)?;

    tcp.close().await?.expect(Fails(Error::NO_SOCKET))?;
    udp.close().await?.expect(Fails(Error::NO_SOCKET))?;
    Ok(())
}
