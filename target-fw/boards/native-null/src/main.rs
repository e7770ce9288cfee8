//! Board: a process of this machine with the port that does nothing.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use native_board::{Idle, now_us, run};
use nsapi_null::Null;

fn main() -> ExitCode {
    run(
        env!("CARGO_PKG_NAME"),
        Box::leak(Box::new(Null::new(now_us))),
        &Idle,
    )
}
