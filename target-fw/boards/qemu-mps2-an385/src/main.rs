//! Board `qemu-mps2-an385`: Arm's MPS2 with a Cortex-M3 as QEMU emulates it, with the reference port.
//!
//! UART0 and RTT are links to the runner, UART1 and RTT carry the log, the LAN9118 the network. On the host this is
//! a stub; `cargo xtask firmware qemu-mps2-an385` builds the image.
//!
//! Must not: spin while there is nothing to do, or stop where it should not; a fault is written down and the
//! core reset, unless that has been tried too often (brake.rs).
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(any(target_os = "none", test))]
mod brake;
#[cfg(all(target_os = "none", feature = "crash-commands"))]
mod crash;
#[cfg(target_os = "none")]
mod fault;
#[cfg(target_os = "none")]
mod firmware;
#[cfg(target_os = "none")]
mod hardware;
#[cfg(target_os = "none")]
mod identity;
#[cfg(target_os = "none")]
mod keep;
#[cfg(target_os = "none")]
mod link;
#[cfg(target_os = "none")]
mod links;
#[cfg(target_os = "none")]
mod log;
#[cfg(any(target_os = "none", test))]
mod ring;

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("this is an image for a board: build it with `cargo xtask firmware qemu-mps2-an385`");
    std::process::exit(1);
}
