//! Echo over UDP: what goes out comes back, in all sizes.

use hil_kit::expect::Moved;
use hil_kit::{Bytes, Ctx, Done, Outcome, Size, case};

/// The sizes of the Mbed test plan, as far as the port takes them.
fn sizes(cx: &Ctx) -> impl Iterator<Item = u32> + use<> {
    let most = u32::from(cx.limits().udp_payload).min(cx.identity().max_io);
    (1..=10)
        .chain((100..=1200).step_by(100))
        .filter(move |size| *size <= most)
}

/// Datagrams of all sizes sent to an echo server come back unchanged, from the server's address and port.
#[case(level = Must, cite = ["udp.echo.sizes", "UDPSOCKET_ECHOTEST"], needs = [Udp], profile = Quick)]
async fn sendto_recvfrom(cx: &mut Ctx) -> Outcome {
    let echo = cx.udp_echo().await?;
    let udp = cx.udp().await?;
    let most_inline = u32::from(cx.identity().max_inline);

    for size in sizes(cx) {
        let seed = cx.seed();
        udp.send_pattern_to(echo.address(), seed, size)
            .await?
            .expect(Size(size as usize))?;
        udp.recv_pattern(size, seed, 0).await?.expect(Moved(size))?;
    }

    // The source is told with the bytes, which is for those that fit into an answer.
    let data = cx.data(64.min(most_inline as usize));
    udp.send_to(echo.address(), &data)
        .await?
        .expect(Size(data.len()))?;
    udp.recv_from(64)
        .await?
        .expect(Bytes(&data))?
        .expect_from(echo.address())?;
    Ok(())
}

/// The same with a connected socket, send and recv.
#[case(level = Must, cite = ["udp.echo.sizes", "UDPSOCKET_ECHOTEST_CONNECT_SEND_RECV"], needs = [Udp], profile = Quick)]
async fn connect_send_recv(cx: &mut Ctx) -> Outcome {
    let echo = cx.udp_echo().await?;
    let udp = cx.udp().await?;
    udp.connect(echo.address()).await?.expect(Done)?;

    for size in sizes(cx) {
        let seed = cx.seed();
        udp.send_pattern(seed, size)
            .await?
            .expect(Size(size as usize))?;
        udp.recv_pattern(size, seed, 0).await?.expect(Moved(size))?;
    }
    Ok(())
}
