//! Joining and leaving multicast groups.

use hil_kit::{Ctx, Done, Error, Fails, IpAddress, Matches as _, Outcome, SocketAddress, case};

/// A group of the board's family, link-local and nobody's (RFC 5771 §4; RFC 4291 §2.7).
fn group(own: SocketAddress) -> SocketAddress {
    let ip = match own.ip {
        IpAddress::V6(_) => {
            let mut ip = [0; 16];
            (ip[0], ip[1], ip[15]) = (0xff, 0x02, 0x77);
            IpAddress::V6(ip)
        }
        IpAddress::V4(_) | IpAddress::Unspec => IpAddress::V4([224, 0, 0, 177]),
    };
    SocketAddress::new(ip, 0)
}

/// Joining a group twice is ADDRESS_IN_USE or counts once: after leaving it once one is not in it any more.
#[case(level = Must, cite = ["options.multicast.join-twice", "OPT-10"], needs = [Udp, Multicast], profile = Quick)]
async fn join_twice(cx: &mut Ctx) -> Outcome {
    let udp = cx.udp().await?;
    let group = group(cx.iut_address().await?);

    udp.multicast(true, group).await?.expect(Done)?;
    udp.multicast(true, group)
        .await?
        .expect(Fails(Error::ADDRESS_IN_USE).or(Done, "OPT-10: it is in the group, as wanted"))?;

    udp.multicast(false, group).await?.expect(Done)?;
    udp.multicast(false, group).await?.expect(
        Fails(Error::NO_ADDRESS).or(Fails(Error::PARAMETER), "OPT-11: no such membership"),
    )?;
    Ok(())
}

/// TCP knows no groups: joining one is UNSUPPORTED, and leaving one, too, or NO_ADDRESS (D-19).
#[case(level = Must, cite = ["options.multicast.tcp", "OPT-15"], needs = [Tcp], profile = Quick)]
async fn tcp(cx: &mut Ctx) -> Outcome {
    let tcp = cx.tcp().await?;
    let group = group(cx.iut_address().await?);

    tcp.multicast(true, group)
        .await?
        .expect(Fails(Error::UNSUPPORTED))?;
    tcp.multicast(false, group).await?.expect(
        Fails(Error::UNSUPPORTED).or(Fails(Error::NO_ADDRESS), "D-19: leave asks the stack"),
    )?;
    Ok(())
}
