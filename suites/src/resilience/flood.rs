//! An attack: connections begun by the hundred and never completed.

use core::time::Duration;
use std::time::Instant;

use hil_kit::wire::{Craft, Flags, Ghost};
use hil_kit::{Ctx, Outcome, case};

/// Half-open connections.
const COUNT: u16 = 1000;
/// How many of them each second of the attack's duration brings at once.
const AT_ONCE: u16 = 50;
/// Within this time the listener is usable again.
const RECOVERY: Duration = Duration::from_secs(60);
/// First port of the attackers.
const FIRST_PORT: u16 = 20_000;

/// An opening segment of attacker number `n`.
fn opening(ghosts: &[Ghost], n: u16, port: u16) -> Craft {
    let ghost = &ghosts[usize::from(n) % ghosts.len()];
    let seq = 0x1000_0000 + u32::from(n) * 0x1_0000;
    Craft::tcp(ghost.node(), FIRST_PORT + n, ghost.board(), port)
        .seq_ack(seq, 0)
        .flags(Flags::SYN)
        .tcp_options(&[2, 4, 0x05, 0xb4])
}

/// After a thousand connections that were begun and never completed a listener serves clients again within a minute,
/// and a connection that stood before lives on.
///
/// The openings come from ten hosts, which answer who they are and nothing else. During the attack a client may be
/// refused or left waiting.
#[case(
    level = Must,
    cite = ["resilience.flood.half-open", "RES-03"],
    needs = [Tcp, Server, Timeouts, Ipv4, Cable],
    profile = Full,
    deadline_ms = 120_000
)]
async fn half_open(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let listener = cx.listener(2).await?;
    let mut before = cx.client(&listener).await?;
    let (child, _) = listener.accept().await?.connection()?;
    before.send(b"before").await?;
    child.recv_all(b"before").await?;
    let mut ghosts = Vec::new();
    for _ in 0..10 {
        ghosts.push(cx.ghost().await?);
    }

    for first in (0..COUNT).step_by(AT_ONCE.into()) {
        let frames = (first..first + AT_ONCE).map(|n| opening(&ghosts, n, listener.port()).bytes());
        wire.inject_all("opening segment", frames);
        // The board has taken them when it answers what comes behind them.
        wire.ping().await?;
    }
    let answered = wire.count(&hil_kit::wire::from_board().syn_ack());
    cx.say(format!(
        "{answered} openings were answered, repetitions included"
    ));

    before.send(b"meanwhile").await?;
    child.recv_all(b"meanwhile").await?;

    // What is accepted may be nothing of the attack: those connections were never complete.
    listener.set_timeout(500).await?;
    let begun = Instant::now();
    let limit = cx.within(RECOVERY);
    let recovered = loop {
        if let Ok(mut client) = cx.try_client(listener.port()).await? {
            client.send(b"after").await?;
            let accepted = listener.accept().await?;
            if accepted.answer().code() == 0 {
                let (child, _) = accepted.connection()?;
                child.recv_all(b"after").await?;
                child.send_all(b"welcome").await?;
                client.expect_bytes(b"welcome").await?;
                break true;
            }
        }
        if begun.elapsed() > limit {
            break false;
        }
    };
    let after = begun.elapsed();
    cx.say(format!("served again after {after:?}"));
    let expected = format!("a client is served within {limit:?}");
    cx.require(
        recovered,
        "recovery",
        expected,
        format!("none after {after:?}"),
    )?;
    before.send(b"to the end").await?;
    child.recv_all(b"to the end").await
}
