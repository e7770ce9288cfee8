//! Sets of codes that the contract allows for one situation, each with its reason.
//!
//! Must not: hold a set that only one case uses.

use hil_kit::{Error, Expect, Fails, Matches as _};

/// A connection that the peer has reset, or that is gone for another reason.
pub(crate) fn broken() -> Expect {
    Fails(Error::NO_CONNECTION)
        .or(
            Fails(Error::CONNECTION_LOST),
            "contract §1: stacks that know of losses say so",
        )
        .or(
            Fails(Error::DEVICE_ERROR),
            "contract §1: an offload processor has one code for it",
        )
}

/// A connection attempt that the peer has refused.
pub(crate) fn refused() -> Expect {
    broken().or(
        Fails(Error::CONNECTION_TIMEOUT),
        "contract §6.2: refusal and silence need not be told apart",
    )
}
