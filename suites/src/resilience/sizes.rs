//! Sizes around which segments and datagrams begin to be cut: nothing is lost, added or doubled there.

use hil_kit::expect::Moved;
use hil_kit::fixtures::Peer;
use hil_kit::{Ctx, Done, Error, Fails, Matches as _, Outcome, Size, Stop, Tcp, case};

/// Around the default segment size of IPv4 (RFC 9293 §3.7.1), the largest one on Ethernet, and the largest datagram
/// there that is no fragment.
const SIZES: [u32; 9] = [535, 536, 537, 1459, 1460, 1461, 1471, 1472, 1473];

/// One block of `size` bytes in each direction.
async fn exchange(cx: &Ctx, tcp: &Tcp, peer: &mut Peer, size: u32) -> Result<(), Stop> {
    let seed = cx.seed();
    tcp.source(seed, size, size).await?.expect(Moved(size))?;
    peer.expect_pattern(seed, size).await?;

    let seed = cx.seed();
    peer.send_pattern(seed, size).await?;
    tcp.sink(seed, size, size).await?.expect(Moved(size))?;
    Ok(())
}

/// Blocks of boundary sizes pass a TCP connection exactly, both ways, alone and one behind the other.
///
/// After the last one both ends see the end of the stream and not a byte more.
#[case(level = Must, cite = ["resilience.sizes.tcp", "RES-05"], needs = [Tcp], profile = Quick, tags = ["impairable"])]
async fn tcp(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = cx.connected().await?;
    let most = cx.identity().max_io;

    for size in SIZES.into_iter().filter(|size| *size <= most) {
        exchange(cx, &tcp, &mut peer, size).await?;
    }

    peer.half_close().await?;
    tcp.recv(1).await?.expect(Size(0))?;
    tcp.close().await?.expect(Done)?;
    peer.expect_eof().await
}

/// Datagrams of boundary sizes come back exactly as they were sent, as far as the port has datagrams of that size;
/// a larger one arrives exactly or is refused.
#[case(level = Must, cite = ["resilience.sizes.udp", "RES-05"], needs = [Udp], profile = Quick)]
async fn udp(cx: &mut Ctx) -> Outcome {
    let udp = cx.udp().await?;
    let echo = cx.udp_echo().await?;
    let most = cx.identity().max_io;
    let payload = u32::from(cx.limits().udp_payload);

    for size in SIZES.into_iter().filter(|size| *size <= most) {
        let seed = cx.seed();
        if size <= payload {
            udp.send_pattern_to(echo.address(), seed, size)
                .await?
                .expect(Size(size as usize))?;
            udp.recv_pattern(size, seed, 0).await?.expect(Moved(size))?;
            continue;
        }
        let discard = cx.udp_discard(seed).await?;
        let sent = udp.send_pattern_to(discard.address(), seed, size).await?;
        let refused = "contract §7: larger than the port says it sends";
        let sent = sent.expect(
            Size(size as usize)
                .or(Fails(Error::PARAMETER), refused)
                .or(Fails(Error::NO_MEMORY), refused),
        )?;
        if sent.code() > 0 {
            discard.expect_datagrams(1).await?;
        }
    }

    let seed = cx.seed();
    udp.send_pattern_to(echo.address(), seed, 1)
        .await?
        .expect(Size(1))?;
    udp.recv_pattern(1, seed, 0).await?.expect(Moved(1))?;
    Ok(())
}
