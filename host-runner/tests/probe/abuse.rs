//! Clients that come and go, talk nonsense, or come when another is there.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use probe_rs::{CoreStatus, MemoryInterface};

use crate::programs;
use crate::served::{Served, have_qemu};

const CPUID: u64 = 0xe000_ed00;

fn works(served: &Served) {
    let mut session = served.attach();
    let mut core = session.core(0).expect("a core");
    assert_eq!(core.read_word_32(CPUID).expect("a word"), 0x410f_c231);
}

fn connect(served: &Served) -> TcpStream {
    let stream = TcpStream::connect(served.address()).expect("a connection");
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .expect("a timeout");
    stream
}

#[test]
fn a_hundred_clients_attach_one_after_another() {
    if !have_qemu() {
        return;
    }
    let served = Served::start("mps2-an385");
    let mut times: Vec<Duration> = (0..100)
        .map(|_| {
            let began = Instant::now();
            works(&served);
            began.elapsed()
        })
        .collect();
    times.sort();
    eprintln!(
        "open, attach, read, detach: p50 {:?}, slowest {:?}",
        times[50], times[99]
    );
}

#[test]
fn the_core_runs_on_when_the_client_is_gone() {
    if !have_qemu() {
        return;
    }
    let served = Served::start("mps2-an385");
    served.flash(&mut served.attach(), &programs::count());
    // A client that halts the core, sets breakpoints and is killed: it has no time to say goodbye.
    let mut raw = connect(&served);
    for request in [
        // DHCSR: enable debugging, halt.
        b"!AM0000eb0000500200000000e000edf00000000403005fa0#",
        // FP_COMP0: at 0x44. FP_CTRL: on.
        b"!AM0000eb0000500200000000e00020080000000445000000#",
        b"!AM0000eb0000500200000000e00020000000000403000000#",
    ] {
        raw.write_all(request).expect("sent");
        let mut answer = [0; 4];
        raw.read_exact(&mut answer).expect("an answer");
        assert_eq!(&answer, b"&K0#");
    }
    drop(raw);
    // Seen by a client that only reads.
    let mut raw = connect(&served);
    raw.write_all(b"!Am0000eb00005000000000e000edf000000004#")
        .expect("sent");
    let mut answer = [0; 11];
    raw.read_exact(&mut answer).expect("an answer");
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = u32::from_str_radix(&text[2..10], 16)
        .expect("a word")
        .swap_bytes();
    // Not halted, not locked up, no debugger.
    assert_eq!(status & (1 << 17 | 1 << 19 | 0xf), 0, "{status:#x}");
    drop(raw);
    let mut session = served.attach();
    let mut core = session.core(0).expect("a core");
    assert_eq!(core.status().expect("a status"), CoreStatus::Running);
}

#[test]
fn nonsense_leaves_the_probe_usable() {
    if !have_qemu() {
        return;
    }
    let served = Served::start("mps2-an385");
    // Noise by a generator, so that it is the same every time.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..20 {
        let mut noise = Vec::new();
        for _ in 0..4096 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            // From the alphabet of the protocol every other time.
            let byte = if round % 2 == 0 {
                state as u8
            } else {
                b"!#&+GHSAJadmMRioVFfZE0123456789abcdef"[(state % 37) as usize]
            };
            noise.push(byte);
        }
        let mut stream = connect(&served);
        // It may be shut out in the middle if it does not read.
        let _ = stream.write_all(&noise);
        let _ = stream.write_all(b"#!GA#");
    }
    works(&served);
    let mut stream = connect(&served);
    stream
        .write_all(b"\xff\x00!!!#!ZZ#!AM00#+#!GA#")
        .expect("sent");
    let mut answers = Vec::new();
    while answers.iter().filter(|byte| **byte == b'#').count() < 4 {
        let mut buffer = [0; 64];
        let read = stream.read(&mut buffer).expect("answers");
        assert_ne!(read, 0, "it hung up");
        answers.extend_from_slice(&buffer[..read]);
    }
    assert!(answers.starts_with(b"&P1#&N0#&P1#&K"), "{answers:?}");
    drop(stream);
    works(&served);
}

#[test]
fn a_second_client_is_turned_away_and_the_first_goes_on() {
    if !have_qemu() {
        return;
    }
    let served = Served::start("mps2-an385");
    let mut session = served.attach();
    let began = Instant::now();
    let mut second = connect(&served);
    second.write_all(b"!GA#").expect("sent");
    let mut buffer = [0; 16];
    // Closed, with or without a reset, because what it sent was not read.
    assert!(matches!(second.read(&mut buffer), Ok(0) | Err(_)));
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    let mut core = session.core(0).expect("a core");
    assert_eq!(core.read_word_32(CPUID).expect("a word"), 0x410f_c231);
    drop(core);
    drop(session);
    works(&served);
}

#[test]
fn a_second_client_gets_in_when_the_first_leaves_in_time() {
    if !have_qemu() {
        return;
    }
    let served = Served::start("mps2-an385");
    let first = connect(&served);
    let mut second = connect(&served);
    second.write_all(b"!GA#").expect("sent");
    drop(first);
    let mut answer = [0; 2];
    second.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"&K");
}

#[test]
fn a_client_that_reads_no_answers_is_dropped() {
    if !have_qemu() {
        return;
    }
    let served = Served::start("mps2-an385");
    let mut rude = connect(&served);
    rude.set_write_timeout(Some(Duration::from_millis(200)))
        .expect("a timeout");
    // 4096 bytes of memory each.
    let request = b"!Am0000eb000050000000002100000000001000#".repeat(100);
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut stuck = false;
    while !stuck && Instant::now() < deadline {
        stuck = rude.write_all(&request).is_err();
    }
    assert!(stuck, "there is no end to what it takes");
    let mut next = connect(&served);
    next.set_read_timeout(Some(Duration::from_secs(5)))
        .expect("a timeout");
    // The rude one is given two seconds, the next one half a second to wait: the second or third try gets in.
    let mut got_in = false;
    while !got_in && Instant::now() < deadline {
        let mut answer = [0; 2];
        got_in = next.write_all(b"!GA#").is_ok() && next.read_exact(&mut answer).is_ok();
        if !got_in {
            next = connect(&served);
        }
    }
    assert!(got_in, "the probe is stuck");
}
