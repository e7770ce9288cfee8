//! Going up without a DHCP server.

use core::time::Duration;

use hil_kit::wire::service::DhcpKind;
use hil_kit::{Ctx, Outcome, case};

use super::{GIVES_UP, SOON, down, no_way_up, reaches_the_host, up};

/// Slack of that time.
const SLACK: Duration = Duration::from_secs(5);

/// Connecting without a DHCP server ends with an error in bounded time; when the server is there, disconnect and connect
/// bring it up.
///
/// The control: it did ask for one.
#[case(level = Must, cite = ["interface.dhcp.none", "NIF-07"], needs = [Interface, Tcp, Cable], profile = Full, tags = ["exclusive"], deadline_ms = 100_000)]
async fn no_server(cx: &mut Ctx) -> Outcome {
    let interface = cx.interface();
    let dhcp = cx.dhcp()?;
    down(cx).await?;
    dhcp.silent();

    interface
        .connect()
        .await?
        .expect(no_way_up())?
        .elapsed_at_most(GIVES_UP, SLACK)?;
    dhcp.expect(DhcpKind::Discover, SOON).await?;
    dhcp.lease(dhcp.standard_lease());

    // A failed attempt may stand in the way of the next one (contract §10).
    interface.disconnect().await?;
    up(cx).await?;
    reaches_the_host(cx).await
}
