//! Starts a board with its probe, and opens that by the library that clients use.

use core::time::Duration;
use std::sync::Arc;

use probe_rs::config::Registry;
use probe_rs::probe::list::Lister;
use probe_rs::probe::{DebugProbeSelector, WireProtocol};
use probe_rs::{MemoryInterface, Permissions};

use super::super::{BackEnd, Monitor, quit, start_probed};
use super::*;
use crate::board::BoardError;

/// The identification of the core.
const CPUID: u64 = 0xe000_ed00;

fn read_cpuid(attachment: &Attachment) -> u32 {
    let description = attachment.chip_description.as_ref().expect("a file");
    let description = std::fs::read_to_string(description).expect("text");
    let mut registry = Registry::new();
    registry
        .add_target_family_from_yaml(&description)
        .expect("a description");
    let selector = attachment.probe.as_ref().expect("a selector");
    let selector: DebugProbeSelector = selector.parse().expect("a selector");
    let lister = Lister::new();
    let mut probe = lister.open(selector).expect("a probe");
    probe.select_protocol(WireProtocol::Swd).expect("SWD");
    let chip = attachment.chip.as_deref().expect("a chip");
    let mut session = probe
        .attach_with_registry(chip, Permissions::default(), &registry)
        .expect("a session");
    let mut core = session.core(0).expect("a core");
    core.read_word_32(CPUID).expect("a word")
}

#[tokio::test]
async fn a_board_comes_with_its_probe() {
    let directory = tempfile::tempdir().expect("a directory");
    let monitor = Arc::<Monitor>::default();
    let started = start_probed(
        "board",
        "mps2-an385",
        BackEnd::User,
        directory.path(),
        &monitor,
        directory.path(),
    );
    let (process, probe) = match started.await {
        Err(BoardError::QemuMissing) => {
            eprintln!("SKIPPED: there is no qemu-system-arm");
            return;
        }
        started => started.expect("a board"),
    };
    let attachment = probe.attachment();
    let cpuid = tokio::task::spawn_blocking(move || read_cpuid(&attachment));
    assert_eq!(cpuid.await.expect("an answer"), 0x410f_c231);
    quit(&monitor).await;
    process.finish(Duration::from_secs(1)).await;
}
