//! The event callback where it is easily lost, or comes for nothing.

use core::time::Duration;

use hil_kit::expect::Moved;
use hil_kit::{Bytes, Ctx, Done, Error, Fails, Outcome, case};

/// How soon an event is reported.
const SOON: Duration = Duration::from_secs(1);
/// How long no event may be reported.
const QUIET: Duration = Duration::from_millis(300);

/// A callback on a blocking socket takes nothing from it: the receive that waits still returns the data.
#[case(level = Must, cite = ["nonblocking.sigio.blocking", "SIG-13"], needs = [Tcp, Sigio, Lanes], profile = Quick)]
async fn on_a_blocking_socket(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = cx.connected().await?;
    let events = cx.counter()?;
    tcp.sigio(&events).await?;
    let waiting = tcp.recv(16).blocked().await?;

    peer.send(b"news").await?;

    waiting.finish().await?.expect(Bytes(b"news"))?;
    events.reaches(1, SOON).await
}

/// A reader that waits for events only loses none of many small messages.
#[case(level = Must, cite = ["nonblocking.sigio.many", "SIG-15"], needs = [Tcp, Sigio], profile = Full, tags = ["impairable"])]
async fn many_messages(cx: &mut Ctx) -> Outcome {
    const TOTAL: u32 = 20_000;
    let (tcp, mut peer) = cx.connected().await?;
    let events = cx.counter()?;
    let seed = cx.seed();
    tcp.set_blocking(false).await?;
    tcp.sigio(&events).await?;

    let sink = tcp.sink_by_events(seed, TOTAL, 64, SOON).start().await?;
    peer.send_pattern_in_pieces(seed, TOTAL, 10).await?;

    sink.finish().await?.expect(Moved(TOTAL))?;
    Ok(())
}

/// Noted: whether a callback set while an event is pending is called for new data.
///
/// The control: after an operation it is.
#[case(level = Must, cite = ["nonblocking.sigio.replace", "SIG-06"], needs = [Tcp, Sigio], profile = Quick)]
async fn replaced_while_pending(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = cx.connected().await?;
    let (old, new) = (cx.counter()?, cx.counter()?);
    tcp.set_blocking(false).await?;
    tcp.sigio(&old).await?;
    tcp.arm(&old).await?;
    peer.send(b"reported").await?;
    old.reaches(1, SOON).await?;

    tcp.sigio(&new).await?;
    peer.send(b" to the old one").await?;
    let called = new.has_reached(1, QUIET).await?;

    tcp.recv_all(b"reported to the old one").await?;
    tcp.arm(&new).await?;
    peer.send(b"to the new one").await?;
    new.reaches(1, SOON).await?;
    tcp.recv_all(b"to the new one").await?;
    cx.positive_control();
    let word = if called { "called" } else { "silent" };
    cx.note("sigio.replaced-while-pending", word);
    Ok(())
}

/// A datagram that the filter of a connected UDP socket keeps out is not received; noted: whether it calls
/// the callback.
///
/// The control: a datagram of the peer does, and is received.
#[case(level = Must, cite = ["nonblocking.sigio.filtered", "SIG-11"], needs = [Udp, Sigio], profile = Quick)]
async fn filtered_datagram(cx: &mut Ctx) -> Outcome {
    let udp = cx.bound_udp().await?;
    let peer = cx.scripter().await?;
    let stranger = cx.scripter().await?;
    let events = cx.counter()?;
    udp.connect(peer.address()).await?.expect(Done)?;
    udp.set_blocking(false).await?;
    udp.sigio(&events).await?;
    udp.arm(&events).await?;

    stranger.send(&udp, b"stranger").await?;
    let called = events.has_reached(1, QUIET).await?;
    udp.recv(16).await?.expect(Fails(Error::WOULD_BLOCK))?;

    udp.arm(&events).await?;
    peer.send(&udp, b"peer").await?;
    events.reaches(1, SOON).await?;
    udp.recv(16).await?.expect(Bytes(b"peer"))?;
    cx.positive_control();
    let word = if called { "called" } else { "silent" };
    cx.note("sigio.filtered-datagram", word);
    Ok(())
}

/// A receive with a timeout ends although datagrams come that the filter keeps out; noted: whether each of
/// them begins the timeout anew (D-04).
///
/// The control: it ends with WOULD_BLOCK, after the timeout at the earliest and soon after the last of them.
#[case(
    level = Must,
    cite = ["nonblocking.timeout.restart", "TMO-04"],
    needs = [Udp, Lanes, Timeouts],
    profile = Full
)]
async fn timeout_among_strangers(cx: &mut Ctx) -> Outcome {
    const TIMEOUT: Duration = Duration::from_millis(300);
    let udp = cx.bound_udp().await?;
    let peer = cx.scripter().await?;
    let stranger = cx.scripter().await?;
    udp.connect(peer.address()).await?.expect(Done)?;
    udp.set_timeout(300).await?;

    let waiting = udp.recv(16).blocked().await?;
    for _ in 0..8 {
        super::pass_on_target(cx, Duration::from_millis(100)).await?;
        stranger.send(&udp, b"stranger").await?;
    }

    let answer = waiting
        .finish()
        .await?
        .expect(Fails(Error::WOULD_BLOCK))?
        .elapsed_at_least(TIMEOUT)?
        .elapsed_at_most(Duration::from_secs(1), Duration::from_secs(2))?;
    cx.positive_control();
    let restarts = answer.elapsed > Duration::from_millis(600);
    let word = if restarts {
        "restart it"
    } else {
        "do not count"
    };
    cx.note("timeout.filtered-datagrams", word);
    Ok(())
}
