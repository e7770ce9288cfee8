//! Damaged and repeated frames: nothing may panic, and the stack must be alive afterwards.

use nsapi::{Error, NetworkStack as _};

use super::alloc::rc::Rc;
use super::alloc::vec::Vec;
use super::bench::{Bench, Frame, v4};
use core::cell::RefCell;

/// A small generator of numbers, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound.max(1)
    }
}

/// Ones' complement sum of 16-bit words.
fn sum(bytes: &[u8]) -> u32 {
    bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)))
        .sum()
}

fn fold(mut sum: u32) -> [u8; 2] {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}

/// Mends the checksums of an IPv4 frame with TCP or UDP, so that damage reaches the layers above.
fn mend(frame: &mut [u8]) {
    if frame.len() < 42 || frame[12..14] != [8, 0] || frame[14] != 0x45 {
        return;
    }
    frame[24..26].fill(0);
    let header = fold(sum(&frame[14..34]));
    frame[24..26].copy_from_slice(&header);
    let length = usize::from(u16::from_be_bytes([frame[16], frame[17]])).saturating_sub(20);
    let end = (34 + length).min(frame.len());
    let field = match frame[23] {
        6 if frame.len() >= 54 => 50,
        17 => 40,
        _ => return,
    };
    frame[field..field + 2].fill(0);
    let pseudo = sum(&frame[26..34]) + u32::from(frame[23]) + length as u32;
    let checksum = fold(pseudo + sum(&frame[34..end]));
    frame[field..field + 2].copy_from_slice(&checksum);
}

#[test]
fn a_stack_survives_what_it_is_sent() {
    for seed in 1..8_u64 {
        let mut numbers = Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let bench = Bench::new();
        let seen: Rc<RefCell<Vec<Frame>>> = Rc::default();
        let keep = Rc::clone(&seen);
        bench.a.lose(move |frame| {
            keep.borrow_mut().push(frame.clone());
            false
        });
        let (client, listener, child) = bench.connection(80);
        let (sender, receiver) = (bench.a.udp(), bench.b.bound_udp(7));
        for _ in 0..300 {
            let _ = bench.a.send(client, &[1; 100]);
            let _ = bench.b.send(child, &[2; 100]);
            let _ = bench.a.recv(client, numbers.below(300));
            let _ = bench.b.recv(child, numbers.below(300));
            let _ = bench.a.sendto(sender, v4(bench.b.ip, 7), b"datagram");
            let _ = bench.b.recvfrom(receiver, 5);
            let frames = seen.borrow();
            let mut frame = frames[numbers.below(frames.len())].clone();
            drop(frames);
            for _ in 0..numbers.below(4) {
                let at = numbers.below(frame.len());
                frame[at] = numbers.below(256) as u8;
            }
            if numbers.below(8) == 0 {
                frame.truncate(numbers.below(frame.len()));
            }
            mend(&mut frame);
            bench.b.inbox.borrow_mut().push_back(frame);
            bench.a.poll();
            bench.b.poll();
            bench.advance_ms(numbers.below(50) as u64);
        }
        // Whatever became of the old ones: a new connection works.
        bench.a.lose_nothing();
        for (host, socket) in [(&bench.a, client), (&bench.b, child), (&bench.b, listener)] {
            host.close(socket);
        }
        bench.pass_ms(61_000);
        let again = bench.b.listener(81, 1);
        let client = bench.a.tcp();
        let to = v4(bench.b.ip, 81);
        assert_eq!(bench.a.connect(client, to), Err(Error::IN_PROGRESS));
        bench.pass_ms(2_500);
        let (child, _) = bench
            .b
            .accept(again)
            .unwrap_or_else(|_| panic!("seed {seed}"));
        bench.a.send(client, b"alive").unwrap();
        bench.run();
        assert_eq!(bench.b.recv(child, 10).unwrap(), b"alive");
        assert_eq!(bench.b.stack.socket_close(child), Ok(()));
    }
}
