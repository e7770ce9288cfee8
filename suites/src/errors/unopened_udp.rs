//! Operations on a UDP socket object that was never opened.

use hil_kit::{Ctx, Done, Error, Fails, Outcome, Protocol, case, option};

/// Closing and binding a UDP socket that was never opened answer NO_SOCKET.
#[case(level = Must, cite = ["errors.unopened.no-socket", "LIF-01", "UDPSOCKET_BIND_UNOPENED"], needs = [Udp], profile = Quick)]
async fn close_and_bind(cx: &mut Ctx) -> Outcome {
    let socket = cx.unopened_udp().await?;
    let port = cx.free_port(Protocol::Udp)?;

    socket.close().await?.expect(Fails(Error::NO_SOCKET))?;
    socket
        .bind_port(port)
        .await?
        .expect(Fails(Error::NO_SOCKET))?;
    Ok(())
}

/// Sending to an address and receiving on an unopened UDP socket answer NO_SOCKET.
#[case(level = Must, cite = ["errors.unopened.no-socket", "LIF-01"], needs = [Udp], profile = Quick)]
async fn data(cx: &mut Ctx) -> Outcome {
    let socket = cx.unopened_udp().await?;
    let somebody = cx.scripter().await?;

    socket
        .send_to(somebody.address(), b"x")
        .await?
        .expect(Fails(Error::NO_SOCKET))?;
    socket.recv(1).await?.expect(Fails(Error::NO_SOCKET))?;
    socket.recv_from(1).await?.expect(Fails(Error::NO_SOCKET))?;
    Ok(())
}

/// Options and the peer's name of an unopened UDP socket answer NO_SOCKET.
#[case(level = Must, cite = ["errors.unopened.no-socket", "LIF-01", "OPT-17"], needs = [Udp], profile = Quick)]
async fn options_and_peer(cx: &mut Ctx) -> Outcome {
    let socket = cx.unopened_udp().await?;
    let (level, name) = (option::LEVEL_SOCKET, option::REUSEADDR);

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

/// A UDP socket without a peer answers a send with NO_ADDRESS, whether it is open or not.
///
/// The peer is looked for before the socket is: unopened, the answer is not NO_SOCKET. Open, it is the same.
#[case(level = Must, cite = ["errors.udp.send-without-peer", "UDP-03", "LIF-01"], needs = [Udp], profile = Quick)]
async fn send_without_peer(cx: &mut Ctx) -> Outcome {
    let unopened = cx.unopened_udp().await?;
    let open = cx.udp().await?;

    unopened
        .send(b"x")
        .await?
        .expect(Fails(Error::NO_ADDRESS))?;
    open.send(b"x").await?.expect(Fails(Error::NO_ADDRESS))?;
    Ok(())
}

/// Connecting an unopened UDP socket only remembers the peer, and answers OK.
///
/// The effect: a send, which had no address before, now fails for want of a socket; and the peer's name
/// still answers NO_SOCKET.
#[case(level = Must, cite = ["errors.udp.connect-unopened", "UDP-04", "LIF-01"], needs = [Udp], profile = Quick)]
async fn connect(cx: &mut Ctx) -> Outcome {
    let socket = cx.unopened_udp().await?;
    let somebody = cx.scripter().await?;

    socket.connect(somebody.address()).await?.expect(Done)?;

    socket.send(b"x").await?.expect(Fails(Error::NO_SOCKET))?;
    socket.peer_name().await?.expect(Fails(Error::NO_SOCKET))?;
    Ok(())
}
