//! The binary `hil`: hands its arguments to [`hil::cli`] and exits with what that says.

use std::panic::catch_unwind;
use std::process::ExitCode;

use hil::event::Exit;

// The linker keeps the cases only if something names the crate they are in.
use hil_suites as _;

fn main() -> ExitCode {
    if let Some(ended) = hil::lan::wire::keep_if_asked() {
        return ended;
    }
    if let Some(ended) = hil::link::rtt::serve_if_asked() {
        return ended;
    }
    if let Some(ended) = hil::target_test::probe::serve_if_asked() {
        return ended;
    }
    // A panic has said what there is to say; but the status that it would end with means something else here.
    let exit = catch_unwind(|| hil::cli::main(std::env::args_os())).unwrap_or(Exit::RigTrouble);
    ExitCode::from(exit.code())
}
