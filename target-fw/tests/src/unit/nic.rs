//! The network chip and its driver.

#[embedded_test::tests]
mod lan9118 {
    use cortex_m::Peripherals;
    use smoltcp::phy::{Device as _, RxToken as _, TxToken as _};
    use smoltcp::time::Instant;

    use crate::hardware::clock;
    use crate::hardware::lan9118::Lan9118;
    use crate::peek::{LAN9118, mac, phy, read, set_phy};

    /// What the PHY is told so that every frame comes back instead of leaving.
    const LOOPBACK: u32 = 1 << 14;

    #[init]
    fn init() -> Lan9118 {
        let core = Peripherals::take().expect("nobody was here before");
        clock::start(core.SYST);
        Lan9118::start().unwrap_or_else(|trouble| panic!("{trouble}"))
    }

    #[test]
    fn it_is_the_chip_it_should_be(_: Lan9118) {
        assert_eq!(read(LAN9118, 0x64), 0x8765_4321, "byte order");
        assert_eq!(read(LAN9118, 0x50) >> 16, 0x0118, "chip");
        assert_eq!((phy(2), phy(3) & 0xfff0), (7, 0xc0d0), "PHY");
    }

    #[test]
    fn its_address_is_that_of_its_memory(nic: Lan9118) {
        let address = nic.mac();
        defmt::info!("hardware address {=[u8]:02x}", address);
        assert_eq!(address[0] & 1, 0, "a group's address");
        assert_ne!(address, [0; 6]);
        let [a, b, c, d, e, f] = address;
        assert_eq!(mac(3), u32::from_le_bytes([a, b, c, d]));
        assert_eq!(mac(2) & 0xffff, u32::from_le_bytes([e, f, 0, 0]));
    }

    #[test]
    fn it_listens_to_another_address_when_told(mut nic: Lan9118) {
        nic.set_mac([2, 0x11, 0x22, 0x33, 0x44, 0x55])
            .unwrap_or_else(|trouble| panic!("{trouble}"));
        assert_eq!((mac(3), mac(2) & 0xffff), (0x3322_1102, 0x5544));
        assert_eq!(nic.mac(), [2, 0x11, 0x22, 0x33, 0x44, 0x55]);
    }

    #[test]
    fn sender_and_receiver_are_on(_: Lan9118) {
        let control = mac(1);
        assert_eq!(control & 0b1100, 0b1100, "{control:#010x}");
        assert_ne!(control & 1 << 19, 0, "multicast does not come through");
    }

    #[test]
    fn it_says_whether_the_cable_carries(_: Lan9118) {
        let carries = Lan9118::link().unwrap_or_else(|trouble| panic!("{trouble}"));
        // The status keeps a loss until it is read, so the driver's answer may be the older one.
        defmt::info!("the cable carries: {=bool}", carries);
        assert_eq!(Lan9118::link().ok(), Some(phy(1) & 1 << 2 != 0));
    }

    #[test]
    #[timeout(10)]
    fn frames_of_every_length_come_back_whole(mut nic: Lan9118) {
        set_phy(0, LOOPBACK);
        let now = Instant::ZERO;
        let moved = Lan9118::frames_moved();
        let mut count = 0;
        for length in (60..=1514).step_by(97) {
            let make = |at: usize| (at as u8).wrapping_mul(31) ^ length as u8;
            let sending = nic.transmit(now).expect("there is room to send");
            sending.consume(length, |frame| {
                for (at, byte) in frame.iter_mut().enumerate() {
                    *byte = make(at);
                }
                // To everybody, so that no filter is in the way.
                frame[..6].fill(0xff);
            });
            let (received, _) = nic.receive(now).expect("it comes back at once");
            received.consume(|frame| {
                assert_eq!(frame.len(), length);
                assert!(frame[..6].iter().all(|byte| *byte == 0xff));
                let damaged = (6..length).find(|&at| frame[at] != make(at));
                assert_eq!(damaged, None, "length {length}");
            });
            count += 1;
        }
        assert!(nic.receive(now).is_none(), "more came back than was sent");
        assert_eq!(Lan9118::frames_moved().wrapping_sub(moved), 2 * count);
    }

    #[test]
    #[timeout(10)]
    fn a_frame_raises_the_interrupt_and_waits(mut nic: Lan9118) {
        set_phy(0, LOOPBACK);
        while nic.receive(Instant::ZERO).is_some() {}
        Lan9118::rearm();
        assert!(!Lan9118::is_waiting(), "nothing has been sent yet");
        let sending = nic.transmit(Instant::ZERO).expect("there is room to send");
        sending.consume(64, |frame| frame.fill(0xff));
        let began = clock::now_us();
        while !Lan9118::is_waiting() {
            assert!(clock::now_us() - began < 1_000_000, "no interrupt");
        }
        assert!(nic.receive(Instant::ZERO).is_some());
    }
}
