//! Clock, guard, interrupts and UART of the board.

#[embedded_test::tests]
mod clock {
    use cortex_m::Peripherals;
    use nsapi::Clock as _;

    use crate::hardware::clock::{self, BoardClock};

    #[init]
    fn init() {
        let core = Peripherals::take().expect("nobody was here before");
        clock::start(core.SYST);
    }

    #[test]
    #[timeout(5)]
    fn time_never_goes_backwards() {
        let mut last = clock::now_us();
        let mut moved = 0;
        for _ in 0..20_000 {
            let now = clock::now_us();
            assert!(now >= last, "{now} after {last}");
            moved += u32::from(now > last);
            last = now;
        }
        assert!(moved > 0, "the clock stands still");
    }

    #[test]
    #[timeout(5)]
    fn a_sleep_ends_with_the_next_tick() {
        // The tick comes every millisecond, so ten sleeps cannot be over before nine ticks have passed.
        let began = clock::now_us();
        for _ in 0..10 {
            BoardClock.idle(None);
        }
        let slept = clock::now_us() - began;
        assert!(slept >= 8_900, "only {slept} µs");
        assert!(slept < 2_000_000, "{slept} µs: nothing has woken it");
    }
}

#[embedded_test::tests]
mod guard {
    use cortex_m::Peripherals;

    use crate::hardware::{guard, stack};

    #[test]
    fn the_memory_below_the_stack_is_forbidden() {
        let core = Peripherals::take().expect("nobody was here before");
        guard::raise(&core.MPU);
        assert_eq!(core.MPU.ctrl.read() & 1, 1, "the MPU is off");
        let region = core.MPU.rasr.read();
        assert_eq!(region & 1, 1, "the region is off");
        assert_eq!(region >> 24 & 7, 0, "somebody may access it");
        let size = 2_u32 << (region >> 1 & 31);
        let end = (core.MPU.rbar.read() & !31) + size;
        assert_eq!(end, 0x2100_0000, "it ends where the stack ends");
    }

    #[test]
    fn the_stack_knows_how_deep_it_was() {
        let mut watch = stack::Watch::new();
        let deepest = watch.deeper(1_000_000).expect("something was used");
        assert!(deepest > 64 && deepest < stack::size(), "{deepest} bytes");
        assert_eq!(watch.deeper(1_000_001), None, "asked again too soon");
    }
}

#[embedded_test::tests]
mod interrupts {
    use cortex_m::peripheral::NVIC;

    use crate::hardware::interrupts::{Interrupt, sleep_unless};

    #[test]
    fn a_masked_interrupt_waits_until_it_is_let_through() {
        Interrupt::LinkSend.mask();
        NVIC::pend(Interrupt::LinkSend);
        assert!(NVIC::is_pending(Interrupt::LinkSend));
        Interrupt::LinkSend.unmask();
        cortex_m::asm::isb();
        // Its handler holds it back again.
        assert!(!NVIC::is_pending(Interrupt::LinkSend), "it did not come");
        assert!(!NVIC::is_enabled(Interrupt::LinkSend), "nobody handled it");
    }

    #[test]
    #[timeout(5)]
    fn a_pending_interrupt_ends_a_sleep() {
        Interrupt::LinkSend.unmask();
        sleep_unless(|| {
            // Between the question and the sleep: it must not be lost.
            NVIC::pend(Interrupt::LinkSend);
            false
        });
        assert!(!NVIC::is_pending(Interrupt::LinkSend), "it was not served");
    }

    #[test]
    #[timeout(5)]
    fn who_is_busy_does_not_sleep() {
        let mut asked = 0;
        sleep_unless(|| {
            asked += 1;
            true
        });
        assert_eq!(asked, 1);
    }
}

#[embedded_test::tests]
mod uart {
    use crate::hardware::uart::Uart;
    use crate::peek::{UART0, read};

    /// Sending, receiving, and the interrupts of both.
    const CONTROL_ALL: u32 = 0b1111;
    const INTERRUPT_SENT: u32 = 1;

    #[test]
    fn the_divider_makes_115200_baud() {
        Uart::LINK.start();
        let divider = read(UART0, 0x10);
        let baud = 25_000_000 / divider;
        assert!(baud.abs_diff(115_200) < 115_200 / 50, "{baud} baud");
        assert_eq!(read(UART0, 0x08) & 0xf, CONTROL_ALL);
    }

    #[test]
    #[timeout(5)]
    fn a_byte_leaves_and_says_so() {
        Uart::LINK.start();
        assert!(Uart::LINK.is_ready_to_send());
        Uart::LINK.send(0);
        while !Uart::LINK.is_ready_to_send() {}
        assert_eq!(read(UART0, 0x0c) & INTERRUPT_SENT, INTERRUPT_SENT);
        Uart::LINK.acknowledge_send();
        assert_eq!(read(UART0, 0x0c) & INTERRUPT_SENT, 0);
    }

    #[test]
    fn nothing_is_received_from_nobody() {
        Uart::LINK.start();
        assert_eq!(Uart::LINK.receive(), None);
    }

    /// Needs a wire between the two pins, which the emulator cannot have.
    #[test]
    #[ignore]
    #[timeout(5)]
    fn what_is_sent_comes_back_over_a_wire() {
        Uart::LINK.start();
        Uart::LINK.send(0x5a);
        let back = (0..1_000_000).find_map(|_| Uart::LINK.receive());
        assert_eq!(back, Some(0x5a));
    }
}
