//! `TCPServer`: a listener that accepts into a socket object of the caller's.

use hil_kit::{Ctx, Done, Error, Fails, Outcome, Protocol, case};

/// A `TCPServer` accepts a connection into a TCP socket object, and data flows both ways through that.
#[case(level = Must, cite = ["legacy.server.accept"], needs = [Tcp, Server, Legacy], profile = Quick)]
async fn accept(cx: &mut Ctx) -> Outcome {
    let server = cx.server().await?;
    let connection = cx.unopened_tcp().await?;
    let port = cx.free_port(Protocol::Tcp)?;
    server.bind_port(port).await?.expect(Done)?;
    server.listen(1).await?.expect(Done)?;
    let mut client = cx.client_to_port(port).await?;

    server.legacy_accept(&connection).await?.expect(Done)?;

    client.send(b"question").await?;
    connection.recv_all(b"question").await?;
    connection.send_all(b"answer").await?;
    client.expect_bytes(b"answer").await
}

/// A `TCPServer` goes on listening: each accept takes the next connection into another object.
#[case(level = Must, cite = ["legacy.server.goes-on"], needs = [Tcp, Server, Legacy], profile = Quick)]
async fn accept_again(cx: &mut Ctx) -> Outcome {
    let server = cx.server().await?;
    let port = cx.free_port(Protocol::Tcp)?;
    server.bind_port(port).await?.expect(Done)?;
    server.listen(1).await?.expect(Done)?;

    for words in [b"the first ", b"the second"] {
        let connection = cx.unopened_tcp().await?;
        let mut client = cx.client_to_port(port).await?;
        server.legacy_accept(&connection).await?.expect(Done)?;
        client.send(words).await?;
        connection.recv_all(words).await?;
        connection.close().await?.expect(Done)?;
        client.expect_eof().await?;
    }
    Ok(())
}

/// A `TCPServer` that was never opened answers NO_SOCKET to bind, listen and accept.
#[case(level = Must, cite = ["legacy.server.unopened"], needs = [Tcp, Server, Legacy], profile = Quick)]
async fn unopened(cx: &mut Ctx) -> Outcome {
    let server = cx.unopened_server().await?;
    let connection = cx.unopened_tcp().await?;
    let port = cx.free_port(Protocol::Tcp)?;

    let no_socket = Fails(Error::NO_SOCKET);
    server.bind_port(port).await?.expect(no_socket)?;
    server.listen(1).await?.expect(no_socket)?;
    server.legacy_accept(&connection).await?.expect(no_socket)?;
    Ok(())
}
