//! Listening for clients that come over IPv6.

use hil_kit::rig::HostAddress;
use hil_kit::{Ctx, Done, IpAddress, Outcome, case, text};

/// A client that comes over IPv6 is accepted; accept and getpeername tell its address and port, of that family.
#[case(
    level = Must,
    cite = ["ipv6.server.accept", "V6-03"],
    needs = [Tcp, Server, Ipv6, HostIpv6],
    profile = Quick,
    tags = ["impairable"]
)]
async fn accept(cx: &mut Ctx) -> Outcome {
    let listener = cx.listener(1).await?;
    let mut client = cx.at(HostAddress::FirstIpv6).client(&listener).await?;
    client.send(b"hello").await?;

    let (child, told) = listener.accept().await?.connection()?;
    child.recv_all(b"hello").await?;
    let there = client.address()?;
    let family = matches!(there.ip, IpAddress::V6(_));
    cx.require(family, "client", "an IPv6 address", text::address(there))?;
    // Since data was received from it the peer is known for certain (D-31).
    let told = told.map_or_else(|| "no address".into(), text::address);
    cx.require(
        told == text::address(there),
        "peer",
        text::address(there),
        told,
    )?;
    child
        .peer_name()
        .await?
        .expect(hil_kit::expect::Peer(there))?;

    child.send_all(b"and back").await?;
    client.expect_bytes(b"and back").await?;
    child.close().await?.expect(Done)?;
    client.expect_eof().await
}

/// Noted: which clients a listener on no particular address accepts, those over IPv4, over IPv6 or both.
///
/// The control: one of them it must.
#[case(
    level = May,
    cite = ["ipv6.server.both-families", "V6-04"],
    needs = [Tcp, Server, Timeouts, Ipv4, Ipv6, HostIpv6],
    profile = Full
)]
async fn both_families(cx: &mut Ctx) -> Outcome {
    let listener = cx.listener(2).await?;
    listener.set_timeout(1000).await?;
    let mut accepted = Vec::new();

    for (name, home) in [
        ("IPv4", HostAddress::First),
        ("IPv6", HostAddress::FirstIpv6),
    ] {
        let client = cx.at(home).try_client(listener.port()).await?;
        let Ok(mut client) = client else { continue };
        client.send(name.as_bytes()).await?;
        let (child, _) = listener.accept().await?.connection()?;
        child.recv_all(name.as_bytes()).await?;
        child.send_all(b"welcome").await?;
        client.expect_bytes(b"welcome").await?;
        accepted.push(name);
    }

    cx.require(!accepted.is_empty(), "any", "one family at least", "none")?;
    cx.positive_control();
    cx.note("ipv6.listener-accepts", accepted.join(" and "));
    Ok(())
}
