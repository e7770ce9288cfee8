//! The event callback when the other side ends the connection.

use core::time::Duration;

use hil_kit::{Bytes, Ctx, Error, Fails, Matches, Outcome, case};

/// How soon an event is reported.
const SOON: Duration = Duration::from_secs(1);

/// The end of the stream calls the callback; receive then answers 0.
#[case(level = Must, cite = ["nonblocking.sigio.end", "SIG-07"], needs = [Tcp, Sigio], profile = Quick)]
async fn orderly(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = cx.connected().await?;
    let counter = cx.counter()?;
    tcp.set_blocking(false).await?;
    tcp.sigio(&counter).await?;
    tcp.arm(&counter).await?;

    peer.half_close().await?;

    counter.reaches(1, SOON).await?;
    tcp.recv(16).await?.expect(Bytes(b""))?;
    Ok(())
}

/// A reset calls the callback; receive then answers an error.
#[case(level = Must, cite = ["nonblocking.sigio.reset", "SIG-08"], needs = [Tcp, Sigio], profile = Quick)]
async fn reset(cx: &mut Ctx) -> Outcome {
    let (tcp, peer) = cx.connected().await?;
    let counter = cx.counter()?;
    tcp.set_blocking(false).await?;
    tcp.sigio(&counter).await?;
    tcp.arm(&counter).await?;

    peer.reset()?;

    counter.reaches(1, SOON).await?;
    let lost = Fails(Error::NO_CONNECTION)
        .or(
            Fails(Error::CONNECTION_LOST),
            "contract §1: what ESP8266 says of a lost link",
        )
        .or(
            Fails(Error::DEVICE_ERROR),
            "contract §1: an error of the stack without a code of its own",
        );
    tcp.recv(16).await?.expect(lost)?;
    Ok(())
}
