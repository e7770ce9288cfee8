//! Connections that wait for accept.

use hil_kit::{Bytes, Ctx, Outcome, case};

/// Connections that wait for accept are handed out in the order in which they came, each with its own data.
#[case(level = Must, cite = ["server.queue.order", "SRV-18"], needs = [Tcp, Server], profile = Quick, tags = ["impairable"])]
async fn in_order(cx: &mut Ctx) -> Outcome {
    let limits = cx.limits();
    let length = limits
        .backlog
        .min(limits.tcp_sockets.saturating_sub(1))
        .min(3);
    let listener = cx.listener(length.into()).await?;
    let mut clients = Vec::new();
    for number in 0..length {
        let mut client = cx.client(&listener).await?;
        client.send(format!("client {number}").as_bytes()).await?;
        clients.push(client);
    }

    for (number, client) in clients.iter_mut().enumerate() {
        let (child, _) = listener.accept().await?.connection()?;
        child
            .recv_all(format!("client {number}").as_bytes())
            .await?;
        child
            .send_all(format!("welcome {number}").as_bytes())
            .await?;
        client
            .expect_bytes(format!("welcome {number}").as_bytes())
            .await?;
    }
    Ok(())
}

/// A client that has sent data and closed before accept is accepted all the same: first its data, then the end.
#[case(level = Must, cite = ["server.queue.closed-client", "SRV-22"], needs = [Tcp, Server], profile = Quick, tags = ["impairable"])]
async fn client_has_closed(cx: &mut Ctx) -> Outcome {
    let listener = cx.listener(1).await?;
    let mut client = cx.client(&listener).await?;

    client.send(b"last words").await?;
    client.half_close().await?;

    let (child, _) = listener.accept().await?.connection()?;
    child.recv_all(b"last words").await?;
    child.recv(16).await?.expect(Bytes(b""))?;
    Ok(())
}
