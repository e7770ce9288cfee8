//! Options that nobody has.

use hil_kit::{Ctx, Done, Error, Fails, Outcome, Protocol, case, option};

/// An option number that the header does not know.
const NO_SUCH_OPTION: i32 = 999;
/// A level that the header does not know.
const NO_SUCH_LEVEL: i32 = 4242;

/// An unknown option number answers UNSUPPORTED, to set and to get, and leaves the socket as it was.
///
/// As it was: it can be bound, once.
#[case(level = Must, cite = ["errors.options.unknown-number", "OPT-02"], needs = [Tcp], profile = Quick)]
async fn unknown_number(cx: &mut Ctx) -> Outcome {
    let socket = cx.tcp().await?;
    let port = cx.free_port(Protocol::Tcp)?;

    let set = socket
        .set_option(option::LEVEL_SOCKET, NO_SUCH_OPTION, &1i32.to_le_bytes())
        .await?;
    set.expect(Fails(Error::UNSUPPORTED))?;
    let got = socket
        .get_option(option::LEVEL_SOCKET, NO_SUCH_OPTION, 4)
        .await?;
    got.expect(Fails(Error::UNSUPPORTED))?;

    socket.bind_port(port).await?.expect(Done)?;
    Ok(())
}

/// An unknown option level answers UNSUPPORTED, to set and to get.
///
/// A port may overlook the level (D-11), but then it knows an option that its user never named; hence the
/// control: at the right level an unknown number is refused.
#[case(level = Should, cite = ["errors.options.unknown-level", "OPT-02"], needs = [Tcp], profile = Quick)]
async fn unknown_level(cx: &mut Ctx) -> Outcome {
    let socket = cx.tcp().await?;
    let value = 1i32.to_le_bytes();
    let control = socket
        .set_option(option::LEVEL_SOCKET, NO_SUCH_OPTION, &value)
        .await?;
    control.expect(Fails(Error::UNSUPPORTED))?;
    cx.positive_control();

    let set = socket
        .set_option(NO_SUCH_LEVEL, option::REUSEADDR, &value)
        .await?;
    set.expect(Fails(Error::UNSUPPORTED))?;
    let got = socket
        .get_option(NO_SUCH_LEVEL, option::REUSEADDR, 4)
        .await?;
    got.expect(Fails(Error::UNSUPPORTED))?;
    Ok(())
}
