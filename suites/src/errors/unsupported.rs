//! Operations that a kind of socket does not have, in any state.

use hil_kit::{Ctx, Error, Fails, Outcome, case};

/// UDP sockets have no listen: UNSUPPORTED, unopened and open.
#[case(level = Must, cite = ["errors.unsupported.udp-server", "SRV-26", "LIF-01"], needs = [Udp], profile = Quick)]
async fn udp_listen(cx: &mut Ctx) -> Outcome {
    let unopened = cx.unopened_udp().await?;
    let bound = cx.bound_udp().await?;

    unopened
        .listen(1)
        .await?
        .expect(Fails(Error::UNSUPPORTED))?;
    bound.listen(1).await?.expect(Fails(Error::UNSUPPORTED))?;
    Ok(())
}

/// UDP sockets have no accept: UNSUPPORTED and no socket, unopened and open.
#[case(level = Must, cite = ["errors.unsupported.udp-server", "SRV-26", "LIF-01"], needs = [Udp], profile = Quick)]
async fn udp_accept(cx: &mut Ctx) -> Outcome {
    let unopened = cx.unopened_udp().await?;
    let bound = cx.bound_udp().await?;

    unopened.accept().await?.expect(Fails(Error::UNSUPPORTED))?;
    bound.accept().await?.expect(Fails(Error::UNSUPPORTED))?;
    Ok(())
}

/// TCP knows no control data: UNSUPPORTED, which is said before the socket is looked at.
#[case(level = Must, cite = ["errors.unsupported.tcp-control-data", "STR-25", "LIF-01"], needs = [Tcp], profile = Quick)]
async fn tcp_control_data(cx: &mut Ctx) -> Outcome {
    let unopened = cx.unopened_tcp().await?;
    let open = cx.tcp().await?;

    unopened
        .control_data()
        .await?
        .expect(Fails(Error::UNSUPPORTED))?;
    open.control_data()
        .await?
        .expect(Fails(Error::UNSUPPORTED))?;
    Ok(())
}
