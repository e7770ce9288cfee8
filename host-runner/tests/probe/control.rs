//! Attach, registers, halt, step, breakpoints, reset, vector catch: on both cores.

use std::time::Duration;

use probe_rs::semihosting::SemihostingCommand;
use probe_rs::{
    BreakpointCause, Core, CoreStatus, HaltReason, MemoryInterface, Permissions, RegisterId,
    VectorCatchCondition,
};

use crate::programs;
use crate::served::{MACHINES, Served, have_qemu};

const PATIENCE: Duration = Duration::from_secs(2);
const CPUID: u64 = 0xe000_ed00;
const PC: RegisterId = RegisterId(15);

fn register(core: &mut Core<'_>, register: u16) -> u32 {
    core.read_core_reg(RegisterId(register))
        .expect("a register")
}

#[test]
fn the_core_can_be_attached_to_halted_and_read() {
    if !have_qemu() {
        return;
    }
    for (machine, cpuid) in MACHINES.into_iter().zip([0x410f_c231, 0x410f_c240]) {
        let served = Served::start(machine);
        let mut session = served.attach();
        let mut core = session.core(0).expect("a core");
        assert_eq!(core.read_word_32(CPUID).expect("a word"), cpuid);
        // The program of empty boards sleeps.
        assert_eq!(core.status().expect("a status"), CoreStatus::Running);
        let halted = core.halt(PATIENCE).expect("it halts");
        assert!((0x44..=0x46).contains(&halted.pc), "{:#x}", halted.pc);
        assert_eq!(
            core.status().expect("a status"),
            CoreStatus::Halted(HaltReason::Request)
        );
        core.write_core_reg(RegisterId(4), 0x1234_5678_u32)
            .expect("written");
        assert_eq!(register(&mut core, 4), 0x1234_5678);
        core.run().expect("it runs");
        assert_eq!(core.status().expect("a status"), CoreStatus::Running);
    }
}

#[test]
fn memory_of_every_kind_reads_back() {
    if !have_qemu() {
        return;
    }
    let served = Served::start("mps2-an385");
    let mut session = served.attach();
    let mut core = session.core(0).expect("a core");
    let bytes: Vec<u8> = (0..3000_u32).map(|index| (index * 7) as u8).collect();
    for halted in [false, true] {
        if halted {
            core.halt(PATIENCE).expect("it halts");
        }
        for address in [
            0x2000_1000_u64,
            0x2000_1001,
            0x2101_0000,
            0x2101_0003,
            0x0100_0100,
        ] {
            core.write(address, &bytes).expect("written");
            let mut back = vec![0; bytes.len()];
            core.read(address, &mut back).expect("read");
            assert_eq!(back, bytes, "{address:#x}");
            core.write_word_16(address & !1, 0xbeef).expect("written");
            assert_eq!(core.read_word_16(address & !1).expect("read"), 0xbeef);
        }
    }
    // Where nothing is, the chip refuses, and the session goes on.
    assert!(core.read_word_32(0x3000_0000).is_err());
    assert!(core.write_word_32(0x21ff_fffe, 0).is_err());
    assert_eq!(core.read_word_32(CPUID).expect("a word"), 0x410f_c231);
}

#[test]
fn steps_and_breakpoints_are_where_they_should() {
    if !have_qemu() {
        return;
    }
    for machine in MACHINES {
        let served = Served::start(machine);
        let mut session = served.attach();
        served.flash(&mut session, &programs::count());
        let mut core = session.core(0).expect("a core");
        let halted = core.reset_and_halt(PATIENCE).expect("it halts");
        assert_eq!(halted.pc, u64::from(programs::START));
        let after: Vec<u64> = (0..4).map(|_| core.step().expect("a step").pc).collect();
        assert_eq!(after, [0x42, 0x44, 0x46, 0x42]);
        assert_eq!(register(&mut core, 0), 1);
        core.set_hw_breakpoint(0x46).expect("a breakpoint");
        for round in 1..=3 {
            core.run().expect("it runs");
            core.wait_for_core_halted(PATIENCE).expect("it halts");
            let status = core.status().expect("a status");
            assert!(
                matches!(status, CoreStatus::Halted(HaltReason::Breakpoint(_))),
                "{status:?}"
            );
            let counter: u32 = core.read_core_reg(PC).expect("a register");
            assert_eq!((counter, register(&mut core, 0)), (0x46, 1 + round));
        }
        core.clear_hw_breakpoint(0x46).expect("cleared");
        core.run().expect("it runs");
        assert_eq!(core.status().expect("a status"), CoreStatus::Running);
        // A breakpoint that is set while the core runs.
        core.set_hw_breakpoint(0x44).expect("a breakpoint");
        core.wait_for_core_halted(PATIENCE).expect("it halts");
        let counter: u32 = core.read_core_reg(PC).expect("a register");
        assert_eq!(counter, 0x44);
    }
}

#[test]
fn a_sleeping_core_can_be_stepped_and_run() {
    if !have_qemu() {
        return;
    }
    let served = Served::start("mps2-an385");
    let mut session = served.attach();
    served.flash(&mut session, &programs::sleep());
    let mut core = session.core(0).expect("a core");
    core.reset().expect("it resets");
    core.halt(PATIENCE).expect("it halts");
    // The halt has ended the sleep; the next instruction jumps back to it, and stepping over it does not sleep.
    let after: Vec<u64> = (0..4).map(|_| core.step().expect("a step").pc).collect();
    assert_eq!(after, [0x40, 0x42, 0x40, 0x42]);
    core.run().expect("it runs");
    assert_eq!(core.status().expect("a status"), CoreStatus::Running);
}

#[test]
fn calls_of_semihosting_stop_the_core() {
    if !have_qemu() {
        return;
    }
    let served = Served::start("mps2-an385");
    let mut session = served.attach();
    served.flash(&mut session, &programs::semihosting());
    for _ in 0..2 {
        let mut core = session.core(0).expect("a core");
        core.reset_and_halt(PATIENCE).expect("it halts");
        core.run().expect("it runs");
        core.wait_for_core_halted(PATIENCE).expect("it halts");
        match core.status().expect("a status") {
            CoreStatus::Halted(HaltReason::Breakpoint(BreakpointCause::Semihosting(
                SemihostingCommand::ExitSuccess,
            ))) => {}
            other => panic!("{other:?}"),
        }
        // The core goes on behind the call.
        core.run().expect("it runs");
        assert_eq!(core.status().expect("a status"), CoreStatus::Running);
    }
    // What is flashed over it has no calls.
    served.flash(&mut session, &programs::count());
    let mut core = session.core(0).expect("a core");
    core.reset().expect("it resets");
    assert_eq!(core.status().expect("a status"), CoreStatus::Running);
}

#[test]
fn hard_faults_are_caught_when_asked_for() {
    if !have_qemu() {
        return;
    }
    let served = Served::start("mps2-an385");
    let mut session = served.attach();
    served.flash(&mut session, &programs::fault());
    let mut core = session.core(0).expect("a core");
    core.reset_and_halt(PATIENCE).expect("it halts");
    core.enable_vector_catch(VectorCatchCondition::HardFault)
        .expect("armed");
    core.run().expect("it runs");
    core.wait_for_core_halted(PATIENCE).expect("it halts");
    assert_eq!(
        core.status().expect("a status"),
        CoreStatus::Halted(HaltReason::Exception)
    );
    let counter: u32 = core.read_core_reg(PC).expect("a register");
    assert_eq!(counter, programs::HANDLER);
    // HFSR: forced.
    assert_eq!(core.read_word_32(0xe000_ed2c).expect("a word"), 1 << 30);
    core.disable_vector_catch(VectorCatchCondition::HardFault)
        .expect("disarmed");
    core.reset().expect("it resets");
    assert_eq!(core.status().expect("a status"), CoreStatus::Running);
}

#[test]
fn the_core_is_caught_under_reset() {
    if !have_qemu() {
        return;
    }
    let served = Served::start("mps2-an385");
    served.flash(&mut served.attach(), &programs::count());
    let mut session = served
        .probe()
        .attach_under_reset_with_registry(
            served.chip.as_str(),
            Permissions::default(),
            &served.registry(),
        )
        .expect("a session");
    let mut core = session.core(0).expect("a core");
    assert!(core.status().expect("a status").is_halted());
    let counter: u32 = core.read_core_reg(PC).expect("a register");
    assert_eq!(counter, programs::START);
    core.run().expect("it runs");
    assert_eq!(core.status().expect("a status"), CoreStatus::Running);
}

#[test]
fn all_stacks_and_masks_are_told() {
    if !have_qemu() {
        return;
    }
    for machine in MACHINES {
        let served = Served::start(machine);
        let mut session = served.attach();
        served.flash(&mut session, &programs::second_stack());
        let mut core = session.core(0).expect("a core");
        core.reset_and_halt(PATIENCE).expect("it halts");
        core.set_hw_breakpoint(programs::SLEEP.into())
            .expect("a breakpoint");
        core.run().expect("it runs");
        core.wait_for_core_halted(PATIENCE).expect("it halts");
        let before: Vec<u32> = (0..=16).map(|number| register(&mut core, number)).collect();
        assert_eq!(register(&mut core, 17), 0x2100_1000, "main stack");
        assert_eq!(
            register(&mut core, 18),
            programs::SECOND_STACK,
            "process stack"
        );
        // CONTROL, FAULTMASK, BASEPRI, PRIMASK.
        assert_eq!(register(&mut core, 20), 0x0200_0001);
        core.write_core_reg(RegisterId(17), 0x2100_0f00_u32)
            .expect("written");
        assert_eq!(register(&mut core, 17), 0x2100_0f00);
        let after: Vec<u32> = (0..=16).map(|number| register(&mut core, number)).collect();
        assert_eq!(before, after, "nothing else has changed");
        core.run().expect("it runs");
    }
}
