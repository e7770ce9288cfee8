//! Opening and closing over and over.

use hil_kit::{Ctx, Done, Error, Fails, Matches, Outcome, Stop, Tcp, case};

/// Cycles, half of them TCP and half UDP.
const CYCLES: usize = 500;

/// How many TCP sockets there are, all of them given back.
async fn tcp_sockets(cx: &Ctx) -> Result<usize, Stop> {
    let most = usize::from(cx.limits().sockets) + 1;
    let mut open: Vec<Tcp> = Vec::new();
    loop {
        let (tcp, answer) = cx.try_tcp().await?;
        if answer.code() == 0 && open.len() < most {
            open.push(tcp);
            continue;
        }
        answer.expect(Fails(Error::NO_SOCKET).or(
            Fails(Error::NO_MEMORY),
            "contract §3: lwIP is out of sockets, Nanostack out of memory",
        ))?;
        tcp.delete().await?;
        break;
    }
    for tcp in &open {
        tcp.delete().await?;
    }
    Ok(open.len())
}

/// After 500 times opening and closing TCP and UDP sockets there are as many sockets as before.
#[case(level = Must, cite = ["nonblocking.open.no-leak", "LIF-13", "TCPSOCKET_OPEN_DESTRUCT", "UDPSOCKET_OPEN_DESTRUCT"], needs = [Tcp, Udp], tags = ["exclusive"])]
async fn many_cycles(cx: &mut Ctx) -> Outcome {
    let before = tcp_sockets(cx).await?;
    let tcp = cx.unopened_tcp().await?;
    let udp = cx.unopened_udp().await?;

    for _ in 0..CYCLES / 2 {
        tcp.open().await?.expect(Done)?;
        tcp.close().await?.expect(Done)?;
        udp.open().await?.expect(Done)?;
        udp.close().await?.expect(Done)?;
    }

    let after = tcp_sockets(cx).await?;
    cx.require(
        after == before,
        "leak",
        format!("{before} TCP sockets as before"),
        after.to_string(),
    )
}
