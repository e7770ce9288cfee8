//! What a socket from accept has of its own.

use core::time::Duration;

use hil_kit::{Bytes, Ctx, Done, Error, Fails, Outcome, case};

/// The socket from accept is blocking without bound, even if the listener is non-blocking.
#[case(level = Must, cite = ["server.child.mode", "SRV-15"], needs = [Tcp, Server, Sigio, Lanes], profile = Quick)]
async fn blocks_although_the_listener_does_not(cx: &mut Ctx) -> Outcome {
    let listener = cx.listener(1).await?;
    let events = cx.counter()?;
    listener.set_blocking(false).await?;
    listener.sigio(&events).await?;
    listener.accept().await?.expect(Fails(Error::WOULD_BLOCK))?;
    let mut client = cx.client(&listener).await?;
    events.reaches(1, Duration::from_secs(1)).await?;
    let (child, _) = listener.accept().await?.connection()?;

    let recv = child.recv(16).blocked().await?;
    client.send(b"data").await?;

    recv.finish().await?.expect(Bytes(b"data"))?;
    Ok(())
}

/// The listener's event callback is not called for data of a child; the child has a callback only once it is
/// given one.
#[case(level = Must, cite = ["server.child.sigio", "SRV-16"], needs = [Tcp, Server, Sigio], profile = Quick)]
async fn has_no_callback_of_the_listener(cx: &mut Ctx) -> Outcome {
    let listener = cx.listener(1).await?;
    let of_listener = cx.counter()?;
    let of_child = cx.counter()?;
    let mut client = cx.client(&listener).await?;
    let (child, _) = listener.accept().await?.connection()?;
    listener.set_blocking(false).await?;
    listener.sigio(&of_listener).await?;
    listener.accept().await?.expect(Fails(Error::WOULD_BLOCK))?;
    of_listener.reset().await?;

    client.send(b"unheard").await?;
    child.recv_all(b"unheard").await?;
    let heard = of_listener.value().await?;
    cx.require(
        heard == 0,
        "listener-event",
        "no event of the listener",
        format!("{heard} events"),
    )?;

    child.set_blocking(false).await?;
    child.sigio(&of_child).await?;
    child.arm(&of_child).await?;
    client.send(b"heard").await?;
    of_child.reaches(1, Duration::from_secs(1)).await?;
    child.recv_all(b"heard").await
}

/// Closing the socket from accept ends the client's stream in order, after all data.
#[case(level = Must, cite = ["server.child.close", "SRV-27"], needs = [Tcp, Server], profile = Quick, tags = ["impairable"])]
async fn close_ends_the_stream(cx: &mut Ctx) -> Outcome {
    let listener = cx.listener(1).await?;
    let mut client = cx.client(&listener).await?;
    let (child, _) = listener.accept().await?.connection()?;

    child.send_all(b"last words").await?;
    child.close().await?.expect(Done)?;

    client.expect_bytes(b"last words").await?;
    client.expect_eof().await
}
