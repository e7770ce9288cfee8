//! Image `steps`: a set of defmt-test, which runs all its tests in one go and hands a state from one to the
//! next.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
use target_tests as _;

#[cfg(target_os = "none")]
target_tests::no_interrupts!();

#[cfg(target_os = "none")]
#[defmt_test::tests]
mod stream {
    use nsapi_protocol::frame::{Deframer, MAX_FRAME, encode};
    use nsapi_protocol::{Op, Request};

    /// A receiver that all the tests go on with, and what is sent to it.
    struct Line {
        deframer: Deframer<MAX_FRAME>,
        frame: [u8; MAX_FRAME],
    }

    impl Line {
        /// Hands over bytes; the id of the request they end, if any.
        fn take(&mut self, mut bytes: &[u8]) -> Option<u16> {
            match self.deframer.next::<Request<'_>>(&mut bytes) {
                Some(Ok(request)) => Some(request.id),
                Some(Err(_)) | None => None,
            }
        }

        /// A frame with a ping of this number.
        fn ping(&mut self, id: u16) -> ([u8; 16], usize) {
            let request = Request { id, op: Op::Ping };
            let frame = encode(&request, &mut self.frame).expect("there is room");
            let mut copy = [0; 16];
            copy[..frame.len()].copy_from_slice(frame);
            (copy, frame.len())
        }
    }

    #[init]
    fn init() -> Line {
        Line {
            deframer: Deframer::new(),
            frame: [0; MAX_FRAME],
        }
    }

    #[test]
    fn a_whole_frame_arrives(line: &mut Line) {
        let (frame, length) = line.ping(1);
        defmt::assert_eq!(line.take(&frame[..length]), Some(1));
        defmt::assert_eq!(line.deframer.dropped(), 0);
    }

    #[test]
    fn half_a_frame_waits_for_the_other(line: &mut Line) {
        let (frame, length) = line.ping(2);
        defmt::assert_eq!(line.take(&frame[..3]), None);
        defmt::assert_eq!(line.take(&frame[3..length]), Some(2));
    }

    #[test]
    fn a_damaged_frame_is_dropped(line: &mut Line) {
        let (mut frame, length) = line.ping(3);
        frame[1] ^= 0x40;
        defmt::assert_eq!(line.take(&frame[..length]), None);
        defmt::assert_eq!(line.deframer.dropped(), 1);
    }

    #[test]
    fn the_next_one_arrives_all_the_same(line: &mut Line) {
        let (frame, length) = line.ping(4);
        defmt::assert_eq!(line.take(&frame[..length]), Some(4));
        defmt::assert_eq!(line.deframer.dropped(), 1);
    }

    #[test]
    #[should_error]
    fn a_frame_that_does_not_fit_is_an_error() -> Result<(), u8> {
        let request = Request {
            id: 5,
            op: Op::Ping,
        };
        encode(&request, &mut [0; 2]).map(|_| ()).map_err(|_| 1)
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    target_tests::not_here();
}
