//! Option KEEPALIVE: seconds, 0 to 7200, TCP only.

use hil_kit::{
    Answered, Bytes, Ctx, Done, Error, Fails, Matches as _, Outcome, Stop, Tcp, case, option,
};

async fn set(tcp: &Tcp, seconds: i32) -> Result<Answered, Stop> {
    let value = seconds.to_le_bytes();
    let (level, name) = (option::LEVEL_SOCKET, option::KEEPALIVE);
    Ok(tcp.set_option(level, name, &value).await?)
}

/// The option reads as `seconds`, or cannot be read.
async fn reads(tcp: &Tcp, seconds: i32) -> Result<(), Stop> {
    let (level, name) = (option::LEVEL_SOCKET, option::KEEPALIVE);
    tcp.get_option(level, name, 4)
        .await?
        .expect(Bytes(&seconds.to_le_bytes()).or(
            Fails(Error::UNSUPPORTED),
            "contract §9: a stack may have no getsockopt",
        ))?;
    Ok(())
}

/// With keepalive set, before or after connecting, a connection works as without.
#[case(
    level = Must,
    cite = ["options.keepalive.set", "TCPSOCKET_SETSOCKOPT_KEEPALIVE_VALID", "OPT-04"],
    needs = [Tcp, Option(option::KEEPALIVE)],
    profile = Quick
)]
async fn valid(cx: &mut Ctx) -> Outcome {
    let listener = cx.peer().await?;
    let tcp = cx.tcp().await?;

    for seconds in [0, 1, 7200] {
        set(&tcp, seconds).await?.expect(Done)?;
        reads(&tcp, seconds).await?;
    }

    tcp.connect(listener.address()).await?.expect(Done)?;
    let mut peer = listener.accept().await?;
    tcp.send_all(b"alive").await?;
    peer.expect_bytes(b"alive").await?;
    set(&tcp, 60).await?.expect(Done)?;
    reads(&tcp, 60).await?;
    peer.send(b"well").await?;
    tcp.recv_all(b"well").await
}

/// Times outside 0 to 7200 s are refused and change nothing, or the value is not looked at.
#[case(
    level = Must,
    cite = ["options.keepalive.range", "OPT-03"],
    needs = [Tcp, Option(option::KEEPALIVE)],
    profile = Quick
)]
async fn out_of_range(cx: &mut Ctx) -> Outcome {
    let listener = cx.peer().await?;
    let tcp = cx.tcp().await?;
    set(&tcp, 7200).await?.expect(Done)?;

    for seconds in [-1, 7201, i32::MAX, i32::MIN] {
        let answer = set(&tcp, seconds)
            .await?
            .expect(Fails(Error::PARAMETER).or(Done, "contract §9: lwIP only switches it on"))?;
        if answer.code() != 0 {
            reads(&tcp, 7200).await?;
        }
    }

    tcp.connect(listener.address()).await?.expect(Done)?;
    let mut peer = listener.accept().await?;
    tcp.send_all(b"alive").await?;
    peer.expect_bytes(b"alive").await
}
