//! What the TCP cases of this suite share: connections between the IUT and a ghost, opened from either side, and
//! proof that they work.
//!
//! Must not: judge what only one case is about.

use core::time::Duration;

use hil_kit::wire::{Ghost, GhostListener, GhostTcp, TcpOptions};
use hil_kit::{Ctx, Done, Listener, Outcome, Stop, Tcp};

use crate::codes::broken;

/// How long an acknowledgement may be delayed: 0.5 s (RFC 9293 MUST-40), and some to get here.
pub(super) const ACK: Duration = Duration::from_millis(600);
/// How long an answer may take that nothing delays.
pub(super) const SOON: Duration = Duration::from_secs(1);
/// How long silence is listened to: longer than a stack that answers once a second.
pub(super) const SILENCE: Duration = Duration::from_millis(1200);
/// Between provocations whose answers may be limited to one a second (RFC 5961 §7).
pub(super) const SPACING: Duration = Duration::from_millis(1100);
/// Timeout of the IUT's calls, in milliseconds: what does not come fails where it is waited for.
const PATIENCE_MS: i32 = 3000;

/// A connection that the IUT opened to a ghost of its own.
pub(super) async fn opened(cx: &Ctx, options: TcpOptions) -> Result<(Tcp, GhostTcp), Stop> {
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    opened_to(cx, &mut ghost.tcp_listen(options)).await
}

/// The same over IPv6.
pub(super) async fn opened_v6(cx: &Ctx, options: TcpOptions) -> Result<(Tcp, GhostTcp), Stop> {
    let ghost = cx.ghost_v6().await?;
    ghost.warm().await?;
    opened_to(cx, &mut ghost.tcp_listen(options)).await
}

/// A connection that the IUT opened to this port of a ghost.
pub(super) async fn opened_to(
    cx: &Ctx,
    listener: &mut GhostListener,
) -> Result<(Tcp, GhostTcp), Stop> {
    let tcp = patient(cx).await?;
    let connect = tcp.connect(listener.address()).start().await?;
    let peer = listener.accept().await?;
    connect.finish().await?.expect(Done)?;
    Ok((tcp, peer))
}

/// A socket whose calls end by themselves.
pub(super) async fn patient(cx: &Ctx) -> Result<Tcp, Stop> {
    let tcp = cx.tcp().await?;
    tcp.set_timeout(PATIENCE_MS).await?;
    Ok(tcp)
}

/// A listener of the IUT whose accept ends by itself, and a ghost that the board knows.
pub(super) async fn listening(cx: &Ctx, backlog: i32) -> Result<(Listener, Ghost), Stop> {
    let listener = cx.listener(backlog).await?;
    listener.set_timeout(PATIENCE_MS).await?;
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    Ok((listener, ghost))
}

/// A connection that a ghost opened to a listener of the IUT, and that accept hands out.
pub(super) async fn accepted(
    cx: &Ctx,
    listener: &Listener,
    ghost: &Ghost,
    options: TcpOptions,
) -> Result<(Tcp, GhostTcp), Stop> {
    let peer = ghost.tcp_connect(listener.port(), options).await?;
    let child = accept_from(cx, listener, &peer).await?;
    Ok((child, peer))
}

/// Accept hands out the connection with this peer, and no other one.
pub(super) async fn accept_from(
    cx: &Ctx,
    listener: &Listener,
    peer: &GhostTcp,
) -> Result<Tcp, Stop> {
    let (child, from) = listener.accept().await?.connection()?;
    let port = from.map(|from| from.port);
    cx.require(
        port == Some(peer.port()),
        "accepted",
        format!("the connection from port {}", peer.port()),
        format!("one from {from:?}"),
    )?;
    child.set_timeout(PATIENCE_MS).await?;
    Ok(child)
}

/// Both sides say something, and hear it.
pub(super) async fn converse(tcp: &Tcp, peer: &mut GhostTcp) -> Outcome {
    let heard = peer.received().len();
    peer.mark();
    peer.send(b"to the board");
    let end = peer.place();
    peer.expect_ack(end, ACK).await?;
    tcp.recv_all(b"to the board").await?;
    tcp.send_all(b"to the ghost").await?;
    peer.expect_data(heard, b"to the ghost", SOON).await
}

/// The IUT's socket says that its connection is gone.
pub(super) async fn is_gone(tcp: &Tcp) -> Outcome {
    tcp.recv(16).await?.expect(broken())?;
    Ok(())
}

/// The peer ends its stream where it is, and the IUT reads the end.
pub(super) async fn ends(tcp: &Tcp, peer: &mut GhostTcp) -> Outcome {
    peer.fin();
    let end = peer.place();
    peer.expect_ack(end, ACK).await?;
    tcp.recv(64).await?.expect(hil_kit::Bytes(b""))?;
    Ok(())
}

/// The answer to a segment that is not acceptable: an ACK that says what the board has sent and what it expects
/// (RFC 9293 §3.10.7.4), and nothing more.
pub(super) async fn challenged(peer: &mut GhostTcp, sent: i64, expected: i64) -> Outcome {
    let words = format!("ACK with seq {sent} and ack {expected}");
    peer.expect_as("challenge", &words, SOON, |got| {
        got.is_pure_ack() && got.seq == sent && got.ack == expected
    })
    .await
    .map(drop)
}

/// Sends of `data` what the board has room for until its window has at most `leave` bytes; how many it took.
pub(super) async fn fill(peer: &mut GhostTcp, data: &[u8], leave: u16) -> Result<usize, Stop> {
    let mut sent = 0;
    loop {
        let window = peer.board_window();
        if window <= leave {
            return Ok(sent);
        }
        let room = usize::from(window - leave);
        let Some(part) = data.get(sent..sent + room) else {
            let reason = format!("the board takes more than {sent} bytes that nobody reads");
            return Err(Stop::Skip(reason));
        };
        sent += room;
        peer.mark();
        peer.send(part);
        let end = peer.place();
        peer.expect_ack(end, ACK).await?;
    }
}

/// Takes what the board sends until nothing new has come for a while; where that ends.
pub(super) async fn in_flight(peer: &mut GhostTcp) -> i64 {
    const QUIET: Duration = Duration::from_millis(250);
    let mut high = 0;
    while let Some(got) = peer.wait_for(QUIET, |got| got.end() > high).await {
        high = got.end();
    }
    high
}

/// Repetitions come further and further apart, each gap twice the one before (RFC 6298 §5.5): at least 1.7 times, as
/// timers may be an eighth coarse, and less what processes wait for each other. The first repetition may be a tail loss
/// probe (RFC 8985 §7), which comes early.
pub(super) fn backs_off(cx: &Ctx, times: &[Duration]) -> Outcome {
    const JITTER: Duration = Duration::from_millis(50);
    let gaps: Vec<Duration> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let judged = if gaps.len() > 2 {
        &gaps[1..]
    } else {
        &gaps[..]
    };
    let grows = judged
        .windows(2)
        .all(|pair| pair[1] + JITTER >= pair[0].mul_f64(1.7));
    cx.require(
        grows && judged.len() > 1,
        "back-off",
        "gaps that double",
        format!("{gaps:?}"),
    )
}
