//! What every test image needs: its log, and an end for whatever a test can end with.
//!
//! A test image talks to whoever runs it by semihosting only: the command that selects a test comes that way,
//! the log leaves that way, and so does the status at the end. That works on the bare emulator and behind a
//! debug probe alike. On the host the crate is a stub.
//!
//! Must not: be linked into an agent's image, where semihosting would stop the core.
#![cfg_attr(target_os = "none", no_std)]

#[cfg(target_os = "none")]
mod fault;
#[cfg(target_os = "none")]
mod log;
pub mod status;

/// The interrupt vectors of an image that uses no interrupts: each of them is a fault.
#[macro_export]
macro_rules! no_interrupts {
    () => {
        #[expect(unsafe_code, reason = "the vector table is read by the core itself")]
        mod vectors {
            unsafe extern "C" {
                fn DefaultHandler();
            }

            #[unsafe(link_section = ".vector_table.interrupts")]
            #[unsafe(no_mangle)]
            #[used]
            static __INTERRUPTS: [unsafe extern "C" fn(); 32] = [DefaultHandler; 32];
        }
    };
}

/// The `main` of an image where there is no target: says what to do instead.
#[cfg(not(target_os = "none"))]
pub fn not_here() -> ! {
    eprintln!("this is an image for a target: run it with `cargo hil target-test`");
    std::process::exit(1);
}
