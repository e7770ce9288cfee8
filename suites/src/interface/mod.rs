//! The network interface: going up and down, what it tells, and what it can be told (contract §10).
//!
//! Every case here changes the interface, so it has the board to itself. None puts the interface back: the runner
//! does that after each.

mod addresses;
mod dhcp;
mod events;
mod fixed;
mod identity;
mod link;
mod sockets;
mod status;
mod updown;

use core::time::Duration;

use hil_kit::{
    Counter, Ctx, Done, Error, Expect, Fails, Matches as _, Outcome, Status, StatusIs, Stop, text,
};

/// How long going up may take, with link and DHCP server there. The reference needs milliseconds; a real link
/// negotiates for seconds.
const UP: Duration = Duration::from_secs(10);
/// How soon events are told, and a changed link is noticed.
const SOON: Duration = Duration::from_secs(3);
/// How long a blocking connect may try (contract §10: the original gives link and DHCP a minute each).
const GIVES_UP: Duration = Duration::from_secs(70);
/// Most looks at the record of events while a sequence goes on.
const LOOKS: usize = 64;
/// Cycles of the test plan of the original.
const CYCLES: usize = 5;

/// Takes the interface down, in blocking mode.
async fn down(cx: &Ctx) -> Outcome {
    let interface = cx.interface();
    interface.disconnect().await?.expect(Done)?;
    interface
        .status()
        .await?
        .expect(StatusIs(Status::Disconnected))?;
    Ok(())
}

/// Takes the interface up, in blocking mode.
async fn up(cx: &Ctx) -> Outcome {
    let interface = cx.interface();
    interface.connect().await?.expect(Done)?;
    interface
        .status()
        .await?
        .expect(StatusIs(Status::GlobalUp))?;
    Ok(())
}

/// A new connection works in both directions: the interface is not only up by its own account.
async fn reaches_the_host(cx: &Ctx) -> Outcome {
    let (tcp, mut peer) = cx.connected().await?;
    let (there, back) = (cx.data(40), cx.data(40));
    tcp.send_all(&there).await?;
    peer.expect_bytes(&there).await?;
    peer.send(&back).await?;
    tcp.recv_all(&back).await?;
    tcp.delete().await?.expect(Done)?;
    Ok(())
}

/// A connect that cannot come to an end for want of link or server.
fn no_way_up() -> Expect {
    Fails(Error::NO_CONNECTION)
        .or(
            Fails(Error::DHCP_FAILURE),
            "contract §10: no address within the time for DHCP",
        )
        .or(Fails(Error::TIMEOUT), "contract §10: what AT modems answer")
}

/// The statuses that the interface has told since the record was cleared, once `last` is among them as the last one;
/// consecutive repetitions once. `counter` listens since then, from zero.
async fn told_until(cx: &Ctx, counter: &Counter, last: Status) -> Result<Vec<Status>, Stop> {
    let interface = cx.interface();
    let mut statuses = Vec::new();
    for _ in 0..LOOKS {
        let events = interface.events().await?;
        statuses = events.statuses();
        if statuses.last() == Some(&last) || !counter.has_reached(events.total + 1, SOON).await? {
            break;
        }
    }
    let name = text::status(last as i32);
    let observed = names(&statuses);
    cx.require(
        statuses.last() == Some(&last),
        "told",
        format!("… {name}"),
        observed,
    )?;
    Ok(statuses)
}

/// Forgets what was told so far.
async fn forget(cx: &Ctx, counter: &Counter) -> Outcome {
    counter.reset().await?;
    cx.interface().take_events().await?;
    Ok(())
}

/// Requires the statuses of a way up: CONNECTING, then perhaps LOCAL_UP, then GLOBAL_UP.
fn require_way_up(cx: &Ctx, statuses: &[Status]) -> Outcome {
    let holds = matches!(
        statuses,
        [Status::Connecting, Status::GlobalUp]
            | [Status::Connecting, Status::LocalUp, Status::GlobalUp]
    );
    let expected = "CONNECTING, perhaps LOCAL_UP, GLOBAL_UP";
    cx.require(holds, "order", expected, names(statuses))
}

/// Requires the only status of a way down.
fn require_way_down(cx: &Ctx, statuses: &[Status]) -> Outcome {
    let holds = matches!(statuses, [Status::Disconnected]);
    cx.require(holds, "order", "DISCONNECTED", names(statuses))
}

/// Statuses by their names.
fn names(statuses: &[Status]) -> String {
    let names: Vec<String> = statuses.iter().map(|it| text::status(*it as i32)).collect();
    if names.is_empty() {
        "none".into()
    } else {
        names.join(", ")
    }
}
