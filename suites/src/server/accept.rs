//! Accepting connections.

use core::time::Duration;

use hil_kit::{Ctx, Done, Error, Fails, Outcome, case};

/// Accept yields a socket connected to the client, in both directions, and the listener goes on listening.
#[case(level = Must, cite = ["server.accept.basic", "SRV-01"], needs = [Tcp, Server], profile = Quick, tags = ["impairable"])]
async fn basic(cx: &mut Ctx) -> Outcome {
    let listener = cx.listener(1).await?;
    let to_client = cx.data(100);
    let to_child = cx.data(100);

    let mut client = cx.client(&listener).await?;
    let (child, _) = listener.accept().await?.connection()?;
    child.send_all(&to_client).await?;
    client.send(&to_child).await?;

    client.expect_bytes(&to_client).await?;
    child.recv_all(&to_child).await?;
    child.close().await?.expect(Done)?;
    client.expect_eof().await?;
    listener.set_blocking(false).await?;
    listener.accept().await?.expect(Fails(Error::WOULD_BLOCK))?;
    Ok(())
}

/// A listener accepts one connection after the other, whether or not the ones before are closed.
#[case(level = Must, cite = ["server.accept.again", "SRV-02"], needs = [Tcp, Server], profile = Quick, tags = ["impairable"])]
async fn again(cx: &mut Ctx) -> Outcome {
    let listener = cx.listener(1).await?;

    let mut first_client = cx.client(&listener).await?;
    let (first, _) = listener.accept().await?.connection()?;
    let mut second_client = cx.client(&listener).await?;
    let (second, _) = listener.accept().await?.connection()?;

    second.send_all(b"second").await?;
    second_client.expect_bytes(b"second").await?;
    first.send_all(b"first").await?;
    first_client.expect_bytes(b"first").await?;
    first.close().await?.expect(Done)?;
    second.close().await?.expect(Done)?;

    let mut third_client = cx.client(&listener).await?;
    let (third, _) = listener.accept().await?.connection()?;
    third.send_all(b"third").await?;
    third_client.expect_bytes(b"third").await
}

/// A non-blocking accept answers WOULD_BLOCK at once while no connection is there.
#[case(level = Must, cite = ["server.accept.nonblocking", "SRV-03"], needs = [Tcp, Server], profile = Quick)]
async fn nonblocking_without_connection(cx: &mut Ctx) -> Outcome {
    let listener = cx.listener(1).await?;
    listener.set_blocking(false).await?;

    let answer = listener.accept().await?.expect(Fails(Error::WOULD_BLOCK))?;

    answer.elapsed_at_most(Duration::ZERO, Duration::from_millis(100))?;
    Ok(())
}

/// An accept with a timeout answers WOULD_BLOCK when the timeout has passed, not earlier.
#[case(level = Must, cite = ["server.accept.timeout", "SRV-04"], needs = [Tcp, Server, Timeouts], profile = Quick)]
async fn timeout(cx: &mut Ctx) -> Outcome {
    let listener = cx.listener(1).await?;
    listener.set_timeout(300).await?;

    let answer = listener.accept().await?.expect(Fails(Error::WOULD_BLOCK))?;

    let timeout = Duration::from_millis(300);
    answer
        .elapsed_at_least(timeout)?
        .elapsed_at_most(timeout, Duration::from_millis(150))?;
    Ok(())
}

/// A blocking accept waits, and returns when a client connects.
#[case(level = Must, cite = ["server.accept.blocking", "SRV-05"], needs = [Tcp, Server, Lanes], profile = Quick)]
async fn blocked_until_a_client_connects(cx: &mut Ctx) -> Outcome {
    let listener = cx.listener(1).await?;
    let accept = listener.accept().blocked().await?;

    let mut client = cx.client(&listener).await?;

    let (child, _) = accept.finish().await?.connection()?;
    child.send_all(b"welcome").await?;
    client.expect_bytes(b"welcome").await
}

/// The socket from accept knows its peer: address and port of the client, from accept and from getpeername.
///
/// Compared only after data of that client has come through, since a client that is gone already leaves some
/// stacks without its address (contract §3).
#[case(level = Must, cite = ["server.accept.peer", "SRV-14"], needs = [Tcp, Server], profile = Quick, tags = ["impairable"])]
async fn peer_address(cx: &mut Ctx) -> Outcome {
    let listener = cx.listener(1).await?;
    let mut client = cx.client(&listener).await?;

    let accepted = listener.accept().await?;
    let reported = accepted.answer().clone();
    let (child, _) = accepted.connection()?;
    client.send(b"it is me").await?;
    child.recv_all(b"it is me").await?;

    let address = client.address()?;
    reported.expect_from(address)?;
    child
        .peer_name()
        .await?
        .expect(hil_kit::expect::Peer(address))?;
    Ok(())
}

/// An incoming connection calls the listener's event callback, and accept then takes it without waiting.
#[case(level = Must, cite = ["server.accept.event", "SRV-17"], needs = [Tcp, Server, Sigio], profile = Quick)]
async fn event_on_connection(cx: &mut Ctx) -> Outcome {
    let listener = cx.listener(1).await?;
    let events = cx.counter()?;
    listener.set_blocking(false).await?;
    listener.sigio(&events).await?;
    listener.accept().await?.expect(Fails(Error::WOULD_BLOCK))?;

    let mut client = cx.client(&listener).await?;

    events.reaches(1, Duration::from_secs(1)).await?;
    let (child, _) = listener.accept().await?.connection()?;
    child.send_all(b"welcome").await?;
    client.expect_bytes(b"welcome").await
}
