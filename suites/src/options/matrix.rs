//! Every option on every kind of socket with values of every length: what is claimed works, nothing does harm.

use hil_kit::socket::Socket;
use hil_kit::{
    Bytes, Ctx, Done, Error, Fails, Matches as _, Need, Outcome, Stop, case, claims, option, text,
};

/// Which sockets have an option, if the port does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum On {
    Tcp,
    Udp,
    Both,
    /// It can only be read, or what it takes cannot be right here.
    Nothing,
}

/// Every option of the header: number, length of its value, where it is.
///
/// A membership of no group is refused in any case; a name of no interface is not bound to (and never more
/// than 6 bytes, which the reference of the contract would write past its field).
const OPTIONS: [(i32, usize, On); 15] = [
    (option::REUSEADDR, 4, On::Both),
    (option::KEEPALIVE, 4, On::Tcp),
    (option::KEEPIDLE, 4, On::Tcp),
    (option::KEEPINTVL, 4, On::Tcp),
    (option::LINGER, 4, On::Nothing),
    (option::SNDBUF, 4, On::Nothing),
    (option::RCVBUF, 4, On::Nothing),
    (option::ADD_MEMBERSHIP, 34, On::Nothing),
    (option::DROP_MEMBERSHIP, 34, On::Nothing),
    (option::BIND_TO_DEVICE, 0, On::Nothing),
    (option::LATENCY, 4, On::Nothing),
    (option::STAGGER, 4, On::Nothing),
    (option::IPTOS, 1, On::Both),
    (option::BROADCAST, 4, On::Udp),
    (option::PKTINFO, 4, On::Udp),
];

/// Sets and gets every option on `socket`, with the right length and with wrong ones.
async fn all_options(cx: &Ctx, socket: &Socket, kind: On) -> Result<(), Stop> {
    for (number, length, on) in OPTIONS {
        let value = vec![0; length];
        let right = socket
            .set_option(option::LEVEL_SOCKET, number, &value)
            .await?;
        let refused = Fails(Error::UNSUPPORTED).or(
            Fails(Error::PARAMETER),
            "contract §9: the length or the value is wrong",
        );
        if !claims(cx.identity(), Need::Option(number)) {
            right.expect(Fails(Error::UNSUPPORTED))?;
        } else if on == On::Both || on == kind {
            right.expect(Done)?;
        } else {
            right.expect(Done.or(refused.clone(), "it is not for this kind of socket"))?;
        }

        let lengths = [0, length.saturating_sub(1), length + 1];
        for wrong in lengths.into_iter().filter(|it| *it != length && *it <= 40) {
            // A name may have any length up to 6.
            if number == option::BIND_TO_DEVICE {
                continue;
            }
            let value = vec![0; wrong];
            socket
                .set_option(option::LEVEL_SOCKET, number, &value)
                .await?
                .expect(refused.clone())?;
        }

        let got = socket.get_option(option::LEVEL_SOCKET, number, 40).await?;
        if got.code() < 0 {
            got.expect(refused)?;
        } else if claims(cx.identity(), Need::Option(number)) && (on == On::Both || on == kind) {
            got.expect(Bytes(&value))?;
        } else {
            let observed = text::received(got.code(), got.data());
            cx.require(got.code() <= 40, "get", "at most 40 bytes", observed)?;
        }
    }
    Ok(())
}

/// Every option, at every length, on TCP: what is claimed can be set, everything else is refused; the socket
/// works as before.
#[case(level = Must, cite = ["options.any.matrix", "OPT-01"], needs = [Tcp], profile = Quick)]
async fn tcp(cx: &mut Ctx) -> Outcome {
    let listener = cx.peer().await?;
    let tcp = cx.tcp().await?;

    all_options(cx, &tcp, On::Tcp).await?;

    tcp.connect(listener.address()).await?.expect(Done)?;
    let mut peer = listener.accept().await?;
    tcp.send_all(b"as before").await?;
    peer.expect_bytes(b"as before").await?;
    all_options(cx, &tcp, On::Tcp).await?;
    peer.send(b"as ever").await?;
    tcp.recv_all(b"as ever").await
}

/// The same on UDP.
#[case(level = Must, cite = ["options.any.matrix", "OPT-01"], needs = [Udp], profile = Quick)]
async fn udp(cx: &mut Ctx) -> Outcome {
    let echo = cx.udp_echo().await?;
    let udp = cx.udp().await?;

    all_options(cx, &udp, On::Udp).await?;

    for words in [&b"as before"[..], b"as ever"] {
        udp.send_to(echo.address(), words)
            .await?
            .expect(hil_kit::Size(words.len()))?;
        udp.recv_from(16).await?.expect(Bytes(words))?;
        all_options(cx, &udp, On::Udp).await?;
    }
    Ok(())
}
