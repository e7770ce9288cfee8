//! Before the first case on an interface of this machine: do frames go both ways at all? A firewall or a wrong cable
//! would otherwise look like a stack that fails everything.
//!
//! A TCP connection of the board proves it, or a datagram and its answer: no stack is blamed on the cable that can
//! do one of both. Must not: judge the IUT.

use core::time::Duration;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use hil_kit::Dut;
use hil_kit::dut::Returned;
use hil_kit::rig::{HostAddress, SocketFactory};
use nsapi_protocol::message::{Address, Payload};
use nsapi_protocol::{Kind, Op};
use socket2::{Domain, Type};
use tokio::net::{TcpListener, UdpSocket};
use tokio::time::timeout;

/// How long one exchange may take: hardware addresses are asked for at most once per second.
const PATIENCE: Duration = Duration::from_millis(2500);
/// Beyond it, for the agent's answer.
const ANSWER: Duration = Duration::from_secs(1);
/// Nobody's: cases count from below.
const SCOPE: u16 = u16::MAX;
const HANDLES: [u16; 2] = [u16::MAX - 1, u16::MAX];

/// Whether something passes between board and host; else what to do about it.
pub(super) async fn passes(dut: &Dut, lan: &dyn SocketFactory, scale: f64) -> Result<(), String> {
    let preflight = Preflight {
        dut,
        lan,
        patience: PATIENCE.mul_f64(scale),
    };
    let broken = |error: io::Error| format!("no sockets of this machine for the board: {error}");
    let passed = preflight.stream().await.map_err(broken)?
        || preflight.datagram().await.map_err(broken)?
        || preflight.datagram().await.map_err(broken)?;
    let _ = dut.end_scope(SCOPE, ANSWER.mul_f64(scale)).await;
    if passed {
        return Ok(());
    }
    let own = lan.bind_address(HostAddress::First).ip();
    Err(format!(
        "neither a connection of the board to {own} nor a datagram and its answer passes: wrong cable or interface, \
         no address of that network on the board, or a firewall on this machine (allow what comes in there)"
    ))
}

struct Preflight<'p> {
    dut: &'p Dut,
    lan: &'p dyn SocketFactory,
    patience: Duration,
}

impl Preflight<'_> {
    async fn stream(&self) -> io::Result<bool> {
        let handle = HANDLES[0];
        let bind = self.lan.bind_address(HostAddress::First);
        let socket = self.lan.socket(Domain::for_address(bind), Type::STREAM)?;
        socket.bind(&bind.into())?;
        socket.listen(1)?;
        socket.set_nonblocking(true)?;
        let listener = TcpListener::from_std(socket.into())?;
        let address = self.seen(listener.local_addr()?);
        if !self.open(handle, Kind::Tcp).await {
            return Ok(false);
        }
        let connect = Op::Connect { handle, address };
        let (code, accepted) = tokio::join!(
            self.code(connect),
            timeout(self.patience, listener.accept())
        );
        Ok(code == Some(0) && matches!(accepted, Ok(Ok(_))))
    }

    async fn datagram(&self) -> io::Result<bool> {
        const WORDS: &[u8] = b"preflight";
        let handle = HANDLES[1];
        let bind = self.lan.bind_address(HostAddress::First);
        let socket = self.lan.socket(Domain::for_address(bind), Type::DGRAM)?;
        socket.bind(&bind.into())?;
        socket.set_nonblocking(true)?;
        let socket = UdpSocket::from_std(socket.into())?;
        let address = self.seen(socket.local_addr()?);
        if !self.open(handle, Kind::Udp).await {
            return Ok(false);
        }
        let send = Op::SendTo {
            handle,
            address,
            data: Payload::Bytes(WORDS),
        };
        self.code(send).await;
        let mut bytes = [0; 64];
        let Ok(Ok((_, from))) = timeout(self.patience, socket.recv_from(&mut bytes)).await else {
            return Ok(false);
        };
        socket.send_to(WORDS, from).await?;
        let receive = Op::RecvFrom {
            handle,
            size: 64,
            null_address: false,
        };
        let answer = self.dut.call(receive, self.deadline()).await;
        let got = answer.ok().map(|answer| answer.returned);
        Ok(matches!(got, Some(Returned::Datagram { data, .. }) if data == WORDS))
    }

    /// A new socket that waits for long enough.
    async fn open(&self, handle: u16, kind: Kind) -> bool {
        // Of an earlier attempt, if there was any.
        self.code(Op::Delete { handle }).await;
        let new = Op::New {
            scope: SCOPE,
            handle,
            kind,
            open: true,
        };
        let timeout_ms = i32::try_from(self.patience.as_millis()).unwrap_or(i32::MAX);
        self.code(new).await == Some(0)
            && self.code(Op::SetTimeout { handle, timeout_ms }).await == Some(0)
    }

    async fn code(&self, op: Op<'_>) -> Option<i32> {
        match self.dut.call(op, self.deadline()).await.ok()?.returned {
            Returned::Code(code) => Some(code),
            _ => None,
        }
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.patience + ANSWER
    }

    fn seen(&self, host: SocketAddr) -> Address {
        match self.lan.seen_by_iut(host) {
            SocketAddr::V4(it) => Address::V4(it.ip().octets(), it.port()),
            SocketAddr::V6(it) => Address::V6(it.ip().octets(), it.port()),
        }
    }
}
