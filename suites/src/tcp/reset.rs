//! Connections that the peer resets.

use core::time::Duration;

use hil_kit::{Bytes, Ctx, Done, Error, Fails, FailsSomehow, Matches as _, Outcome, case, option};

use crate::codes::broken;

/// After the peer's reset, recv fails and never returns data that was not sent.
#[case(level = Must, cite = ["tcp.reset.recv", "STR-04"], needs = [Tcp], profile = Quick)]
async fn recv_fails(cx: &mut Ctx) -> Outcome {
    let (tcp, peer) = cx.connected().await?;

    peer.reset()?;

    tcp.recv(16).await?.expect(broken())?;
    Ok(())
}

/// The peer's reset wakes a recv that is blocked, with an error.
#[case(level = Must, cite = ["tcp.reset.blocked-recv", "STR-05"], needs = [Tcp, Lanes], profile = Quick)]
async fn wakes_a_blocked_recv(cx: &mut Ctx) -> Outcome {
    let (tcp, peer) = cx.connected().await?;
    let recv = tcp.recv(16).blocked().await?;

    peer.reset()?;

    recv.finish()
        .await?
        .expect(broken())?
        .elapsed_at_most(Duration::ZERO, Duration::from_secs(1))?;
    Ok(())
}

/// After the peer's reset, send fails.
#[case(level = Must, cite = ["tcp.reset.send", "STR-07"], needs = [Tcp], profile = Quick)]
async fn send_fails(cx: &mut Ctx) -> Outcome {
    let (tcp, peer) = cx.connected().await?;
    peer.reset()?;
    tcp.recv(16).await?.expect(broken())?;

    tcp.send(b"to nobody").await?.expect(broken())?;
    Ok(())
}

/// A socket whose connection was reset closes in order, within 3 s, and can be opened and connected again.
#[case(level = Must, cite = ["tcp.reset.close", "STR-09"], needs = [Tcp], profile = Quick)]
async fn close_and_again(cx: &mut Ctx) -> Outcome {
    let listener = cx.peer().await?;
    let (tcp, peer) = cx.connected_to(&listener).await?;
    peer.reset()?;
    tcp.recv(16).await?.expect(broken())?;

    let close = tcp.close().await?.expect(Done)?;

    close.elapsed_at_most(Duration::from_secs(1), Duration::from_secs(2))?;
    tcp.open().await?.expect(Done)?;
    tcp.connect(listener.address()).await?.expect(Done)?;
    let mut peer = listener.accept().await?;
    tcp.send_all(b"again").await?;
    peer.expect_bytes(b"again").await
}

/// The peer's reset ends a send that is blocked, with an error.
#[case(level = Must, cite = ["tcp.reset.blocked-send", "STR-06"], needs = [Tcp, Lanes], profile = Full)]
async fn wakes_a_blocked_send(cx: &mut Ctx) -> Outcome {
    let (tcp, peer) = cx.connected_to_stalling().await?;
    let (seed, chunk) = (cx.seed(), cx.identity().max_io);
    let plenty = 2 * cx.limits().tcp_send_buffer + 16 * 1024 * 1024;
    tcp.set_blocking(false).await?;
    tcp.source(seed, plenty, chunk)
        .await?
        .expect(Fails(Error::WOULD_BLOCK))?;
    tcp.set_blocking(true).await?;
    let send = tcp.source(seed, plenty, chunk).blocked().await?;

    peer.reset()?;

    send.finish().await?.expect(broken())?;
    Ok(())
}

/// Data that came before the peer's reset is received, or its loss is reported; nothing else is made of it.
#[case(level = Must, cite = ["tcp.reset.data-before", "STR-08"], needs = [Tcp, Sigio], profile = Quick)]
async fn data_before_it(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = cx.connected().await?;
    let events = cx.counter()?;
    let data = cx.data(100);
    tcp.set_blocking(false).await?;
    tcp.sigio(&events).await?;
    tcp.arm(&events).await?;
    peer.send(&data).await?;
    events.reaches(1, Duration::from_secs(1)).await?;
    tcp.set_blocking(true).await?;

    peer.reset()?;

    let answer = tcp
        .recv(128)
        .await?
        .expect(Bytes(&data).or(broken(), "STR-08: a reset may discard what was not read"))?;
    if answer.code() > 0 {
        tcp.recv(128).await?.expect(broken())?;
    }
    Ok(())
}

/// A socket whose connection was reset answers bind, listen, accept and options with errors, or harmlessly; it
/// crashes nothing, and closing and opening makes it whole.
///
/// The reference of the contract follows a null pointer here.
#[case(
    level = Must,
    cite = ["tcp.reset.state", "STR-10"],
    needs = [Tcp, Server, Destructive],
    profile = Quick
)]
async fn other_calls_are_harmless(cx: &mut Ctx) -> Outcome {
    let listener = cx.peer().await?;
    let (tcp, peer) = cx.connected_to(&listener).await?;
    let port = cx.free_port(hil_kit::Protocol::Tcp)?;
    peer.reset()?;
    tcp.recv(16).await?.expect(broken())?;

    tcp.bind_port(port).await?.expect(FailsSomehow)?;
    tcp.listen(1).await?.expect(FailsSomehow)?;
    tcp.accept().await?.expect(FailsSomehow)?;
    let (level, name, value) = (option::LEVEL_SOCKET, option::KEEPALIVE, 60i32.to_le_bytes());
    tcp.set_option(level, name, &value)
        .await?
        .expect(Done.or(FailsSomehow, "contract §9: any option may be missing"))?;

    tcp.close().await?.expect(Done)?;
    tcp.open().await?.expect(Done)?;
    tcp.connect(listener.address()).await?.expect(Done)?;
    let mut peer = listener.accept().await?;
    tcp.send_all(b"whole").await?;
    peer.expect_bytes(b"whole").await
}
