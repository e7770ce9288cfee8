//! The remote protocol of Black Magic probes, version 4 with the accelerator for ADIv5, as clients speak it: requests
//! from bytes, answers to bytes.
//!
//! A request begins with `!` and ends with `#`, an answer begins with `&` and ends with `#`. Whatever else arrives is
//! passed over. Must not: know what the requests do.

/// Longest request kept; clients send at most 1024 bytes.
const LONGEST: usize = 4096;

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// Who is there?
    Handshake,
    /// Which version of the protocol?
    Version,
    /// Which accelerators?
    Accelerators,
    /// Hold the chip in reset, or let it go.
    ResetLine {
        /// Hold it.
        assert: bool,
    },
    /// The supply voltage.
    Voltage,
    /// The clock of the wire, which is of no importance here.
    SetSpeed,
    /// The clock of the wire in kHz.
    Speed,
    /// Something that has no effect here: clock output, power, choosing SWD.
    Nothing,
    /// Bits onto the wire, lowest first.
    SwdOut {
        /// The bits.
        bits: u32,
        /// How many, 32 at most.
        count: u8,
    },
    /// Bits from the wire, lowest first.
    SwdIn {
        /// How many, 32 at most.
        count: u8,
    },
    /// Read a register of the debug port.
    DpRead {
        /// Which.
        register: u8,
    },
    /// Write a register of the debug port.
    DpWrite {
        /// Which.
        register: u8,
        /// What.
        value: u32,
    },
    /// Read a register of an access port.
    ApRead {
        /// Which port.
        port: u8,
        /// Which register.
        register: u8,
    },
    /// Write a register of an access port.
    ApWrite {
        /// Which port.
        port: u8,
        /// Which register.
        register: u8,
        /// What.
        value: u32,
    },
    /// Read memory through an access port.
    MemoryRead {
        /// Which port.
        port: u8,
        /// Where.
        address: u64,
        /// How much, in bytes.
        length: usize,
    },
    /// Write memory through an access port.
    MemoryWrite {
        /// Which port.
        port: u8,
        /// Width of an access as a power of two.
        align: u8,
        /// Where.
        address: u64,
        /// What.
        data: Vec<u8>,
    },
    /// A request that the protocol has and this probe has not.
    Unsupported,
    /// Not a request.
    Malformed,
}

/// What a client gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Done.
    Done,
    /// A number.
    Number(u64),
    /// A register's value, which goes out with its bytes swapped.
    Register(u32),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// It went wrong.
    Failed,
    /// The request made no sense.
    BadParameter,
    /// This probe cannot do that.
    Unsupported,
}

impl Answer {
    /// As it goes onto the socket.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let body = match self {
            Self::Done => "K0".to_owned(),
            Self::Number(number) => format!("K{number:x}"),
            Self::Register(value) => format!("K{:08x}", value.swap_bytes()),
            Self::Text(text) => format!("K{text}"),
            Self::Bytes(bytes) => return hexadecimal(bytes),
            Self::Failed => "E1".to_owned(),
            Self::BadParameter => "P1".to_owned(),
            Self::Unsupported => "N0".to_owned(),
        };
        format!("&{body}#").into_bytes()
    }
}

/// Memory goes out in large pieces, so this is done by hand.
fn hexadecimal(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut body = Vec::with_capacity(bytes.len() * 2 + 3);
    body.extend(b"&K");
    for byte in bytes {
        let digits = [byte >> 4, byte & 0xf].map(|digit| DIGITS[usize::from(digit)]);
        body.extend(digits);
    }
    body.push(b'#');
    body
}

/// Cuts requests out of a stream of bytes.
#[derive(Debug, Default)]
pub(super) struct Framer {
    // What came after `!`, once it came.
    open: Option<Vec<u8>>,
}

impl Framer {
    /// Takes what arrived and gives the requests that are complete now.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Request> {
        let mut complete = Vec::new();
        for byte in bytes {
            match (byte, &mut self.open) {
                // Also in the middle: then the rest of the one before is lost.
                (b'!', _) => self.open = Some(Vec::new()),
                (b'#', Some(body)) => {
                    complete.push(parse(body));
                    self.open = None;
                }
                (_, Some(body)) if body.len() < LONGEST => body.push(*byte),
                (_, Some(_)) => self.open = None,
                (_, None) => {}
            }
        }
        complete
    }
}

/// Understands what is between `!` and `#`.
fn parse(body: &[u8]) -> Request {
    let Some((kind, mut rest)) = body.split_at_checked(2) else {
        return Request::Malformed;
    };
    let rest = &mut rest;
    let parsed = match kind {
        b"GA" => Some(Request::Handshake),
        b"GV" => Some(Request::Voltage),
        b"GF" => Some(Request::SetSpeed),
        b"Gf" => Some(Request::Speed),
        b"GZ" => digits(rest, 1).map(|on| Request::ResetLine { assert: on != 0 }),
        b"GE" | b"GP" | b"SS" => Some(Request::Nothing),
        b"HC" => Some(Request::Version),
        b"HA" => Some(Request::Accelerators),
        b"So" => swd_out(rest),
        b"Si" => count(rest).map(|count| Request::SwdIn { count }),
        b"Ad" => dp_read(rest),
        b"AR" => raw_write(rest),
        b"Aa" => ap_read(rest),
        b"AA" => ap_write(rest),
        b"Am" => memory_read(rest),
        b"AM" => memory_write(rest),
        _ => Some(Request::Unsupported),
    };
    parsed.unwrap_or(Request::Malformed)
}

fn swd_out(rest: &mut &[u8]) -> Option<Request> {
    let count = count(rest)?;
    let length = rest.len();
    let bits = digits(rest, length)?;
    Some(Request::SwdOut {
        bits: u32::try_from(bits).ok()?,
        count,
    })
}

/// `<index><ff><register>`
fn dp_read(rest: &mut &[u8]) -> Option<Request> {
    byte(rest)?;
    byte(rest)?;
    let register = digits(rest, 4)?;
    Some(Request::DpRead {
        register: register as u8 & 0xc,
    })
}

/// `<index><read><register><value>`
fn raw_write(rest: &mut &[u8]) -> Option<Request> {
    byte(rest)?;
    if byte(rest)? != 0 {
        return Some(Request::Unsupported);
    }
    let register = digits(rest, 4)?;
    if register & 0x100 != 0 {
        return Some(Request::Unsupported);
    }
    Some(Request::DpWrite {
        register: register as u8 & 0xc,
        value: word(rest)?,
    })
}

/// `<index><port><register>`
fn ap_read(rest: &mut &[u8]) -> Option<Request> {
    byte(rest)?;
    let port = byte(rest)?;
    let register = digits(rest, 4)?;
    Some(Request::ApRead {
        port,
        register: register as u8,
    })
}

/// `<index><port><register><value>`
fn ap_write(rest: &mut &[u8]) -> Option<Request> {
    byte(rest)?;
    let port = byte(rest)?;
    let register = digits(rest, 4)?;
    Some(Request::ApWrite {
        port,
        register: register as u8,
        value: word(rest)?.swap_bytes(),
    })
}

/// `<index><port><csw><address><length>`
fn memory_read(rest: &mut &[u8]) -> Option<Request> {
    byte(rest)?;
    let port = byte(rest)?;
    word(rest)?;
    let address = digits(rest, 16)?;
    let length = word(rest)? as usize;
    (length <= LONGEST && rest.is_empty()).then_some(Request::MemoryRead {
        port,
        address,
        length,
    })
}

/// `<index><port><csw><align><address><length><data>`
fn memory_write(rest: &mut &[u8]) -> Option<Request> {
    byte(rest)?;
    let port = byte(rest)?;
    word(rest)?;
    let align = byte(rest)?;
    let address = digits(rest, 16)?;
    let length = word(rest)? as usize;
    if rest.len() != length.checked_mul(2)? || align > 3 {
        return None;
    }
    let data = (0..length).map(|_| byte(rest)).collect::<Option<_>>()?;
    Some(Request::MemoryWrite {
        port,
        align,
        address,
        data,
    })
}

fn count(rest: &mut &[u8]) -> Option<u8> {
    byte(rest).filter(|count| *count <= 32)
}

fn byte(rest: &mut &[u8]) -> Option<u8> {
    digits(rest, 2).map(|value| value as u8)
}

fn word(rest: &mut &[u8]) -> Option<u32> {
    digits(rest, 8).map(|value| value as u32)
}

/// A number of so many hexadecimal digits, 1 to 16.
fn digits(rest: &mut &[u8], count: usize) -> Option<u64> {
    if !(1..=16).contains(&count) {
        return None;
    }
    let (number, left) = rest.split_at_checked(count)?;
    *rest = left;
    number.iter().try_fold(0_u64, |value, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(value << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(text: &str) -> Request {
        let mut requests = Framer::default().push(text.as_bytes());
        assert_eq!(requests.len(), 1, "{text}");
        requests.remove(0)
    }

    #[test]
    fn understands_what_clients_send() {
        assert_eq!(one("+#!GA#"), Request::Handshake);
        assert_eq!(one(" !GV#"), Request::Voltage);
        assert_eq!(one("!GZ1#"), Request::ResetLine { assert: true });
        assert_eq!(one("!GF003d0900#"), Request::SetSpeed);
        assert_eq!(
            one("!So10e79e#"),
            Request::SwdOut {
                bits: 0xe79e,
                count: 16
            }
        );
        assert_eq!(one("!Si24#"), Request::Malformed);
        assert_eq!(one("!Si20#"), Request::SwdIn { count: 32 });
        assert_eq!(one("!Ad00ff0004#"), Request::DpRead { register: 4 });
        assert_eq!(
            one("!AR0000000450000f00#"),
            Request::DpWrite {
                register: 4,
                value: 0x5000_0f00
            }
        );
        assert_eq!(
            one("!Aa0d0001fc#"),
            Request::ApRead {
                port: 0,
                register: 0xfc
            }
        );
        assert_eq!(
            one("!AA00000100500000eb#"),
            Request::ApWrite {
                port: 0,
                register: 0,
                value: 0xeb00_0050
            }
        );
        assert_eq!(
            one("!Am0000eb00005000000000e000edf000000004#"),
            Request::MemoryRead {
                port: 0,
                address: 0xe000_edf0,
                length: 4
            }
        );
        assert_eq!(
            one("!AM0000eb0000500200000000e000edf000000004010 05fa0#").clone(),
            Request::Malformed
        );
        assert_eq!(
            one("!AM0000eb0000500200000000e000edf00000000401005fa0#"),
            Request::MemoryWrite {
                port: 0,
                align: 2,
                address: 0xe000_edf0,
                data: vec![1, 0, 0x5f, 0xa0]
            }
        );
        assert_eq!(one("!JS#"), Request::Unsupported);
        assert_eq!(one("!#"), Request::Malformed);
    }

    #[test]
    fn says_what_clients_expect() {
        let said = |answer: Answer| String::from_utf8(answer.to_bytes()).expect("text");
        assert_eq!(said(Answer::Done), "&K0#");
        assert_eq!(said(Answer::Number(0xfa0)), "&Kfa0#");
        assert_eq!(said(Answer::Register(0x2ba0_1477)), "&K7714a02b#");
        assert_eq!(said(Answer::Bytes(vec![1, 0xab])), "&K01ab#");
        assert_eq!(said(Answer::Failed), "&E1#");
    }

    #[test]
    fn requests_may_arrive_in_pieces_and_in_heaps() {
        let mut framer = Framer::default();
        assert_eq!(framer.push(b"junk#!G"), []);
        assert_eq!(
            framer.push(b"A#!HC#!H"),
            [Request::Handshake, Request::Version]
        );
        assert_eq!(framer.push(b"!HA#"), [Request::Accelerators]);
    }

    #[test]
    fn an_endless_request_is_forgotten() {
        let mut framer = Framer::default();
        assert_eq!(framer.push(b"!"), []);
        assert_eq!(framer.push(&[b'0'; 3 * LONGEST]), []);
        assert_eq!(framer.push(b"#!GA#"), [Request::Handshake]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(pieces: Vec<Vec<u8>>) {
            let mut framer = Framer::default();
            for piece in pieces {
                let _ = framer.push(&piece);
            }
            let last = framer.push(b"#!GA#").pop();
            prop_assert_eq!(last, Some(Request::Handshake));
        }

        #[test]
        fn no_request_makes_it_panic(kind in "[GHSAJ][A-Za-z0-9]", rest in "[0-9a-fA-F]{0,60}", tail: Vec<u8>) {
            let mut body = format!("{kind}{rest}").into_bytes();
            body.extend(tail);
            let _ = parse(&body);
        }
    }
}
