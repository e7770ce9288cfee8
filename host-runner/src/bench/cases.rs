//! The fixed cases that are measured. They are no part of any suite.
//!
//! What a rate is made of is noted as traits: `us`, the microseconds of every round, and `bytes`, how many
//! bytes each of them moved.

use core::time::Duration;
use std::io::ErrorKind;
use std::time::Instant;

use hil_kit::dut::Returned;
use hil_kit::expect::Moved;
use hil_kit::rig::BoxFuture;
use hil_kit::{Case, Ctx, Done, Dut, Level, Need, Outcome, Profile, Stop, Trouble};
use nsapi::{Capability, Protocol};
use nsapi_protocol::Op;
use nsapi_protocol::pattern::Pattern;

/// Round trips measured.
pub(super) const ROUND_TRIPS: usize = 1000;
/// Round trips made before those.
const WARM_UP: usize = 20;
/// A rate is measured for so long at least.
const LONG_ENOUGH: Duration = Duration::from_secs(1);
/// And then, after whatever number of rounds, no longer than this.
const TOO_LONG: Duration = Duration::from_secs(10);
/// Bytes of a round over TCP.
const GOODPUT_ROUND: u32 = 1 << 20;
/// Rounds over TCP at least: 4 MiB.
const GOODPUT_ROUNDS: usize = 4;
/// Rounds over TCP at most: no fixture moves more than 256 MiB.
const GOODPUT_MOST_ROUNDS: usize = 200;
/// Requests of a round over the link, and how many of them are under way at once: the next one is
/// there when the agent is done with one, and none waits so long that it is repeated.
const LOADS: usize = 16;
const LOADS_AT_ONCE: usize = 2;
/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens and closes.
pub(super) static OPEN_CLOSE: Case = Case {
    needs: &[Need::Capability(Capability::Tcp)],
    ..case("open_close", "A TCP socket is opened and closed.", |cx| {
        Box::pin(open_close(cx))
    })
};

/// The shortest case that uses the network.
pub(super) static ECHO_64: Case = Case {
    needs: &[Need::Capability(Capability::Tcp)],
    ..case(
        "echo_64",
        "64 bytes come back from a TCP echo server.",
        |cx| Box::pin(echo_64(cx)),
    )
};

/// The time of a request that does nothing.
pub(super) static LINK_ROUND_TRIP: Case =
    case("link_round_trip", "The agent answers pings.", |cx| {
        Box::pin(link_round_trip(cx))
    });

/// Bytes over the link towards the board.
pub(super) static LINK_TO_BOARD: Case = case(
    "link_to_board",
    "The agent takes requests full of data.",
    |cx| Box::pin(link_load(cx, true)),
);

/// Bytes over the link from the board.
pub(super) static LINK_FROM_BOARD: Case = case(
    "link_from_board",
    "The agent gives answers full of data.",
    |cx| Box::pin(link_load(cx, false)),
);

/// Bytes over TCP towards the board.
pub(super) static GOODPUT_TO_BOARD: Case = Case {
    needs: &[Need::Capability(Capability::Tcp)],
    ..case(
        "goodput_to_board",
        "A TCP stream arrives at the board.",
        |cx| Box::pin(goodput(cx, true)),
    )
};

/// Bytes over TCP from the board.
pub(super) static GOODPUT_FROM_BOARD: Case = Case {
    needs: &[Need::Capability(Capability::Tcp)],
    ..case(
        "goodput_from_board",
        "A TCP stream leaves the board.",
        |cx| Box::pin(goodput(cx, false)),
    )
};

/// The time of a round trip over the lan that no application takes part in: the board's stack refuses a connection.
pub(super) static WIRE_ROUND_TRIP: Case = Case {
    needs: &[Need::Capability(Capability::Tcp), Need::HonestTcp],
    ..case(
        "wire_round_trip",
        "The board's stack refuses connections to a port that nobody listens on.",
        |cx| Box::pin(wire_round_trip(cx)),
    )
};

/// What is measured over the cable only to be compared.
pub(super) static WIRE: [&Case; 1] = [&WIRE_ROUND_TRIP];

/// Those that are measured without the runner in between.
pub(super) static JOINED: [&Case; 3] = [&WIRE_ROUND_TRIP, &GOODPUT_TO_BOARD, &GOODPUT_FROM_BOARD];

/// Those whose overhead is measured, by turns.
pub(super) static OVERHEAD: [&Case; 2] = [&OPEN_CLOSE, &ECHO_64];

/// Those that note rates.
pub(super) static RATES: [&Case; 5] = [
    &LINK_ROUND_TRIP,
    &LINK_TO_BOARD,
    &LINK_FROM_BOARD,
    &GOODPUT_TO_BOARD,
    &GOODPUT_FROM_BOARD,
];

const fn case(
    function: &'static str,
    title: &'static str,
    run: for<'a> fn(&'a mut Ctx) -> BoxFuture<'a, Outcome>,
) -> Case {
    Case {
        module: "hil::bench",
        function,
        title,
        text: "",
        level: Level::Must,
        cites: &["bench"],
        needs: &[],
        profile: Profile::Soak,
        tags: &[],
        deadline_ms: 60_000,
        file: file!(),
        line: line!(),
        run,
    }
}

async fn open_close(cx: &mut Ctx) -> Outcome {
    let tcp = cx.tcp().await?;
    tcp.close().await?.expect(Done)?;
    Ok(())
}

async fn echo_64(cx: &mut Ctx) -> Outcome {
    const SIZE: u32 = 64;
    let echo = cx.echo().await?;
    let tcp = cx.tcp().await?;
    tcp.connect(echo.address()).await?.expect(Done)?;
    let seed = cx.seed();
    tcp.source(seed, SIZE, SIZE).await?.expect(Moved(SIZE))?;
    tcp.sink(seed, SIZE, SIZE).await?.expect(Moved(SIZE))?;
    Ok(())
}

async fn link_round_trip(cx: &mut Ctx) -> Outcome {
    let mut rounds = Vec::with_capacity(ROUND_TRIPS);
    while rounds.len() < ROUND_TRIPS {
        rounds.push(cx.dut().ping(PATIENCE).await?);
    }
    note(cx, 0, &rounds);
    Ok(())
}

async fn wire_round_trip(cx: &mut Ctx) -> Outcome {
    let port = cx.free_port(Protocol::Tcp)?;
    let mut rounds = Vec::with_capacity(ROUND_TRIPS);
    // The first ones ask for the board's hardware address.
    for round in 0..ROUND_TRIPS + WARM_UP {
        let began = Instant::now();
        let answer = cx.try_client(port).await?;
        let took = began.elapsed();
        let refused = matches!(&answer, Err(error) if error.kind() == ErrorKind::ConnectionRefused);
        cx.require(refused, "refusal", "a refused connection", "something else")?;
        if round >= WARM_UP {
            rounds.push(took);
        }
    }
    note(cx, 0, &rounds);
    Ok(())
}

async fn link_load(cx: &mut Ctx, to_board: bool) -> Outcome {
    let size = cx.identity().max_inline;
    let data = cx.data(size.into());
    let mut rounds = Vec::new();
    let began = Instant::now();
    while began.elapsed() < LONG_ENOUGH {
        let round = Instant::now();
        // So many take turns, each with its part of the round.
        let part = || async {
            for _ in 0..LOADS / LOADS_AT_ONCE {
                if to_board {
                    load(cx.dut(), &data, 0).await?;
                } else {
                    load(cx.dut(), &[], size).await?;
                }
            }
            Ok::<_, Stop>(())
        };
        tokio::try_join!(part(), part())?;
        rounds.push(round.elapsed());
    }
    note(cx, LOADS as u64 * u64::from(size), &rounds);
    Ok(())
}

/// One request of the link's measurement, and its answer checked.
async fn load(dut: &Dut, data: &[u8], size: u16) -> Result<(), Stop> {
    let answer = dut
        .call(Op::Load { data, size }, Instant::now() + PATIENCE)
        .await?;
    match answer.returned {
        Returned::Bytes { code, data: back }
            if usize::try_from(code) == Ok(data.len())
                && back.len() == usize::from(size)
                && Pattern::new(0).first_mismatch(0, &back).is_none() =>
        {
            Ok(())
        }
        other => Err(Trouble::Rejected {
            request: format!("load: {} bytes there, {size} back", data.len()),
            reason: format!("the answer is not what the protocol says: {other:?}"),
        }
        .into()),
    }
}

async fn goodput(cx: &mut Ctx, to_board: bool) -> Outcome {
    let (tcp, mut peer) = cx.connected().await?;
    let chunk = cx.identity().max_io;
    let mut rounds = Vec::new();
    let began = Instant::now();
    loop {
        let seed = cx.seed();
        let round = Instant::now();
        let board = async {
            let call = if to_board {
                tcp.sink(seed, GOODPUT_ROUND, chunk)
            } else {
                tcp.source(seed, GOODPUT_ROUND, chunk)
            };
            call.await?.expect(Moved(GOODPUT_ROUND))?;
            Ok::<_, Stop>(())
        };
        let host = async {
            if to_board {
                peer.send_pattern(seed, GOODPUT_ROUND).await
            } else {
                peer.expect_pattern(seed, GOODPUT_ROUND).await
            }
        };
        tokio::try_join!(board, host)?;
        rounds.push(round.elapsed());
        let took = began.elapsed();
        let enough = took >= LONG_ENOUGH && rounds.len() >= GOODPUT_ROUNDS;
        if enough || took >= TOO_LONG || rounds.len() == GOODPUT_MOST_ROUNDS {
            break;
        }
    }
    note(cx, GOODPUT_ROUND.into(), &rounds);
    Ok(())
}

/// Notes the rounds. That every one of them was checked is the control.
fn note(cx: &Ctx, bytes: u64, rounds: &[Duration]) {
    cx.positive_control();
    cx.note("bytes", bytes.to_string());
    let us: Vec<String> = rounds.iter().map(|it| it.as_micros().to_string()).collect();
    cx.note("us", us.join(","));
}
