//! A descriptor that the parent has left open.
#![expect(unsafe_code, reason = "its number is all there is")]

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

/// The descriptor with this number, if it is open; not one of the standard ones.
pub(crate) fn descriptor(number: i32) -> io::Result<OwnedFd> {
    if number < 3 {
        return Err(io::Error::other("the standard descriptors are no network"));
    }
    // SAFETY: it is used for one call, which fails if it is not open.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    // A copy: whoever else believes to own the number does no harm.
    borrowed.try_clone_to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_open_is_refused() {
        assert!(descriptor(0).is_err() && descriptor(-1).is_err());
        assert!(descriptor(1_000_000).is_err());
    }
}
