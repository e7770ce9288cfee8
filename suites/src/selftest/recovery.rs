//! What comes after a broken board.

use hil_kit::{Ctx, Done, Error, Fails, Outcome, case};

/// After all that a board works as before.
///
/// Right is `pass`. It comes last in its suite.
#[case(level = Must, cite = ["selftest.recovery.alive"], needs = [CrashCommands], profile = Quick)]
async fn works_as_before(cx: &mut Ctx) -> Outcome {
    let tcp = cx.tcp().await?;

    tcp.close().await?.expect(Done)?;
    tcp.close().await?.expect(Fails(Error::NO_SOCKET))?;

    Ok(())
}
