//! Proof that the board lives on as before: it answers pings, both protocols work, no socket is lost.

use core::time::Duration;
use std::time::Instant;

use nsapi_protocol::{Kind, Op};

use crate::outcome::here;
use crate::{Bytes, Ctx, Done, Stop};

/// What both sides say to each other.
const WORDS: &[u8] = b"still alive";
/// How long nothing happens before sockets are counted again.
const PAUSE: Duration = Duration::from_millis(100);
/// How long each step may take on the reference; only blocking calls are bounded by it.
const STEP: Duration = Duration::from_secs(2);

/// A board that was seen to work, with the number of sockets that it could open then.
#[derive(Debug)]
pub struct Witness {
    sockets: (usize, usize),
}

impl Ctx {
    /// Sees the board work, before it is told something odd: to be compared with [`Witness::check`] afterwards. Open
    /// sockets of the case must be as many then as now.
    ///
    /// # Errors
    /// Violations `…/alive`, or of the calls that do not work.
    #[track_caller]
    pub fn witness(&self) -> impl Future<Output = Result<Witness, Stop>> {
        here(async move {
            let sockets = self.openable().await?;
            Ok(Witness { sockets })
        })
    }

    /// Requires the board to live: it answers an echo request, a datagram and a stream of its own come back.
    ///
    /// # Errors
    /// Violations `…/alive`, or of the calls that do not work.
    #[track_caller]
    pub fn alive(&self) -> impl Future<Output = Result<(), Stop>> {
        here(async move {
            let wire = self.wire()?;
            wire.ping().await?;
            let patience = i32::try_from(self.within(STEP).as_millis()).unwrap_or(i32::MAX);
            let echo = self.udp_echo().await?;
            let udp = self.udp().await?;
            udp.set_timeout(patience).await?;
            udp.send_to(echo.address(), WORDS)
                .await?
                .expect(crate::Size(WORDS.len()))?;
            udp.recv_from(64).await?.expect(Bytes(WORDS))?;
            udp.delete().await?;
            let listener = self.peer().await?;
            let tcp = self.tcp().await?;
            tcp.set_timeout(patience).await?;
            tcp.connect(listener.address()).await?.expect(Done)?;
            let mut peer = listener.accept().await?;
            tcp.send_all(WORDS).await?;
            peer.expect_bytes(WORDS).await?;
            peer.send(WORDS).await?;
            tcp.recv_all(WORDS).await?;
            // The host ends first, so that nothing lingers on the board.
            peer.half_close().await?;
            tcp.recv(64).await?.expect(Bytes(b""))?;
            tcp.close().await?.expect(Done)?;
            peer.expect_eof().await?;
            tcp.delete().await?;
            self.say("host: the board is alive");
            Ok(())
        })
    }

    /// How many TCP and how many UDP sockets can be opened now, one after the other, up to the limits that the port
    /// says; they are closed again.
    async fn openable(&self) -> Result<(usize, usize), Stop> {
        let limits = self.limits();
        let tcp = self.open_many(Kind::Tcp, limits.tcp_sockets.into()).await?;
        let udp = self.open_many(Kind::Udp, limits.udp_sockets.into()).await?;
        Ok((tcp, udp))
    }

    async fn open_many(&self, kind: Kind, limit: usize) -> Result<usize, Stop> {
        let mut handles = Vec::new();
        let mut opened = 0;
        while opened < limit {
            let handle = self.state.dut.new_handle(kind);
            let op = Op::New {
                scope: self.state.scope,
                handle,
                kind,
                open: true,
            };
            let answer = self.state.call(op).await?;
            handles.push(handle);
            if answer.code() != 0 {
                break;
            }
            opened += 1;
        }
        for handle in handles {
            self.state.call(Op::Delete { handle }).await?;
        }
        Ok(opened)
    }
}

impl Witness {
    /// Requires the board to live as it did: pings, both protocols, and as many sockets as before.
    ///
    /// # Errors
    /// Violations `…/alive` and `…/sockets`, or of the calls that do not work.
    #[track_caller]
    pub fn check(&self, cx: &Ctx) -> impl Future<Output = Result<(), Stop>> {
        here(async move {
            cx.alive().await?;
            // A port may take a moment to let go of what was closed.
            let deadline = Instant::now() + cx.within(STEP);
            let mut now = cx.openable().await?;
            while !self.reached(now) && Instant::now() < deadline {
                // The frame that frees one may be the next.
                let wire = cx.wire()?;
                let from = wire.shared.log.end();
                wire.look(from, &crate::wire::any(), PAUSE).await;
                now = cx.openable().await?;
            }
            let words = |(tcp, udp): (usize, usize)| format!("{tcp} TCP and {udp} UDP sockets");
            let expected = format!("at least {}", words(self.sockets));
            cx.require(self.reached(now), "sockets", expected, words(now))
        })
    }

    const fn reached(&self, (tcp, udp): (usize, usize)) -> bool {
        tcp >= self.sockets.0 && udp >= self.sockets.1
    }
}
