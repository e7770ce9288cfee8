//! Going up and down: once, twice, over and over.

use hil_kit::{Ctx, Done, Error, Fails, Matches as _, Outcome, Status, StatusIs, case};

use super::{CYCLES, UP, down, reaches_the_host, up};
use crate::exhaust::count_tcp;

/// Cycles in which a leak shows.
const MANY_CYCLES: usize = 20;

/// Connecting an interface that is up answers IS_CONNECTED, and it stays up.
#[case(level = Must, cite = ["interface.connect.twice", "NIF-01"], needs = [Interface, Tcp], profile = Quick, tags = ["exclusive"])]
async fn connect_twice(cx: &mut Ctx) -> Outcome {
    let interface = cx.interface();
    down(cx).await?;
    up(cx).await?;

    interface
        .connect()
        .await?
        .expect(Fails(Error::IS_CONNECTED))?;

    interface
        .status()
        .await?
        .expect(StatusIs(Status::GlobalUp))?;
    reaches_the_host(cx).await
}

/// Disconnecting an interface that is down answers NO_CONNECTION, and it can go up again.
#[case(level = Must, cite = ["interface.disconnect.twice", "NIF-02"], needs = [Interface, Tcp], profile = Quick, tags = ["exclusive"])]
async fn disconnect_twice(cx: &mut Ctx) -> Outcome {
    let interface = cx.interface();
    down(cx).await?;

    interface
        .disconnect()
        .await?
        .expect(Fails(Error::NO_CONNECTION))?;

    interface
        .status()
        .await?
        .expect(StatusIs(Status::Disconnected))?;
    up(cx).await?;
    reaches_the_host(cx).await
}

/// In non-blocking mode connect returns once going up has begun; a second one answers BUSY, or IS_CONNECTED if it is up
/// by then, and the interface goes up all the same.
#[case(level = Must, cite = ["interface.connect.asynchronous", "NIF-03"], needs = [Interface, Tcp], profile = Quick, tags = ["exclusive"])]
async fn asynchronous_twice(cx: &mut Ctx) -> Outcome {
    let interface = cx.interface();
    down(cx).await?;
    interface.set_blocking(false).await?.expect(Done)?;

    interface.connect().await?.expect(Done)?;
    interface.connect().await?.expect(Fails(Error::BUSY).or(
        Fails(Error::IS_CONNECTED),
        "contract §10: it may be up already",
    ))?;

    interface.becomes(Status::GlobalUp, UP).await?;
    interface
        .connect()
        .await?
        .expect(Fails(Error::IS_CONNECTED))?;
    reaches_the_host(cx).await
}

/// Five times in a row the interface goes up and down, with the status that belongs to it, and then it works.
#[case(level = Must, cite = ["interface.connect.again", "NETWORKINTERFACE_CONN_DISC_REPEAT"], needs = [Interface, Tcp], profile = Quick, tags = ["exclusive"])]
async fn repeatedly(cx: &mut Ctx) -> Outcome {
    for _ in 0..CYCLES {
        down(cx).await?;
        up(cx).await?;
    }
    reaches_the_host(cx).await
}

/// Twenty times in a row the interface goes up, carries a connection and goes down, and then there are as many sockets
/// as before.
#[case(level = Must, cite = ["interface.connect.no-leak", "NIF-18"], needs = [Interface, Tcp], tags = ["exclusive"])]
async fn churn(cx: &mut Ctx) -> Outcome {
    let before = count_tcp(cx).await?;

    for _ in 0..MANY_CYCLES {
        down(cx).await?;
        up(cx).await?;
        reaches_the_host(cx).await?;
    }

    let after = count_tcp(cx).await?;
    let expected = format!("{before} TCP sockets as before");
    cx.require(after == before, "leak", expected, after.to_string())
}
