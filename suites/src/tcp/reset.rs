//! Connections that the peer resets.

use core::time::Duration;

use hil_kit::{Ctx, Done, Outcome, case};

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
