//! A piece of a byte stream on its way between a socket and the target.

use std::os::fd::AsFd;

use rustix::net::{RecvFlags, SendFlags, recv, send};

/// Largest piece that is carried at once, in bytes.
const PIECE: usize = 8 * 1024;

/// A piece of a stream that is on its way.
pub(super) struct Piece {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Piece {
    pub(super) fn new() -> Self {
        Self {
            bytes: vec![0; PIECE].into(),
            start: 0,
            end: 0,
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(super) const fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(super) const fn advance(&mut self, by: usize) {
        self.start += by;
        if self.start >= self.end {
            self.clear();
        }
    }

    /// Room for the next piece, once this one is empty.
    pub(super) fn room(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    pub(super) const fn filled(&mut self, to: usize) {
        (self.start, self.end) = (0, to);
    }

    /// Takes what the socket has; whether it is closed.
    pub(super) fn fill_from(&mut self, socket: impl AsFd) -> bool {
        match recv(socket, &mut *self.bytes, RecvFlags::DONTWAIT) {
            Ok((0, _)) => true,
            Ok((read, _)) => {
                self.filled(read);
                false
            }
            Err(error) => !is_later(error),
        }
    }

    /// Gives the socket what it takes; whether it is closed.
    pub(super) fn empty_into(&mut self, socket: impl AsFd) -> bool {
        match send(
            socket,
            self.rest(),
            SendFlags::DONTWAIT | SendFlags::NOSIGNAL,
        ) {
            Ok(sent) => {
                self.advance(sent);
                false
            }
            Err(error) => !is_later(error),
        }
    }
}

const fn is_later(error: rustix::io::Errno) -> bool {
    matches!(error, rustix::io::Errno::AGAIN | rustix::io::Errno::INTR)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_piece_passes_whole_and_in_order() {
        let (mut ours, theirs) = UnixStream::pair().expect("a pair");
        let (out, mut read) = UnixStream::pair().expect("a pair");
        let mut piece = Piece::new();
        assert!(!piece.fill_from(&theirs), "nothing there is not closed");
        assert!(piece.is_empty());
        ours.write_all(b"one two").expect("it takes it");
        assert!(!piece.fill_from(&theirs));
        piece.advance(4);
        assert_eq!(piece.rest(), b"two");
        assert!(!piece.empty_into(&out));
        assert!(piece.is_empty());
        let mut got = [0; 3];
        read.read_exact(&mut got).expect("it arrives");
        assert_eq!(&got, b"two");
        drop(ours);
        assert!(piece.fill_from(&theirs), "closed");
    }

    #[test]
    fn a_socket_that_takes_nothing_keeps_the_piece() {
        let (out, full) = UnixStream::pair().expect("a pair");
        let mut piece = Piece::new();
        let mut passed = 0;
        while piece.is_empty() {
            piece.filled(PIECE);
            assert!(!piece.empty_into(&out), "not closed");
            passed += 1;
            assert!(passed < 1_000, "it takes for ever");
        }
        drop(full);
        assert!(piece.empty_into(&out), "closed");
    }
}
