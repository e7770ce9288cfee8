//! Image `unit`: the firmware's crates and the board's drivers, tested on the target.
//!
//! The drivers are the board's own source, mounted here as unit tests are mounted in a crate: what is tested
//! is what the agent's image is made of, built for the same target by the same compiler with the same flags.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
use {cortex_m as _, cortex_m_rt as _, target_tests as _};

// What a board's image uses of itself, and the tests do not.
#[cfg(target_os = "none")]
#[path = "../../../boards/qemu-mps2-an385/src/brake.rs"]
#[expect(dead_code, reason = "a test needs less of it than the board")]
mod brake;
#[cfg(target_os = "none")]
#[path = "../../../boards/qemu-mps2-an385/src/hardware/mod.rs"]
#[expect(dead_code, reason = "a test needs less of it than the board")]
mod hardware;
#[cfg(target_os = "none")]
#[path = "../../../boards/qemu-mps2-an385/src/identity.rs"]
mod identity;
#[cfg(target_os = "none")]
#[path = "../../../boards/qemu-mps2-an385/src/keep.rs"]
#[expect(dead_code, reason = "a test needs less of it than the board")]
mod keep;
#[cfg(target_os = "none")]
#[path = "../../../boards/qemu-mps2-an385/src/link.rs"]
#[expect(dead_code, reason = "a test needs less of it than the board")]
mod link;
#[cfg(target_os = "none")]
#[path = "../../../boards/qemu-mps2-an385/src/ring.rs"]
mod ring;

#[cfg(target_os = "none")]
mod cable;
#[cfg(target_os = "none")]
mod contract;
#[cfg(target_os = "none")]
mod core_parts;
#[cfg(target_os = "none")]
mod drivers;
#[cfg(target_os = "none")]
mod nic;
#[cfg(target_os = "none")]
mod peek;
#[cfg(target_os = "none")]
mod protocol;
#[cfg(target_os = "none")]
mod stack;

#[cfg(not(target_os = "none"))]
fn main() {
    target_tests::not_here();
}
