//! Hardware address and host name: what they may be, and what the network sees of them.

use core::net::Ipv4Addr;
use core::time::Duration;

use hil_kit::wire::service::{Dhcp, DhcpKind, DhcpSeen};
use hil_kit::wire::{Mac, from_board};
use hil_kit::{
    Answered, Bytes, Ctx, Done, Error, Fails, Matches as _, Null, Outcome, Stop, case, text,
};

use super::{down, reaches_the_host, up};

/// Longest host name (contract §2: 64 with its terminator).
const LONGEST: usize = 63;
/// A locally administered address that nobody on the cable has.
const OTHER_MAC: [u8; 6] = [0x02, 0x68, 0x69, 0x6c, 0x77, 0x12];
/// An address that no host knows under another hardware address.
const FRESH: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 54);
/// How soon a client that goes up talks to the DHCP server.
const SOON: Duration = Duration::from_secs(3);

const OPTIONAL: &str = "contract §10: an interface need not let it be changed";
const FIRST_ONLY: &str = "contract §10: the original takes it before its first connect only";

/// A hardware address has six bytes, else PARAMETER; while the interface is up it cannot be changed: BUSY. It stays what
/// it was.
#[case(level = Must, cite = ["interface.mac.checked", "NIF-12"], needs = [Interface], profile = Quick, tags = ["exclusive"])]
async fn mac(cx: &mut Ctx) -> Outcome {
    let interface = cx.interface();
    let unsupported = Fails(Error::UNSUPPORTED);
    let own = interface.mac().await?;
    let own = own.data();
    let one_board = own.len() == 6 && own != [0; 6] && own.first().is_some_and(|it| it & 1 == 0);
    let expected = "six bytes, not zero, not of a group";
    cx.require(one_board, "mac", expected, text::bytes(own))?;

    interface
        .set_mac(&OTHER_MAC)
        .await?
        .expect(Fails(Error::BUSY).or(unsupported, OPTIONAL))?;
    interface.mac().await?.expect(Bytes(own))?;

    down(cx).await?;
    for wrong in [&OTHER_MAC[..5], &[0x02, 0, 0, 0, 0, 1, 2], &[]] {
        interface
            .set_mac(wrong)
            .await?
            .expect(Fails(Error::PARAMETER).or(unsupported, OPTIONAL))?;
    }
    up(cx).await?;
    interface.mac().await?.expect(Bytes(own))?;
    Ok(())
}

/// The hardware address that the interface tells is the one on the cable, also after it was changed.
///
/// A port that does not let it be changed keeps the old one. Another lease goes with the new address, so that no host
/// knows it under the old one.
#[case(level = Must, cite = ["interface.mac.used", "NIF-12"], needs = [Interface, Tcp, Cable], profile = Quick, tags = ["exclusive"])]
async fn mac_on_the_cable(cx: &mut Ctx) -> Outcome {
    let interface = cx.interface();
    let (wire, dhcp) = (cx.wire()?, cx.dhcp()?);
    let own = interface.mac().await?;
    down(cx).await?;
    let set = interface.set_mac(&OTHER_MAC).await?.expect(
        Done.or(Fails(Error::BUSY), FIRST_ONLY)
            .or(Fails(Error::UNSUPPORTED), OPTIONAL),
    )?;
    let expected = if set.code() == 0 {
        &OTHER_MAC
    } else {
        own.data()
    };
    dhcp.lease(dhcp.standard_lease().of(FRESH));
    wire.mark();

    up(cx).await?;
    interface.mac().await?.expect(Bytes(expected))?;
    reaches_the_host(cx).await?;

    let request = dhcp.expect(DhcpKind::Request, SOON).await?;
    let told = format!("{}", request.chaddr);
    cx.require(
        request.chaddr.0 == expected,
        "chaddr",
        text::bytes(expected),
        told,
    )?;
    let Ok(expected) = <[u8; 6]>::try_from(expected).map(Mac) else {
        return cx.require(false, "mac", "six bytes", text::bytes(expected));
    };
    let since = request.at;
    let mut others = wire.frames(&from_board().but_not(from_board().src_mac(expected)));
    others.retain(|frame| frame.at >= since);
    let observed = others
        .first()
        .map_or_else(String::new, |it| it.packet().to_string());
    let only = format!("frames from {expected} only");
    cx.require(others.is_empty(), "source", only, observed)
}

/// A host name has up to 63 bytes, else PARAMETER; while the interface is up it cannot be changed: BUSY. What was set is
/// told, what was refused is not.
#[case(level = Must, cite = ["interface.hostname.checked", "NIF-13"], needs = [Interface], profile = Quick, tags = ["exclusive"])]
async fn hostname(cx: &mut Ctx) -> Outcome {
    let interface = cx.interface();
    let unsupported = Fails(Error::UNSUPPORTED);
    let longest = "h".repeat(LONGEST);
    let too_long = "h".repeat(LONGEST + 1);
    let before = interface.hostname().await?;
    interface
        .set_hostname("while-up")
        .await?
        .expect(Fails(Error::BUSY).or(unsupported, OPTIONAL))?;
    same_name(&interface.hostname().await?, &before)?;

    down(cx).await?;
    interface
        .set_hostname(&too_long)
        .await?
        .expect(Fails(Error::PARAMETER).or(unsupported, OPTIONAL))?;
    same_name(&interface.hostname().await?, &before)?;
    let set = interface.set_hostname(&longest).await?.expect(
        Done.or(Fails(Error::BUSY), FIRST_ONLY)
            .or(unsupported, OPTIONAL),
    )?;

    let now = interface.hostname().await?;
    if set.code() == 0 {
        now.expect(Bytes(longest.as_bytes()))?;
    } else {
        same_name(&now, &before)?;
    }
    up(cx).await
}

fn same_name(now: &Answered, before: &Answered) -> Outcome {
    if before.code() < 0 {
        now.clone().expect(Null)?;
    } else {
        now.clone().expect(Bytes(before.data()))?;
    }
    Ok(())
}

/// The DHCP server is told the host name that the interface has; the client calls itself the same in each message and at
/// each connect.
#[case(level = Must, cite = ["interface.hostname.told", "NIF-13"], needs = [Interface, Cable], profile = Quick, tags = ["exclusive"])]
async fn hostname_in_dhcp(cx: &mut Ctx) -> Outcome {
    let interface = cx.interface();
    let dhcp = cx.dhcp()?;
    let mut clients = Vec::new();

    for name in ["first-name", "b"] {
        down(cx).await?;
        interface.set_hostname(name).await?.expect(
            Done.or(Fails(Error::BUSY), FIRST_ONLY)
                .or(Fails(Error::UNSUPPORTED), OPTIONAL),
        )?;
        let has = interface.hostname().await?;
        let has = String::from_utf8_lossy(has.data()).into_owned();
        let (discover, request) = going_up(cx, &dhcp).await?;

        let told = request.hostname.clone().unwrap_or_default();
        cx.require(
            told == has,
            "hostname",
            format!("{has:?} in the request"),
            format!("{told:?}"),
        )?;
        let early = discover.hostname.clone().unwrap_or_else(|| has.clone());
        cx.require(
            early == has,
            "hostname",
            format!("{has:?} or none"),
            format!("{early:?}"),
        )?;
        clients.extend([discover, request]);
    }

    let same = clients.windows(2).all(|pair| match pair {
        [one, other] => (one.chaddr, &one.client_id) == (other.chaddr, &other.client_id),
        _ => true,
    });
    let observed: Vec<_> = clients
        .iter()
        .map(|it| (it.chaddr, &it.client_id))
        .collect();
    cx.require(
        same,
        "client-id",
        "the same client every time",
        format!("{observed:?}"),
    )
}

/// The first messages of a client that goes up.
async fn going_up(cx: &Ctx, dhcp: &Dhcp) -> Result<(DhcpSeen, DhcpSeen), Stop> {
    up(cx).await?;
    let discover = dhcp.expect(DhcpKind::Discover, SOON).await?;
    let request = dhcp.expect(DhcpKind::Request, SOON).await?;
    Ok((discover, request))
}
