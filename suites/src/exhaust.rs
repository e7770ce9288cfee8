//! Taking every TCP socket there is.
//!
//! Must not: be used by a case that is not tagged `exclusive`.

use hil_kit::{Ctx, Done, Error, Expect, Fails, Matches as _, Stop, Tcp};

/// The answer of a stack that has no socket left.
pub(crate) fn none_left() -> Expect {
    Fails(Error::NO_SOCKET).or(
        Fails(Error::NO_MEMORY),
        "contract §3: lwIP is out of sockets, Nanostack out of memory",
    )
}

/// Opens TCP sockets until one is refused properly: those that are open, and the one that is not.
pub(crate) async fn all_tcp(cx: &Ctx) -> Result<(Vec<Tcp>, Tcp), Stop> {
    let most = usize::from(cx.limits().sockets) + 1;
    let mut open = Vec::new();
    loop {
        let (tcp, answer) = cx.try_tcp().await?;
        if answer.code() == 0 && open.len() < most {
            open.push(tcp);
            continue;
        }
        answer.expect(none_left())?;
        return Ok((open, tcp));
    }
}

/// How many TCP sockets there are, all of them given back.
pub(crate) async fn count_tcp(cx: &Ctx) -> Result<usize, Stop> {
    let (open, refused) = all_tcp(cx).await?;
    for tcp in open.iter().chain([&refused]) {
        tcp.delete().await?.expect(Done)?;
    }
    Ok(open.len())
}
