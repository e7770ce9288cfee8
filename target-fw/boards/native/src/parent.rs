//! Nothing is left behind when the runner dies.

use std::io;

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

/// Lets the kernel end this process when the thread that started it ends.
pub(crate) fn die_with_it() -> io::Result<()> {
    let parent = getppid();
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have died before that was set.
    if getppid() != parent {
        return Err(io::Error::other(
            "the process that started this board is gone",
        ));
    }
    Ok(())
}
