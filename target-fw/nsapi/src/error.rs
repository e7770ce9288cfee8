//! The error codes of the API: 20 negative codes and success (contract §1).

use core::fmt;

/// Result of an operation; a size or a value on success.
pub type Result<T> = core::result::Result<T, Error>;

/// A negative code. Normally one of the constants below; a port that returns a number the contract
/// does not know stays visible as that number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Error(i32);

macro_rules! codes {
    ($($(#[$doc:meta])+ $name:ident = $code:literal;)+) => {
        impl Error {
            $($(#[$doc])+ pub const $name: Self = Self($code);)+

            /// Every error the contract knows, in the order of the header.
            pub const ALL: [Self; 20] = [$(Self::$name),+];
        }

        /// The name of a code without its `NSAPI_ERROR_` prefix, as `nsapi_strerror` gives it;
        /// `None` for a number the contract does not know.
        #[must_use]
        pub const fn strerror(code: i32) -> Option<&'static str> {
            match code {
                0 => Some("OK"),
                $($code => Some(stringify!($name)),)+
                _ => None,
            }
        }
    };
}

codes! {
    /// Nothing can be done now: a non-blocking or timed-out call.
    WOULD_BLOCK = -3001;
    /// The functionality is absent.
    UNSUPPORTED = -3002;
    /// Invalid argument or configuration; also an address that is in use.
    PARAMETER = -3003;
    /// Not connected; refused, reset and aborted connections.
    NO_CONNECTION = -3004;
    /// The socket is not open, was closed meanwhile, or the stack has none left.
    NO_SOCKET = -3005;
    /// The address is unknown.
    NO_ADDRESS = -3006;
    /// Out of memory.
    NO_MEMORY = -3007;
    /// Wi-Fi network not found or not set.
    NO_SSID = -3008;
    /// Name resolution failed.
    DNS_FAILURE = -3009;
    /// No address from DHCP.
    DHCP_FAILURE = -3010;
    /// Authentication failed.
    AUTH_FAILURE = -3011;
    /// The network processor failed.
    DEVICE_ERROR = -3012;
    /// The operation was started.
    IN_PROGRESS = -3013;
    /// The operation is still going on.
    ALREADY = -3014;
    /// Already connected.
    IS_CONNECTED = -3015;
    /// The connection was lost.
    CONNECTION_LOST = -3016;
    /// The connection timed out.
    CONNECTION_TIMEOUT = -3017;
    /// The address is in use (multicast membership only; bind conflicts are `PARAMETER`).
    ADDRESS_IN_USE = -3018;
    /// The operation timed out (DNS, cellular attach; never a socket timeout).
    TIMEOUT = -3019;
    /// The device is busy.
    BUSY = -3020;
}

impl Error {
    /// The error with this code; `None` unless it is negative.
    #[must_use]
    pub const fn from_code(code: i32) -> Option<Self> {
        if code < 0 { Some(Self(code)) } else { None }
    }

    /// The number, always negative.
    #[must_use]
    pub const fn code(self) -> i32 {
        self.0
    }

    /// The standard name, or `None` for a number the contract does not know.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        strerror(self.0)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "unknown code {}", self.0),
        }
    }
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_21_codes_have_their_standard_names() {
        assert_eq!(strerror(0), Some("OK"));
        for (i, error) in Error::ALL.iter().enumerate() {
            assert_eq!(error.code(), -3001 - i32::try_from(i).unwrap());
            assert!(error.name().is_some());
        }
        assert_eq!(strerror(-3021), None);
        assert_eq!(strerror(5), None);
        assert_eq!(Error::ADDRESS_IN_USE.name(), Some("ADDRESS_IN_USE"));
    }
}
