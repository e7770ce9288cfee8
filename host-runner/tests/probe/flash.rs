//! Programs get onto the board by an algorithm that the core executes.

use std::time::{Duration, Instant};

use probe_rs::MemoryInterface;

use crate::programs;
use crate::served::{MACHINES, Served, have_qemu};

/// About as large as the images of this project.
const LARGE: usize = 160 << 10;

#[test]
fn what_is_flashed_reads_back_and_runs() {
    if !have_qemu() {
        return;
    }
    for machine in MACHINES {
        let served = Served::start(machine);
        let mut session = served.attach();
        let mut large = programs::count();
        large.extend((large.len()..LARGE).map(|index| (index / 3) as u8));
        let began = Instant::now();
        served.flash(&mut session, &large);
        eprintln!(
            "{machine}: {LARGE} bytes flashed and verified in {:?}",
            began.elapsed()
        );
        let mut core = session.core(0).expect("a core");
        let mut back = vec![0; large.len()];
        core.read(0, &mut back).expect("read");
        assert!(back == large, "the flash holds something else");
        // Erased up to the end of the sector.
        assert_eq!(
            core.read_word_32(LARGE as u64 - 4).expect("read") >> 24,
            large[LARGE - 1].into()
        );
        core.reset().expect("it resets");
        core.halt(Duration::from_secs(1)).expect("it halts");
        let counter: u32 = core
            .read_core_reg(core.program_counter().id())
            .expect("a register");
        assert!((0x40..=0x46).contains(&counter), "{counter:#x}");
        // Another program over it: what was translated of the first is forgotten.
        drop(core);
        served.flash(&mut session, &programs::sleep());
        let mut core = session.core(0).expect("a core");
        core.reset().expect("it resets");
        core.halt(Duration::from_secs(1)).expect("it halts");
        let counter: u32 = core
            .read_core_reg(core.program_counter().id())
            .expect("a register");
        assert!((0x40..=0x42).contains(&counter), "{counter:#x}");
    }
}

#[test]
fn a_program_in_ram_runs_anew_when_it_is_written_anew() {
    if !have_qemu() {
        return;
    }
    let served = Served::start("mps2-an385");
    let mut session = served.attach();
    let mut core = session.core(0).expect("a core");
    for address in [0x2000_4000_u64, 0x2100_4000] {
        for value in [1_u16, 2] {
            core.halt(Duration::from_secs(1)).expect("it halts");
            // movs r0, #value; b .
            let code = [0x2000 | value, 0xe7fe].map(u16::to_le_bytes).concat();
            core.write(address, &code).expect("written");
            core.write_core_reg(core.program_counter().id(), address as u32)
                .expect("written");
            core.run().expect("it runs");
            core.halt(Duration::from_secs(1)).expect("it halts");
            let r0: u32 = core
                .read_core_reg(probe_rs::RegisterId(0))
                .expect("a register");
            assert_eq!(r0, value.into(), "{address:#x}");
        }
    }
}
