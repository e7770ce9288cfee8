//! The connection status: what is told, and what can be asked for.

use hil_kit::{
    Ctx, Done, Error, Fails, IpAddress, Matches as _, Outcome, Status, StatusIs, case, text,
};

use super::{
    CYCLES, UP, down, forget, reaches_the_host, require_way_down, require_way_up, told_until, up,
};

/// Going up tells CONNECTING, perhaps LOCAL_UP, then GLOBAL_UP; going down tells DISCONNECTED. Five times in a row, in
/// blocking mode.
///
/// The same status may be told more than once in a row; an attached callback hears of all.
#[case(level = Must, cite = ["interface.status.order", "NETWORKINTERFACE_STATUS"], needs = [Interface], profile = Quick, tags = ["exclusive"])]
async fn in_order(cx: &mut Ctx) -> Outcome {
    let told = cx.counter()?;
    down(cx).await?;
    cx.interface().attach(&told).await?.expect(Done)?;

    for _ in 0..CYCLES {
        forget(cx, &told).await?;
        up(cx).await?;
        require_way_up(cx, &told_until(cx, &told, Status::GlobalUp).await?)?;

        forget(cx, &told).await?;
        down(cx).await?;
        require_way_down(cx, &told_until(cx, &told, Status::Disconnected).await?)?;
    }
    Ok(())
}

/// In non-blocking mode, too, the statuses are told in this order; connect and disconnect answer OK at once.
#[case(level = Must, cite = ["interface.status.order", "NETWORKINTERFACE_STATUS_NONBLOCK"], needs = [Interface], profile = Quick, tags = ["exclusive"])]
async fn in_order_nonblocking(cx: &mut Ctx) -> Outcome {
    let interface = cx.interface();
    let told = cx.counter()?;
    down(cx).await?;
    interface.attach(&told).await?.expect(Done)?;
    interface.set_blocking(false).await?.expect(Done)?;

    for _ in 0..CYCLES {
        forget(cx, &told).await?;
        interface.connect().await?.expect(Done)?;
        interface.becomes(Status::GlobalUp, UP).await?;
        require_way_up(cx, &told_until(cx, &told, Status::GlobalUp).await?)?;

        forget(cx, &told).await?;
        interface.disconnect().await?.expect(Done)?;
        interface.becomes(Status::Disconnected, UP).await?;
        require_way_down(cx, &told_until(cx, &told, Status::Disconnected).await?)?;
    }
    Ok(())
}

/// The status that is asked for is DISCONNECTED before connect and after disconnect and GLOBAL_UP in between; a port
/// with IPv6 has a link-local address then. Five times in a row, in non-blocking mode.
#[case(level = Must, cite = ["interface.status.asked", "NETWORKINTERFACE_STATUS_GET"], needs = [Interface, Tcp], profile = Quick, tags = ["exclusive"])]
async fn asked(cx: &mut Ctx) -> Outcome {
    let interface = cx.interface();
    down(cx).await?;
    interface.set_blocking(false).await?.expect(Done)?;

    for cycle in 0..CYCLES {
        interface.connect().await?.expect(Done)?;
        interface.becomes(Status::GlobalUp, UP).await?;
        link_local(cx).await?;
        if cycle == 0 {
            reaches_the_host(cx).await?;
        }

        interface.disconnect().await?.expect(Done)?;
        interface.becomes(Status::Disconnected, UP).await?;
        interface
            .status()
            .await?
            .expect(StatusIs(Status::Disconnected))?;
    }
    Ok(())
}

/// The link-local address is one, or the port says that it has no IPv6.
async fn link_local(cx: &Ctx) -> Outcome {
    let answer = cx.interface().link_local().await?.expect(Done.or(
        Fails(Error::UNSUPPORTED),
        "contract §10: without IPv6 there is none",
    ))?;
    if answer.code() != 0 {
        return Ok(());
    }
    let observed = answer
        .address()
        .map_or_else(|| "no address".into(), text::address);
    let is_link_local = answer.address().is_some_and(
        |address| matches!(address.ip, IpAddress::V6([0xfe, second, ..]) if second & 0xc0 == 0x80),
    );
    cx.require(
        is_link_local,
        "link-local",
        "an address in fe80::/10",
        observed,
    )
}

/// An event of the connection status carries one of the four statuses, and any other event is one of a modem: over five
/// times up and down.
#[case(level = Must, cite = ["interface.status.events", "NIF-16"], needs = [Interface], profile = Quick, tags = ["exclusive"])]
async fn event_values(cx: &mut Ctx) -> Outcome {
    let told = cx.counter()?;
    down(cx).await?;
    cx.interface().add_listener(&told).await?.expect(Done)?;

    for _ in 0..CYCLES {
        forget(cx, &told).await?;
        up(cx).await?;
        told_until(cx, &told, Status::GlobalUp).await?;
        down(cx).await?;
        told_until(cx, &told, Status::Disconnected).await?;

        let events = cx.interface().events().await?;
        let strange = events.newest.iter().find(|it| match it.event {
            0 => !(0..=3).contains(&it.value),
            other => !(0x1000..=0x1fff).contains(&other),
        });
        let observed = strange.map_or_else(String::new, |it| {
            format!("event {:#x} with value {}", it.event, it.value)
        });
        let expected = "event 0 with a status, or one from 0x1000 to 0x1fff";
        cx.require(strange.is_none(), "event", expected, observed)?;
    }
    Ok(())
}
