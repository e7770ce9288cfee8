//! What is fuzzed: one function per direction. Also run by the agent's property tests, so that a short search
//! belongs to every test run.

use nsapi_agent::{Agent, Counters, Identity, Link, Memory};
use nsapi_null::Null;
use nsapi_protocol::frame::{Deframer, MAX_FRAME, encode};
use nsapi_protocol::{Answer, FromAgent, Op, PROTOCOL, Reply, Request};

/// Any bytes towards an agent: it survives them and answers right afterwards.
///
/// The first byte of each piece says how long it is and whether it goes as it is or in a correct frame, since
/// few random bytes get past a checksum.
pub(crate) fn towards_the_agent(mut data: &[u8]) {
    std::thread_local! {
        static NULL: &'static Null = Box::leak(Box::new(Null::new(|| 0)));
    }
    static COUNTERS: Counters = Counters::new();
    let identity = Identity {
        board: "fuzz",
        build_id: &[7; 20],
        boot: 1,
        beacon: None,
        jitter_us: || 0,
    };
    let mut memory = Box::<Memory>::default();
    let mut agent = Agent::new(NULL.with(|null| *null), identity, &COUNTERS, &mut memory);
    let mut link = Collect::default();
    let hello = Request {
        id: 0,
        op: Op::Hello {
            protocol: PROTOCOL,
            nonce: 1,
        },
    };
    request(&mut agent, &mut link, &hello);
    while let Some((&head, rest)) = data.split_first() {
        let (piece, rest) = rest.split_at(usize::from(head >> 1).min(rest.len()));
        data = rest;
        let mut frame = [0; MAX_FRAME];
        let bytes = if head & 1 == 0 {
            piece
        } else {
            raw_frame(piece, &mut frame)
        };
        agent.receive(bytes);
        agent.poll(&mut link);
        link.check();
    }
    // The end of whatever was begun, then a new session.
    agent.receive(&[0]);
    request(
        &mut agent,
        &mut link,
        &Request {
            id: 1,
            op: Op::Hello {
                protocol: PROTOCOL,
                nonce: 2,
            },
        },
    );
    link.bytes.clear();
    request(
        &mut agent,
        &mut link,
        &Request {
            id: 2,
            op: Op::Ping,
        },
    );
    assert!(link.check(), "the agent does not answer a ping any more");
}

/// Any bytes from an agent: they are taken apart without a panic.
pub(crate) fn from_an_agent(data: &[u8]) {
    let mut deframer = Deframer::<MAX_FRAME>::new();
    let mut bytes = data;
    while deframer.next::<FromAgent<'_>>(&mut bytes).is_some() {}
    let mut frame = [0; MAX_FRAME];
    for body in data.chunks(64) {
        let mut bytes: &[u8] = raw_frame(body, &mut frame);
        while let Some(message) = deframer.next::<FromAgent<'_>>(&mut bytes) {
            // Whatever decodes also encodes.
            let _ = message
                .map(|message| encode(&message, &mut [0; MAX_FRAME]).map(|frame| frame.len()));
        }
    }
}

/// Everything the agent sends.
#[derive(Default)]
struct Collect {
    bytes: Vec<u8>,
}

impl Collect {
    /// Takes the messages; `true` if the last one is the answer to the ping.
    fn check(&mut self) -> bool {
        let mut deframer = Deframer::<MAX_FRAME>::new();
        let mut bytes = &self.bytes[..];
        let mut pong = false;
        while let Some(message) = deframer.next::<FromAgent<'_>>(&mut bytes) {
            let message = message.expect("the agent sends only good frames");
            pong = matches!(
                message,
                FromAgent::Reply(Reply {
                    id: 2,
                    answer: Answer::Code(0),
                    ..
                })
            );
        }
        self.bytes.clear();
        pong
    }
}

impl Link for Collect {
    fn write(&mut self, bytes: &[u8]) -> usize {
        self.bytes.extend_from_slice(bytes);
        bytes.len()
    }
}

fn request(agent: &mut Agent<'_, Null>, link: &mut Collect, request: &Request<'_>) {
    let mut frame = [0; MAX_FRAME];
    agent.receive(encode(request, &mut frame).expect("it fits"));
    for _ in 0..8 {
        agent.poll(link);
    }
}

/// A correct frame around any body.
fn raw_frame<'f>(body: &[u8], frame: &'f mut [u8; MAX_FRAME]) -> &'f [u8] {
    encode(&Raw(body), frame).expect("a piece is shorter than the longest body")
}

/// Bytes that are written without their length.
struct Raw<'r>(&'r [u8]);

impl serde::Serialize for Raw<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeTuple as _;
        let mut tuple = serializer.serialize_tuple(self.0.len())?;
        self.0
            .iter()
            .try_for_each(|byte| tuple.serialize_element(byte))?;
        tuple.end()
    }
}
