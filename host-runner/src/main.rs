//! The binary `hil`: hands its arguments to [`hil::cli`] and exits with what that says.

use std::process::ExitCode;

// The linker keeps the cases only if something names the crate they are in.
use hil_suites as _;

fn main() -> ExitCode {
    ExitCode::from(hil::cli::main(std::env::args_os()).code())
}
