//! The DHCP client over longer times: repeated questions, and restarts of the board.

use core::time::Duration;

use hil_kit::wire::service::DhcpKind;
use hil_kit::{Ctx, Outcome, Status, case, text};

use super::dhcp::{SOON, answer, comes_up_later_with, discovering, reaches_the_host};

/// How long the first repetition may take: four seconds and one of chance (RFC 2131 §4.1), and slack.
const FIRST_AGAIN: Duration = Duration::from_secs(7);
/// By how much the time between questions grows at least: it doubles, with one second of chance either way.
const GROWS: f64 = 1.3;
/// How long it may take for an unanswered offer to be given up, and for the next question after that.
const GIVES_UP: Duration = Duration::from_secs(80);
/// How long a board may take to go up after a restart.
const BOOT: Duration = Duration::from_secs(10);

/// An unanswered DISCOVER is repeated after times that grow, and when a server answers at last the interface goes up.
///
/// It needs three questions: some fifteen seconds.
#[case(level = Must, cite = ["packet.dhcp.back-off", "DHC-W-02"], needs = [Interface, Tcp, Cable], profile = Soak, tags = ["exclusive"])]
async fn backs_off(cx: &mut Ctx) -> Outcome {
    let dhcp = cx.dhcp()?;
    let first = discovering(cx, &dhcp).await?;
    let second = dhcp.expect(DhcpKind::Discover, FIRST_AGAIN).await?;
    let gap = second.at.saturating_sub(first.at);
    let third = dhcp.expect(DhcpKind::Discover, gap.mul_f64(4.0)).await?;
    let next_gap = third.at.saturating_sub(second.at);

    let observed = format!("{}, then {}", text::duration(gap), text::duration(next_gap));
    cx.require(
        next_gap >= gap.mul_f64(GROWS),
        "back-off",
        "times that grow",
        observed,
    )?;
    dhcp.lease(dhcp.standard_lease());
    comes_up_later_with(cx, dhcp.standard_lease().address, next_gap.mul_f64(4.0)).await?;
    reaches_the_host(cx).await
}

/// An unanswered REQUEST is repeated, and after a while given up: the client begins anew, and goes up when a server
/// answers to the end.
///
/// How long it tries is its business; RFC 2131 §3.1 speaks of four times and a minute, by way of example.
#[case(level = Must, cite = ["packet.dhcp.request-again", "DHC-W-05"], needs = [Interface, Tcp, Cable], profile = Soak, tags = ["exclusive"], deadline_ms = 180_000)]
async fn unanswered_request(cx: &mut Ctx) -> Outcome {
    let dhcp = cx.dhcp()?;
    let lease = dhcp.standard_lease();
    let discover = discovering(cx, &dhcp).await?;
    answer(&dhcp, &lease, &discover);
    let first = dhcp.expect(DhcpKind::Request, SOON).await?;

    let again = dhcp.expect(DhcpKind::Request, FIRST_AGAIN).await?;
    let same =
        (again.xid, again.requested, again.server) == (first.xid, first.requested, first.server);
    cx.require(same, "again", format!("{first:?}"), format!("{again:?}"))?;

    dhcp.expect(DhcpKind::Discover, GIVES_UP).await?;
    dhcp.lease(lease.clone());
    comes_up_later_with(cx, lease.address, GIVES_UP).await?;
    reaches_the_host(cx).await
}

/// After a restart of the board the transaction is another one, and the client calls itself the same.
#[case(level = Must, cite = ["packet.dhcp.boots", "DHC-W-01", "NIF-13"], needs = [Interface, Cable], profile = Full, tags = ["exclusive"])]
async fn across_boots(cx: &mut Ctx) -> Outcome {
    let dhcp = cx.dhcp()?;
    let mut clients = Vec::new();
    for _ in 0..2 {
        cx.restart().await?;
        clients.push(dhcp.expect(DhcpKind::Discover, SOON).await?);
        cx.interface().becomes(Status::GlobalUp, BOOT).await?;
    }

    let [one, two] = &clients[..] else {
        return Ok(());
    };
    let same = (one.chaddr, &one.client_id) == (two.chaddr, &two.client_id);
    let observed = format!("{:?} and {:?}", one.client_id, two.client_id);
    cx.require(same, "client-id", "the same client", observed)?;
    let observed = format!("{:#x} twice", one.xid);
    cx.require(one.xid != two.xid, "xid", "another one", observed)
}
