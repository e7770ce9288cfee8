//! The event callback: when it is called, and when it is not.
//!
//! Counts are compared as "at least" (contract §5): spurious calls are allowed, and every case arms the one
//! notification there is before it counts.

use core::time::Duration;

use hil_kit::{Bytes, Ctx, Done, Outcome, case};

/// How soon an event is reported.
const SOON: Duration = Duration::from_secs(1);
/// How long no event may be reported.
const QUIET: Duration = Duration::from_millis(300);

/// Data from the peer calls the callback.
#[case(level = Must, cite = ["nonblocking.sigio.data", "SIG-01"], needs = [Tcp, Sigio], profile = Quick)]
async fn tcp_data(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = cx.connected().await?;
    let counter = cx.counter()?;
    tcp.set_blocking(false).await?;
    tcp.sigio(&counter).await?;
    tcp.arm(&counter).await?;

    peer.send(b"news").await?;

    counter.reaches(1, SOON).await?;
    tcp.recv_all(b"news").await
}

/// A datagram calls the callback.
#[case(level = Must, cite = ["nonblocking.sigio.data", "SIG-10"], needs = [Udp, Sigio], profile = Quick)]
async fn udp_datagram(cx: &mut Ctx) -> Outcome {
    let udp = cx.bound_udp().await?;
    let peer = cx.scripter().await?;
    let counter = cx.counter()?;
    udp.set_blocking(false).await?;
    udp.sigio(&counter).await?;
    udp.arm(&counter).await?;

    peer.send(&udp, b"news").await?;

    counter.reaches(1, SOON).await?;
    udp.recv_from(16).await?.expect(Bytes(b"news"))?;
    Ok(())
}

/// After one call the callback stays silent until the next operation on the socket, however much comes.
///
/// The last lines are the control: after an operation new data calls it again.
#[case(level = Must, cite = ["nonblocking.sigio.coalescing", "SIG-02"], needs = [Tcp, Sigio], profile = Quick)]
async fn coalescing(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = cx.connected().await?;
    let counter = cx.counter()?;
    tcp.set_blocking(false).await?;
    tcp.sigio(&counter).await?;
    tcp.arm(&counter).await?;

    peer.send(b"0").await?;
    counter.reaches(1, SOON).await?;
    for digit in b"123456789" {
        peer.send(&[*digit]).await?;
    }
    counter.stays_quiet(QUIET).await?;
    cx.require(
        counter.value().await? == 1,
        "once",
        "one call",
        "more than one",
    )?;

    tcp.recv_all(b"0123456789").await?;
    tcp.arm(&counter).await?;
    peer.send(b"more").await?;
    counter.reaches(1, SOON).await?;
    tcp.recv_all(b"more").await
}

/// A callback that was removed is not called.
///
/// The control: it was called while it was there, and the data that came without it is received.
#[case(level = Must, cite = ["nonblocking.sigio.detach", "SIG-04"], needs = [Tcp, Sigio], profile = Quick)]
async fn detach(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = cx.connected().await?;
    let counter = cx.counter()?;
    tcp.set_blocking(false).await?;
    tcp.sigio(&counter).await?;
    tcp.arm(&counter).await?;
    peer.send(b"with ").await?;
    counter.reaches(1, SOON).await?;
    tcp.recv_all(b"with ").await?;
    tcp.arm(&counter).await?;

    tcp.detach_sigio().await?;
    peer.send(b"without").await?;

    counter.stays_quiet(QUIET).await?;
    tcp.set_blocking(true).await?;
    tcp.recv_all(b"without").await
}

/// A new callback replaces the old one: only the new one is called.
#[case(level = Must, cite = ["nonblocking.sigio.replace", "SIG-05"], needs = [Tcp, Sigio], profile = Quick)]
async fn replace(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = cx.connected().await?;
    let (old, new) = (cx.counter()?, cx.counter()?);
    tcp.set_blocking(false).await?;
    tcp.sigio(&old).await?;
    tcp.arm(&old).await?;

    tcp.sigio(&new).await?;
    peer.send(b"news").await?;

    new.reaches(1, SOON).await?;
    let calls = old.value().await?;
    cx.require(calls == 0, "old-callback", "no call", format!("{calls}"))?;
    tcp.recv_all(b"news").await
}

/// An event of one socket does not call the callback of another.
#[case(level = Must, cite = ["nonblocking.sigio.own-socket", "SIG-16"], needs = [Tcp, Sigio], profile = Quick)]
async fn own_socket_only(cx: &mut Ctx) -> Outcome {
    let (one, mut peer) = cx.connected().await?;
    let (two, _other_peer) = cx.connected().await?;
    let (of_one, of_two) = (cx.counter()?, cx.counter()?);
    one.set_blocking(false).await?;
    two.set_blocking(false).await?;
    one.sigio(&of_one).await?;
    two.sigio(&of_two).await?;
    one.arm(&of_one).await?;
    two.arm(&of_two).await?;

    peer.send(b"for one").await?;

    of_one.reaches(1, SOON).await?;
    of_two.stays_quiet(QUIET).await?;
    one.recv_all(b"for one").await
}

/// A callback registered after data has come is not called for it; a receive gives the data.
#[case(level = Must, cite = ["nonblocking.sigio.not-retroactive", "SIG-03"], needs = [Tcp, Sigio], profile = Quick)]
async fn not_retroactive(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = cx.connected().await?;
    let (early, late) = (cx.counter()?, cx.counter()?);
    tcp.set_blocking(false).await?;
    tcp.sigio(&early).await?;
    tcp.arm(&early).await?;
    peer.send(b"old news").await?;
    early.reaches(1, SOON).await?;

    tcp.sigio(&late).await?;

    late.stays_quiet(QUIET).await?;
    tcp.recv_all(b"old news").await
}

/// Closing the socket calls its callback.
#[case(level = Must, cite = ["nonblocking.sigio.close", "SIG-09"], needs = [Tcp, Sigio], profile = Quick)]
async fn own_close(cx: &mut Ctx) -> Outcome {
    let (tcp, _peer) = cx.connected().await?;
    let counter = cx.counter()?;
    tcp.set_blocking(false).await?;
    tcp.sigio(&counter).await?;
    tcp.arm(&counter).await?;

    tcp.close().await?.expect(Done)?;

    counter.reaches(1, SOON).await
}
