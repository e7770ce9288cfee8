//! What a running case has: sockets of the IUT, fixtures of the host, limits, time, and a place for notes.
//!
//! Must not: clean up (the runner of the case does), or judge.

use core::net::{IpAddr, SocketAddr};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use nsapi::{Error, Limits, Protocol, SocketAddress};
use nsapi_protocol::message::Handle;
use nsapi_protocol::{CrashKind, Family, Kind, Op};
use tokio::task::JoinSet;

use crate::call::Call;
use crate::counter::Counter;
use crate::dut::{Identity, Response};
use crate::expect::Answered;
use crate::interface::Interface;
use crate::outcome::here;
use crate::rig::{HostAddress, SocketFactory};
use crate::socket::{Listener, Socket, Tcp, Udp};
use crate::steps::Steps;
use crate::text;
use crate::wire::Wire;
use crate::{Done, Dut, Outcome, Stop, Trouble};

/// How long fixtures wait for something the IUT should do, on the reference.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a board may take to come back after a restart, on the reference.
const RESTART: Duration = Duration::from_secs(10);

/// All a running case has.
#[derive(Debug)]
pub struct Ctx {
    pub(crate) state: Arc<State>,
    /// Where fixtures live: [`Self::at`].
    pub(crate) home: HostAddress,
}

/// Shared by everything that belongs to one run of one case.
pub(crate) struct State {
    pub(crate) dut: Dut,
    pub(crate) identity: Arc<Identity>,
    pub(crate) lan: Arc<dyn SocketFactory>,
    pub(crate) scope: u16,
    pub(crate) seed: u64,
    pub(crate) scale: f64,
    pub(crate) allowance: Duration,
    pub(crate) deadline: Instant,
    pub(crate) requirement: &'static str,
    pub(crate) steps: Steps,
    pub(crate) tasks: Mutex<JoinSet<()>>,
    pub(crate) findings: Mutex<Findings>,
    pub(crate) counters: Mutex<Vec<u8>>,
    pub(crate) reached: tokio::sync::Mutex<HashMap<(bool, u16, HostAddress), SocketAddr>>,
    /// The case has changed the interface, which must be put back after it.
    pub(crate) interface_changed: AtomicBool,
    pub(crate) wire: OnceLock<Arc<crate::wire::Shared>>,
}

/// What a case says beside its outcome.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) lenient: Vec<String>,
    pub(crate) traits: Vec<(String, String)>,
    pub(crate) controlled: bool,
    pub(crate) seeds: u32,
}

impl core::fmt::Debug for State {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("State")
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

impl State {
    pub(crate) fn findings(&self) -> std::sync::MutexGuard<'_, Findings> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn lenient(&self, reason: String) {
        self.steps.say(format!("lenient: {reason}"));
        self.findings().lenient.push(reason);
    }

    /// When a fixture stops waiting for the IUT.
    pub(crate) fn patience(&self) -> Instant {
        (Instant::now() + self.longest_wait()).min(self.deadline)
    }

    /// How long that patience is.
    pub(crate) fn longest_wait(&self) -> Duration {
        PATIENCE.mul_f64(self.scale)
    }

    /// Runs `task` in the background until the case ends.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .spawn(task);
    }

    /// Makes a call, narrates it.
    pub(crate) async fn call(self: &Arc<Self>, op: Op<'_>) -> Result<Answered, Trouble> {
        let call = self.dut.describe(&op);
        let result = self.dut.call(op, self.deadline).await;
        self.answered(call, result)
    }

    pub(crate) fn answered(
        self: &Arc<Self>,
        call: String,
        result: Result<Response, Trouble>,
    ) -> Result<Answered, Trouble> {
        match result {
            Ok(Response { returned, elapsed }) => {
                let took = text::duration(elapsed);
                self.steps.say(format!(
                    "iut: {call} → {} ({took})",
                    text::returned(&returned)
                ));
                Ok(Answered {
                    state: Arc::clone(self),
                    call,
                    returned,
                    elapsed,
                })
            }
            Err(trouble) => {
                self.steps.say(format!("iut: {call} → {trouble}"));
                Err(trouble)
            }
        }
    }

    /// A free port number of the IUT.
    pub(crate) fn free_port(&self, protocol: Protocol) -> Result<u16, Trouble> {
        self.lan
            .free_iut_port(protocol)
            .map_err(|error| Trouble::Lan(format!("no free port: {error}")))
    }

    /// Where the host reaches `port` of the IUT from its address `home`: at an address of the same kind.
    pub(crate) async fn reach(
        self: &Arc<Self>,
        protocol: Protocol,
        port: u16,
        home: HostAddress,
    ) -> Result<SocketAddr, Stop> {
        let mut reached = self.reached.lock().await;
        let key = (protocol == Protocol::Tcp, port, home);
        if let Some(address) = reached.get(&key) {
            return Ok(*address);
        }
        let iut = SocketAddr::new(self.iut_ip(home).await?, port);
        let address = self
            .lan
            .reach(protocol, iut)
            .await
            .map_err(|error| Trouble::Lan(format!("no way to reach {iut}: {error}")))?;
        reached.insert(key, address);
        Ok(address)
    }

    /// The IUT's address that belongs to an address of the host: IPv4 to IPv4, global to global, link-local to
    /// link-local. Its own API tells one of them; others are what it answers for on the cable.
    async fn iut_ip(self: &Arc<Self>, home: HostAddress) -> Result<IpAddr, Stop> {
        if home.is_ipv6() && self.lan.cable().is_some() {
            let wire = Wire::of(self)?;
            let board = wire.board().await?;
            let ip = match home {
                HostAddress::LinkLocal => board.link_local,
                _ => board.ipv6,
            };
            return match ip {
                Some(ip) => Ok(ip.into()),
                None => Err(wire.no_address(true)),
            };
        }
        let answer = self.call(Op::InterfaceAddress).await?;
        let ip = answer.address().and_then(host_address);
        let Some(ip) = ip.map(|address| address.ip()) else {
            let observed = text::returned(&answer.returned);
            return Err(
                Trouble::Lan(format!("the IUT has no address to reach it at: {observed}")).into(),
            );
        };
        Ok(ip)
    }
}

/// An address of the contract as one of the host; `None` if it has no IP.
pub(crate) fn host_address(address: SocketAddress) -> Option<SocketAddr> {
    match address.ip {
        nsapi::IpAddress::Unspec => None,
        nsapi::IpAddress::V4(ip) => Some((ip, address.port).into()),
        nsapi::IpAddress::V6(ip) => Some((ip, address.port).into()),
    }
}

/// An address of the host as one of the contract.
pub(crate) fn contract_address(address: SocketAddr) -> SocketAddress {
    let ip = match address.ip() {
        IpAddr::V4(ip) => nsapi::IpAddress::V4(ip.octets()),
        IpAddr::V6(ip) => nsapi::IpAddress::V6(ip.octets()),
    };
    SocketAddress::new(ip, address.port())
}

impl Ctx {
    /// The same case with its fixtures at another address of the host: `cx.at(HostAddress::FirstIpv6).echo()`. Clients
    /// and scripters reach the IUT at an address of the same kind. The case must need what the address needs
    /// ([`crate::Need::HostIpv6`], [`crate::Need::SecondHostAddress`]).
    #[must_use]
    pub fn at(&self, home: HostAddress) -> Self {
        Self {
            state: Arc::clone(&self.state),
            home,
        }
    }

    /// The IUT's address that fixtures at this one's home reach: of the same family and kind. Port 0.
    ///
    /// # Errors
    /// A violation `…/address` if it has none of that kind.
    #[track_caller]
    pub fn iut_address_here(&self) -> impl Future<Output = Result<SocketAddress, Stop>> {
        here(async move {
            let ip = self.state.iut_ip(self.home).await?;
            Ok(contract_address((ip, 0).into()))
        })
    }

    /// A TCP socket object, not opened.
    #[track_caller]
    pub fn unopened_tcp(&self) -> impl Future<Output = Result<Tcp, Stop>> {
        here(async move { Ok(Tcp(self.object(Kind::Tcp, false).await?)) })
    }

    /// An open TCP socket.
    #[track_caller]
    pub fn tcp(&self) -> impl Future<Output = Result<Tcp, Stop>> {
        here(async move { Ok(Tcp(self.object(Kind::Tcp, true).await?)) })
    }

    /// A UDP socket object, not opened.
    #[track_caller]
    pub fn unopened_udp(&self) -> impl Future<Output = Result<Udp, Stop>> {
        here(async move {
            Ok(Udp {
                socket: self.object(Kind::Udp, false).await?,
                port: 0,
            })
        })
    }

    /// An open UDP socket.
    #[track_caller]
    pub fn udp(&self) -> impl Future<Output = Result<Udp, Stop>> {
        here(async move {
            Ok(Udp {
                socket: self.object(Kind::Udp, true).await?,
                port: 0,
            })
        })
    }

    /// An open UDP socket bound to a free port ([`Udp::port`]), so that the host can reach it.
    #[track_caller]
    pub fn bound_udp(&self) -> impl Future<Output = Result<Udp, Stop>> {
        here(async move {
            let mut udp = self.udp().await?;
            udp.port = self.free_port(Protocol::Udp)?;
            udp.bind_port(udp.port).await?.expect(Done)?;
            Ok(udp)
        })
    }

    /// A `TCPServer` object of the older API, not opened.
    #[track_caller]
    pub fn unopened_server(&self) -> impl Future<Output = Result<Socket, Stop>> {
        here(async move { self.object(Kind::TcpServer, false).await })
    }

    /// An open `TCPServer` object of the older API.
    #[track_caller]
    pub fn server(&self) -> impl Future<Output = Result<Socket, Stop>> {
        here(async move { self.object(Kind::TcpServer, true).await })
    }

    /// A listener of the IUT on a free port.
    #[track_caller]
    pub fn listener(&self, backlog: i32) -> impl Future<Output = Result<Listener, Stop>> {
        here(async move {
            let socket = self.object(Kind::Tcp, true).await?;
            let port = self.free_port(Protocol::Tcp)?;
            socket.bind_port(port).await?.expect(Done)?;
            socket.listen(backlog).await?.expect(Done)?;
            Ok(Listener { socket, port })
        })
    }

    /// A TCP socket object; the answer of its opening is not judged (for cases about limits).
    #[track_caller]
    pub fn try_tcp(&self) -> impl Future<Output = Result<(Tcp, Answered), Stop>> {
        here(async move {
            let (socket, answer) = self.try_object(Kind::Tcp, true).await?;
            Ok((Tcp(socket), answer))
        })
    }

    /// A UDP socket object; the answer of its opening is not judged (for cases about limits).
    #[track_caller]
    pub fn try_udp(&self) -> impl Future<Output = Result<(Udp, Answered), Stop>> {
        here(async move {
            let (socket, answer) = self.try_object(Kind::Udp, true).await?;
            Ok((Udp { socket, port: 0 }, answer))
        })
    }

    async fn object(&self, kind: Kind, open: bool) -> Result<Socket, Stop> {
        let (socket, answer) = self.try_object(kind, open).await?;
        answer.expect(Done)?;
        Ok(socket)
    }

    async fn try_object(&self, kind: Kind, open: bool) -> Result<(Socket, Answered), Stop> {
        let handle = self.state.dut.new_handle(kind);
        let answer = self
            .state
            .call(Op::New {
                scope: self.state.scope,
                handle,
                kind,
                open,
            })
            .await?;
        Ok((Socket::new(&self.state, handle), answer))
    }

    /// An event counter for [`Socket::sigio`], at zero.
    pub fn counter(&self) -> Result<Counter, Stop> {
        let Some(index) = self.state.dut.take_counter() else {
            return Err(
                Trouble::CaseBug("all event counters of the agent are taken".into()).into(),
            );
        };
        self.state
            .counters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(index);
        Ok(Counter::new(&self.state, index))
    }

    /// A port number that is free on the IUT's side, for a bind.
    pub fn free_port(&self, protocol: Protocol) -> Result<u16, Stop> {
        Ok(self.state.free_port(protocol)?)
    }

    /// The IUT's own address.
    #[track_caller]
    pub fn iut_address(&self) -> impl Future<Output = Result<SocketAddress, Stop>> {
        here(async move {
            let answer = self.state.call(Op::InterfaceAddress).await?.expect(Done)?;
            answer.address().ok_or_else(|| {
                self.state
                    .violation("interface", &answer.call, "the own address", "no address")
                    .into()
            })
        })
    }

    /// `SocketAddress::set_ip_address` of `text`.
    pub async fn parse_address(&self, text: &str) -> Result<Answered, Trouble> {
        self.state.call(Op::ParseAddress { text }).await
    }

    /// `SocketAddress::get_ip_address` of `address`.
    pub async fn format_address(&self, address: SocketAddress) -> Result<Answered, Trouble> {
        self.state
            .call(Op::FormatAddress {
                address: address.into(),
            })
            .await
    }

    /// The network interface.
    #[must_use]
    pub fn interface(&self) -> Interface {
        Interface::new(&self.state)
    }

    /// `gethostbyname` of a name, for an address of this family ([`Answered::address`]).
    #[must_use]
    pub fn resolve<'a>(&self, name: &'a str, family: Family) -> Call<'a> {
        let scope = self.state.scope;
        let op = Op::Resolve {
            scope,
            family,
            name,
        };
        call(&self.state, op, |answer| answer)
    }

    /// `add_dns_server`: the server is asked first from now on; its port is not looked at.
    #[must_use]
    pub fn add_dns_server(&self, address: SocketAddress) -> Call<'static> {
        let address = address.into();
        call(&self.state, Op::AddDnsServer { address }, |answer| answer)
    }

    /// Restarts the board and greets it again; skips the case if the board cannot. Sockets and counters from
    /// before are gone. The interface is on its way up afterwards ([`Interface::becomes`]).
    #[track_caller]
    pub fn restart(&self) -> impl Future<Output = Result<(), Stop>> {
        here(async move {
            match self.state.call(Op::Restart).await {
                Ok(answer) if answer.failed_with(Error::UNSUPPORTED) => {
                    return Err(Stop::Skip("the board cannot restart itself".into()));
                }
                Ok(answer) => drop(answer.expect(Done)?),
                // The answer was lost, and the board is back already.
                Err(Trouble::Rebooted { crashed: false }) => {}
                Err(trouble) => return Err(trouble.into()),
            }
            self.state.interface_changed.store(true, Ordering::Relaxed);
            let limit = RESTART.mul_f64(self.state.scale);
            let took = self.state.dut.greet_after_restart(limit).await?;
            let took = text::duration(took);
            self.state.steps.say(format!("the board is back ({took})"));
            Ok(())
        })
    }

    /// Breaks the board (`needs = [CrashCommands]`). Nothing answers a board that is broken, so what comes of it is the
    /// case's outcome: trouble of which the engine makes the verdict. An answer is a violation.
    pub async fn crash(&self, how: CrashKind) -> Outcome {
        let answer = self.state.call(Op::Crash { how }).await?;
        let observed = text::returned(&answer.returned);
        Err(self
            .state
            .violation("breaks", &answer.call, "no answer", observed)
            .into())
    }

    /// Sets an option of the stack.
    pub async fn set_stack_option(
        &self,
        level: i32,
        name: i32,
        value: &[u8],
    ) -> Result<Answered, Trouble> {
        let op = Op::SetStackOption { level, name, value };
        self.state.call(op).await
    }

    /// Reads an option of the stack into a buffer of `size` bytes.
    pub async fn get_stack_option(
        &self,
        level: i32,
        name: i32,
        size: u8,
    ) -> Result<Answered, Trouble> {
        let op = Op::GetStackOption { level, name, size };
        self.state.call(op).await
    }

    /// The interface's status as a number (contract §2).
    pub async fn interface_status(&self) -> Result<Answered, Trouble> {
        self.state.call(Op::InterfaceStatus).await
    }

    /// The client itself, for benchmarks: what it does is not narrated, and is no call of the API.
    #[must_use]
    pub fn dut(&self) -> &Dut {
        &self.state.dut
    }

    /// Limits of the port.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.state.identity.limits
    }

    /// Who the agent is, its limits (`max_io`, `max_inline`) included.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.state.identity
    }

    /// `len` bytes that differ from case to case and can be told from garbage.
    #[must_use]
    pub fn data(&self, len: usize) -> Vec<u8> {
        let mut data = vec![0; len];
        nsapi_protocol::pattern::Pattern::new(self.seed()).fill(0, &mut data);
        data
    }

    /// A seed for a pattern; another one each time, the same ones in every run with the same `--seed`.
    #[must_use]
    pub fn seed(&self) -> u32 {
        let mut findings = self.state.findings();
        findings.seeds += 1;
        let seed = self.state.seed ^ self.state.seed >> 32;
        (seed as u32).wrapping_add(findings.seeds.wrapping_mul(0x9e37_79b1))
    }

    /// Says that the same operation works where it must: from here on a violated SHOULD can be lenient.
    pub fn positive_control(&self) {
        self.state.steps.say("positive control passed");
        self.state.findings().controlled = true;
    }

    /// Records a trait of the port.
    pub fn note(&self, name: impl Into<String>, value: impl Into<String>) {
        let (name, value) = (name.into(), value.into());
        self.state.steps.say(format!("noted: {name} = {value}"));
        self.state.findings().traits.push((name, value));
    }

    /// Says that an allowed alternative was used, and why it is allowed.
    pub fn lenient(&self, reason: impl Into<String>) {
        self.state.lenient(reason.into());
    }

    /// A line for the narration.
    pub fn say(&self, line: impl Into<String>) {
        self.state.steps.say(line);
    }

    /// A time limit stretched for a slow board or host.
    #[must_use]
    pub fn within(&self, on_the_reference: Duration) -> Duration {
        on_the_reference.mul_f64(self.state.scale)
    }

    /// Slack for network and link of this board.
    #[must_use]
    pub fn allowance(&self) -> Duration {
        self.state.allowance
    }

    /// Requires something that the host saw; `what` names it for the violation's key.
    #[track_caller]
    pub fn require(
        &self,
        holds: bool,
        what: &str,
        expected: impl Into<String>,
        observed: impl Into<String>,
    ) -> Result<(), Stop> {
        if holds {
            return Ok(());
        }
        Err(self.state.violation(what, what, expected, observed).into())
    }
}

/// Makes a call of a socket.
pub(crate) fn call<'a, T>(
    state: &Arc<State>,
    op: Op<'a>,
    wrap: impl FnOnce(Answered) -> T + Send + 'a,
) -> Call<'a, T> {
    Call::new(state, op, Box::new(wrap))
}

/// A handle for an object that `accept` makes.
pub(crate) fn child_handle(state: &State) -> Handle {
    state.dut.new_handle(Kind::Tcp)
}

#[cfg(test)]
mod tests;
