//! An agent that does one thing wrong, for tests of the runner. Which one says the name it is started under,
//! so a board of kind `native` needs no more than a link to this program: `firmware = { elf = "dir/silent" }`
//! in `[board.silent]` (it announces that name).
//!
//! Otherwise it answers every request at once with the shape that fits and zeroes in it: a case that talks to
//! it is judged, and fails. Modes that strike in the middle do so at the fifth request after Hello; those that
//! are over with a restart leave a mark beside that link (`silent.struck`) and strike only once.
#![expect(clippy::print_stderr, reason = "its standard error is the target log")]

mod mode;

use std::env;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::ExitCode;

use nsapi_protocol::frame::{self, Deframer, MAX_FRAME};
use nsapi_protocol::message::Limits;
use nsapi_protocol::{
    Address, Answer, Beacon, Event, FromAgent, Hello, Op, PROTOCOL, Reject, Reply, Request,
};
use object::Object;

use self::mode::Mode;

/// The request after Hello at which modes strike that strike in the middle.
const STRIKES_AT: u32 = 5;

fn main() -> ExitCode {
    let mut arguments = env::args();
    let program = arguments.next().unwrap_or_default();
    let name = Path::new(&program)
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let Some(mode) = Mode::named(&name) else {
        eprintln!(
            "bad-agent: start it under the name of a mode: {}",
            Mode::names()
        );
        return ExitCode::from(2);
    };
    let socket = match (arguments.next().as_deref(), arguments.next()) {
        (Some("--link"), Some(link)) => link.strip_prefix("unix:").map(String::from),
        _ => None,
    };
    let Some(socket) = socket else {
        eprintln!("bad-agent: usage: {name} --link unix:PATH");
        return ExitCode::from(2);
    };
    match serve(mode, &name, Path::new(&program), Path::new(&socket)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bad-agent: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(mode: Mode, name: &str, program: &Path, socket: &Path) -> std::io::Result<ExitCode> {
    if mode == Mode::Deaf {
        // Lives, but never listens; ends with its runner.
        loop {
            std::thread::park();
        }
    }
    let (mut stream, _) = UnixListener::bind(socket)?.accept()?;
    let mark = program.with_extension("struck");
    let mut agent = Agent {
        mode,
        name: name.into(),
        build_id: own_build_id(),
        armed: mode.strikes_in_the_middle() && !mark.exists(),
        struck: false,
        requests: 0,
        boot: 1,
        greeted: false,
        crashed: mode == Mode::Faulted,
        noise: 0x9e37_79b9,
    };
    let mut deframer = Deframer::<MAX_FRAME>::new();
    let mut buffer = [0; 1024];
    loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Ok(ExitCode::SUCCESS);
        }
        let mut bytes = &buffer[..read];
        while let Some(request) = deframer.next::<Request<'_>>(&mut bytes) {
            let Ok(request) = request else { continue };
            if agent.strikes(&request) {
                std::fs::write(&mark, "")?;
                if mode == Mode::Dies {
                    eprintln!("bad-agent: dying as told");
                    return Ok(ExitCode::from(3));
                }
                if mode == Mode::Loops {
                    // Ends with its runner.
                    loop {
                        core::hint::spin_loop();
                    }
                }
            }
            agent.respond(&request, &mut stream)?;
        }
    }
}

struct Agent {
    mode: Mode,
    name: String,
    build_id: Vec<u8>,
    /// Will misbehave; an earlier process has not yet.
    armed: bool,
    /// Has begun to.
    struck: bool,
    requests: u32,
    boot: u32,
    greeted: bool,
    crashed: bool,
    noise: u32,
}

impl Agent {
    /// Counts the request and says whether it is the one to misbehave at.
    fn strikes(&mut self, request: &Request<'_>) -> bool {
        if !matches!(request.op, Op::Hello { .. }) {
            self.requests += 1;
        }
        let now = self.armed && self.requests == STRIKES_AT;
        self.struck |= now;
        self.armed &= !now;
        now
    }

    fn respond(&mut self, request: &Request<'_>, out: &mut UnixStream) -> std::io::Result<()> {
        match self.mode {
            Mode::Silent => return Ok(()),
            Mode::Freezes if self.struck => return Ok(()),
            Mode::Garbage => return self.babble(out),
            Mode::Babbles if self.struck => return self.babble(out),
            Mode::Reboots | Mode::Crashes if self.struck && self.boot == 1 => {
                self.boot = 2;
                self.greeted = false;
                self.crashed = self.mode == Mode::Crashes;
                let event = Event::Boot {
                    boot: self.boot,
                    crashed: self.crashed,
                };
                return send(&FromAgent::Event(event), out);
            }
            _ => {}
        }
        let answer = self.answer(&request.op);
        send(
            &FromAgent::Reply(Reply {
                id: request.id,
                elapsed_us: 1,
                answer,
            }),
            out,
        )
    }

    fn answer(&mut self, op: &Op<'_>) -> Answer<'_> {
        let address = Address::V4([127, 0, 0, 1], 1);
        if let Op::Hello { nonce, .. } = op {
            self.greeted = true;
            return Answer::Hello(self.hello(*nonce));
        }
        if !self.greeted {
            return Answer::Rejected(Reject::NoSession);
        }
        match op {
            Op::EndScope { .. } => Answer::Scope(Default::default()),
            Op::Recv { .. } | Op::GetOption { .. } | Op::FormatAddress { .. } | Op::Load { .. } => {
                Answer::Bytes { code: 0, data: &[] }
            }
            Op::RecvFrom { .. } => Answer::Datagram {
                code: 0,
                from: Some(address),
                data: &[],
            },
            Op::RecvPattern { .. } | Op::Source { .. } | Op::Sink { .. } => {
                Answer::Bulk(Default::default())
            }
            Op::Accept { .. }
            | Op::GetPeerName { .. }
            | Op::ParseAddress { .. }
            | Op::InterfaceUp { .. }
            | Op::InterfaceAddress
            | Op::LegacyAccept { .. } => Answer::Peer {
                code: 0,
                peer: Some(address),
            },
            _ => Answer::Code(0),
        }
    }

    fn hello(&self, nonce: u64) -> Hello<'_> {
        let beacon = self.crashed.then_some(Beacon {
            kind: "hard-fault",
            pc: 0x1234,
            lr: 0x5678,
            cfsr: 0x82,
            message: "as told",
            returns: &[],
        });
        Hello {
            protocol: if self.mode == Mode::WrongProtocol {
                PROTOCOL + 1
            } else {
                PROTOCOL
            },
            nonce: if self.mode == Mode::WrongNonce {
                !nonce
            } else {
                nonce
            },
            board: if self.mode == Mode::WrongBoard {
                "somebody-else"
            } else {
                &self.name
            },
            port: "bad",
            build_id: if self.mode == Mode::WrongImage {
                b"another image"
            } else {
                &self.build_id
            },
            boot: self.boot,
            capabilities: 0xffff,
            options: 0,
            ip: true,
            max_frame: 512,
            credits: 4,
            lanes: 4,
            counters: 8,
            max_inline: 256,
            max_io: 4096,
            limits: Limits::from(nsapi::Limits {
                tcp_sockets: 4,
                udp_sockets: 4,
                sockets: 8,
                backlog: 4,
                udp_payload: 1472,
                udp_queue: 4,
                tcp_send_buffer: 4096,
                connect_timeout_ms: 1000,
            }),
            beacon,
        }
    }

    /// Sixty-four bytes of noise, with zero bytes among them; the same in every run.
    fn babble(&mut self, out: &mut UnixStream) -> std::io::Result<()> {
        let noise: Vec<u8> = (0..64)
            .map(|_| {
                self.noise ^= self.noise << 13;
                self.noise ^= self.noise >> 17;
                self.noise ^= self.noise << 5;
                (self.noise >> 8) as u8 & 0x7f
            })
            .collect();
        out.write_all(&noise)
    }
}

fn send(message: &FromAgent<'_>, out: &mut UnixStream) -> std::io::Result<()> {
    let mut buffer = [0; MAX_FRAME];
    let bytes = frame::encode(message, &mut buffer).map_err(std::io::Error::other)?;
    out.write_all(bytes)
}

/// A real board has it in its memory; here its own file serves.
fn own_build_id() -> Vec<u8> {
    let image = std::fs::read("/proc/self/exe").unwrap_or_default();
    let file = object::File::parse(&*image).ok();
    file.and_then(|file| file.build_id().ok().flatten().map(<[u8]>::to_vec))
        .unwrap_or_default()
}
