//! Closing a listener.

use core::time::Duration;

use hil_kit::{Ctx, Done, Error, Fails, Outcome, case};

/// Closing a listener ends the connections nobody has accepted and frees its port at once.
#[case(level = Must, cite = ["server.close.pending", "SRV-23"], needs = [Tcp, Server, Sigio], profile = Quick)]
async fn with_a_connection_nobody_accepted(cx: &mut Ctx) -> Outcome {
    let listener = cx.listener(1).await?;
    let events = cx.counter()?;
    listener.set_blocking(false).await?;
    listener.sigio(&events).await?;
    listener.accept().await?.expect(Fails(Error::WOULD_BLOCK))?;
    let mut forgotten = cx.client(&listener).await?;
    events.reaches(1, Duration::from_secs(1)).await?;

    listener.close().await?.expect(Done)?;

    forgotten.expect_end().await?;
    let next = cx.tcp().await?;
    next.bind_port(listener.port()).await?.expect(Done)?;
    next.listen(1).await?.expect(Done)?;
    let mut client = cx.client(&listener).await?;
    let (child, _) = next.accept().await?.connection()?;
    child.send_all(b"welcome").await?;
    client.expect_bytes(b"welcome").await
}

/// Connections that were accepted live on when their listener is closed.
#[case(level = Must, cite = ["server.close.children", "SRV-24"], needs = [Tcp, Server], profile = Quick, tags = ["impairable"])]
async fn children_live_on(cx: &mut Ctx) -> Outcome {
    let listener = cx.listener(1).await?;
    let mut client = cx.client(&listener).await?;
    let (child, _) = listener.accept().await?.connection()?;

    listener.close().await?.expect(Done)?;

    client.send(b"still there?").await?;
    child.recv_all(b"still there?").await?;
    child.send_all(b"of course").await?;
    client.expect_bytes(b"of course").await
}

/// Closing a listener makes an accept that is blocked in it return NO_SOCKET.
#[case(level = Must, cite = ["server.close.blocked-accept", "SRV-25"], needs = [Tcp, Server, Lanes], profile = Quick)]
async fn while_accept_is_blocked(cx: &mut Ctx) -> Outcome {
    let listener = cx.listener(1).await?;
    let accept = listener.accept().blocked().await?;

    let close = listener.close().await?.expect(Done)?;

    accept.finish().await?.expect(Fails(Error::NO_SOCKET))?;
    close.elapsed_at_most(Duration::ZERO, Duration::from_secs(1))?;
    listener.accept().await?.expect(Fails(Error::NO_SOCKET))?;
    Ok(())
}
