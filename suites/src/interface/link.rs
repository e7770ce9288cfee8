//! What becomes of the interface when its cable is pulled.

use core::time::Duration;

use hil_kit::{Ctx, Error, Fails, Matches as _, Outcome, Status, case};

use super::{GIVES_UP, SOON, UP, down, no_way_up, reaches_the_host, told_until, up};

/// Slack of that time.
const SLACK: Duration = Duration::from_secs(5);

/// When the link is lost the interface is GLOBAL_UP no more, and when the link is back it goes up again by itself.
///
/// It tells CONNECTING meanwhile; it need not be DISCONNECTED at any time.
#[case(level = Must, cite = ["interface.link.lost", "NIF-05"], needs = [Interface, Tcp, Cable], profile = Full, tags = ["exclusive"])]
async fn lost_and_back(cx: &mut Ctx) -> Outcome {
    let interface = cx.interface();
    let wire = cx.wire()?;
    let told = cx.counter()?;
    interface.add_listener(&told).await?;
    interface.take_events().await?;
    reaches_the_host(cx).await?;

    wire.cut().await?;
    interface.leaves(Status::GlobalUp, SOON).await?;
    interface
        .ip_address()
        .await?
        .expect(Fails(Error::NO_CONNECTION).or(
            Fails(Error::NO_ADDRESS),
            "contract §10: the header says so, the original does not",
        ))?;
    wire.restore().await?;

    interface.becomes(Status::GlobalUp, UP).await?;
    let statuses = told_until(cx, &told, Status::GlobalUp).await?;
    let told = statuses.contains(&Status::Connecting);
    cx.require(
        told,
        "told",
        "CONNECTING among them",
        super::names(&statuses),
    )?;
    reaches_the_host(cx).await
}

/// Connecting without a link ends with an error in bounded time; with the link back, disconnect and connect bring it up.
#[case(level = Must, cite = ["interface.link.none", "NIF-08"], needs = [Interface, Tcp, Cable], profile = Full, tags = ["exclusive"], deadline_ms = 100_000)]
async fn none(cx: &mut Ctx) -> Outcome {
    let interface = cx.interface();
    let wire = cx.wire()?;
    down(cx).await?;
    wire.cut().await?;

    interface
        .connect()
        .await?
        .expect(no_way_up())?
        .elapsed_at_most(GIVES_UP, SLACK)?;
    wire.restore().await?;

    // A failed attempt may stand in the way of the next one (contract §10).
    interface.disconnect().await?;
    up(cx).await?;
    reaches_the_host(cx).await
}
