//! Opening a socket object that cannot be opened.

use hil_kit::{Ctx, Done, Error, Fails, Outcome, case};

/// Opening an open TCP socket answers PARAMETER.
#[case(level = Must, cite = ["errors.open.twice", "TCPSOCKET_OPEN_TWICE"], needs = [Tcp], profile = Quick)]
async fn tcp_twice(cx: &mut Ctx) -> Outcome {
    let socket = cx.unopened_tcp().await?;

    socket.open().await?.expect(Done)?;
    socket.open().await?.expect(Fails(Error::PARAMETER))?;
    Ok(())
}

/// Opening an open UDP socket answers PARAMETER.
#[case(level = Must, cite = ["errors.open.twice", "UDPSOCKET_OPEN_TWICE"], needs = [Udp], profile = Quick)]
async fn udp_twice(cx: &mut Ctx) -> Outcome {
    let socket = cx.unopened_udp().await?;

    socket.open().await?.expect(Done)?;
    socket.open().await?.expect(Fails(Error::PARAMETER))?;
    Ok(())
}

/// Opening on no stack at all answers PARAMETER, and the object can then be opened properly.
#[case(level = Must, cite = ["errors.open.null-stack", "LIF-04"], needs = [Tcp, Udp], profile = Quick)]
async fn null_stack(cx: &mut Ctx) -> Outcome {
    let tcp = cx.unopened_tcp().await?;
    let udp = cx.unopened_udp().await?;

    tcp.open_null().await?.expect(Fails(Error::PARAMETER))?;
    udp.open_null().await?.expect(Fails(Error::PARAMETER))?;

    tcp.open().await?.expect(Done)?;
    udp.open().await?.expect(Done)?;
    Ok(())
}
