//! The agent over a link in memory.

mod bulk;
mod calls;
mod interface;
mod net;
mod script;
mod session;

use std::boxed::Box;
use std::vec;
use std::vec::Vec;

use nsapi::Iut;
use nsapi_null::Null;
use nsapi_protocol::frame::{Deframer, MAX_FRAME, encode};
use nsapi_protocol::message::{Handle, Scope};
use nsapi_protocol::{Answer, FromAgent, Kind, Op, PROTOCOL, Reply, Request};

use crate::{Agent, Counters, Identity, Link};
use script::Script;

/// A link that takes so many bytes at most per write and keeps them.
struct Memory {
    bytes: Vec<u8>,
    per_write: usize,
    /// How many more bytes it takes.
    room: usize,
}

impl Link for Memory {
    fn write(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.per_write).min(self.room);
        self.bytes.extend_from_slice(&bytes[..taken]);
        self.room -= taken;
        taken
    }
}

/// An agent, and the runner that talks to it.
struct Bench<I: Iut + 'static> {
    agent: Agent<'static, I>,
    link: Memory,
    next_id: u16,
}

type Message = FromAgent<'static>;

fn with_null() -> Bench<Null> {
    Bench::greeted(Box::leak(Box::new(Null::new(|| 0))))
}

/// With a script of answers.
fn with_script() -> (Bench<Script>, &'static Script) {
    let script: &'static Script = Box::leak(Box::new(Script::new()));
    (Bench::greeted(script), script)
}

impl<I: Iut + 'static> Bench<I> {
    fn ungreeted(iut: &'static I) -> Self {
        let identity = Identity {
            board: "bench",
            build_id: &[1, 2, 3],
            boot: 77,
            beacon: None,
            jitter_us: || 5,
        };
        let counters = Box::leak(Box::new(Counters::new()));
        let link = Memory {
            bytes: Vec::new(),
            per_write: usize::MAX,
            room: usize::MAX,
        };
        Self {
            agent: Agent::new(iut, identity, counters, Box::leak(Box::default())),
            link,
            next_id: 1,
        }
    }

    fn greeted(iut: &'static I) -> Self {
        let mut bench = Self::ungreeted(iut);
        bench.ask(Op::Hello {
            protocol: PROTOCOL,
            nonce: 1,
        });
        bench
    }

    /// Sends a request; returns its id.
    fn send(&mut self, op: Op<'_>) -> u16 {
        let id = self.next_id;
        self.next_id += 1;
        self.send_as(id, op);
        id
    }

    fn send_as(&mut self, id: u16, op: Op<'_>) {
        self.agent.receive(&request(id, op));
    }

    /// Lets the agent work until it wants to wait, and returns what it said.
    fn run(&mut self) -> Vec<Message> {
        for _ in 0..1000 {
            let before = self.link.bytes.len();
            let wake = self.agent.poll(&mut self.link);
            if wake.is_none_or(|at| at > 0) && self.link.bytes.len() == before {
                break;
            }
        }
        decode(core::mem::take(&mut self.link.bytes))
    }

    /// The answer to one request; there must be no other reply.
    fn ask(&mut self, op: Op<'_>) -> Answer<'static> {
        let id = self.send(op);
        let replies: Vec<_> = self.run().into_iter().filter_map(reply).collect();
        assert_eq!(replies.len(), 1, "{replies:?}");
        assert_eq!(replies[0].id, id);
        replies[0].answer
    }

    /// A socket, opened.
    fn open(&mut self, scope: Scope, handle: Handle) {
        assert_eq!(self.ask(new(scope, handle)), Answer::Code(0));
    }
}

fn new(scope: Scope, handle: Handle) -> Op<'static> {
    Op::New {
        scope,
        handle,
        kind: Kind::Tcp,
        open: true,
    }
}

fn request(id: u16, op: Op<'_>) -> Vec<u8> {
    let mut frame = vec![0; MAX_FRAME];
    encode(&Request { id, op }, &mut frame).unwrap().to_vec()
}

/// All messages in whole frames; what is left must be nothing.
fn decode(bytes: Vec<u8>) -> Vec<Message> {
    assert!(bytes.is_empty() || bytes.ends_with(&[0]), "half a frame");
    let frames = bytes.split_inclusive(|&byte| byte == 0);
    frames
        .map(|mut frame| {
            // Messages borrow; a test may leak.
            let deframer = Box::leak(Box::new(Deframer::<MAX_FRAME>::new()));
            deframer.next(&mut frame).unwrap().unwrap()
        })
        .collect()
}

fn reply(message: Message) -> Option<Reply<'static>> {
    match message {
        FromAgent::Reply(reply) => Some(reply),
        FromAgent::Event(_) => None,
    }
}
