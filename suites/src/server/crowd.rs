//! More clients than a listener, or a port, has room for; and clients that do not wait.

use core::time::Duration;

use hil_kit::{Ctx, Done, Error, Fails, Listener, Matches as _, Outcome, Stop, case};

use crate::codes::broken;
use crate::exhaust::all_tcp;

/// Within what an event is reported.
const SOON: Duration = Duration::from_secs(1);

/// A new client of `listener`, which is blocking or has a timeout, is accepted and served.
///
/// Up to `before` others may be in front of it: clients that are gone, of which accept says NO_CONNECTION
/// (contract §6.1 accept) or hands out what is left.
async fn serves_a_client(cx: &Ctx, listener: &Listener, before: usize) -> Result<(), Stop> {
    let mut client = cx.client(listener).await?;
    client.send(b"it is me").await?;
    for _ in 0..=before {
        let accepted = listener.accept().await?;
        if accepted.answer().failed_with(Error::NO_CONNECTION) {
            continue;
        }
        let (child, _) = accepted.connection()?;
        child.set_timeout(1000).await?;
        let first = child.recv(1).await?;
        if first.code() <= 0 {
            child.delete().await?.expect(Done)?;
            continue;
        }
        first.expect(hil_kit::Bytes(b"i"))?;
        child.recv_all(b"t is me").await?;
        child.send_all(b"welcome").await?;
        return client.expect_bytes(b"welcome").await;
    }
    cx.require(
        false,
        "accept",
        format!("the client after at most {before} that are gone"),
        "none of them",
    )
}

/// A listener with more clients at once than it has room for takes some, and works on.
///
/// What becomes of the others is the stack's affair: refused, reset or left alone.
#[case(level = Must, cite = ["server.queue.overflow", "SRV-19"], needs = [Tcp, Server, Timeouts], profile = Full)]
async fn at_once(cx: &mut Ctx) -> Outcome {
    let crowd = usize::from(cx.limits().backlog) + 4;
    let listener = cx.listener(1).await?;
    let clients = cx.clients_at_once(&listener, crowd).await?;

    let mut served = 0;
    listener.set_timeout(300).await?;
    for _ in 0..crowd {
        let accepted = listener.accept().await?;
        if accepted.answer().code() == 0 {
            let (child, _) = accepted.connection()?;
            child.delete().await?.expect(Done)?;
            served += 1;
            continue;
        }
        let gone = Fails(Error::WOULD_BLOCK).or(
            Fails(Error::NO_CONNECTION),
            "contract §6.1 accept: a client that was turned away",
        );
        if accepted.expect(gone)?.failed_with(Error::WOULD_BLOCK) {
            break;
        }
    }
    cx.require(served > 0, "served", "one client at least", "none")?;
    drop(clients);

    listener.set_blocking(true).await?;
    serves_a_client(cx, &listener, crowd).await
}

/// A client that comes when all sockets are taken is not accepted; once one is given back, a client is.
#[case(
    level = Must,
    cite = ["server.accept.limit", "SRV-20"],
    needs = [Tcp, Server, Timeouts],
    profile = Full,
    tags = ["exclusive"]
)]
async fn no_socket_left(cx: &mut Ctx) -> Outcome {
    let listener = cx.listener(1).await?;
    listener.set_timeout(300).await?;
    let (open, _) = all_tcp(cx).await?;
    let mut early = cx.client(&listener).await?;

    listener.accept().await?.expect(
        Fails(Error::NO_SOCKET)
            .or(Fails(Error::NO_MEMORY), "contract §3: what runs out first")
            .or(Fails(Error::WOULD_BLOCK), "D-27: nothing could be taken")
            .or(
                Fails(Error::NO_CONNECTION),
                "contract §6.1 accept: the client was turned away",
            ),
    )?;

    for socket in open {
        socket.delete().await?.expect(Done)?;
    }
    listener.set_timeout(2000).await?;
    let accepted = listener.accept().await?;
    if accepted.answer().code() == 0 {
        let (child, _) = accepted.connection()?;
        child.send_all(b"at last").await?;
        return early.expect_bytes(b"at last").await;
    }
    accepted.expect(Fails(Error::WOULD_BLOCK).or(
        Fails(Error::NO_CONNECTION),
        "contract §6.1 accept: the client was turned away",
    ))?;
    drop(early);
    serves_a_client(cx, &listener, 1).await
}

/// A client that resets its connection before it is accepted does the listener no harm.
///
/// Accept may still hand it out, then receive fails; or nobody is there.
#[case(
    level = Must,
    cite = ["server.queue.reset-client", "SRV-21"],
    needs = [Tcp, Server, Sigio],
    profile = Quick
)]
async fn client_has_reset(cx: &mut Ctx) -> Outcome {
    let listener = cx.listener(1).await?;
    let events = cx.counter()?;
    listener.set_blocking(false).await?;
    listener.sigio(&events).await?;
    listener.accept().await?.expect(Fails(Error::WOULD_BLOCK))?;
    let mut client = cx.client(&listener).await?;
    events.reaches(1, SOON).await?;
    client.send(b"never mind").await?;

    client.reset()?;

    let accepted = listener.accept().await?;
    if accepted.answer().code() == 0 {
        let (child, _) = accepted.connection()?;
        let mut heard = Vec::new();
        loop {
            let answer = child.recv(16).await?;
            if answer.code() <= 0 {
                answer.expect(hil_kit::Bytes(b"").or(broken(), "SRV-21: 0 or an error"))?;
                break;
            }
            heard.extend_from_slice(answer.data());
            cx.require(
                b"never mind".starts_with(&heard),
                "data",
                "nothing but what the client sent",
                hil_kit::text::bytes(&heard),
            )?;
        }
    } else {
        accepted.expect(
            Fails(Error::WOULD_BLOCK).or(Fails(Error::NO_CONNECTION), "SRV-21: the client is gone"),
        )?;
    }
    listener.set_blocking(true).await?;
    serves_a_client(cx, &listener, 1).await
}
