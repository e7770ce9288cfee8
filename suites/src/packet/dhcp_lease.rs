//! The DHCP client and its lease: renewed in time, given up in time (RFC 2131 §4.4.5).
//!
//! Leases are short, so that cases are; T1 and T2 are left to the client: a half and seven eighths of the lease.

use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;

use hil_kit::wire::service::{Answer, DhcpKind, DhcpSeen};
use hil_kit::wire::{Craft, Mac, Wire, from_board};
use hil_kit::{Ctx, Done, Error, Fails, Matches as _, Outcome, Status, case, text};

use super::dhcp::{
    ANEW, SOON, answer, comes_up_later_with, comes_up_with, down, reaches_the_host, up_with,
};
use crate::codes::broken;

/// A lease in which a renewal and the time after it fit.
const LEASE: u32 = 4;
/// A lease that is to run out.
const SHORT: u32 = 2;
/// Share of a lease after which it is renewed at the earliest: T1 is a half, less some fuzz.
const EARLIEST: f64 = 0.4;
/// Share of a lease after which everybody is asked: T2.
const T2: f64 = 0.875;
/// How far clocks of board and host may differ over such a time.
const CLOCKS: Duration = Duration::from_millis(50);
/// How long an address that is given up must not be used.
const QUIET: Duration = Duration::from_millis(1200);

/// The address of the lease, and the one after it.
const FIRST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 48);
const SECOND: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 49);

const fn share(seconds: u32, share: f64) -> Duration {
    Duration::from_millis((seconds as f64 * 1000.0 * share) as u64)
}

/// At T1 the client asks its server, and nobody else, to keep its address; with the answer the lease begins anew, and
/// sockets do not notice.
#[case(level = Must, cite = ["packet.dhcp.renewal", "DHC-W-09"], needs = [Interface, Tcp, Cable], profile = Full, tags = ["exclusive"])]
async fn renewal(cx: &mut Ctx) -> Outcome {
    let dhcp = cx.dhcp()?;
    dhcp.lease(dhcp.standard_lease().of(FIRST).lasting(LEASE));
    down(cx).await?;
    up_with(cx, FIRST).await?;
    let mut before = dhcp.expect(DhcpKind::Request, SOON).await?;
    let (tcp, mut peer) = cx.connected().await?;
    cx.interface().take_events().await?;

    for data in [b"one", b"two"] {
        let patience = Duration::from_secs(LEASE.into());
        let request = dhcp
            .expect_that("a renewal", patience, DhcpSeen::is_renewal)
            .await?;
        let after = request.at.saturating_sub(before.at);
        let (earliest, latest) = (share(LEASE, EARLIEST), share(LEASE, T2) - CLOCKS);
        let expected = format!("{} to {}", text::duration(earliest), text::duration(latest));
        cx.require(
            (earliest..latest).contains(&after),
            "t1",
            expected,
            text::duration(after),
        )?;
        let to_server = request.to == (dhcp.mac(), dhcp.standard_lease().server);
        let observed = format!("to {} {}", request.to.0, request.to.1);
        cx.require(to_server, "unicast", "to the server", observed)?;
        keeps_its_address(cx, &request)?;
        tcp.send_all(data).await?;
        peer.expect_bytes(data).await?;
        before = request;
    }

    let statuses = cx.interface().events().await?.statuses();
    let stayed = statuses.iter().all(|it| *it == Status::GlobalUp);
    cx.require(
        stayed,
        "status",
        "GLOBAL_UP all the time",
        format!("{statuses:?}"),
    )
}

/// Requires a request that is about the address of the client, and names neither address nor server beside.
fn keeps_its_address(cx: &Ctx, request: &DhcpSeen) -> Outcome {
    let means = (
        request.ciaddr,
        request.from.1,
        request.requested,
        request.server,
    );
    let right = means == (FIRST, FIRST, None, None);
    let expected = format!("from {FIRST}, ciaddr {FIRST}, no options 50 and 54");
    cx.require(right, "renewing", expected, format!("{means:?}"))
}

/// At T2, when its server was silent, the client asks everybody; whoever answers extends the lease, and sockets do not
/// notice.
#[case(level = Must, cite = ["packet.dhcp.rebinding", "DHC-W-10"], needs = [Interface, Tcp, Cable], profile = Full, tags = ["exclusive"])]
async fn rebinding(cx: &mut Ctx) -> Outcome {
    let (wire, dhcp) = (cx.wire()?, cx.dhcp()?);
    let mut lease = dhcp.standard_lease().of(FIRST).lasting(LEASE);
    dhcp.lease(lease.clone());
    down(cx).await?;
    up_with(cx, FIRST).await?;
    let begin = dhcp.expect(DhcpKind::Request, SOON).await?;
    dhcp.silent();
    let (tcp, mut peer) = cx.connected().await?;

    let everybody = |seen: &DhcpSeen| seen.is_renewal() && seen.to.0 == Mac::BROADCAST;
    let patience = Duration::from_secs(LEASE.into());
    let request = dhcp
        .expect_that("a request to everybody", patience, everybody)
        .await?;
    let after = request.at.saturating_sub(begin.at);
    let (earliest, latest) = (share(LEASE, T2) - CLOCKS, share(LEASE, 1.0));
    let expected = format!("{} to {}", text::duration(earliest), text::duration(latest));
    cx.require(
        (earliest..latest).contains(&after),
        "t2",
        expected,
        text::duration(after),
    )?;
    keeps_its_address(cx, &request)?;
    lease.seconds = Some(86_400);
    wire.mark();
    answer(&dhcp, &lease, &request);

    // Past the end of the first lease.
    let begins_anew = from_board().dhcp().but_not(from_board().src_ip(FIRST));
    wire.silence_unwitnessed(begins_anew, share(LEASE, 1.1) - share(LEASE, T2))
        .await?;
    tcp.send_all(b"still there").await?;
    peer.expect_bytes(b"still there").await
}

/// When its lease runs out the client gives its address up: the status is GLOBAL_UP no more, no frame comes from the
/// address, whatever asks for it, and the client begins anew. When a server answers the interface is up again.
#[case(level = Must, cite = ["packet.dhcp.expiry", "DHC-W-11"], needs = [Interface, Tcp, Udp, Cable], profile = Full, tags = ["exclusive"])]
async fn expiry(cx: &mut Ctx) -> Outcome {
    let interface = cx.interface();
    let (wire, dhcp) = (cx.wire()?, cx.dhcp()?);
    dhcp.lease(dhcp.standard_lease().of(FIRST).lasting(SHORT));
    down(cx).await?;
    up_with(cx, FIRST).await?;
    let begin = dhcp.expect(DhcpKind::Request, SOON).await?;
    let udp = cx.bound_udp().await?;
    let host = cx.scripter().await?;
    host.send(&udp, b"in time").await?;
    udp.recv_from(16)
        .await?
        .expect(hil_kit::Bytes(b"in time"))?;
    dhcp.silent();

    let patience = Duration::from_secs(SHORT.into()) + SOON;
    let anew = dhcp
        .expect_that("a DISCOVER", patience, |it| it.kind == DhcpKind::Discover)
        .await?;
    let after = anew.at.saturating_sub(begin.at);
    let least = share(SHORT, 1.0) - CLOCKS;
    let expected = format!("after {} at the earliest", text::duration(least));
    cx.require(after >= least, "early", expected, text::duration(after))?;
    interface.leaves(Status::GlobalUp, SOON).await?;
    interface
        .ip_address()
        .await?
        .expect(Fails(Error::NO_CONNECTION).or(
            Fails(Error::NO_ADDRESS),
            "contract §10: the header says so, the original does not",
        ))?;

    udp.set_blocking(false).await?;
    udp.send_to(host.address(), b"too late").await?;
    host.send(&udp, b"too late").await?;
    not_used(cx, &wire, &anew).await?;

    dhcp.lease(dhcp.standard_lease());
    comes_up_later_with(cx, dhcp.standard_lease().address, ANEW).await?;
    reaches_the_host(cx).await
}

/// Requires that the first address is not used any more from this DISCOVER on, for a while.
async fn not_used(cx: &Ctx, wire: &Wire, since: &DhcpSeen) -> Outcome {
    let uses = from_board().src_ip(FIRST).or(from_board().tells_of(FIRST));
    wire.mark();
    wire.inject(Craft::who_has(cx.dhcp()?.node(), FIRST.into()));
    wire.silence_unwitnessed(uses.clone(), QUIET).await?;
    let used = wire
        .frames(&uses)
        .into_iter()
        .find(|frame| frame.at >= since.at);
    let observed = used.map(|frame| frame.packet().to_string());
    let expected = format!("no frame of {FIRST}");
    cx.require(
        observed.is_none(),
        "old-address",
        expected,
        observed.unwrap_or_default(),
    )
}

/// When a renewal is refused by NAK the client gives its address up at once and begins anew: connections end, no frame
/// comes from the old address, and the interface is up with a new one.
#[case(level = Must, cite = ["packet.dhcp.renewal-refused", "DHC-W-12"], needs = [Interface, Tcp, Cable], profile = Full, tags = ["exclusive"])]
async fn renewal_refused(cx: &mut Ctx) -> Outcome {
    let (wire, dhcp) = (cx.wire()?, cx.dhcp()?);
    dhcp.lease(dhcp.standard_lease().of(FIRST).lasting(SHORT));
    down(cx).await?;
    up_with(cx, FIRST).await?;
    dhcp.expect(DhcpKind::Request, SOON).await?;
    let (tcp, mut peer) = cx.connected().await?;
    tcp.send_all(b"before").await?;
    peer.expect_bytes(b"before").await?;
    tcp.set_blocking(false).await?;
    dhcp.lease(dhcp.standard_lease().of(SECOND));
    dhcp.next(DhcpKind::Request, Answer::Nak);

    let patience = Duration::from_secs(SHORT.into());
    dhcp.expect_that("a renewal", patience, DhcpSeen::is_renewal)
        .await?;
    let anew = dhcp.expect(DhcpKind::Discover, SOON).await?;
    dhcp.expect(DhcpKind::Request, SOON).await?;
    comes_up_with(cx, SECOND).await?;

    tcp.recv(16).await?.expect(broken())?;
    tcp.close().await?.expect(Done)?;
    not_used(cx, &wire, &anew).await?;
    reaches_the_host(cx).await
}

/// The renewal goes to the server that the lease names, not to the host that its messages came from.
#[case(level = Must, cite = ["packet.dhcp.identifier", "DHC-W-14"], needs = [Interface, Cable], profile = Full, tags = ["exclusive"])]
async fn server_identifier(cx: &mut Ctx) -> Outcome {
    let dhcp = cx.dhcp()?;
    let server = cx.ghost().await?;
    let mut lease = dhcp.standard_lease().of(FIRST).lasting(SHORT);
    lease.server = server.ipv4();
    dhcp.lease(lease);
    down(cx).await?;
    up_with(cx, FIRST).await?;

    let patience = Duration::from_secs(SHORT.into());
    let renewal = dhcp
        .expect_that("a renewal", patience, DhcpSeen::is_renewal)
        .await?;
    let (expected, observed) = (server.node(), renewal.to);
    let right = (observed.0, IpAddr::from(observed.1)) == (expected.mac, expected.ip);
    let observed = format!("to {} {}", observed.0, observed.1);
    cx.require(
        right,
        "identifier",
        format!("to {} {}", expected.mac, expected.ip),
        observed,
    )
}

/// Odd times, and how they come about.
type Odd = (&'static str, [Option<u32>; 3]);

/// Times of leases, T1 and T2 that make no sense.
const ODD: [Odd; 5] = [
    ("a lease of 0 s", [Some(0), None, None]),
    ("a lease of 1 s", [Some(1), None, None]),
    ("T1 of 0 s", [Some(60), Some(0), None]),
    ("T1 after T2 after the end", [Some(30), Some(50), Some(40)]),
    (
        "a lease for ever",
        [Some(u32::MAX), Some(u32::MAX), Some(u32::MAX)],
    ),
];
/// Most messages of a client in its first second; two get it the lease.
const STORM: usize = 8;
const SECOND_OF_ALL: Duration = Duration::from_secs(1);
/// After such a silence nothing more is waited for.
const SILENT: Duration = Duration::from_millis(700);

/// Odd times of a lease do no harm: no storm of questions, and with a good lease the interface is up again.
#[case(level = Must, cite = ["packet.dhcp.odd-times", "DHC-W-13"], needs = [Interface, Tcp, Cable], profile = Full, tags = ["exclusive"])]
async fn odd_times(cx: &mut Ctx) -> Outcome {
    let interface = cx.interface();
    let (wire, dhcp) = (cx.wire()?, cx.dhcp()?);
    interface.set_blocking(false).await?.expect(Done)?;
    for (words, [seconds, t1, t2]) in ODD {
        let mut lease = dhcp.standard_lease();
        (lease.seconds, lease.t1, lease.t2) = (seconds, t1, t2);
        cx.say(words);
        down(cx).await?;
        dhcp.lease(lease);
        wire.mark();
        interface.connect().await?.expect(Done)?;
        dhcp.expect(DhcpKind::Discover, SOON).await?;
        let messages = in_a_second(&wire).await;
        let expected = format!("{words}: up to {STORM} messages");
        cx.require(messages <= STORM, "storm", expected, messages.to_string())?;
    }

    dhcp.lease(dhcp.standard_lease());
    interface.set_blocking(true).await?.expect(Done)?;
    down(cx).await?;
    up_with(cx, dhcp.standard_lease().address).await?;
    reaches_the_host(cx).await
}

/// How many messages the client sends in the second that begins with the first one; the count ends at a storm.
async fn in_a_second(wire: &Wire) -> usize {
    let mut since = None;
    let mut messages = 0;
    while messages <= STORM
        && let Some(frame) = wire.wait_for(from_board().dhcp(), SILENT).await
        && frame.at <= *since.get_or_insert(frame.at) + SECOND_OF_ALL
    {
        messages += 1;
    }
    messages
}
