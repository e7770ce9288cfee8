//! How it ends: by Ctrl-C, by the emulator's death, by a lockup of the core; and what it refuses.

use std::process::Stdio;
use std::time::{Duration, Instant};

use probe_rs::{CoreStatus, MemoryInterface};
use rustix::process::Signal;

use crate::programs;
use crate::served::{Served, boards, command, have_qemu};

const PATIENCE: Duration = Duration::from_secs(2);

#[test]
fn ctrl_c_leaves_nothing_behind() {
    if !have_qemu() {
        return;
    }
    let served = Served::start("mps2-an385");
    let emulator = served.emulator();
    let directory = served.directory();
    let session = served.attach();
    served.signal(Signal::INT);
    assert_eq!(served.end(), Some(130));
    assert!(!directory.exists());
    assert!(rustix::process::test_kill_process(emulator).is_err());
    drop(session);
}

#[test]
fn a_killed_emulator_is_noticed_within_a_second() {
    if !have_qemu() {
        return;
    }
    let served = Served::start("mps2-an385");
    let mut session = served.attach();
    let mut core = session.core(0).expect("a core");
    rustix::process::kill_process(served.emulator(), Signal::KILL).expect("it runs");
    let began = Instant::now();
    while core.read_word_32(0xe000_ed00).is_ok() {
        assert!(began.elapsed() < Duration::from_secs(1), "not noticed");
    }
    assert_eq!(served.end(), Some(97));
    let said = served.line();
    assert!(said.contains("killed by signal 9"), "{said}");
    assert!(!served.directory().exists());
}

#[test]
fn after_a_lockup_there_is_another_board() {
    if !have_qemu() {
        return;
    }
    let served = Served::start("mps2-an385");
    let mut session = served.attach();
    served.flash(&mut session, &programs::lockup());
    let mut core = session.core(0).expect("a core");
    core.write_word_32(0x2100_2000, 0x600d_f00d)
        .expect("written");
    core.reset().expect("it resets");
    let began = Instant::now();
    while core.status().ok() != Some(CoreStatus::LockedUp) {
        assert!(began.elapsed() < Duration::from_secs(5), "not noticed");
    }
    // The memory is what it was.
    assert_eq!(core.read_word_32(0x2100_2000).expect("a word"), 0x600d_f00d);
    core.reset_and_halt(PATIENCE).expect("it halts");
    core.run().expect("it runs");
    assert_eq!(core.status().expect("a status"), CoreStatus::Running);
    drop(core);
    // And it can be flashed again.
    served.flash(&mut session, &programs::count());
    let mut core = session.core(0).expect("a core");
    let halted = core.reset_and_halt(PATIENCE).expect("it halts");
    assert_eq!(halted.pc, u64::from(programs::START));
}

#[test]
fn a_core_without_a_program_is_locked_up_but_alive() {
    if !have_qemu() {
        return;
    }
    let served = Served::start("mps2-an385");
    let mut session = served.attach();
    served.flash(&mut session, &[0xff; 64]);
    let mut core = session.core(0).expect("a core");
    core.reset().expect("it resets");
    assert_eq!(core.status().expect("a status"), CoreStatus::LockedUp);
    drop(core);
    served.flash(&mut session, &programs::count());
    let mut core = session.core(0).expect("a core");
    core.reset().expect("it resets");
    assert_eq!(core.status().expect("a status"), CoreStatus::Running);
}

#[test]
fn boards_that_are_not_emulated_are_refused() {
    let directory = boards();
    let ended = command(&directory, &["--board", "process"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .expect("the runner");
    assert_eq!(ended.status.code(), Some(96));
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(
        said,
        "error: board process cannot be served: it is of kind native, and only emulated boards (kind \"qemu\") have an \
         emulated debug probe; those that can: mps2-an385, mps2-an386\n"
    );
}
