use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::{Deframer, FrameError, MAX_BODY, MAX_FRAME, TooLong, encode, frame_len};

/// A message with every byte value in it, in the way that [`crate::Payload`] carries bytes.
fn framed(body: &[u8]) -> Vec<u8> {
    let mut out = vec![0; frame_len(body.len() + 3)];
    encode(body, &mut out).expect("there is room").to_vec()
}

/// All that comes out of `stream` when it arrives in pieces of the given lengths.
fn received(stream: &[u8], pieces: &[usize]) -> Vec<Result<Vec<u8>, FrameError>> {
    let mut deframer = Deframer::<{ MAX_FRAME }>::new();
    let mut messages = Vec::new();
    let mut lengths = pieces.iter().copied().filter(|&n| n > 0).cycle();
    let mut stream = stream;
    while !stream.is_empty() {
        let (mut piece, rest) =
            stream.split_at(lengths.next().unwrap_or(stream.len()).min(stream.len()));
        while let Some(message) = deframer.next::<&[u8]>(&mut piece) {
            messages.push(message.map(<[u8]>::to_vec));
        }
        assert!(piece.is_empty(), "no message and bytes left");
        stream = rest;
    }
    messages
}

#[test]
fn a_frame_is_what_the_document_says() {
    // Body 02 00 07: a byte string of length 2. CRC-16/X-25 of it, little-endian, follows; then COBS.
    let crc = super::CRC.checksum(&[2, 0, 7]).to_le_bytes();
    assert_eq!(framed(&[0, 7]), [2, 2, 4, 7, crc[0], crc[1], 0]);
    // The check value of the catalogue.
    assert_eq!(super::CRC.checksum(b"123456789"), 0x906E);
}

#[test]
fn a_buffer_too_short_is_an_error_and_no_panic() {
    let body = [0; 300];
    let need = framed(&body).len();
    for len in 0..need {
        assert_eq!(encode(&body[..], &mut vec![0; len]).unwrap_err(), TooLong);
    }
    assert!(encode(&body[..], &mut vec![0; need]).is_ok());
}

#[test]
fn empty_frames_mean_nothing() {
    let stream = [&[0, 0, 0][..], &framed(b"a"), &[0, 0], &framed(b"b")].concat();
    assert_eq!(
        received(&stream, &[]),
        [Ok(b"a".to_vec()), Ok(b"b".to_vec())]
    );
}

#[test]
fn an_overlong_frame_costs_only_itself() {
    let stream = [
        &framed(b"a"),
        &vec![1; 5 * MAX_FRAME][..],
        &[0],
        &framed(b"b"),
    ]
    .concat();
    let expected = [
        Ok(b"a".to_vec()),
        Err(FrameError::TooLong),
        Ok(b"b".to_vec()),
    ];
    assert_eq!(received(&stream, &[7]), expected);
}

#[test]
fn bytes_after_the_message_are_an_error() {
    // Framed correctly, but the body is a byte string of length 1 and one byte more.
    let body = [1, 9, 9];
    let crc = super::CRC.checksum(&body).to_le_bytes();
    let mut frame = cobs_encode(&[&body[..], &crc].concat());
    frame.push(0);
    assert_eq!(received(&frame, &[]), [Err(FrameError::Message)]);
}

fn cobs_encode(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0; cobs::max_encoding_length(data.len())];
    let len = cobs::encode(data, &mut out);
    out.truncate(len);
    out
}

fn bodies() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let body = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        prop::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(0xff)], 0..40),
        prop::collection::vec(1_u8..=255, 240..560),
    ];
    prop::collection::vec(body, 1..6)
}

proptest! {
    #[test]
    fn whatever_is_framed_comes_out_again(bodies in bodies(), pieces in prop::collection::vec(1_usize..700, 0..6)) {
        for body in &bodies {
            prop_assert!(framed(body).len() <= frame_len(body.len() + 2));
        }
        let stream: Vec<u8> = bodies.iter().flat_map(|body| framed(body)).collect();
        let expected: Vec<_> = bodies.into_iter().map(Ok).collect();
        prop_assert_eq!(received(&stream, &pieces), expected);
    }

    #[test]
    fn any_bytes_are_survived(stream in prop::collection::vec(any::<u8>(), 0..4000), pieces in prop::collection::vec(1_usize..700, 0..6)) {
        let mut stream = stream;
        stream.push(0);
        stream.extend(framed(b"alive"));
        let messages = received(&stream, &pieces);
        prop_assert_eq!(messages.last(), Some(&Ok(b"alive".to_vec())));
    }

    /// Corruption loses the frames it touches, and of those that follow at most the one right after it
    /// (when it is the zero byte in between that was hit). It never makes up a message.
    #[test]
    fn corruption_costs_only_the_frames_touched(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 5..9),
        hit: prop::sample::Index,
        xor in 1_u8..=255,
    ) {
        let frames: Vec<Vec<u8>> = bodies.iter().map(|body| framed(body)).collect();
        let mut stream = frames.concat();
        let at = hit.index(stream.len());
        stream[at] ^= xor;
        let mut end = 0;
        let touched = frames.iter().position(|frame| { end += frame.len(); at < end }).unwrap();
        let good: Vec<_> = received(&stream, &[13]).into_iter().flatten().collect();
        let spared: Vec<_> = bodies.iter().enumerate().filter(|(i, _)| *i != touched).map(|(_, body)| body.clone()).collect();
        let spared_but_next: Vec<_> = bodies.iter().enumerate().filter(|(i, _)| *i != touched && *i != touched + 1).map(|(_, body)| body.clone()).collect();
        prop_assert!(good == spared || (at + 1 == end && good == spared_but_next), "{:?}", good);
    }

    #[test]
    fn lost_and_repeated_pieces_cost_only_the_frames_touched(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 5..9),
        from: prop::sample::Index,
        len in 1_usize..40,
        repeat: bool,
    ) {
        let frames: Vec<Vec<u8>> = bodies.iter().map(|body| framed(body)).collect();
        let mut stream = frames.concat();
        let from = from.index(stream.len());
        let to = (from + len).min(stream.len());
        let untouched = |range: core::ops::Range<usize>| range.end <= from || range.start > to;
        let mut end = 0;
        let kept: Vec<_> = frames.iter().zip(&bodies).filter(|(frame, _)| { let start = end; end += frame.len(); untouched(start..end) }).map(|(_, body)| body).collect();
        if repeat {
            let piece = stream[from..to].to_vec();
            stream.splice(to..to, piece);
        } else {
            stream.drain(from..to);
        }
        let mut good = received(&stream, &[13]).into_iter().flatten();
        for body in kept {
            prop_assert!(good.any(|found| found == *body), "{:?} is missing", body);
        }
    }
}

// The limits fit together: 512 bytes of data and the largest head of a reply.
const _: () = assert!(MAX_BODY >= 512 + 48);
