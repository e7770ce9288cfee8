//! Who is told of changes: listeners, and the attached callback.

use core::time::Duration;

use hil_kit::{Ctx, Done, Outcome, Status, case};

use super::{SOON, down, told_until, up};

/// How long no further event may be told.
const QUIET: Duration = Duration::from_millis(300);
/// Fewest events of a way up: CONNECTING and GLOBAL_UP.
const WAY_UP: u32 = 2;

/// Every listener is told of every change, one that was added twice only once, and one that was removed of none.
#[case(level = Must, cite = ["interface.listeners.all", "NIF-14"], needs = [Interface], profile = Quick, tags = ["exclusive"])]
async fn listeners(cx: &mut Ctx) -> Outcome {
    let interface = cx.interface();
    let (one, twice) = (cx.counter()?, cx.counter()?);
    down(cx).await?;
    for listener in [&one, &twice, &twice] {
        interface.add_listener(listener).await?.expect(Done)?;
    }

    up(cx).await?;
    one.reaches(WAY_UP, SOON).await?;
    twice.reaches(WAY_UP, SOON).await?;
    twice.stays_quiet(QUIET).await?;
    let (of_one, of_twice) = (one.value().await?, twice.value().await?);
    let observed = format!("{of_one} and {of_twice} calls");
    cx.require(
        of_one == of_twice,
        "duplicate",
        "as many calls of each",
        observed,
    )?;

    interface.remove_listener(&one).await?.expect(Done)?;
    down(cx).await?;
    twice.reaches(of_twice + 1, SOON).await?;
    one.stays_quiet(QUIET).await?;
    let now = one.value().await?;
    let expected = format!("{of_one} calls as before");
    cx.require(now == of_one, "removed", expected, now.to_string())
}

/// An attached callback is told of every change; after attach of null there is none.
///
/// The control: it was called while it was attached, and the interface does go up without it.
#[case(level = Must, cite = ["interface.attach.null", "NIF-15"], needs = [Interface], profile = Quick, tags = ["exclusive"])]
async fn detached(cx: &mut Ctx) -> Outcome {
    let interface = cx.interface();
    let attached = cx.counter()?;
    interface.attach(&attached).await?.expect(Done)?;
    interface.take_events().await?;
    down(cx).await?;
    told_until(cx, &attached, Status::Disconnected).await?;
    attached.reaches(1, SOON).await?;

    interface.detach().await?.expect(Done)?;
    attached.reset().await?;
    up(cx).await?;

    attached.stays_quiet(QUIET).await?;
    let calls = attached.value().await?;
    cx.require(calls == 0, "detached", "no call", calls.to_string())
}

/// A callback that is attached takes the place of the one before.
#[case(level = Must, cite = ["interface.attach.one"], needs = [Interface], profile = Quick, tags = ["exclusive"])]
async fn attached_anew(cx: &mut Ctx) -> Outcome {
    let interface = cx.interface();
    let (old, new) = (cx.counter()?, cx.counter()?);
    interface.attach(&old).await?.expect(Done)?;
    down(cx).await?;
    old.reaches(1, SOON).await?;
    old.stays_quiet(QUIET).await?;
    let before = old.value().await?;

    interface.attach(&new).await?.expect(Done)?;
    up(cx).await?;

    new.reaches(WAY_UP, SOON).await?;
    let after = old.value().await?;
    let expected = format!("{before} calls as before");
    cx.require(after == before, "replaced", expected, after.to_string())
}
