//! For tests: an agent that follows a script, a link that mangles what passes, and a lan on loopback.

use core::net::{Ipv4Addr, SocketAddr};
use core::sync::atomic::AtomicBool;
use core::time::Duration;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use nsapi::{Capabilities, Protocol};
use nsapi_protocol::frame::{Deframer, MAX_FRAME, encode};
use nsapi_protocol::message::Limits;
use nsapi_protocol::{
    Address, Answer, Event, FromAgent, Hello, Op, PROTOCOL, Reply, Request, ScopeReport,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use crate::ctx::{Ctx, Findings, State};
use crate::dut::{Dut, Expected, GreetError, Identity};
use crate::rig::{BoxFuture, HostAddress, LanProperties, SocketFactory};
use crate::steps::Steps;
use crate::wire::fake::FakeCable;
use crate::wire::{Cable, Services, WirePlan};

/// What the fake agent does with a request.
pub(crate) enum Does {
    Answers(Answer<'static>),
    Works,
    Nothing,
    Reboots { boot: u32, crashed: bool },
}

/// A greeting like that of a real agent.
pub(crate) fn hello(nonce: u64) -> Hello<'static> {
    Hello {
        protocol: PROTOCOL,
        nonce,
        board: "fake",
        port: "fake",
        build_id: &[0xab, 0xcd],
        boot: 7,
        capabilities: Capabilities::EVERYTHING.to_bits().0,
        options: 0,
        ip: true,
        max_frame: 512,
        credits: 4,
        lanes: 3,
        counters: 2,
        max_inline: 256,
        max_io: 4096,
        limits: Limits {
            tcp_sockets: 4,
            udp_sockets: 4,
            sockets: 4,
            backlog: 2,
            udp_payload: 1472,
            udp_queue: 4,
            tcp_send_buffer: 4096,
            connect_timeout_ms: 1000,
        },
        beacon: None,
    }
}

/// What every agent answers to the requests that are not the point of a test.
pub(crate) fn usual(op: &Op<'_>) -> Does {
    Does::Answers(match op {
        Op::Hello { nonce, .. } => Answer::Hello(hello(*nonce)),
        Op::EndScope { .. } => Answer::Scope(ScopeReport {
            open: 1,
            calls: 0,
            jitter_us: 250,
        }),
        Op::InterfaceAddress => Answer::Peer {
            code: 0,
            peer: Some(Address::V4([127, 0, 0, 1], 0)),
        },
        _ => Answer::Code(0),
    })
}

/// An agent that does what `script` says; executes a repeated id once. The other end of its link.
pub(crate) fn agent(mut script: impl FnMut(&Op<'_>) -> Does + Send + 'static) -> DuplexStream {
    let (near, far) = duplex(4096);
    tokio::spawn(async move {
        let (mut read, mut write) = tokio::io::split(far);
        let mut deframer = Deframer::<MAX_FRAME>::new();
        let mut known: HashMap<u16, Option<Answer<'static>>> = HashMap::new();
        let mut chunk = [0; 512];
        loop {
            let Ok(n @ 1..) = read.read(&mut chunk).await else {
                return;
            };
            let mut bytes = &chunk[..n];
            let mut out = Vec::new();
            while let Some(frame) = deframer.next::<Request<'_>>(&mut bytes) {
                let Ok(Request { id, op }) = frame else {
                    continue;
                };
                let greeting = matches!(op, Op::Hello { .. });
                let answer = match known.get(&id) {
                    Some(answer) if !greeting => *answer,
                    _ => match script(&op) {
                        Does::Answers(answer) => *known.entry(id).insert_entry(Some(answer)).get(),
                        Does::Works => *known.entry(id).insert_entry(None).get(),
                        Does::Nothing => continue,
                        Does::Reboots { boot, crashed } => {
                            known.clear();
                            out.push(FromAgent::Event(Event::Boot { boot, crashed }));
                            continue;
                        }
                    },
                };
                out.push(match answer {
                    Some(answer) => FromAgent::Reply(Reply {
                        id,
                        elapsed_us: 1500,
                        answer,
                    }),
                    None => FromAgent::Event(Event::Working { id }),
                });
            }
            for message in out {
                let mut buffer = [0; MAX_FRAME];
                let frame = encode(&message, &mut buffer).expect("fits");
                if write.write_all(frame).await.is_err() {
                    return;
                }
            }
        }
    });
    near
}

/// A link between `link` and the end returned, on which `mangle` changes every piece of bytes both ways.
pub(crate) fn mangled(
    link: DuplexStream,
    mangle: impl FnMut(&mut Vec<u8>) + Clone + Send + 'static,
) -> DuplexStream {
    let (near, far) = duplex(4096);
    let (mut from_runner, mut to_runner) = tokio::io::split(far);
    let (mut from_agent, mut to_agent) = tokio::io::split(link);
    let mut one = mangle.clone();
    let mut other = mangle;
    tokio::spawn(async move {
        let mut chunk = [0; 256];
        while let Ok(n @ 1..) = from_runner.read(&mut chunk).await {
            let mut piece = chunk[..n].to_vec();
            one(&mut piece);
            if to_agent.write_all(&piece).await.is_err() {
                return;
            }
        }
    });
    tokio::spawn(async move {
        let mut chunk = [0; 256];
        while let Ok(n @ 1..) = from_agent.read(&mut chunk).await {
            let mut piece = chunk[..n].to_vec();
            other(&mut piece);
            if to_runner.write_all(&piece).await.is_err() {
                return;
            }
        }
    });
    near
}

pub(crate) const NONCE: u64 = 0x1234_5678_9abc_def0;

/// Whom the tests expect.
pub(crate) fn expected() -> Expected {
    Expected {
        board: Some("fake".into()),
        build_id: Some(vec![0xab, 0xcd]),
        nonce: NONCE,
        tap: None,
    }
}

pub(crate) async fn greeted(link: DuplexStream) -> Result<(Dut, Arc<Identity>), GreetError> {
    Dut::greet(Box::new(link), expected(), Duration::from_secs(5)).await
}

/// Fixtures on loopback; the IUT is somewhere on loopback too.
pub(crate) struct Loopback;

impl SocketFactory for Loopback {
    fn name(&self) -> &'static str {
        "loopback"
    }

    fn properties(&self) -> LanProperties {
        LanProperties {
            honest_tcp: true,
            black_hole: true,
            source_ports: true,
            shared_ports: true,
            ..Default::default()
        }
    }

    fn bind_address(&self, _which: HostAddress) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, 0).into()
    }

    fn seen_by_iut(&self, host: SocketAddr) -> SocketAddr {
        host
    }

    fn reach(&self, _protocol: Protocol, iut: SocketAddr) -> BoxFuture<'_, io::Result<SocketAddr>> {
        Box::pin(async move { Ok(iut) })
    }

    fn free_iut_port(&self, _protocol: Protocol) -> io::Result<u16> {
        Ok(40_000)
    }
}

/// A lan with a cable in memory and its services; sockets are on loopback.
pub(crate) struct Wired {
    cable: Arc<FakeCable>,
    services: Arc<Services>,
}

pub(crate) fn wired(cable: &Arc<FakeCable>, services: &Arc<Services>) -> Wired {
    Wired {
        cable: Arc::clone(cable),
        services: Arc::clone(services),
    }
}

impl SocketFactory for Wired {
    fn name(&self) -> &'static str {
        "wired"
    }

    fn properties(&self) -> LanProperties {
        LanProperties {
            cable: true,
            ..Loopback.properties()
        }
    }

    fn cable(&self) -> Option<Arc<dyn Cable>> {
        Some(self.cable.clone())
    }

    fn services(&self) -> Option<Arc<Services>> {
        Some(Arc::clone(&self.services))
    }

    fn bind_address(&self, which: HostAddress) -> SocketAddr {
        if which.is_ipv6() {
            return (core::net::Ipv6Addr::LOCALHOST, 0).into();
        }
        Loopback.bind_address(which)
    }

    fn seen_by_iut(&self, host: SocketAddr) -> SocketAddr {
        host
    }

    fn reach(&self, protocol: Protocol, iut: SocketAddr) -> BoxFuture<'_, io::Result<SocketAddr>> {
        Loopback.reach(protocol, iut)
    }

    fn free_iut_port(&self, protocol: Protocol) -> io::Result<u16> {
        Loopback.free_iut_port(protocol)
    }
}

/// A context over a fake agent that answers as usual.
pub(crate) async fn context() -> Ctx {
    context_on(Arc::new(Loopback)).await
}

/// The same on another lan.
pub(crate) async fn context_on(lan: Arc<dyn SocketFactory>) -> Ctx {
    let wired = lan.properties().cable;
    let script = move |op: &Op<'_>| match op {
        Op::InterfaceAddress if wired => Does::Answers(Answer::Peer {
            code: 0,
            peer: Some(Address::V4(WirePlan::STANDARD.board_ipv4.octets(), 0)),
        }),
        op => usual(op),
    };
    let (dut, identity) = greeted(agent(script)).await.expect("the fake agent greets");
    context_of(dut, identity, lan)
}

/// A context over an agent that has been greeted.
pub(crate) fn context_with(dut: Dut, identity: Arc<Identity>) -> Ctx {
    context_of(dut, identity, Arc::new(Loopback))
}

fn context_of(dut: Dut, identity: Arc<Identity>, lan: Arc<dyn SocketFactory>) -> Ctx {
    Ctx {
        state: Arc::new(State {
            dut,
            identity,
            lan,
            scope: 1,
            seed: 42,
            scale: 1.0,
            allowance: Duration::from_millis(5),
            deadline: Instant::now() + Duration::from_secs(20),
            requirement: "kit.self",
            steps: Steps::new(),
            tasks: std::sync::Mutex::default(),
            findings: std::sync::Mutex::new(Findings::default()),
            counters: std::sync::Mutex::default(),
            reached: tokio::sync::Mutex::new(HashMap::new()),
            interface_changed: AtomicBool::new(false),
            wire: std::sync::OnceLock::new(),
        }),
        home: HostAddress::First,
    }
}
