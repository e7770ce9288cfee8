//! RTT by the library: memory that both sides read and write while the core runs.

use std::time::{Duration, Instant};

use probe_rs::rtt::{Rtt, ScanRegion};
use probe_rs::{CoreStatus, MemoryInterface};

use crate::programs;
use crate::served::{MACHINES, Served, have_qemu};

#[test]
fn bytes_come_back_while_the_core_runs() {
    if !have_qemu() {
        return;
    }
    for machine in MACHINES {
        let served = Served::start(machine);
        let mut session = served.attach();
        served.flash(&mut session, &programs::echo());
        let mut core = session.core(0).expect("a core");
        core.reset().expect("it resets");
        let region = ScanRegion::Exact(programs::RTT.into());
        let deadline = Instant::now() + Duration::from_secs(2);
        let mut rtt = loop {
            match Rtt::attach_region(&mut core, &region) {
                Ok(rtt) => break rtt,
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
        };
        let mut slowest = Duration::ZERO;
        for round in 0..200_u8 {
            let sent = [round, round ^ 0xff, 0x55];
            let began = Instant::now();
            let written = rtt
                .down_channel(0)
                .expect("a channel")
                .write(&mut core, &sent)
                .expect("written");
            assert_eq!(written, sent.len());
            let mut received = Vec::new();
            while received.len() < sent.len() {
                assert!(began.elapsed() < Duration::from_secs(2), "no echo");
                let mut buffer = [0; 16];
                let count = rtt
                    .up_channel(0)
                    .expect("a channel")
                    .read(&mut core, &mut buffer)
                    .expect("read");
                received.extend_from_slice(&buffer[..count]);
            }
            assert_eq!(received, sent);
            slowest = slowest.max(began.elapsed());
        }
        eprintln!("{machine}: slowest of 200 echoes {slowest:?}");
        // It was never halted.
        assert_eq!(core.status().expect("a status"), CoreStatus::Running);
        let counter = core.read_word_32(0xe000_edf0).expect("a word");
        assert_eq!(counter & 1 << 17, 0);
    }
}

#[test]
fn the_control_block_is_found_by_looking_for_it() {
    if !have_qemu() {
        return;
    }
    let served = Served::start("mps2-an385");
    let mut session = served.attach();
    served.flash(&mut session, &programs::echo());
    let mut core = session.core(0).expect("a core");
    core.reset().expect("it resets");
    // Two, of which the second holds it; the first is where nothing else was ever.
    let region = ScanRegion::Ranges(vec![0x2030_0000..0x2030_0400, 0x2100_0000..0x2100_4000]);
    let deadline = Instant::now() + Duration::from_secs(2);
    loop {
        match Rtt::attach_region(&mut core, &region) {
            Ok(rtt) => {
                assert_eq!(rtt.ptr(), u64::from(programs::RTT));
                break;
            }
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    }
}
