//! Echo over UDP as the plan of the original has it: with tries and losses, because networks lose datagrams.

use core::time::Duration;

use hil_kit::expect::Moved;
use hil_kit::{Counter, Ctx, Done, Error, Fails, Matches as _, Outcome, Size, Stop, Udp, case};

/// Tries for each size.
const TRIES: u32 = 3;
/// How long a datagram may take there and back.
const ROUND_TRIP: Duration = Duration::from_secs(1);
/// Of so many datagrams 3 may be lost.
const OF: u32 = 10;
/// Bursts, and sizes of the datagrams in each.
const BURSTS: u32 = 20;
const BURST: [u32; 5] = [100, 200, 300, 120, 500];
/// Bursts that must come back complete.
const COMPLETE: u32 = 15;

/// How many datagrams were sent, and how many came back.
#[derive(Debug, Default)]
struct Tally {
    sent: u32,
    back: u32,
}

impl Tally {
    /// At most 30 % lost.
    fn judge(&self, cx: &Ctx) -> Outcome {
        let Self { sent, back } = *self;
        cx.require(
            sent > 0 && (sent - back) * OF <= 3 * sent,
            "loss",
            "at most 30 % lost",
            format!("{back} of {sent} came back"),
        )
    }
}

/// Receives a datagram of the pattern `seed`; its size, or `None` if nothing comes in time: before an event
/// does, or without events, before the socket's timeout is over.
async fn receive(udp: &Udp, events: Option<&Counter>, seed: u32) -> Result<Option<u32>, Stop> {
    /// More than any datagram here.
    const ROOM: u32 = 1500;
    loop {
        if let Some(events) = events {
            events.reset().await?;
        }
        let answer = udp.recv_pattern(ROOM, seed, 0).await?;
        if answer.failed_with(Error::WOULD_BLOCK) {
            let comes = match events {
                Some(events) => events.has_reached(1, ROUND_TRIP).await?,
                None => false,
            };
            if !comes {
                return Ok(None);
            }
            continue;
        }
        let size = answer.bulk().bytes;
        answer.expect(Moved(size))?;
        return Ok(Some(size));
    }
}

/// Exchanges datagrams of all sizes of the plan with an echo server, at `to` or at the peer.
async fn all_sizes(cx: &Ctx, udp: &Udp, to: Option<hil_kit::SocketAddress>) -> Outcome {
    let events = cx.counter()?;
    udp.set_blocking(false).await?;
    udp.sigio(&events).await?;
    let most = u32::from(cx.limits().udp_payload).min(1200);
    let sizes = (1..=10)
        .chain((100..=1200).step_by(100))
        .filter(|size| *size <= most);
    let mut tally = Tally::default();

    for size in sizes {
        let seed = cx.seed();
        let mut back = false;
        for _ in 0..TRIES {
            let send = match to {
                Some(address) => udp.send_pattern_to(address, seed, size),
                None => udp.send_pattern(seed, size),
            };
            let sent = send.await?.expect(
                Size(size as usize).or(Fails(Error::WOULD_BLOCK), "contract §4: no room just now"),
            )?;
            if sent.failed_with(Error::WOULD_BLOCK) {
                continue;
            }
            tally.sent += 1;
            if let Some(got) = receive(udp, Some(&events), seed).await? {
                tally.back += 1;
                cx.require(
                    got == size,
                    "size",
                    format!("{size} bytes"),
                    format!("{got}"),
                )?;
                back = true;
                break;
            }
        }
        cx.require(
            back,
            "exchange",
            format!("a datagram of {size} bytes back in {TRIES} tries"),
            "none",
        )?;
    }
    tally.judge(cx)
}

/// In non-blocking mode datagrams of all sizes come back from an echo server; an event says when.
#[case(level = Must, cite = ["udp.echo.nonblocking", "UDPSOCKET_ECHOTEST_NONBLOCK"], needs = [Udp, Sigio], profile = Full)]
async fn sizes_nonblocking(cx: &mut Ctx) -> Outcome {
    let echo = cx.udp_echo().await?;
    let udp = cx.udp().await?;
    all_sizes(cx, &udp, Some(echo.address())).await
}

/// The same with a connected socket, send and recv.
#[case(level = Must, cite = ["udp.echo.nonblocking", "UDPSOCKET_ECHOTEST_NONBLOCK_CONNECT_SEND_RECV"], needs = [Udp, Sigio], profile = Full)]
async fn sizes_nonblocking_connected(cx: &mut Ctx) -> Outcome {
    let echo = cx.udp_echo().await?;
    let udp = cx.udp().await?;
    udp.connect(echo.address()).await?.expect(Done)?;
    all_sizes(cx, &udp, None).await
}

/// Sends all bursts and receives their echoes.
async fn bursts(cx: &Ctx, udp: &Udp, events: Option<&Counter>) -> Outcome {
    let seed = cx.seed();
    let echo = cx.udp_echo().await?;
    let most = u32::from(cx.limits().udp_payload);
    let sizes: Vec<u32> = BURST.into_iter().filter(|size| *size <= most).collect();
    let mut tally = Tally::default();
    let mut complete = 0;

    for _ in 0..BURSTS {
        let mut missing = sizes.clone();
        for size in &sizes {
            udp.send_pattern_to(echo.address(), seed, *size)
                .await?
                .expect(Size(*size as usize))?;
            tally.sent += 1;
        }
        while !missing.is_empty() {
            let Some(size) = receive(udp, events, seed).await? else {
                break;
            };
            // In any order; one that is late belongs to a burst before.
            if let Some(place) = missing.iter().position(|it| *it == size) {
                missing.swap_remove(place);
                tally.back += 1;
                continue;
            }
            cx.require(
                sizes.contains(&size),
                "size",
                "the size of a datagram that was sent",
                format!("{size} bytes"),
            )?;
        }
        complete += u32::from(missing.is_empty());
    }

    tally.judge(cx)?;
    cx.require(
        complete >= COMPLETE,
        "complete",
        format!("{COMPLETE} of {BURSTS} bursts complete"),
        complete.to_string(),
    )
}

/// Bursts of five datagrams come back, in any order and with few losses.
#[case(level = Must, cite = ["udp.echo.bursts", "UDPSOCKET_ECHOTEST_BURST"], needs = [Udp, Timeouts], profile = Full)]
async fn five_at_once(cx: &mut Ctx) -> Outcome {
    let udp = cx.udp().await?;
    udp.set_timeout(1000).await?;
    bursts(cx, &udp, None).await
}

/// The same in non-blocking mode; an event says when there is something.
#[case(level = Must, cite = ["udp.echo.bursts", "UDPSOCKET_ECHOTEST_BURST_NONBLOCK"], needs = [Udp, Sigio], profile = Full)]
async fn five_at_once_nonblocking(cx: &mut Ctx) -> Outcome {
    let udp = cx.udp().await?;
    let events = cx.counter()?;
    udp.set_blocking(false).await?;
    udp.sigio(&events).await?;
    bursts(cx, &udp, Some(&events)).await
}
