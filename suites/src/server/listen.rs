//! Becoming a listener.

use hil_kit::{Ctx, Done, Error, Fails, Outcome, case};

/// Listen on a socket that is not open is NO_SOCKET, before it was opened and after it was closed.
#[case(level = Must, cite = ["server.listen.unopened", "SRV-10"], needs = [Tcp, Server], profile = Quick)]
async fn unopened(cx: &mut Ctx) -> Outcome {
    let socket = cx.unopened_tcp().await?;

    socket.listen(1).await?.expect(Fails(Error::NO_SOCKET))?;
    socket.open().await?.expect(Done)?;
    socket.close().await?.expect(Done)?;
    socket.listen(1).await?.expect(Fails(Error::NO_SOCKET))?;
    Ok(())
}
