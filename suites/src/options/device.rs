//! Option BIND_TO_DEVICE: the name of an interface, at most 6 bytes.

use hil_kit::socket::Udp;
use hil_kit::{
    Bytes, Ctx, Done, Error, Fails, Need, Null, Outcome, Size, Stop, case, claims, option, text,
};

/// A name that no interface has.
const NOBODY: &[u8] = b"none9";

/// The interface's own name.
async fn name_of(cx: &Ctx) -> Result<Option<Vec<u8>>, Stop> {
    let answer = cx.interface().name().await?;
    if answer.code() < 0 {
        answer.expect(Null)?;
        return Ok(None);
    }
    let name = answer.data().to_vec();
    let fits = !name.is_empty() && name.len() <= option::INTERFACE_NAME;
    let observed = text::bytes(&name);
    cx.require(fits, "name", "a name of 1 to 6 bytes", observed)?;
    Ok(Some(name))
}

async fn echoes(cx: &Ctx, udp: &Udp) -> Result<(), Stop> {
    let echo = cx.udp_echo().await?;
    let data = cx.data(24);
    udp.send_to(echo.address(), &data).await?.expect(Size(24))?;
    udp.recv_from(64).await?.expect(Bytes(&data))?;
    Ok(())
}

/// A socket can be bound to its interface by name and works as before, or the option is UNSUPPORTED.
#[case(
    level = Must,
    cite = ["options.device.own-name", "OPT-07"],
    needs = [Udp, Interface],
    profile = Quick
)]
async fn own_name(cx: &mut Ctx) -> Outcome {
    let name = name_of(cx).await?;
    let udp = cx.udp().await?;

    let set = |name| udp.set_option(option::LEVEL_SOCKET, option::BIND_TO_DEVICE, name);
    match name {
        Some(name) if claims(cx.identity(), Need::Option(option::BIND_TO_DEVICE)) => {
            set(&name).await?.expect(Done)?;
        }
        name => {
            let name = name.unwrap_or_else(|| NOBODY.into());
            set(&name).await?.expect(Fails(Error::UNSUPPORTED))?;
        }
    }

    echoes(cx, &udp).await
}

/// What binding to an interface that is not there does is the port's affair; it does no harm.
#[case(
    level = May,
    cite = ["options.device.unknown-name", "OPT-07"],
    needs = [Udp, Interface, Option(option::BIND_TO_DEVICE)],
    profile = Quick
)]
async fn unknown_name(cx: &mut Ctx) -> Outcome {
    let udp = cx.udp().await?;
    echoes(cx, &udp).await?;
    cx.positive_control();

    let answer = udp
        .set_option(option::LEVEL_SOCKET, option::BIND_TO_DEVICE, NOBODY)
        .await?;
    cx.note("bind-to-device.unknown-name", text::code(answer.code()));

    let other = cx.udp().await?;
    echoes(cx, &other).await
}
