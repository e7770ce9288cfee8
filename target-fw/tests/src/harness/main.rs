//! Image `harness`: tests that end in every way there is, so that it can be tested that the runner tells them
//! apart. Run only when named; most of these fail on purpose.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
use {cortex_m as _, cortex_m_rt as _, target_tests as _};

#[cfg(target_os = "none")]
target_tests::no_interrupts!();

#[cfg(target_os = "none")]
#[embedded_test::tests]
mod ends {
    use core::hint::black_box;

    /// An address where no memory is: reading there is a bus fault.
    const NOWHERE: usize = 0x3000_0000;

    #[test]
    fn passes() {
        defmt::info!("nothing to complain about");
    }

    #[test]
    fn panics() {
        let empty: &[u8] = black_box(&[]);
        assert!(!empty.is_empty(), "what was promised is not there");
    }

    #[test]
    fn returns_an_error() -> Result<(), &'static str> {
        Err("as it was told to")
    }

    #[test]
    #[timeout(1)]
    fn hangs() {
        defmt::info!("going round");
        loop {
            black_box(());
        }
    }

    #[test]
    fn crashes() {
        read_nowhere();
    }

    #[test]
    #[should_panic]
    fn should_panic_and_does() {
        panic!("as it should");
    }

    #[test]
    #[should_panic]
    fn should_panic_and_does_not() {}

    #[test]
    #[should_panic]
    fn should_panic_and_crashes() {
        read_nowhere();
    }

    #[test]
    #[ignore]
    fn is_ignored() {
        panic!("nobody asked for this");
    }

    #[inline(never)]
    fn read_nowhere() {
        #[expect(unsafe_code, reason = "provoking a fault")]
        // SAFETY: there is no safe way to do it; nothing lies there, and the fault ends the image.
        let value = unsafe {
            core::ptr::with_exposed_provenance::<u32>(black_box(NOWHERE)).read_volatile()
        };
        defmt::info!("no fault, but {=u32:#010x}", value);
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    target_tests::not_here();
}
