//! Calls that wait until something happens, however long that takes.

use core::time::Duration;

use hil_kit::{Bytes, Ctx, Error, Fails, Outcome, case};

use super::pass_on_target;

/// How long nothing happens.
const A_WHILE: Duration = Duration::from_millis(400);

/// A new socket blocks without bound: its receive waits until data comes.
#[case(level = Must, cite = ["nonblocking.mode.default", "TMO-02"], needs = [Tcp, Lanes, Timeouts], profile = Quick)]
async fn by_default(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = cx.connected().await?;

    let waiting = tcp.recv(16).blocked().await?;
    pass_on_target(cx, A_WHILE).await?;
    peer.send(b"at last").await?;

    waiting
        .finish()
        .await?
        .expect(Bytes(b"at last"))?
        .elapsed_at_least(A_WHILE)?;
    Ok(())
}

/// Timeout −1 waits without bound, also after a finite timeout.
#[case(level = Must, cite = ["nonblocking.timeout.negative", "TMO-02"], needs = [Udp, Lanes, Timeouts], profile = Quick)]
async fn timeout_minus_one(cx: &mut Ctx) -> Outcome {
    let udp = cx.bound_udp().await?;
    let peer = cx.scripter().await?;
    udp.set_timeout(20).await?;
    udp.recv(16).await?.expect(Fails(Error::WOULD_BLOCK))?;

    udp.set_timeout(-1).await?;
    let waiting = udp.recv(16).blocked().await?;
    pass_on_target(cx, A_WHILE).await?;
    peer.send(&udp, b"at last").await?;

    waiting
        .finish()
        .await?
        .expect(Bytes(b"at last"))?
        .elapsed_at_least(A_WHILE)?;
    Ok(())
}

/// `set_blocking(true)` takes a timeout back: the receive waits without bound again.
#[case(level = Must, cite = ["nonblocking.mode.blocking-again", "TMO-06"], needs = [Tcp, Lanes, Timeouts], profile = Quick)]
async fn blocking_again(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = cx.connected().await?;
    tcp.set_timeout(20).await?;
    tcp.recv(16).await?.expect(Fails(Error::WOULD_BLOCK))?;

    tcp.set_blocking(true).await?;
    let waiting = tcp.recv(16).blocked().await?;
    pass_on_target(cx, A_WHILE).await?;
    peer.send(b"at last").await?;

    waiting
        .finish()
        .await?
        .expect(Bytes(b"at last"))?
        .elapsed_at_least(A_WHILE)?;
    Ok(())
}

/// The largest timeout there is does not run out at once.
#[case(level = Must, cite = ["nonblocking.timeout.largest", "TMO-07"], needs = [Udp, Lanes, Timeouts], profile = Quick)]
async fn largest_timeout(cx: &mut Ctx) -> Outcome {
    let udp = cx.bound_udp().await?;
    let peer = cx.scripter().await?;

    udp.set_timeout(i32::MAX).await?;
    let waiting = udp.recv(16).blocked().await?;
    pass_on_target(cx, A_WHILE).await?;
    peer.send(&udp, b"at last").await?;

    waiting
        .finish()
        .await?
        .expect(Bytes(b"at last"))?
        .elapsed_at_least(A_WHILE)?;
    Ok(())
}

/// A timeout set while a call waits does not cut that wait short; the next call obeys it.
#[case(level = Must, cite = ["nonblocking.timeout.while-waiting", "TMO-05"], needs = [Udp, Lanes, Timeouts], profile = Quick)]
async fn set_while_waiting(cx: &mut Ctx) -> Outcome {
    let udp = cx.bound_udp().await?;
    let peer = cx.scripter().await?;
    let timeout = Duration::from_millis(50);
    let waiting = udp.recv(16).blocked().await?;

    udp.set_timeout(50).await?;
    pass_on_target(cx, A_WHILE).await?;
    peer.send(&udp, b"at last").await?;

    waiting
        .finish()
        .await?
        .expect(Bytes(b"at last"))?
        .elapsed_at_least(A_WHILE)?;
    udp.recv(16)
        .await?
        .expect(Fails(Error::WOULD_BLOCK))?
        .elapsed_at_least(timeout)?
        .elapsed_at_most(timeout, Duration::from_millis(50))?;
    Ok(())
}
