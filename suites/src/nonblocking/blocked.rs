//! Calls that wait while their socket is closed or destructed: they come back, with NO_SOCKET.
//!
//! A port may finish its close first (D-29: up to a second where the peer keeps its side open), so both have
//! three seconds.

use core::time::Duration;

use hil_kit::{Ctx, Done, Error, Fails, Matches as _, Outcome, case};

use crate::codes::broken;

/// Within what close and the blocked call have to be done.
const LIMIT: Duration = Duration::from_secs(3);
/// Slack over it.
const SLACK: Duration = Duration::from_millis(500);

/// Closing a TCP socket ends a receive blocked in it with NO_SOCKET; close answers OK.
#[case(level = Must, cite = ["nonblocking.close.ends-calls", "LIF-06"], needs = [Tcp, Lanes], profile = Quick)]
async fn close_under_tcp_recv(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = cx.connected().await?;
    let waiting = tcp.recv(16).blocked().await?;

    tcp.close()
        .await?
        .expect(Done)?
        .elapsed_at_most(LIMIT, SLACK)?;

    waiting.finish().await?.expect(Fails(Error::NO_SOCKET))?;
    peer.expect_end().await?;
    Ok(())
}

/// Closing a TCP socket ends a send blocked in it with NO_SOCKET, though part of it was taken.
#[case(level = Must, cite = ["nonblocking.close.ends-calls", "LIF-07"], needs = [Tcp, Lanes])]
async fn close_under_tcp_send(cx: &mut Ctx) -> Outcome {
    let (tcp, _peer) = cx.connected_to_stalling().await?;
    let (seed, chunk) = (cx.seed(), cx.identity().max_io);
    let more_than_fits = cx.limits().tcp_send_buffer.saturating_mul(4).max(1 << 20);
    tcp.set_blocking(false).await?;
    tcp.source(seed, more_than_fits, chunk)
        .await?
        .expect(Fails(Error::WOULD_BLOCK))?;
    tcp.set_blocking(true).await?;
    // What the host's side still had room for goes first; then it blocks.
    let waiting = tcp.source(seed, more_than_fits, chunk).blocked().await?;

    tcp.close()
        .await?
        .expect(Done)?
        .elapsed_at_most(LIMIT, SLACK)?;

    waiting.finish().await?.expect(Fails(Error::NO_SOCKET))?;
    Ok(())
}

/// Closing a socket whose connect waits for an answer ends that connect with NO_SOCKET, and the attempt.
///
/// A stack that connects synchronously may hold the socket until the attempt has failed.
#[case(
    level = Must,
    cite = ["nonblocking.close.ends-calls", "LIF-10"],
    needs = [Tcp, Lanes, BlackHole],
    profile = Full,
    deadline_ms = 180_000
)]
async fn close_under_connect(cx: &mut Ctx) -> Outcome {
    let silent = cx.black_hole().await?;
    let listener = cx.peer().await?;
    let tcp = cx.tcp().await?;
    let waiting = tcp.connect(silent.address()).blocked().await?;

    tcp.close().await?.expect(Done)?;

    waiting
        .finish()
        .await?
        .expect(Fails(Error::NO_SOCKET).or(broken(), "LIF-10: it failed before the close"))?;
    tcp.open().await?.expect(Done)?;
    tcp.connect(listener.address()).await?.expect(Done)?;
    let mut peer = listener.accept().await?;
    tcp.send_all(b"anew").await?;
    peer.expect_bytes(b"anew").await
}

/// Closing a UDP socket ends a receive blocked in it with NO_SOCKET; close answers OK.
#[case(level = Must, cite = ["nonblocking.close.ends-calls", "LIF-08"], needs = [Udp, Lanes], profile = Quick)]
async fn close_under_udp_recvfrom(cx: &mut Ctx) -> Outcome {
    let udp = cx.bound_udp().await?;
    let waiting = udp.recv_from(16).blocked().await?;

    udp.close()
        .await?
        .expect(Done)?
        .elapsed_at_most(LIMIT, SLACK)?;

    waiting.finish().await?.expect(Fails(Error::NO_SOCKET))?;
    Ok(())
}

/// Destructing a TCP socket object ends a receive blocked in it with NO_SOCKET, and the connection too.
#[case(level = Must, cite = ["nonblocking.close.destruct", "LIF-09"], needs = [Tcp, Lanes], profile = Quick)]
async fn destruct_under_tcp_recv(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = cx.connected().await?;
    let waiting = tcp.recv(16).blocked().await?;

    tcp.delete().await?.expect(Done)?;

    waiting.finish().await?.expect(Fails(Error::NO_SOCKET))?;
    peer.expect_end().await?;
    Ok(())
}

/// Destructing a UDP socket object ends a receive blocked in it with NO_SOCKET, and gives its port back.
#[case(level = Must, cite = ["nonblocking.close.destruct", "LIF-09"], needs = [Udp, Lanes], profile = Quick)]
async fn destruct_under_udp_recvfrom(cx: &mut Ctx) -> Outcome {
    let udp = cx.bound_udp().await?;
    let next = cx.udp().await?;
    let waiting = udp.recv_from(16).blocked().await?;

    udp.delete().await?.expect(Done)?;

    waiting.finish().await?.expect(Fails(Error::NO_SOCKET))?;
    next.bind_port(udp.port()).await?.expect(Done)?;
    Ok(())
}
