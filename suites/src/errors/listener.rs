//! Sockets that listen are not connections.

use hil_kit::{Ctx, FailsSomehow, Outcome, case};

/// Sending and receiving on a listener fail, and do it no harm.
///
/// Which code they answer is not laid down (lwIP: IN_PROGRESS and NO_CONNECTION), so any negative one will do;
/// the effect is that the listener still accepts, and data flows.
#[case(level = Must, cite = ["errors.listener.data", "SRV-30"], needs = [Tcp, Server], profile = Quick)]
async fn data(cx: &mut Ctx) -> Outcome {
    let listener = cx.listener(1).await?;
    listener.set_blocking(false).await?;

    listener.send(b"x").await?.expect(FailsSomehow)?;
    listener.recv(1).await?.expect(FailsSomehow)?;

    listener.set_blocking(true).await?;
    let mut client = cx.client(&listener).await?;
    let (child, _) = listener.accept().await?.connection()?;
    client.send(b"still here").await?;
    child.recv_all(b"still here").await
}
