//! How long a call waits that nothing happens for. Lower limits are strict; upper ones hold on an idle socket
//! only (contract §4, D-04), so nothing is sent here.

use core::time::Duration;

use hil_kit::socket::Socket;
use hil_kit::{Ctx, Done, Error, Fails, Outcome, Stop, case};

/// Timeouts in milliseconds.
const TIMEOUTS: [u32; 4] = [1, 10, 100, 1000];

/// Slack over a timeout: 50 ms or a fifth.
fn slack(timeout: Duration) -> Duration {
    Duration::from_millis(50).max(timeout / 5)
}

/// A receive on an idle socket ends with WOULD_BLOCK after its timeout.
async fn waits_its_timeout(socket: &Socket, timeout: Duration) -> Result<(), Stop> {
    socket.set_timeout(timeout.as_millis() as i32).await?;
    socket
        .recv(16)
        .await?
        .expect(Fails(Error::WOULD_BLOCK))?
        .elapsed_at_least(timeout)?
        .elapsed_at_most(timeout, slack(timeout))?;
    Ok(())
}

/// A receive on an idle TCP connection ends with WOULD_BLOCK after its timeout, for 1 ms to 1 s.
#[case(level = Must, cite = ["nonblocking.timeout.recv", "TMO-01", "TCPSOCKET_RECV_TIMEOUT"], needs = [Tcp, Timeouts], profile = Quick)]
async fn tcp_recv(cx: &mut Ctx) -> Outcome {
    let (tcp, _peer) = cx.connected().await?;

    for ms in TIMEOUTS {
        waits_its_timeout(&tcp, Duration::from_millis(ms.into())).await?;
    }
    Ok(())
}

/// A receive on an idle UDP socket ends with WOULD_BLOCK after its timeout, for 1 ms to 1 s.
#[case(level = Must, cite = ["nonblocking.timeout.recv", "TMO-01", "UDPSOCKET_RECV_TIMEOUT"], needs = [Udp, Timeouts], profile = Quick)]
async fn udp_recvfrom(cx: &mut Ctx) -> Outcome {
    let udp = cx.bound_udp().await?;

    for ms in TIMEOUTS {
        waits_its_timeout(&udp, Duration::from_millis(ms.into())).await?;
    }
    Ok(())
}

/// Timeout 0 is non-blocking mode (D-05), and so is `set_blocking(false)`: the answer is WOULD_BLOCK, at once.
#[case(level = Must, cite = ["nonblocking.timeout.zero", "TMO-03"], needs = [Tcp, Udp], profile = Quick)]
async fn zero(cx: &mut Ctx) -> Outcome {
    let (tcp, _peer) = cx.connected().await?;
    let udp = cx.bound_udp().await?;
    let (at_once, slack) = (Duration::ZERO, Duration::from_millis(50));

    tcp.set_timeout(0).await?;
    udp.set_timeout(0).await?;
    let answer = tcp.recv(1).await?.expect(Fails(Error::WOULD_BLOCK))?;
    answer.elapsed_at_most(at_once, slack)?;
    let answer = udp.recv_from(1).await?.expect(Fails(Error::WOULD_BLOCK))?;
    answer.elapsed_at_most(at_once, slack)?;

    tcp.set_blocking(false).await?;
    udp.set_blocking(false).await?;
    let answer = tcp.recv(1).await?.expect(Fails(Error::WOULD_BLOCK))?;
    answer.elapsed_at_most(at_once, slack)?;
    let answer = udp.recv_from(1).await?.expect(Fails(Error::WOULD_BLOCK))?;
    answer.elapsed_at_most(at_once, slack)?;
    Ok(())
}

/// A timeout set before open holds after it, and so does non-blocking mode.
#[case(level = Must, cite = ["nonblocking.mode.before-open", "LIF-15"], needs = [Udp, Timeouts], profile = Quick)]
async fn set_before_open(cx: &mut Ctx) -> Outcome {
    let patient = cx.unopened_udp().await?;
    let impatient = cx.unopened_udp().await?;
    let timeout = Duration::from_millis(100);

    patient.set_timeout(100).await?;
    impatient.set_blocking(false).await?;
    patient.open().await?.expect(Done)?;
    impatient.open().await?.expect(Done)?;

    let answer = patient.recv(1).await?.expect(Fails(Error::WOULD_BLOCK))?;
    answer
        .elapsed_at_least(timeout)?
        .elapsed_at_most(timeout, slack(timeout))?;
    let answer = impatient.recv(1).await?.expect(Fails(Error::WOULD_BLOCK))?;
    answer.elapsed_at_most(Duration::ZERO, slack(Duration::ZERO))?;
    Ok(())
}

/// The timeout of a socket survives that it is closed and opened again.
#[case(level = Must, cite = ["nonblocking.mode.survives-reopen", "LIF-11"], needs = [Udp, Timeouts], profile = Quick)]
async fn survives_reopen(cx: &mut Ctx) -> Outcome {
    let udp = cx.udp().await?;
    let timeout = Duration::from_millis(200);
    udp.set_timeout(200).await?;

    udp.close().await?.expect(Done)?;
    udp.open().await?.expect(Done)?;

    let answer = udp.recv(1).await?.expect(Fails(Error::WOULD_BLOCK))?;
    answer
        .elapsed_at_least(timeout)?
        .elapsed_at_most(timeout, slack(timeout))?;
    Ok(())
}
