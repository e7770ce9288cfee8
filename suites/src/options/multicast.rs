//! Joining and leaving multicast groups.

use hil_kit::{
    Ctx, Done, Error, Expect, Fails, FailsSomehow, IpAddress, Matches as _, Outcome, SocketAddress,
    case,
};

/// More groups than the reference of the contract has places for on one socket (contract §9: four).
const MANY: u8 = 5;

/// A group of the board's family, link-local and nobody's (RFC 5771 §4; RFC 4291 §2.7).
fn group(own: SocketAddress) -> SocketAddress {
    group_number(own, 0)
}

/// Another one for each number.
fn group_number(own: SocketAddress, number: u8) -> SocketAddress {
    let ip = match own.ip {
        IpAddress::V6(_) => {
            let mut ip = [0; 16];
            (ip[0], ip[1], ip[14], ip[15]) = (0xff, 0x02, 0x68, 0x77 + number);
            IpAddress::V6(ip)
        }
        IpAddress::V4(_) | IpAddress::Unspec => IpAddress::V4([224, 0, 0, 177 + number]),
    };
    SocketAddress::new(ip, 0)
}

/// The answer to leaving a group that one is not in.
fn not_a_member() -> Expect {
    Fails(Error::NO_ADDRESS).or(
        Fails(Error::PARAMETER),
        "OPT-11: the stack may not tell why it is no membership",
    )
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
    udp.multicast(false, group).await?.expect(not_a_member())?;
    Ok(())
}

/// Leaving a group that the socket is not in is NO_ADDRESS or PARAMETER; other memberships stay.
#[case(level = Must, cite = ["options.multicast.leave", "OPT-11"], needs = [Udp, Multicast], profile = Quick)]
async fn leave_not_joined(cx: &mut Ctx) -> Outcome {
    let udp = cx.udp().await?;
    let own = cx.iut_address().await?;
    let (one, other) = (group_number(own, 0), group_number(own, 1));

    udp.multicast(false, one).await?.expect(not_a_member())?;
    udp.multicast(true, one).await?.expect(Done)?;
    udp.multicast(false, other).await?.expect(not_a_member())?;

    udp.multicast(false, one).await?.expect(Done)?;
    udp.multicast(false, one).await?.expect(not_a_member())?;
    Ok(())
}

/// A socket can be in several groups; one too many is NO_MEMORY, and there is room for it once another is left.
///
/// The reference of the contract has four places per socket; how many there are is not said.
#[case(level = Must, cite = ["options.multicast.limit", "OPT-12"], needs = [Udp, Multicast], profile = Quick)]
async fn limit(cx: &mut Ctx) -> Outcome {
    let udp = cx.udp().await?;
    let own = cx.iut_address().await?;
    let mut joined = Vec::new();

    for number in 0..MANY {
        let group = group_number(own, number);
        let join = udp.multicast(true, group).await?;
        let full = number + 1 == MANY && join.failed_with(Error::NO_MEMORY);
        if full {
            join.expect(Done.or(Fails(Error::NO_MEMORY), "OPT-12: there are no more places"))?;
            let first = joined.remove(0);
            udp.multicast(false, first).await?.expect(Done)?;
            udp.multicast(true, group).await?.expect(Done)?;
        } else {
            join.expect(Done)?;
        }
        joined.push(group);
    }

    for group in joined {
        udp.multicast(false, group).await?.expect(Done)?;
        udp.multicast(false, group).await?.expect(not_a_member())?;
    }
    Ok(())
}

/// What is no multicast address cannot be joined; a group still can.
#[case(level = Must, cite = ["options.multicast.no-group", "OPT-13"], needs = [Udp, Multicast], profile = Quick)]
async fn join_no_group(cx: &mut Ctx) -> Outcome {
    let udp = cx.udp().await?;
    let host = cx.scripter().await?.address();
    let own = cx.iut_address().await?;

    for address in [host, own, SocketAddress::default()] {
        let address = SocketAddress::new(address.ip, 0);
        udp.multicast(true, address).await?.expect(FailsSomehow)?;
        udp.multicast(false, address).await?.expect(FailsSomehow)?;
    }

    udp.multicast(true, group(own)).await?.expect(Done)?;
    udp.multicast(false, group(own)).await?.expect(Done)?;
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
