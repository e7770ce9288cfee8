//! The protocol as this processor speaks it, against the vectors that every other language is tested with.

/// Bytes of a line of a file of vectors: what stands before the first blank.
fn bytes_of<'b>(line: &str, room: &'b mut [u8]) -> &'b [u8] {
    let digits = line.split(' ').next().unwrap_or_default().as_bytes();
    let nibble = |digit: u8| (digit as char).to_digit(16).expect("hexadecimal digits") as u8;
    let (pairs, rest) = digits.as_chunks::<2>();
    assert!(rest.is_empty(), "pairs of digits");
    for ([high, low], byte) in pairs.iter().zip(room.iter_mut()) {
        *byte = nibble(*high) << 4 | nibble(*low);
    }
    &room[..pairs.len()]
}

/// The lines of a file that hold vectors.
fn vectors(file: &str) -> impl Iterator<Item = &str> {
    file.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
}

#[embedded_test::tests]
mod frames {
    use nsapi_protocol::frame::{Deframer, FrameError, MAX_FRAME, encode};
    use nsapi_protocol::pattern::Pattern;
    use nsapi_protocol::{FromAgent, Op, Request};

    use super::{bytes_of, vectors};

    const REQUESTS: &str = include_str!("../../../protocol/vectors/requests.txt");
    const ANSWERS: &str = include_str!("../../../protocol/vectors/from-agent.txt");
    const PATTERNS: &str = include_str!("../../../protocol/vectors/patterns.txt");

    #[test]
    #[timeout(10)]
    fn golden_requests_decode_and_encode_to_the_same_bytes() {
        let mut count = 0;
        for line in vectors(REQUESTS) {
            let (mut room, mut again) = ([0; MAX_FRAME], [0; MAX_FRAME]);
            let frame = bytes_of(line, &mut room);
            let mut deframer = Deframer::<MAX_FRAME>::new();
            let mut left = frame;
            let request = deframer.next::<Request<'_>>(&mut left);
            let request = request.expect("a whole frame").expect(line);
            assert_eq!(encode(&request, &mut again).expect("room"), frame, "{line}");
            count += 1;
        }
        defmt::info!("{=usize} requests", count);
        assert!(count > 50, "only {count} vectors");
    }

    #[test]
    #[timeout(10)]
    fn golden_answers_decode_and_encode_to_the_same_bytes() {
        let mut count = 0;
        for line in vectors(ANSWERS) {
            let (mut room, mut again) = ([0; MAX_FRAME], [0; MAX_FRAME]);
            let frame = bytes_of(line, &mut room);
            let mut deframer = Deframer::<MAX_FRAME>::new();
            let mut left = frame;
            let message = deframer.next::<FromAgent<'_>>(&mut left);
            let message = message.expect("a whole frame").expect("a message");
            assert_eq!(encode(&message, &mut again).expect("room"), frame, "{line}");
            count += 1;
        }
        defmt::info!("{=usize} messages", count);
        assert!(count > 20, "only {count} vectors");
    }

    #[test]
    fn golden_patterns_are_made_and_checked() {
        let mut count = 0;
        for line in vectors(PATTERNS) {
            let mut room = [0; 64];
            let golden = bytes_of(line, &mut room);
            let mut words = line.split([' ', ',']);
            let mut number = |after: &str| {
                words.find(|word| *word == after);
                let digits = words.next().expect("a number follows");
                digits.parse::<u64>().expect("a number")
            };
            let seed = u32::try_from(number("seed")).expect("32 bits");
            let offset = number("number");
            let mut made = [0; 64];
            let made = &mut made[..golden.len()];
            Pattern::new(seed).fill(offset, made);
            assert_eq!(made, golden, "{line}");
            assert_eq!(Pattern::new(seed).first_mismatch(offset, made), None);
            made[5] ^= 1;
            assert_eq!(Pattern::new(seed).first_mismatch(offset, made), Some(5));
            count += 1;
        }
        assert!(count >= 6, "only {count} vectors");
    }

    #[test]
    fn a_damaged_frame_costs_nobody_but_itself() {
        let (mut first, mut second) = ([0; 32], [0; 32]);
        let ping = |id| Request { id, op: Op::Ping };
        let damaged = encode(&ping(1), &mut first).expect("room");
        damaged[1] ^= 1;
        let good = encode(&ping(2), &mut second).expect("room");
        let mut deframer = Deframer::<MAX_FRAME>::new();
        let mut bytes: &[u8] = damaged;
        let answer = deframer.next::<Request<'_>>(&mut bytes);
        assert!(
            matches!(
                answer,
                Some(Err(FrameError::Checksum | FrameError::Malformed))
            ),
            "{answer:?}"
        );
        let mut bytes: &[u8] = good;
        assert_eq!(deframer.next::<Request<'_>>(&mut bytes), Some(Ok(ping(2))));
        assert_eq!(deframer.dropped(), 1);
    }

    #[test]
    #[should_panic]
    fn a_vector_that_is_not_hexadecimal_is_noticed() {
        bytes_of("0g a typing error", &mut [0; 8]);
    }
}
